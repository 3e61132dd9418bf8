"""Lists: the order in which their elements were installed, what is wrong with a read of one, and the edges between.

Part of :mod:`distlab.check.isolation.dependencies`, which has the theory.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from distlab.check.isolation.cycles import LINK
from distlab.check.isolation.facts import RW, WR, WW, Key, shown
from distlab.core.errors import ScenarioError
from distlab.core.values import Fail, Ok

if TYPE_CHECKING:
    from distlab.check.isolation.dependencies import Dependencies


def order_list(found: Dependencies, key: Hashable, seen: Key) -> None:
    """Find the order of a list's elements; afterwards every read kept in ``seen`` is how it begins."""
    for position, (reader, value) in enumerate(seen.reads):
        if type(value) is not tuple:
            seen.reads[position] = (reader, _as_list(found, key, value, reader))
    for reader, value, count in seen.mine:
        _strip_own(found, key, seen, _as_list(found, key, value, reader), reader, count)
    _check_future(found, key, seen)
    whose, longest = max(seen.reads, key=_length, default=(-1, ()))
    apart = [read for read in seen.reads if longest[: len(read[1])] != read[1]]
    lost: set[Any] = set()
    try:
        for reader, value in [(whose, longest), *apart]:
            lost |= _check_elements(found, key, seen, value, reader)
    except TypeError:
        raise ScenarioError(f"an element of {key!r} cannot be compared") from None
    if lost:
        seen.reads = [_without(read, lost) for read in seen.reads]
        whose, longest = max(seen.reads, key=_length)
        apart = [read for read in seen.reads if longest[: len(read[1])] != read[1]]
    if apart:
        reader, value = apart[0]
        doubt = _is_doubtful(found, seen)
        found.fault(
            "incompatible order",
            1 if doubt else 0,
            f"{found.name(whose)} read {shown(longest)} of {key!r} and {found.name(reader)} read {shown(value)}: "
            "neither is how the other begins",
            whose,
            reader,
        )
        seen.reads = [read for read in seen.reads if longest[: len(read[1])] == read[1]]
    found.order[key] = longest
    if len(seen.writer) > len(seen.own):
        _check_sequence(found, key, seen, whose)


def _is_doubtful(found: Dependencies, seen: Key) -> bool:
    """Some writer of the key is in doubt: without it, the values that were read may agree."""
    return not found.doubt_aborts and any(
        not isinstance(found.entries[writer].outcome, Ok | Fail) for writer in seen.own
    )


def _as_list(found: Dependencies, key: Hashable, value: Any, reader: int) -> tuple[Any, ...]:
    if value is None:
        return ()
    if type(value) is not tuple:
        raise ScenarioError(
            f"{found.name(reader)} read {value!r} of the list {key!r}; a tuple was expected"
        )
    return value


def _strip_own(
    found: Dependencies, key: Hashable, seen: Key, value: tuple[Any, ...], reader: int, count: int
) -> None:
    """A transaction sees its own appends, all so far, at the end; what stands before them is a read like any."""
    own = tuple(seen.own[reader][:count])
    if value[-count:] == own:
        seen.reads.append((reader, value[:-count]))
    else:
        reason = f"{found.name(reader)} read {shown(value)} of {key!r}, but it had itself appended {shown(own)}"
        found.fault("internal", 0, reason, reader)


def _check_future(found: Dependencies, key: Hashable, seen: Key) -> None:
    """No transaction sees an append that it has yet to make, nor one of its own out of its place."""
    for reader, value in seen.reads:
        if any(element in value for element in seen.own.get(reader, ())):
            reason = f"{found.name(reader)} read {shown(value)} of {key!r}, with what it appended itself out of place"
            found.fault("internal", 0, reason, reader)


def _check_sequence(found: Dependencies, key: Hashable, seen: Key, whose: int) -> None:
    """What one transaction appended is seen in the order in which it did so, none left out before another."""
    order = found.order[key]
    for writer, made in seen.own.items():
        placed = [element for element in order if seen.writer[element] == writer]
        if len(made) > 1 and placed != made[: len(placed)]:
            doubt = _is_doubtful(found, seen)
            reason = (
                f"{found.name(whose)} read {shown(order)} of {key!r}, "
                f"and {found.name(writer)} had appended {shown(made)}"
            )
            found.fault("internal", 1 if doubt else 0, reason, writer, whose)


def _check_elements(
    found: Dependencies, key: Hashable, seen: Key, value: tuple[Any, ...], reader: int
) -> set[Any]:
    """Judge each element of a list that was read; returns those that do not count."""
    if len(set(value)) != len(value):
        double = next(e for i, e in enumerate(value) if e in value[:i])
        found.fault(
            "duplicate element",
            0,
            f"{found.name(reader)} read {double!r} twice in {shown(value)} of {key!r}",
            reader,
        )
    return {element for element in value if not found.exists(key, seen, element, reader)}


def link_list(found: Dependencies, key: Hashable, seen: Key) -> None:
    graph, order, own = found.graph, found.order[key], seen.own
    writers = [seen.writer[element] for element in order]
    installed = len(writers)
    for before, after in pairwise(writers):
        if before != after:
            row = graph[before]
            row[after] = row.get(after, 0) | WW
    tail: list[int] = []
    if len(seen.writer) > installed:
        placed = set(order)
        tail = [
            writer
            for writer, made in own.items()
            if found.alive[writer] and not placed.issuperset(made)
        ]
    at_end: set[int] = set()
    for reader, value in seen.reads:
        length = len(value)
        if length:
            writer = writers[length - 1]
            if writer != reader:
                row = graph[writer]
                row[reader] = row.get(reader, 0) | WR
                made = own[writer]
                if made[-1] != value[length - 1]:
                    found.fault(
                        "G1b intermediate read",
                        1,
                        f"{found.name(reader)} read {shown(value)} of {key!r}, and {found.name(writer)} "
                        f"then appended {made[-1]!r} too",
                        writer,
                        reader,
                    )
        if length < installed:
            writer = writers[length]
            if writer != reader:
                row = graph[reader]
                row[writer] = row.get(writer, 0) | RW
        elif tail:
            at_end.add(reader)
    if tail:
        _link_tail(found, key, writers, tail, at_end)


def _link_tail(
    found: Dependencies, key: Hashable, writers: list[int], tail: list[int], at_end: set[int]
) -> None:
    """Those whose elements nobody read come behind the whole list, and behind all who read the whole list."""
    if len(tail) > 1:
        found.tails.append(tail)
    end = len(found.graph)
    links: dict[int, int] = dict.fromkeys(tail, LINK)
    found.graph.append(links)
    if writers:
        last = writers[-1]
        if last in links:
            for other in tail:
                if other != last:
                    found.edge(last, other, WW)
        else:
            found.edge(last, end, WW)
    both = [reader for reader in sorted(at_end) if reader in links]
    for reader in sorted(at_end):
        if reader not in links:
            found.edge(reader, end, RW)
    if len(both) == 1:
        for other in tail:
            if other != both[0]:
                found.edge(both[0], other, RW)
    elif both:
        one, two = both[:2]
        found.lost_update(key, shown(found.order[key]), one, two, "appended to it unseen")


def _length(read: tuple[int, Any]) -> int:
    return len(read[1])


def _without(read: tuple[int, Any], lost: set[Any]) -> tuple[int, Any]:
    return read[0], tuple(element for element in read[1] if element not in lost)
