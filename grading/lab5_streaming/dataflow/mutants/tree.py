"""Bugs of part 5A2: what is anchored, what is XORed, and what becomes of a tree that has failed."""

from __future__ import annotations

from typing import Any

from distlab.core import MS, Address, Ok, Ticket
from distlab.grade.lab import Mutant, bug
from labs.lab5_streaming.acker import Acker, Ledger
from labs.lab5_streaming.bolt import Bolt
from labs.lab5_streaming.spout import Spout
from labs.lab5_streaming.tuples import (
    Ack,
    Emit,
    Failed,
    GiveUp,
    Init,
    Rotate,
    Tuple,
    Work,
)

# -- bolts --------------------------------------------------------------------------------------------


class AcksOnArrival(Bolt):
    """Acks a tuple when it comes, and works it off afterwards."""

    def on_tuple(self, tuple: Tuple) -> None:  # noqa: A002
        value = tuple.id
        super().on_tuple(tuple)
        self.send(self.acker_of(tuple.root), Ack(tuple.root, value))

    def execute(self, done: Tuple) -> None:
        for work in done.work.children():
            self.send(self.bolt_of(work), Tuple(done.root, self.random.getrandbits(64), work))


class ChildrenLater(Bolt):
    """Acks the tuple first and its children in a second message: between the two the number is zero."""

    def execute(self, done: Tuple) -> None:
        value = 0
        self.send(self.acker_of(done.root), Ack(done.root, done.id))
        for work in done.work.children():
            child = Tuple(done.root, self.random.getrandbits(64), work)
            value ^= child.id
            self.send(self.bolt_of(work), child)
        if value:
            self.send(self.acker_of(done.root), Ack(done.root, value))


class Unanchored(Bolt):
    """Makes children without anchoring them: each has a root of its own, of which nobody knows."""

    def execute(self, done: Tuple) -> None:
        for work in done.work.children():
            root = self.random.getrandbits(64)
            self.send(self.bolt_of(work), Tuple(root, self.random.getrandbits(64), work))
        self.send(self.acker_of(done.root), Ack(done.root, done.id))


class CountsIds(Bolt):
    """Ids from a counter: 1 ^ 2 ^ 3 is 0, and three children vanish from the books."""

    def execute(self, done: Tuple) -> None:
        value = done.id
        for number, work in enumerate(done.work.children(), 1):
            value ^= number
            self.send(self.bolt_of(work), Tuple(done.root, number, work))
        self.send(self.acker_of(done.root), Ack(done.root, value))


class SmallIds(Bolt):
    """Random ids, of three bits: they cancel out now and then."""

    def execute(self, done: Tuple) -> None:
        value = done.id
        for work in done.work.children():
            child = Tuple(done.root, 1 + self.random.randrange(7), work)
            value ^= child.id
            self.send(self.bolt_of(work), child)
        self.send(self.acker_of(done.root), Ack(done.root, value))


class OneIdForAll(Bolt):
    """All children of a tuple have the same id: two of them are as good as none."""

    def execute(self, done: Tuple) -> None:
        value, number = done.id, self.random.getrandbits(64)
        for work in done.work.children():
            value ^= number
            self.send(self.bolt_of(work), Tuple(done.root, number, work))
        self.send(self.acker_of(done.root), Ack(done.root, value))


class AcksEachChild(Bolt):
    """An Ack for the tuple, and one more for each of its children."""

    def execute(self, done: Tuple) -> None:
        children = [(self.random.getrandbits(64), work) for work in done.work.children()]
        for number, work in children:
            self.send(self.acker_of(done.root), Ack(done.root, number))
            self.send(self.bolt_of(work), Tuple(done.root, number, work))
        self.send(self.acker_of(done.root), Ack(done.root, done.id))


class AcksTheFirst(Bolt):
    """Tells all Acks to the first acker, whoever is responsible."""

    def acker_of(self, root: int) -> Address:
        return self.config.ackers[0]


# -- the ledger ---------------------------------------------------------------------------------------


class InitOverwrites(Ledger):
    """An Init sets the number: Acks that came before it are forgotten."""

    def init(self, root: int, value: int, spout: str) -> bool:
        for bucket in self.ages:
            bucket.pop(root, None)
        return super().init(root, value, spout)


class InitTwice(Ledger):
    """XORs in an Init that comes twice: it undoes itself, and zero means done."""

    def init(self, root: int, value: int, spout: str) -> bool:
        return self.settle(root, value, spout)


class AcksOfTheUnknown(Ledger):
    """Drops Acks for roots it has not heard of: surely they are old."""

    def ack(self, root: int, value: int) -> str:
        if not any(root in bucket for bucket in self.ages):
            return ""
        return super().ack(root, value)


class NeverForgets(Ledger):
    """Forgets a tree when an Ack ends it, but not when the Init comes last: it stays for ever."""

    def init(self, root: int, value: int, spout: str) -> bool:
        is_done = super().init(root, value, spout)
        if is_done:
            self.ages[0][root] = 0, spout
        return is_done

    def rotate(self) -> list[tuple[int, str]]:
        kept = {root: entry for root, entry in self.ages[-1].items() if entry[0] == 0}
        over = super().rotate()
        self.ages[-1].update(kept)
        return [(root, spout) for root, spout in over if root not in kept]


class OnlyTheStarted(Ledger):
    """Throws away only trees that had an Init: late Acks of old ones stay for ever."""

    def rotate(self) -> list[tuple[int, str]]:
        orphans = {root: entry for root, entry in self.ages[-1].items() if not entry[1]}
        over = super().rotate()
        self.ages[-1].update(orphans)
        return over


class FirstRotation(Ledger):
    """All trees are over at the first rotation: one that began a moment before has had no time at all."""

    def rotate(self) -> list[tuple[int, str]]:
        for bucket in self.ages[:-1]:
            self.ages[-1].update(bucket)
            bucket.clear()
        return super().rotate()


class NeverRotates(Acker):
    """Trees have no end: those that are not done stay, and nobody is told."""

    def on_rotate(self, timer: Rotate) -> None:
        pass


# -- the spout ----------------------------------------------------------------------------------------


class SilenceIsConsent(Spout):
    """Takes a message of which no acker says anything for done."""

    def on_give_up(self, timer: GiveUp) -> None:
        if timer.root in self.pending:
            self.finish(Ticket(self.pending.pop(timer.root)[0]), Ok())


class DropsTheFailed(Spout):
    """What has failed is dropped: Failed is written into the log."""

    def on_failed(self, failed: Failed) -> None:
        self.pending.pop(failed.root, None)
        self.cancel_timer(GiveUp(failed.root))


class TrustsTheAcker(Spout):
    """Waits for Done or Failed, without patience of its own: an acker that restarts says neither."""

    def on_give_up(self, timer: GiveUp) -> None:
        pass


class Impatient(Spout):
    """Emits again after 30 ms, long before the acker would say that it failed."""

    def on_emit(self, op: Emit, ticket: Ticket) -> None:
        super().on_emit(op, ticket)
        for root, (known, _) in self.pending.items():
            if known == ticket:
                self.set_timer(GiveUp(root), 30 * MS)


class InitsTheFirst(Spout):
    """Tells the acker of the first tuple only: the others seem to be made of nothing."""

    def on_emit(self, op: Emit, ticket: Ticket) -> None:
        root, value = self.random.getrandbits(64), 0
        self.pending[root] = ticket, op
        for work in Work(op.message, (), op.fan).children():
            first = Tuple(root, self.random.getrandbits(64), work)
            value = value or first.id
            self.send(self.bolt_of(work), first)
        self.send(self.acker_of(root), Init(root, value))
        self.set_timer(GiveUp(root), self.config.patience)


class FailedOnce(Spout):
    """Emits a message again once; what fails a second time is a poison tuple, it thinks."""

    seen: set[int]

    def on_start(self) -> None:
        super().on_start()
        self.seen = set()

    def emit_again(self, root: int) -> None:
        if root in self.pending and self.pending[root][0] in self.seen:
            return
        self.seen |= {self.pending[root][0]} if root in self.pending else set()
        super().emit_again(root)


def tree(name: str, by: Any, breaks: str, **more: Any) -> Mutant:
    base = next(base for base in by.__mro__[1:] if base.__module__.startswith("labs."))
    replaces = f"{base.__module__.rpartition('.')[2]}:{base.__name__}"
    return bug(name, by, part="A2", replaces=replaces, breaks=breaks, **more)


TREE = (
    tree("acks-on-arrival", AcksOnArrival, "SM-S1", code="m1"),
    tree("children-later", ChildrenLater, "SM-S1"),
    tree("unanchored", Unanchored, "SM-S1"),
    tree("counts-ids", CountsIds, "SM-S1", code="m3"),
    tree("small-ids", SmallIds, "SM-S1"),
    tree("one-id-for-all", OneIdForAll, "SM-S1"),
    tree("acks-each-child", AcksEachChild, "SM-C1", kind="cost"),
    tree("acks-the-first", AcksTheFirst, "SM-S2", kind="liveness"),
    tree("init-overwrites", InitOverwrites, "SM-L1", kind="liveness"),
    tree("init-twice", InitTwice, "SM-S1"),
    tree("acks-of-the-unknown", AcksOfTheUnknown, "SM-L1", kind="liveness"),
    tree("never-forgets", NeverForgets, "SM-C1", kind="cost"),
    tree("only-the-started", OnlyTheStarted, "SM-C1", kind="cost"),
    tree("first-rotation", FirstRotation, "SM-C1", kind="cost"),
    tree("never-rotates", NeverRotates, "SM-C1", kind="cost"),
    tree("silence-is-consent", SilenceIsConsent, "SM-S1"),
    tree("drops-the-failed", DropsTheFailed, "SM-S2", code="m5"),
    tree("trusts-the-acker", TrustsTheAcker, "SM-S2", code="m8", kind="liveness"),
    tree("impatient", Impatient, "SM-C1", kind="cost"),
    tree("inits-the-first", InitsTheFirst, "SM-S2", kind="liveness"),
    tree("failed-once", FailedOnce, "SM-S2"),
)
