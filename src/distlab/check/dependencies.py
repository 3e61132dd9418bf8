"""Which transaction must come before which, and what can be seen to be wrong without any order.

Theory (A. Adya, *Weak Consistency*, MIT 1999; its inference from lists: *Elle*, VLDB 2020). A list shows its own
history: the longest value that any committed transaction read is the order in which its elements were installed, and
every other value must be how that one begins. From it follow, for each key,

* ``ww``: who installed an element comes before who installed the next one;
* ``wr``: who installed the last element that was read comes before the reader;
* ``rw``: a reader comes before who installed the next element, which it did not see.

An element that nobody read was installed behind the longest value: its ``ww`` and ``rw`` edges are known too, though
not its place among others of its kind. (Elle leaves these edges out. They find, for example, a write that was lost.) A
register shows less: a transaction that read v and wrote w installed w right behind v, so the versions are a chain if
each was read before it was overwritten, and a *fork*, two written over one, is a lost update. A write that read nothing
before has no known place, and the key is *loose*.

To this, sessions add an edge from each transaction of a client to its next, and real time one from each that was
answered to each that began later. The latter would be too many, so they pass through virtual nodes: the instants.

A transaction in doubt counts as committed if anything that it wrote was read by a committed one, else as rolled back.
It has no edge to what came later: it may have been committed late. What it read is not known, nor judged.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import IntFlag
from itertools import pairwise
from typing import Any, NamedTuple

from distlab.check.cycles import LINK
from distlab.check.history import Entry, History
from distlab.check.transactions import Append, Read, Transaction, steps_of, well_formed
from distlab.core.errors import ScenarioError
from distlab.core.values import Fail, Ok


class Why(IntFlag):
    """Why one transaction comes before another."""

    WW = 1
    WR = 2
    RW = 4
    SESSION = 8
    REALTIME = 16


WW, WR, RW, SESSION, REALTIME = (int(why) for why in Why)


class Fault(NamedTuple):
    """Something wrong that shows without any order."""

    name: str
    level: int
    """The weakest promise that it breaks: 0 any, 1 read committed, 2 snapshot isolation."""
    reason: str
    who: tuple[int, ...]
    """The transactions concerned, the decisive one last."""


class _Key:
    """All that happened to one key."""

    __slots__ = ("lists", "mine", "over", "own", "reads", "writer")

    def __init__(self) -> None:
        self.lists = False
        """It is appended to."""
        self.writer: dict[Any, int] = {}
        """Value -> the transaction that wrote it."""
        self.own: dict[int, list[Any]] = {}
        """Transaction -> the values that it wrote, in order."""
        self.reads: list[tuple[int, Any]] = []
        """(transaction, value) of committed transactions, without what they had written themselves before."""
        self.mine: list[tuple[int, Any, int]] = []
        """Reads after own writes: (transaction, value, how many own writes came before)."""
        self.over: dict[int, Any] = {}
        """Committed transaction -> the value of this register that it had read before it wrote it."""


class Dependencies:
    """The graph of one history, and its faults.

    ``doubt_aborts``: transactions in doubt count as rolled back, whoever saw them; what read uncommitted needs.
    Raises ``ScenarioError`` for a history that cannot be judged: see :mod:`distlab.check.transactions`.
    """

    def __init__(self, history: History, *, doubt_aborts: bool = False) -> None:
        well_formed(history)
        self.entries: list[Entry] = [
            entry for entry in history if isinstance(entry.operation, Transaction)
        ]
        if len(self.entries) != len(history):
            steps_of(next(e for e in history if not isinstance(e.operation, Transaction)))
        self.doubt_aborts = doubt_aborts
        self.faults: list[Fault] = []
        self.graph: list[dict[int, int]] = [{} for _ in self.entries]
        self.order: dict[Hashable, tuple[Any, ...]] = {}
        """Per list the elements in the order in which they were installed."""
        self.tails: list[list[int]] = []
        """Groups of writers whose order among themselves is not known."""
        self.loose: set[Hashable] = set()
        """Registers whose order of versions is not known."""
        self.keys: dict[Hashable, _Key] = {}
        self.commits = 0
        self._collect()
        self.alive = [isinstance(entry.outcome, Ok) for entry in self.entries]
        self.doubtful = any(not isinstance(entry.outcome, Ok | Fail) for entry in self.entries)
        """Some transaction is in doubt."""
        for key, seen in self.keys.items():
            if seen.lists:
                self._order_list(key, seen)
            else:
                self._check_register(key, seen)
        for key, seen in self.keys.items():
            if seen.lists:
                self._link_list(key, seen)
            elif seen.writer:
                self._link_register(key, seen)
        self._link_time()

    # ------------------------------------------------------------------ what happened

    def _collect(self) -> None:
        keys = self.keys
        for index, entry in enumerate(self.entries):
            steps = steps_of(entry)
            if ok := isinstance(entry.outcome, Ok):
                self.commits += 1
            seen: dict[Hashable, Any] = {}
            for step in steps:
                try:
                    known = keys.get(step.key)
                except (AttributeError, TypeError):
                    raise ScenarioError(
                        f"transaction {entry.ticket} has a step that is none: {step!r}"
                    ) from None
                if known is None:
                    known = keys[step.key] = _Key()
                kind = type(step)
                if kind is Read:
                    if ok:
                        value = step.value
                        if type(value) is list:
                            value = tuple(value)
                        if index in known.own:
                            known.mine.append((index, value, len(known.own[index])))
                        else:
                            known.reads.append((index, value))
                            seen[step.key] = value
                else:
                    value, writer = step.value, known.writer
                    try:
                        first = writer.setdefault(value, index)
                    except TypeError:
                        raise ScenarioError(
                            f"transaction {entry.ticket} writes {value!r}, which cannot be compared"
                        ) from None
                    own = known.own.get(index)
                    if own is None:
                        if known.own and known.lists is not (kind is Append):
                            raise ScenarioError(
                                f"key {step.key!r} is appended to and written: it must be a list or a register"
                            )
                        known.lists = kind is Append
                        known.own[index] = own = []
                        if kind is not Append and ok and step.key in seen:
                            known.over[index] = seen[step.key]
                    elif known.lists is not (kind is Append):
                        raise ScenarioError(
                            f"key {step.key!r} is appended to and written: it must be a list or a register"
                        )
                    if first != index or value in own:
                        raise ScenarioError(
                            f"value {value!r} of key {step.key!r} is written twice; each must be written once"
                        )
                    if value is None:
                        raise ScenarioError("None is what was never written; it cannot be written")
                    own.append(value)

    def _fault(self, name: str, level: int, reason: str, *who: int) -> None:
        self.faults.append(Fault(name, level, reason, who))

    def name(self, index: int) -> str:
        """How a transaction is called in reasons."""
        return f"T{self.entries[index].ticket}"

    def _exists(self, key: Hashable, seen: _Key, value: Any, reader: int) -> bool:
        """Judge a value that was read as the last of a key, or as any element of it: was it written, and committed?"""
        writer = seen.writer.get(value)
        if writer is None:
            self._fault(
                "garbage read",
                0,
                f"{self.name(reader)} read {value!r} of {key!r}, which nobody wrote",
                reader,
            )
            return False
        outcome = self.entries[writer].outcome
        if isinstance(outcome, Ok):
            return True
        if isinstance(outcome, Fail):
            why = f"{self.name(writer)} had written and rolled back"
            self._fault(
                "G1a aborted read",
                1,
                f"{self.name(reader)} read {value!r} of {key!r}, which {why}",
                writer,
                reader,
            )
            return False
        if self.doubt_aborts:
            return False
        self.alive[writer] = True
        return True

    # ------------------------------------------------------------------ lists

    def _order_list(self, key: Hashable, seen: _Key) -> None:
        """Find the order of a list's elements; afterwards every read kept in ``seen`` is how it begins."""
        for position, (reader, value) in enumerate(seen.reads):
            if type(value) is not tuple:
                seen.reads[position] = (reader, self._as_list(key, value, reader))
        for reader, value, count in seen.mine:
            self._strip_own(key, seen, self._as_list(key, value, reader), reader, count)
        self._check_future(key, seen)
        whose, longest = max(seen.reads, key=_length, default=(-1, ()))
        apart = [read for read in seen.reads if longest[: len(read[1])] != read[1]]
        lost: set[Any] = set()
        try:
            for reader, value in [(whose, longest), *apart]:
                lost |= self._check_elements(key, seen, value, reader)
        except TypeError:
            raise ScenarioError(f"an element of {key!r} cannot be compared") from None
        if lost:
            seen.reads = [_without(read, lost) for read in seen.reads]
            whose, longest = max(seen.reads, key=_length)
            apart = [read for read in seen.reads if longest[: len(read[1])] != read[1]]
        if apart:
            reader, value = apart[0]
            doubt = self._is_doubtful(seen)
            self._fault(
                "incompatible order",
                1 if doubt else 0,
                f"{self.name(whose)} read {shown(longest)} of {key!r} and {self.name(reader)} read {shown(value)}: "
                "neither is how the other begins",
                whose,
                reader,
            )
            seen.reads = [read for read in seen.reads if longest[: len(read[1])] == read[1]]
        self.order[key] = longest
        if len(seen.writer) > len(seen.own):
            self._check_sequence(key, seen, whose)

    def _is_doubtful(self, seen: _Key) -> bool:
        """Some writer of the key is in doubt: without it, the values that were read may agree."""
        return not self.doubt_aborts and any(
            not isinstance(self.entries[writer].outcome, Ok | Fail) for writer in seen.own
        )

    def _as_list(self, key: Hashable, value: Any, reader: int) -> tuple[Any, ...]:
        if value is None:
            return ()
        if type(value) is not tuple:
            raise ScenarioError(
                f"{self.name(reader)} read {value!r} of the list {key!r}; a tuple was expected"
            )
        return value

    def _strip_own(
        self, key: Hashable, seen: _Key, value: tuple[Any, ...], reader: int, count: int
    ) -> None:
        """A transaction sees its own appends, all so far, at the end; what stands before them is a read like any."""
        own = tuple(seen.own[reader][:count])
        if value[-count:] == own:
            seen.reads.append((reader, value[:-count]))
        else:
            reason = f"{self.name(reader)} read {shown(value)} of {key!r}, but it had itself appended {shown(own)}"
            self._fault("internal", 0, reason, reader)

    def _check_future(self, key: Hashable, seen: _Key) -> None:
        """No transaction sees an append that it has yet to make, nor one of its own out of its place."""
        wrong = [
            read
            for read in seen.reads
            if read[0] in seen.own and _share(seen.own[read[0]], read[1])
        ]
        for reader, value in wrong:
            reason = f"{self.name(reader)} read {shown(value)} of {key!r}, with what it appended itself out of place"
            self._fault("internal", 0, reason, reader)
        if wrong:
            seen.reads = [read for read in seen.reads if read not in wrong]

    def _check_sequence(self, key: Hashable, seen: _Key, whose: int) -> None:
        """What one transaction appended is seen in the order in which it did so, none left out before another."""
        order = self.order[key]
        for writer, made in seen.own.items():
            placed = [element for element in order if seen.writer[element] == writer]
            if len(made) > 1 and placed != made[: len(placed)]:
                doubt = self._is_doubtful(seen)
                reason = (
                    f"{self.name(whose)} read {shown(order)} of {key!r}, "
                    f"and {self.name(writer)} had appended {shown(made)}"
                )
                self._fault("internal", 1 if doubt else 0, reason, writer, whose)

    def _check_elements(
        self, key: Hashable, seen: _Key, value: tuple[Any, ...], reader: int
    ) -> set[Any]:
        """Judge each element of a list that was read; returns those that do not count."""
        if len(set(value)) != len(value):
            double = next(e for i, e in enumerate(value) if e in value[:i])
            self._fault(
                "duplicate element",
                0,
                f"{self.name(reader)} read {double!r} twice in {shown(value)} of {key!r}",
                reader,
            )
        return {element for element in value if not self._exists(key, seen, element, reader)}

    def _link_list(self, key: Hashable, seen: _Key) -> None:
        graph, order, own = self.graph, self.order[key], seen.own
        if len(set(order)) != len(order):
            return
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
                if self.alive[writer] and not placed.issuperset(made)
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
                        self._fault(
                            "G1b intermediate read",
                            1,
                            f"{self.name(reader)} read {shown(value)} of {key!r}, and {self.name(writer)} "
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
            self._link_tail(key, writers, tail, at_end)

    def _link_tail(
        self, key: Hashable, writers: list[int], tail: list[int], at_end: set[int]
    ) -> None:
        """Those whose elements nobody read come behind the whole list, and behind all who read the whole list."""
        if len(tail) > 1:
            self.tails.append(tail)
        end = len(self.graph)
        links: dict[int, int] = dict.fromkeys(tail, LINK)
        self.graph.append(links)
        if writers:
            last = writers[-1]
            if last in links:
                for other in tail:
                    if other != last:
                        self._edge(last, other, WW)
            else:
                self._edge(last, end, WW)
        both = [reader for reader in sorted(at_end) if reader in links]
        for reader in sorted(at_end):
            if reader not in links:
                self._edge(reader, end, RW)
        if len(both) == 1:
            for other in tail:
                if other != both[0]:
                    self._edge(both[0], other, RW)
        elif both:
            one, two = both[:2]
            self._lost_update(key, shown(self.order[key]), one, two, "appended to it unseen")

    def _lost_update(self, key: Hashable, value: str, one: int, two: int, then: str) -> None:
        self._fault(
            "lost update",
            2,
            f"{self.name(one)} and {self.name(two)} both read {value} of {key!r}, and both {then}: "
            "whichever came second did not see the first",
            one,
            two,
        )

    # ------------------------------------------------------------------ registers

    def _check_register(self, key: Hashable, seen: _Key) -> None:
        """Judge what was read of a register; afterwards ``seen`` holds only reads of committed values of others."""
        for reader, value, count in seen.mine:
            if value != seen.own[reader][count - 1]:
                wrote = f"but it had itself written {seen.own[reader][count - 1]!r}"
                self._fault(
                    "internal", 0, f"{self.name(reader)} read {value!r} of {key!r}, {wrote}", reader
                )
        first: dict[int, Any] = {}
        kept: list[tuple[int, Any]] = []
        for reader, value in seen.reads:
            if value == () and not seen.writer:
                value = None
            try:
                if value in seen.own.get(reader, ()):
                    reason = f"{self.name(reader)} read {value!r} of {key!r} before it wrote it"
                    self._fault("internal", 0, reason, reader)
                    continue
                if value is not None and not self._exists(key, seen, value, reader):
                    continue
            except TypeError:
                raise ScenarioError(
                    f"{self.name(reader)} read {value!r} of {key!r}, which cannot be compared"
                ) from None
            if reader in first and first[reader] != value:
                reason = f"{self.name(reader)} read {first[reader]!r} and then {value!r} of {key!r}"
                self._fault("G-single non-repeatable read", 2, reason, reader)
            first[reader] = value
            kept.append((reader, value))
        seen.reads = kept

    def _link_register(self, key: Hashable, seen: _Key) -> None:
        alive = [writer for writer in seen.own if self.alive[writer]]
        blind = [writer for writer in alive if writer not in seen.over]
        if blind and len(alive) > 1:
            self.loose.add(key)
        after: dict[Any, int] = {}
        for writer in alive:
            if writer not in blind:
                over = seen.over[writer]
                other = after.setdefault(over, writer)
                if other != writer:
                    self._lost_update(key, repr(over), other, writer, "wrote it")
        unwritten = len(self.graph)
        self.graph.append(dict.fromkeys(blind, LINK))
        for reader, value in seen.reads:
            if value is None:
                self._edge(reader, unwritten, RW)
            else:
                writer = seen.writer[value]
                self._edge(writer, reader, WR)
                if seen.own[writer][-1] != value:
                    self._fault(
                        "G1b intermediate read",
                        1,
                        f"{self.name(reader)} read {value!r} of {key!r}, which {self.name(writer)} then overwrote",
                        writer,
                        reader,
                    )
            follower = after.get(value)
            if follower is not None and follower != reader:
                self._edge(reader, follower, RW)

    # ------------------------------------------------------------------ time

    def _edge(self, before: int, after: int, why: int) -> None:
        row = self.graph[before]
        row[after] = row.get(after, 0) | why

    def _link_time(self) -> None:
        """Session edges, and real-time edges through instants, which are virtual nodes in a chain."""
        graph, alive = self.graph, self.alive
        last: dict[str, int] = {}
        answers: list[tuple[int, int]] = []
        for index, entry in enumerate(self.entries):
            if alive[index]:
                if (before := last.get(entry.client)) is not None:
                    row = graph[before]
                    row[index] = row.get(index, 0) | SESSION
                if isinstance(entry.outcome, Ok):
                    last[entry.client] = index
                    assert entry.ended is not None
                    answers.append((entry.ended, index))
        answers.sort()
        instant, gathered = -1, 0
        for index, entry in enumerate(self.entries):
            if not alive[index]:
                continue
            began, start = entry.began, gathered
            while gathered < len(answers) and answers[gathered][0] < began:
                gathered += 1
            if gathered > start:
                node = len(graph)
                graph.append({})
                if instant >= 0:
                    graph[instant][node] = LINK
                for _, answered in answers[start:gathered]:
                    graph[answered][node] = REALTIME
                instant = node
            if instant >= 0:
                graph[instant][index] = LINK


def _length(read: tuple[int, Any]) -> int:
    return len(read[1])


def _share(made: list[Any], value: tuple[Any, ...]) -> bool:
    return any(element in value for element in made)


def _without(read: tuple[int, Any], lost: set[Any]) -> tuple[int, Any]:
    return read[0], tuple(element for element in read[1] if element not in lost)


def shown(value: Any) -> str:
    """A list as people write it; a long one by its end."""
    elements = [repr(element) for element in value]
    return f"[{' '.join(elements if len(elements) <= 8 else ['..', *elements[-6:]])}]"
