"""Registers: what is wrong with a read of one, which version follows which, and the edges between.

Part of :mod:`distlab.check.isolation.dependencies`, which has the theory.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from distlab.check.isolation.cycles import LINK
from distlab.check.isolation.facts import RW, WR, Key
from distlab.core.errors import ScenarioError

if TYPE_CHECKING:
    from distlab.check.isolation.dependencies import Dependencies


def check_register(found: Dependencies, key: Hashable, seen: Key) -> None:
    """Judge what was read of a register; afterwards ``seen`` holds only reads of committed values of others."""
    for reader, value, count in seen.mine:
        if value != seen.own[reader][count - 1]:
            wrote = f"but it had itself written {seen.own[reader][count - 1]!r}"
            found.fault(
                "internal", 0, f"{found.name(reader)} read {value!r} of {key!r}, {wrote}", reader
            )
    first: dict[int, Any] = {}
    kept: list[tuple[int, Any]] = []
    for reader, value in seen.reads:
        if value == () and not seen.writer:
            value = None
        try:
            if value in seen.own.get(reader, ()):
                reason = f"{found.name(reader)} read {value!r} of {key!r} before it wrote it"
                found.fault("internal", 0, reason, reader)
                continue
            if value is not None and not found.exists(key, seen, value, reader):
                continue
        except TypeError:
            raise ScenarioError(
                f"{found.name(reader)} read {value!r} of {key!r}, which cannot be compared"
            ) from None
        if reader in first and first[reader] != value:
            reason = f"{found.name(reader)} read {first[reader]!r} and then {value!r} of {key!r}"
            found.fault("G-single non-repeatable read", 2, reason, reader)
        first[reader] = value
        kept.append((reader, value))
    seen.reads = kept


def link_register(found: Dependencies, key: Hashable, seen: Key) -> None:
    alive = [writer for writer in seen.own if found.alive[writer]]
    blind = [writer for writer in alive if writer not in seen.over]
    if blind and len(alive) > 1:
        found.loose.add(key)
    after: dict[Any, int] = {}
    for writer in alive:
        if writer not in blind:
            over = seen.over[writer]
            other = after.setdefault(over, writer)
            if other != writer:
                found.lost_update(key, repr(over), other, writer, "wrote it")
    unwritten = len(found.graph)
    found.graph.append(dict.fromkeys(blind, LINK))
    for reader, value in seen.reads:
        if value is None:
            found.edge(reader, unwritten, RW)
        else:
            writer = seen.writer[value]
            found.edge(writer, reader, WR)
            if seen.own[writer][-1] != value:
                found.fault(
                    "G1b intermediate read",
                    1,
                    f"{found.name(reader)} read {value!r} of {key!r}, which {found.name(writer)} then overwrote",
                    writer,
                    reader,
                )
        follower = after.get(value)
        if follower is not None and follower != reader:
            found.edge(reader, follower, RW)
