"""Isolation: which levels a history of transactions violates, and the strongest that it may satisfy.

Theory (A. Adya, *Weak Consistency*, MIT 1999). A level is a set of forbidden phenomena: some that one look at a
transaction shows, and cycles in the graph of :mod:`distlab.check.isolation.dependencies`:

* read uncommitted: no cycle of ``ww`` (G0);
* read committed: no cycle of ``ww`` and ``wr`` (G1c), no read of what was rolled back (G1a) or not final (G1b);
* snapshot isolation: besides, no cycle in which no two ``rw`` come in a row (with one ``rw``: G-single). Such a cycle
  would need two snapshots each older than the other; two ``rw`` in a row need only two at the same time;
* serializable: no cycle at all (G2). Repeatable read is the same here: they differ only in reads by a predicate.

Each of the four exists three times: as it is, in every client's own order (strong session), and in the order of real
time (strict). The edges of that order then count as a reason why one transaction comes before another.

Exact where it says kept or broken: the history has, or has not, an order of its versions under which the level's
phenomena are absent. Unknown, where the history does not show enough: see :attr:`Isolation.unsure`.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from distlab.check.history import Entry, History
from distlab.check.isolation.cycles import Edge, Sort, cyclic_core, find_cycle
from distlab.check.isolation.dependencies import Dependencies
from distlab.check.isolation.explain import because
from distlab.check.isolation.facts import REALTIME, RW, SESSION, WR, WW, Fault, Why
from distlab.check.verdict import Verdict, broken, kept, unknown


class Level(Enum):
    """A promise about concurrent transactions: (name, phenomena that it forbids, order that it respects)."""

    READ_UNCOMMITTED = ("read uncommitted", 0, 0)
    READ_COMMITTED = ("read committed", 1, 0)
    SNAPSHOT_ISOLATION = ("snapshot isolation", 2, 0)
    SERIALIZABLE = ("serializable", 3, 0)
    REPEATABLE_READ = SERIALIZABLE
    STRONG_SESSION_READ_UNCOMMITTED = ("strong session read uncommitted", 0, 1)
    STRONG_SESSION_READ_COMMITTED = ("strong session read committed", 1, 1)
    STRONG_SESSION_SNAPSHOT_ISOLATION = ("strong session snapshot isolation", 2, 1)
    STRONG_SESSION_SERIALIZABLE = ("strong session serializable", 3, 1)
    STRONG_READ_UNCOMMITTED = ("strong read uncommitted", 0, 2)
    STRONG_READ_COMMITTED = ("strong read committed", 1, 2)
    STRONG_SNAPSHOT_ISOLATION = ("strong snapshot isolation", 2, 2)
    STRICT_SERIALIZABLE = ("strict serializable", 3, 2)

    def __str__(self) -> str:
        return self.value[0]

    @property
    def base(self) -> int:
        """0 read uncommitted, 1 read committed, 2 snapshot isolation, 3 serializable."""
        return self.value[1]

    @property
    def order(self) -> int:
        """0 none, 1 each client's own, 2 real time."""
        return self.value[2]

    def implies(self, other: Level) -> bool:
        """Whatever satisfies this level satisfies the other."""
        return self.base >= other.base and self.order >= other.order


_AT = {(level.base, level.order): level for level in Level}
_ORDERS = (0, SESSION, SESSION | REALTIME)
_SUFFIX = ("", "-process", "-realtime")


class Anomaly(Struct, frozen=True):
    """One thing that went wrong."""

    name: str
    """From the literature: G0, G1a, G1b, G1c, G-single, G2-item, with -process or -realtime, ..."""
    level: Level
    """The weakest level that it violates; all that imply it are violated as well."""
    reason: str
    """The transactions, and why each comes before the next, in one sentence."""
    transactions: tuple[Entry, ...]
    cycle: tuple[tuple[str, str, str, str], ...] = ()
    """Its edges: from, to, kind, and why in words. Empty if it takes no cycle to see it."""


class Isolation(Struct, frozen=True):
    """What can be said of one history."""

    anomalies: tuple[Anomaly, ...]
    unsure: frozenset[Level]
    """Not known to be violated, and not known to be satisfied either."""
    why_unsure: str
    judged: int
    """How many committed transactions the history has that read anything."""

    def violates(self, level: Level) -> Anomaly | None:
        """The first anomaly that this level forbids."""
        return next((found for found in self.anomalies if level.implies(found.level)), None)

    @property
    def violated(self) -> list[Level]:
        """Every level that the history violates, weak ones first."""
        return [level for level in Level if self.violates(level)]

    @property
    def strongest(self) -> list[Level]:
        """The strongest levels that the history may satisfy: one, two that do not imply each other, or none."""
        may = [level for level in Level if not self.violates(level)]
        return [it for it in may if not any(it is not other and other.implies(it) for other in may)]

    def verdict(self, level: Level) -> Verdict:
        """Kept, broken with its anomaly, or unknown."""
        if found := self.violates(level):
            return broken(
                f"{found.name}: {found.reason}",
                *(
                    event
                    for entry in found.transactions
                    for event in (entry.call, entry.ret)
                    if event
                ),
                expected=str(level),
                got=found.name,
            )
        if not self.judged:
            return unknown("no transaction that was committed read anything")
        if level in self.unsure:
            return unknown(self.why_unsure)
        return kept()


def isolation(history: History) -> Isolation:
    """Judge a history of :class:`~distlab.check.transactions.Transaction`\\ s.

    Raises ``ScenarioError`` for a history that cannot be judged: two open transactions of one client, a value written
    twice, a key that is both list and register, steps that were not asked for.
    """
    found = Dependencies(history)
    core = cyclic_core(found.graph)
    anomalies = [_of_fault(found, fault) for fault in found.faults]
    if (core or anomalies) and found.doubtful:
        anomalies += [it for it in _without_doubt(history) if it not in anomalies]
    worst = [[_broken_at(anomalies, base, order) for order in range(3)] for base in range(4)]
    for base in range(4):
        if base == 0 and found.doubtful:
            continue
        for order in range(3):
            if worst[base][order]:
                break
            cycle = find_cycle(found.graph, core, _sort(base, order)) if core else []
            if cycle:
                anomalies.append(_of_cycle(found, cycle, base, order))
                worst = [
                    [_broken_at(anomalies, base, order) for order in range(3)] for base in range(4)
                ]
                break
    unsure, why = _unsure(found, anomalies, core)
    judged = len({read[0] for seen in found.keys.values() for read in seen.reads})
    return Isolation(tuple(anomalies), unsure, why, judged)


def _broken_at(anomalies: list[Anomaly], base: int, order: int) -> bool:
    return any(_AT[base, order].implies(anomaly.level) for anomaly in anomalies)


def _sort(base: int, order: int) -> Sort:
    kinds = (WW, WW | WR, WW | WR, WW | WR | RW)[base] | _ORDERS[order]
    return Sort(kinds, RW if base == 2 else 0)


def _without_doubt(history: History) -> list[Anomaly]:
    """What read uncommitted forbids whether or not the transactions in doubt were committed."""
    found = Dependencies(history, doubt_aborts=True)
    anomalies = [_of_fault(found, fault) for fault in found.faults if fault.level == 0]
    if not anomalies and (core := cyclic_core(found.graph)):
        for order in range(3):
            if cycle := find_cycle(found.graph, core, _sort(0, order)):
                return [_of_cycle(found, cycle, 0, order)]
    return anomalies


def _of_fault(found: Dependencies, fault: Fault) -> Anomaly:
    entries = tuple(found.entries[index] for index in fault.who)
    return Anomaly(fault.name, _AT[fault.level, 0], fault.reason, entries)


def _of_cycle(found: Dependencies, cycle: list[Edge], base: int, order: int) -> Anomaly:
    kinds = [kind for _, _, kind in cycle]
    skips = kinds.count(RW)
    if skips == 0:
        name = "G1c" if WR in kinds else "G0"
    elif skips == 1:
        name = "G-single"
    else:
        name = "G-nonadjacent" if base == 2 else "G2-item"
    edges = tuple(
        (
            found.name(before),
            found.name(after),
            (Why(kind).name or "").lower(),
            because(found, before, after, kind),
        )
        for before, after, kind in cycle
    )
    return Anomaly(
        name + _SUFFIX[order],
        _AT[base, order],
        "; ".join(f"{reason}" for *_, reason in edges),
        tuple(found.entries[before] for before, _, _ in cycle),
        edges,
    )


def _unsure(
    found: Dependencies, anomalies: list[Anomaly], core: list[int]
) -> tuple[frozenset[Level], str]:
    """Levels that cannot be decided because the order of some versions is not known."""
    if found.loose:
        key = min(found.loose, key=repr)
        return (
            frozenset(level for level in Level if level.base >= 2),
            f"the register {key!r} was written by a transaction that had not read it, "
            "so the order of its values is not known",
        )
    among = set(core)
    if any(len(among.intersection(tail)) > 1 for tail in found.tails):
        return (
            frozenset(
                _AT[2, order]
                for order in range(3)
                if _broken_at(anomalies, 3, order) and not _broken_at(anomalies, 2, order)
            ),
            "several elements were appended behind what anybody read, so their order is not known",
        )
    return frozenset(), ""
