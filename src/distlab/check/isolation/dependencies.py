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
from typing import Any

from distlab.check.history import Entry, History
from distlab.check.isolation.cycles import LINK
from distlab.check.isolation.facts import REALTIME, SESSION, Fault, Key
from distlab.check.isolation.lists import link_list, order_list
from distlab.check.isolation.registers import check_register, link_register
from distlab.check.transactions import Append, Read, Transaction, steps_of, well_formed
from distlab.core.errors import ScenarioError
from distlab.core.values import Fail, Ok


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
        self.keys: dict[Hashable, Key] = {}
        self.commits = 0
        self._collect()
        self.alive = [isinstance(entry.outcome, Ok) for entry in self.entries]
        self.doubtful = any(not isinstance(entry.outcome, Ok | Fail) for entry in self.entries)
        """Some transaction is in doubt."""
        for key, seen in self.keys.items():
            if seen.lists:
                order_list(self, key, seen)
            else:
                check_register(self, key, seen)
        for key, seen in self.keys.items():
            if seen.lists:
                link_list(self, key, seen)
            elif seen.writer:
                link_register(self, key, seen)
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
                    known = keys[step.key] = Key()
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
                        if kind is not Append and step.key in seen:
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

    def fault(self, name: str, level: int, reason: str, *who: int) -> None:
        self.faults.append(Fault(name, level, reason, who))

    def name(self, index: int) -> str:
        """How a transaction is called in reasons."""
        return f"T{self.entries[index].ticket}"

    def exists(self, key: Hashable, seen: Key, value: Any, reader: int) -> bool:
        """Judge a value that was read as the last of a key, or as any element of it: was it written, and committed?"""
        writer = seen.writer.get(value)
        if writer is None:
            self.fault(
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
            self.fault(
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

    def lost_update(self, key: Hashable, value: str, one: int, two: int, then: str) -> None:
        self.fault(
            "lost update",
            2,
            f"{self.name(one)} and {self.name(two)} both read {value} of {key!r}, and both {then}: "
            "whichever came second did not see the first",
            one,
            two,
        )

    # ------------------------------------------------------------------ time

    def edge(self, before: int, after: int, why: int) -> None:
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
