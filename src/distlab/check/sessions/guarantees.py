"""What each client may rely on: session guarantees, causal and sequential consistency, of a history of registers.

The history holds transactions of one step, a ``Read`` or a ``Write``, and every value is written once; so each read
names its writer. Theory: D. Terry et al., *Session guarantees for weakly consistent replicated data* (PDIS 1994);
S. Burckhardt, *Principles of eventual consistency* (2014), for the form used here: a read sees some set of writes, and
answers with the last of them in some order of the writes.

A client does two kinds of things, so one follows another in four ways. Each guarantee makes one of them count:

=======================  ==============  ===============================================================
read your writes         write -> read   what I wrote, my later reads see
monotonic reads          read -> read    what I saw, my later reads see
monotonic writes         write -> write  who sees a write of mine sees my earlier ones, in that order
writes follow reads      read -> write   who sees a write of mine sees what I had seen, in that order
=======================  ==============  ===============================================================

With "a read sees the write it answers with" as a fifth way, *a read sees every write from which a path of ways that
count leads to it*, and the order of the writes follows the paths, and puts what is seen and not answered before what is
answered. A set of guarantees can hold together if and only if such an order exists for each client, and *one order*
adds that it is the same for all. All five together are causal consistency with convergence ("causal+", COPS, 2011).

From outside, some guarantees show only together: whoever may lose sight of what it saw tells nothing of the order of
writes. So what is reported is exact, and no more: the *smallest sets of guarantees that cannot all have held*.

Sequential consistency (L. Lamport 1979): one interleaving of the clients explains every read. To decide it is
NP-complete (P. Gibbons and E. Korach, 1997), so the search has a budget, and a verdict unknown.

What failed was never written. A write in doubt may be seen or not, at any time, and no guarantee was given for it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from enum import Enum
from itertools import combinations, pairwise

from msgspec import Struct

from distlab.check.history import Entry, History
from distlab.check.sessions.accesses import Accesses
from distlab.check.sessions.interleaving import interleaves
from distlab.check.verdict import Verdict, broken, kept, unknown


class Guarantee(Enum):
    """What a store may promise."""

    READ_YOUR_WRITES = "read your writes"
    MONOTONIC_READS = "monotonic reads"
    MONOTONIC_WRITES = "monotonic writes"
    WRITES_FOLLOW_READS = "writes follow reads"
    ONE_ORDER = "one order"
    """All clients see the writes in the same order."""
    CAUSAL = "causal consistency"
    """All of the above."""
    SEQUENTIAL = "sequential consistency"
    """One interleaving of the clients explains all; it implies causal consistency."""

    def __str__(self) -> str:
        return self.value


RYW, MR, MW, WFR, ONE = list(Guarantee)[:5]
_WAYS = {
    ("write", "read"): RYW,
    ("read", "read"): MR,
    ("write", "write"): MW,
    ("read", "write"): WFR,
}


class Conflict(Struct, frozen=True):
    """Guarantees that cannot all have held; without any one of them, the others could."""

    guarantees: frozenset[Guarantee]
    """Empty: no store at all answers so."""
    reason: str
    operations: tuple[Entry, ...]

    def __str__(self) -> str:
        return " with ".join(str(it) for it in Guarantee if it in self.guarantees)


class Sessions(Struct, frozen=True):
    """What can be said of one history."""

    conflicts: tuple[Conflict, ...]
    sequential: Verdict
    reads: int

    def verdict(self, guarantee: Guarantee) -> Verdict:
        """Kept, broken with the operations that show it, or unknown: it or another one was broken."""
        if guarantee is Guarantee.SEQUENTIAL:
            return self.sequential
        for found in self.conflicts:
            if guarantee is Guarantee.CAUSAL or found.guarantees <= {guarantee}:
                return _broken(found)
        for found in self.conflicts:
            if guarantee in found.guarantees:
                return unknown(f"not all of these held: {found}: {found.reason}")
        return kept() if self.reads else unknown("nothing was read")

    @property
    def strongest(self) -> list[Guarantee]:
        """Sequential or causal consistency, or else whichever of the others was kept."""
        for one in (Guarantee.SEQUENTIAL, Guarantee.CAUSAL):
            if self.verdict(one).is_kept:
                return [one]
        return [one for one in list(Guarantee)[:5] if self.verdict(one).is_kept]


def _broken(found: Conflict) -> Verdict:
    events = (event for entry in found.operations for event in (entry.call, entry.ret) if event)
    return broken(found.reason, *events, expected=str(found) or "a value that was written")


def sessions(history: History, *, budget: int = 100_000) -> Sessions:
    """Which guarantees this history can have been given; ``budget`` bounds the search for an interleaving.

    Raises ``ScenarioError`` for a history that cannot be judged: operations other than one read or one write, a value
    written twice, two open operations of one client.
    """
    found = Accesses(history)
    reads = sum(op.kind == "read" for op in found.ops)
    if found.out_of_thin_air:
        conflict = Conflict(frozenset(), *found.out_of_thin_air)
        return Sessions((conflict,), _broken(conflict), reads)
    conflicts = tuple(_smallest_conflicts(found))
    if conflicts:
        return Sessions(conflicts, _broken(conflicts[0]), reads)
    if not reads:
        return Sessions((), unknown("nothing was read"), 0)
    return Sessions((), _sequential(found, budget), reads)


def _sequential(found: Accesses, budget: int) -> Verdict:
    threads: list[list[int]] = []
    after: list[tuple[int, int, int]] = []
    """Writes in doubt that were seen: they come at any time, once what came before them is done."""
    seen = set(found.source.values())
    for mine in found.clients.values():
        thread = [index for index in mine if found.ops[index].acknowledged]
        doubt = [index for index in mine if not found.ops[index].acknowledged and index in seen]
        after += [(index, len(threads), sum(i < index for i in thread)) for index in doubt]
        threads.append(thread)
    ops = [(op.kind == "write", op.key, found.source.get(i)) for i, op in enumerate(found.ops)]
    stuck = interleaves(ops, threads, after, budget)
    if stuck is None:
        return kept()
    if not stuck:
        return unknown(f"no interleaving was found within {budget} steps of the search")
    waiting = [found.ops[index] for index in stuck]
    return broken(
        "no interleaving of the clients explains every read; the longest one ends where "
        + " and ".join(str(op) for op in waiting),
        *(event for op in waiting for event in (op.entry.call, op.entry.ret) if event),
        expected="one order of all operations",
    )


def _smallest_conflicts(found: Accesses) -> Iterator[Conflict]:
    if _Order(found, frozenset((RYW, MR, MW, WFR, ONE))).conflict() is None:
        return
    known: list[frozenset[Guarantee]] = []
    for size in range(1, 6):
        for some in combinations((RYW, MR, MW, WFR, ONE), size):
            chosen = frozenset(some)
            if any(smaller <= chosen for smaller in known):
                continue
            if conflict := _Order(found, chosen).conflict():
                known.append(chosen)
                yield conflict


class _Order:
    """What follows from a set of guarantees: who sees what, and which write is older. Sets of operations are bits."""

    def __init__(self, found: Accesses, guarantees: frozenset[Guarantee]) -> None:
        self.found = found
        self.guarantees = guarantees
        self.writes = sum(1 << i for i, op in enumerate(found.ops) if op.kind == "write")
        self.of_key: dict[Hashable, int] = {}
        for i, op in enumerate(found.ops):
            if op.kind == "write":
                self.of_key[op.key] = self.of_key.get(op.key, 0) | 1 << i
        self.before = [0] * len(found.ops)
        """Operation -> those from which a path leads to it."""
        changed = True
        while changed:
            changed = False
            for ops in found.clients.values():
                changed |= self._pass(ops)

    def _pass(self, ops: list[int]) -> bool:
        """Walk one client's operations once; True if anything was learnt."""
        sofar = {"read": 0, "write": 0}
        changed = False
        for index in ops:
            op = self.found.ops[index]
            reached = self.before[index]
            for kind, bits in sofar.items():
                if _WAYS[kind, op.kind] in self.guarantees:
                    reached |= bits
            if (source := self.found.source.get(index)) is not None:
                reached |= self.before[source] | 1 << source
            changed |= reached != self.before[index]
            self.before[index] = reached
            if op.acknowledged:
                sofar[op.kind] |= reached | 1 << index
        return changed

    def conflict(self) -> Conflict | None:
        """Why there is no order, or None if there is one."""
        older = [
            self.before[i] & self.writes if op.kind == "write" else 0
            for i, op in enumerate(self.found.ops)
        ]
        reasons: dict[tuple[int, int], int] = {}
        for group in (
            [[i for ops in self.found.clients.values() for i in ops]]
            if ONE in self.guarantees
            else self.found.clients.values()
        ):
            mine = list(older)
            for read in group:
                op = self.found.ops[read]
                if op.kind != "read":
                    continue
                unseen = self.before[read] & self.of_key.get(op.key, 0)
                if read not in self.found.source:
                    if unseen:
                        return self._says(read, _lowest(unseen))
                    continue
                source = self.found.source[read]
                unseen &= ~(1 << source)
                mine[source] |= unseen
                for write in _bits(unseen):
                    reasons.setdefault((write, source), read)
            if cycle := _cycle(mine):
                return self._says_cycle(cycle, reasons)
        return None

    def _says(self, read: int, write: int) -> Conflict:
        path = self._path(write, read)
        ops = self.found.ops
        reason = f"{ops[read]}, but {self._words(path)}"
        return Conflict(self.guarantees, reason, tuple(ops[i].entry for i in path))

    def _says_cycle(self, cycle: list[int], reasons: dict[tuple[int, int], int]) -> Conflict:
        ops, parts, who = self.found.ops, [], []
        for older, newer in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            read = reasons.get((older, newer))
            path = self._path(older, newer if read is None else read)
            who += path
            if read is None:
                parts.append(
                    f"{self._words(path)}, so {ops[older].value!r} is older than {ops[newer].value!r}"
                )
            else:
                told = f"{ops[read]} although {self._words(path)}"
                parts.append(f"{told}, so {ops[older].value!r} is older than {ops[newer].value!r}")
        entries = tuple(ops[i].entry for i in dict.fromkeys(who))
        return Conflict(self.guarantees, "; but ".join(parts), entries)

    def _words(self, path: list[int]) -> str:
        ops = self.found.ops
        words = [str(ops[path[0]])]
        for one, two in pairwise(path[:-1]):
            source = self.found.source.get(two) == one
            words.append(
                f", which {ops[two].entry.client} read" if source else f" and then {ops[two]}"
            )
        last, before = path[-1], path[-2]
        if ops[last].kind == "write":
            words.append(f" before {ops[last]}")
        elif self.found.source.get(last) != before:
            words.append(" before that")
        return "".join(words)

    def _path(self, start: int, end: int) -> list[int]:
        """The shortest path that makes the first seen by, or older than, the second."""
        came: dict[int, int] = {}
        front = [end]
        while front:
            following = []
            for here in front:
                for before in self._steps_back(here):
                    if before not in came:
                        came[before] = here
                        following.append(before)
                    if before == start:
                        path = [start]
                        while path[-1] != end or len(path) == 1:
                            path.append(came[path[-1]])
                        return path
            front = following
        raise AssertionError("there is a path")

    def _steps_back(self, index: int) -> Iterator[int]:
        op = self.found.ops[index]
        if (source := self.found.source.get(index)) is not None:
            yield source
        for other in self.found.clients[op.entry.client]:
            if other >= index:
                break
            kind = self.found.ops[other].kind
            if self.found.ops[other].acknowledged and _WAYS[kind, op.kind] in self.guarantees:
                yield other


def _cycle(older: list[int]) -> list[int]:
    """A cycle, from older to newer, of a relation given as the older ones of each; empty if there is none."""
    left = sum(1 << i for i in range(len(older)))
    removed = True
    while removed:
        removed = False
        for i in _bits(left):
            if not older[i] & left:
                left &= ~(1 << i)
                removed = True
    if not left:
        return []
    path = [_lowest(left)]
    while True:
        before = _lowest(older[path[-1]] & left)
        if before in path:
            return [before, *path[: path.index(before) : -1]]
        path.append(before)


def _bits(bits: int) -> Iterator[int]:
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
