"""Why one transaction comes before another, in plain words: found again from the history, only for what is shown."""

from __future__ import annotations

from typing import Any

from distlab.check.isolation.dependencies import Dependencies
from distlab.check.isolation.facts import REALTIME, RW, SESSION, WR, WW, shown


def because(found: Dependencies, before: int, after: int, kind: int) -> str:
    """The reason for one edge."""
    one, two = found.name(before), found.name(after)
    if kind == SESSION:
        return f"{two} came after {one} in the session of {found.entries[after].client}"
    if kind == REALTIME:
        return (
            f"{two} began (at {found.entries[after].began}) after {one} "
            f"was answered (at {found.entries[before].ended})"
        )
    for key, seen in found.keys.items():
        reason = None
        if seen.lists:
            reason = _of_list(found, key, before, after, kind)
        elif kind != WW and seen.writer:
            reason = _of_register(found, key, before, after, kind)
        if reason:
            return reason
    return f"{one} comes before {two}"


def _of_list(found: Dependencies, key: Any, before: int, after: int, kind: int) -> str | None:
    seen, order = found.keys[key], found.order.get(key, ())
    one, two = found.name(before), found.name(after)
    place = {element: position for position, element in enumerate(order)}
    if kind == WW:
        later = [(place.get(e, len(order)), e) for e in seen.own.get(after, ())]
        for element in seen.own.get(before, ()):
            at = place.get(element, len(order))
            for position, other in later:
                if position == at + 1 or position == len(order) > at == len(order) - 1:
                    return f"{two} appended {other!r} to {key!r} behind the {element!r} of {one}"
        return None
    for reader, value in seen.reads:
        length = len(value)
        if kind == WR and reader == after and length and seen.writer[order[length - 1]] == before:
            return f"{two} read {shown(value)} of {key!r}, and {one} had appended the {value[length - 1]!r}"
        if kind == RW and reader == before:
            missed = (
                [order[length]]
                if length < len(order)
                else [e for e in seen.own.get(after, ()) if e not in place]
            )
            if missed and seen.writer[missed[0]] == after:
                return f"{one} read {shown(value)} of {key!r}, without the {missed[0]!r} that {two} appended"
    return None


def _of_register(found: Dependencies, key: Any, before: int, after: int, kind: int) -> str | None:
    seen = found.keys[key]
    one, two = found.name(before), found.name(after)
    for reader, value in seen.reads:
        if kind == WR and reader == after and seen.writer.get(value) == before:
            return f"{two} read {value!r} of {key!r}, which {one} had written"
        if kind == RW and reader == before and found.alive[after] and after in seen.own:
            if after in seen.over and seen.over[after] == value:
                return f"{one} read {value!r} of {key!r}, which {two} overwrote with {seen.own[after][-1]!r}"
            if after not in seen.over and value is None:
                return f"{one} read {key!r} when nothing was written, and {two} wrote {seen.own[after][-1]!r}"
    return None
