"""Isolation by definition and by trying everything: obviously right, and hopeless beyond a few transactions.

:func:`allowed` follows Adya: it tries every choice of which doubtful transactions were committed, and every order of
versions, and looks for forbidden paths. :func:`schedules` executes: it tries every serial order, and every sequence of
starts and commits of a store with snapshots, and asks whether it would have answered so.
"""

from collections.abc import Hashable, Iterator
from itertools import chain, combinations, pairwise, permutations, product
from typing import Any

from distlab.check import Entry, History
from distlab.check.isolation import Level
from distlab.check.transactions import Append, Read, Write, steps_of
from distlab.core.values import Fail, Ok

Pair = tuple[int, int]


def is_ok(entry: Entry) -> bool:
    return isinstance(entry.outcome, Ok)


def choices(history: History) -> Iterator[list[Entry]]:
    """The committed transactions: all that are ok, and any of those in doubt."""
    ok = [entry for entry in history if is_ok(entry)]
    doubt = [entry for entry in history if not is_ok(entry) and not isinstance(entry.outcome, Fail)]
    for some in chain.from_iterable(combinations(doubt, n) for n in range(len(doubt) + 1)):
        yield [*ok, *some]


def precedence(txns: list[Entry]) -> list[set[Pair]]:
    """No order, the clients' order, and real time, which includes it."""
    session, realtime = set(), set()
    for a, one in enumerate(txns):
        for b, two in enumerate(txns):
            if a != b and is_ok(one) and one.ended is not None:
                if one.client == two.client and one.began < two.began:
                    session.add((a, b))
                if one.ended < two.began:
                    realtime.add((a, b))
    return [set(), session, session | realtime]


def written(txns: list[Entry]) -> dict[Hashable, dict[int, list[Any]]]:
    """Key -> transaction -> the values that it wrote, in order."""
    found: dict[Hashable, dict[int, list[Any]]] = {}
    for index, entry in enumerate(txns):
        for step in steps_of(entry):
            if not isinstance(step, Read):
                found.setdefault(step.key, {}).setdefault(index, []).append(step.value)
    return found


def written_values(history: History) -> dict[Hashable, list[Any]]:
    """Key -> all values that anybody wrote."""
    return {
        key: [v for by in writes.values() for v in by]
        for key, writes in written(list(history)).items()
    }


def list_keys(history: History) -> set[Hashable]:
    """Keys that are appended to, or were read as a list (though nothing may ever have been written)."""
    return {
        step.key
        for entry in history
        for step in steps_of(entry)
        if isinstance(step, Append) or (isinstance(step, Read) and isinstance(step.value, tuple))
    }


def version_orders(txns: list[Entry], lists: set[Hashable]) -> Iterator[dict[Hashable, list[Any]]]:
    """Every order in which the elements of each list, and the last values of each register, can be installed."""
    per_key = []
    for key, writes in written(txns).items():
        values = [by if key in lists else by[-1:] for by in writes.values()]
        orders = [
            (key, list(order))
            for order in permutations([value for made in values for value in made])
            if all(order.index(a) < order.index(b) for made in values for a, b in pairwise(made))
        ]
        per_key.append(orders)
    for combination in product(*per_key):
        yield dict(combination)


def allowed(history: History) -> set[Level]:
    """The levels for which some choice shows none of the forbidden phenomena."""
    lists = list_keys(history)
    ever = {
        v
        for e in history
        for s in steps_of(e)
        if not isinstance(s, Read)
        for v in [(s.key, s.value)]
    }
    satisfied: set[Level] = set()
    for txns in choices(history):
        writes = written(txns)
        orders = precedence(txns)
        for versions in version_orders(txns, lists):
            judged = _judge(txns, writes, versions, lists, ever)
            if judged is None:
                continue
            dirty, ww, wr, rw = judged
            for level in Level:
                if level in satisfied or (dirty and level.base >= 1):
                    continue
                before = orders[level.order]
                if _holds(level.base, ww | before, wr, rw, len(txns)):
                    satisfied.add(level)
    return satisfied


def _judge(txns, writes, versions, lists, ever):
    """None if no level allows it; else whether something dirty was read, and the three kinds of edges."""
    ww: set[Pair] = set()
    wr: set[Pair] = set()
    rw: set[Pair] = set()
    dirty = False
    owner = {
        (key, value): index
        for key, by in writes.items()
        for index, values in by.items()
        for value in values
    }
    for key, order in versions.items():
        for one, two in pairwise(order):
            ww.add((owner[key, one], owner[key, two]))
    for index, entry in enumerate(txns):
        if not is_ok(entry):
            continue
        own: dict[Hashable, list[Any]] = {}
        mine = {key: by[index] for key, by in writes.items() if index in by}
        for step in steps_of(entry):
            key = step.key
            if not isinstance(step, Read):
                own.setdefault(key, []).append(step.value)
                continue
            order = versions.get(key, [])
            if key in lists:
                value = list(step.value or ())
                if len(set(value)) < len(value) or any((key, e) not in ever for e in value):
                    return None
                count = len(own.get(key, []))
                if count and value[-count:] != own[key]:
                    return None
                outside = value[: len(value) - count]
                if any(element in mine.get(key, []) for element in outside):
                    return None
                clean = [element for element in outside if (key, element) in owner]
                dirty = dirty or clean != outside
                if clean != order[: len(clean)]:
                    return None
                outside = clean
                if outside:
                    writer = owner[key, outside[-1]]
                    dirty = dirty or writes[key][writer][-1] != outside[-1]
                    wr.add((writer, index))
                if len(outside) < len(order):
                    rw.add((index, owner[key, order[len(outside)]]))
            else:
                value = step.value
                if own.get(key):
                    if value != own[key][-1]:
                        return None
                    continue
                if value in mine.get(key, []):
                    return None
                at = -1
                if value is not None:
                    if (key, value) not in ever:
                        return None
                    if (key, value) not in owner:
                        dirty = True
                        continue
                    writer = owner[key, value]
                    dirty = dirty or writes[key][writer][-1] != value
                    wr.add((writer, index))
                    at = order.index(writes[key][writer][-1])
                if at + 1 < len(order):
                    rw.add((index, owner[key, order[at + 1]]))
    return dirty, *({(a, b) for a, b in edges if a != b} for edges in (ww, wr, rw))


def _holds(base: int, ww: set[Pair], wr: set[Pair], rw: set[Pair], n: int) -> bool:
    if base == 0:
        return _acyclic(ww, n)
    if base == 1:
        return _acyclic(ww | wr, n)
    if base == 2:
        other = ww | wr
        return _acyclic(other | {(a, d) for a, b in other for c, d in rw if b == c}, n)
    return _acyclic(ww | wr | rw, n)


def _acyclic(edges: set[Pair], n: int) -> bool:
    reach = set(edges)
    for k in range(n):
        reach |= {(a, d) for a, b in reach if b == k for c, d in reach if c == k}
    return all(a != b for a, b in reach)


# ---------------------------------------------------------------------- by execution


def schedules(history: History) -> set[Level]:
    """Of the levels of snapshot isolation and serializability, those that a store could have kept."""
    lists = list_keys(history)
    satisfied: set[Level] = set()
    for txns in choices(history):
        orders = precedence(txns)
        for level in Level:
            if level.base >= 2 and level not in satisfied:
                before = orders[level.order]
                start = (frozenset(), frozenset(), (), ())
                if level.base == 3 and _serial(txns, before, lists, [], {}):
                    satisfied.add(level)
                if level.base == 2 and _snapshots(txns, before, lists, *start):
                    satisfied.add(level)
    return satisfied


def _run(entry: Entry, state: dict, lists: set[Hashable]) -> dict | None:
    """The state after a transaction; None if it would have been answered otherwise."""
    state = dict(state)
    for step in steps_of(entry):
        if isinstance(step, Append):
            state[step.key] = (*state.get(step.key, ()), step.value)
        elif isinstance(step, Write):
            state[step.key] = step.value
        elif is_ok(entry):
            value = tuple(step.value or ()) if step.key in lists else step.value
            if state.get(step.key, () if step.key in lists else None) != value:
                return None
    return state


def _serial(txns, before, lists, done: list[int], state: dict) -> bool:
    if len(done) == len(txns):
        return True
    for index, entry in enumerate(txns):
        if index in done or any(b == index and a not in done for a, b in before):
            continue
        after = _run(entry, state, lists)
        if after is not None and _serial(txns, before, lists, [*done, index], after):
            return True
    return False


def _snapshots(txns, before, lists, started, ended, open_, log) -> bool:
    """Start or commit one more transaction. ``open_``: (transaction, how many commits it saw); ``log``: the commits."""
    if len(ended) == len(txns):
        return True
    for index, entry in enumerate(txns):
        if index not in started:
            if any(b == index and a not in ended for a, b in before):
                continue
            state: dict = {}
            for other in log:
                for key, new in _effects(txns[other]).items():
                    state[key] = (*state.get(key, ()), *new) if key in lists else new[-1]
            if _run(entry, state, lists) is not None and _snapshots(
                txns, before, lists, started | {index}, ended, (*open_, (index, len(log))), log
            ):
                return True
        elif index not in ended:
            saw = dict(open_)[index]
            keys = _effects(entry).keys()
            if any(keys & _effects(txns[other]).keys() for other in log[saw:]):
                continue
            if _snapshots(txns, before, lists, started, ended | {index}, open_, (*log, index)):
                return True
    return False


def _effects(entry: Entry) -> dict[Hashable, list[Any]]:
    found: dict[Hashable, list[Any]] = {}
    for step in steps_of(entry):
        if not isinstance(step, Read):
            found.setdefault(step.key, []).append(step.value)
    return found
