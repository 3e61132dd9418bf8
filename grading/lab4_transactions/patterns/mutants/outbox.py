"""Bugs of part 4E1: relays that read in the wrong order, and consumers that recognise too little, or too late."""

from __future__ import annotations

from distlab.core import Address, Ticket
from distlab.grade.lab import bug
from labs.lab4_transactions.database import Row, open_database
from labs.lab4_transactions.outbox import (
    ConsumerView,
    Event,
    Order,
    Points,
    Publish,
    Received,
    Think,
    credited,
)
from labs.lab4_transactions.outbox_consumer import Consumer, Position
from labs.lab4_transactions.outbox_relay import Relay, Shop


def say(shop: Shop, event: Event) -> None:
    publish = Publish(event.commit, event.id, event.customer, event.value)
    shop.send(Address(shop.config.consumer), publish)


class ReadsById(Shop):
    """Reads by primary key from the greatest id on that it has seen: a transaction that commits late is passed over."""

    seen: int

    def on_start(self) -> None:
        self.seen = 0
        super().on_start()

    def publish(self) -> None:
        for event in self.outbox.by_id(self.seen):
            say(self, event)
            self.seen = event.id
        self.set_timer(Relay(), self.config.retry)


class RemovesById(Shop):
    """Reads by id, and removes by id what was received: a late committer goes with the others, unsaid."""

    def publish(self) -> None:
        for event in self.outbox.by_id(0):
            say(self, event)
        self.set_timer(Relay(), self.config.retry)

    def on_received(self, received: Received) -> None:
        known = [e for e in self.outbox.by_id(0) if e.commit <= received.commit]
        newest = max((e.id for e in known), default=0)
        self.outbox.remove(self.disk, [e for e in self.outbox.by_id(0) if e.id <= newest])


class WaitsForGaps(Shop):
    """Reads by id without leaving one out: it waits for a transaction that was rolled back."""

    def publish(self) -> None:
        expected = None
        for event in self.outbox.by_id(0):
            if expected is not None and event.id != expected:
                break
            say(self, event)
            expected = event.id + 1
        self.set_timer(Relay(), self.config.retry)


class WaitsForTheOldest(Shop):
    """Publishes nothing beyond the oldest transaction that is still running."""

    def publish(self) -> None:
        oldest = min((row for _, row in self.running.values()), default=10**9)
        if all(event.id < oldest for event in self.outbox.by_commit(0)):
            super().publish()
        else:
            self.set_timer(Relay(), self.config.retry)


class PublishesWhatIsWritten(Shop):
    """Publishes when the row is written: who is rolled back afterwards, or dies, has bought nothing."""

    def on_order(self, op: Order, ticket: Ticket) -> None:
        super().on_order(op, ticket)
        if op.think:
            commit = 1 + len(self.probe().sales)
            say(self, Event(self.drawn, commit, op.customer, op.value))


class PublishesThenCommits(Shop):
    """Publishes first and commits then: a crash between them leaves an event that nothing has caused."""

    def on_think(self, timer: Think) -> None:
        order, row = self.running[timer.ticket]
        if not order.fails:
            commit = 1 + len(self.probe().sales)
            say(self, Event(row, commit, order.customer, order.value))
        super().on_think(timer)


class RemovesWhenSaid(Shop):
    """Removes an event from the outbox when it has sent it."""

    def publish(self) -> None:
        for event in self.outbox.by_commit(0):
            say(self, event)
            self.outbox.remove(self.disk, [event])


class RemovesAll(Shop):
    """Removes everything from the outbox when anything was received."""

    def on_received(self, received: Received) -> None:
        if received.commit:
            self.outbox.remove(self.disk, self.outbox.by_commit(0))


class SaysItOnce(Shop):
    """Says each event when it is committed, and again only after a restart."""

    def publish(self) -> None:
        super().publish()
        self.cancel_timer(Relay())


class OnlyWhenCommitted(Shop):
    """Looks at the outbox when a transaction commits, and never by itself: what is there at a start waits."""

    def on_start(self) -> None:
        super(Shop, self).on_start()
        self.said = 0

    def publish(self) -> None:
        self.said = 0
        super().publish()
        self.cancel_timer(Relay())


class NeverRemoves(Shop):
    """Keeps its place in memory, and every row for ever."""

    def on_received(self, received: Received) -> None:
        self.said = max(self.said, received.commit)

    def on_relay(self, timer: Relay) -> None:
        self.said = getattr(self, "said", 0)
        self.publish()

    def publish(self) -> None:
        for event in self.outbox.by_commit(self.said):
            say(self, event)
        self.set_timer(Relay(), self.config.retry)


class NewestFirst(Shop):
    """Publishes the newest event first, and the rest when it was received: the oldest starve."""

    def publish(self) -> None:
        for event in self.outbox.by_commit(0)[-1:]:
            say(self, event)
        self.set_timer(Relay(), self.config.retry)


class Floods(Shop):
    """Says everything that is in the outbox at each commit."""

    def after_commit(self) -> None:
        self.said = 0
        super().after_commit()


# -- the consumer -----------------------------------------------------------------------------------------------------


class NoDedup(Consumer):
    """Applies whatever comes: the relay has published, and dies before it has noted that it has."""

    def on_publish(self, event: Publish, sender: Address) -> None:
        points = self.db.get(Points, event.customer) or Points(event.customer)
        position = Position(max(self.position, event.commit))
        self.db.commit(self.disk, credited(points, event.value), position)
        self.send(sender, Received(self.position))


class DedupInMemory(Consumer):
    """Knows how far it is until it is started again."""

    reached: int

    def on_start(self) -> None:
        self.reached = 0
        super().on_start()

    @property
    def position(self) -> int:
        return self.reached

    def on_publish(self, event: Publish, sender: Address) -> None:
        if event.commit > self.reached and (self.reached == 0 or event.commit == self.reached + 1):
            points = self.db.get(Points, event.customer) or Points(event.customer)
            self.db.commit(self.disk, credited(points, event.value))
            self.reached = event.commit
        self.send(sender, Received(self.reached))


class EffectThenPosition(Consumer):
    """Two local transactions, the effect first: a crash between them, and it has its effect again."""

    def on_publish(self, event: Publish, sender: Address) -> None:
        if event.commit == self.position + 1:
            points = self.db.get(Points, event.customer) or Points(event.customer)
            self.db.commit(self.disk, credited(points, event.value))
            self.db.commit(self.disk, Position(event.commit))
        self.send(sender, Received(self.position))


class PositionThenEffect(Consumer):
    """Two local transactions, the position first: a crash between them, and it never has its effect."""

    def on_publish(self, event: Publish, sender: Address) -> None:
        if event.commit == self.position + 1:
            points = self.db.get(Points, event.customer) or Points(event.customer)
            self.db.commit(self.disk, Position(event.commit))
            self.db.commit(self.disk, credited(points, event.value))
        self.send(sender, Received(self.position))


class ReceivedBeforeItIsStored(Consumer):
    """Answers first and stores then: the shop has removed what the consumer loses."""

    def on_publish(self, event: Publish, sender: Address) -> None:
        if event.commit == self.position + 1:
            self.send(sender, Received(event.commit))
        super().on_publish(event, sender)


class SkipsAhead(Consumer):
    """Takes whatever is newer than what it has: an event that was overtaken is taken for an old one."""

    def on_publish(self, event: Publish, sender: Address) -> None:
        if event.commit > self.position:
            points = self.db.get(Points, event.customer) or Points(event.customer)
            self.db.commit(self.disk, credited(points, event.value), Position(event.commit))
        self.send(sender, Received(self.position))


class DedupByValue(Consumer):
    """Recognises a repeat by its being like the last one: not when another came between."""

    last: int

    def on_start(self) -> None:
        self.last = 0
        super().on_start()

    def on_publish(self, event: Publish, sender: Address) -> None:
        if event.value != self.last and event.commit <= self.position + 1:
            self.last = event.value
            points = self.db.get(Points, event.customer) or Points(event.customer)
            position = Position(max(self.position, event.commit))
            self.db.commit(self.disk, credited(points, event.value), position)
        self.send(sender, Received(self.position))


class SilentAboutTheOld(Consumer):
    """Does not answer what it has had: whoever lost the answer says it for ever."""

    def on_publish(self, event: Publish, sender: Address) -> None:
        if event.commit == self.position + 1:
            super().on_publish(event, sender)


class Seen(Row, frozen=True):
    commit: int

    @property
    def key(self) -> int:
        return self.commit


class KeepsAllNumbers(Consumer):
    """A row for each event, for ever."""

    def on_start(self) -> None:
        self.db = open_database(self.disk, Points | Position | Seen)

    def on_publish(self, event: Publish, sender: Address) -> None:
        self.db.commit(self.disk, Seen(event.commit))
        super().on_publish(event, sender)

    def probe(self) -> ConsumerView:
        return ConsumerView(tuple(self.db.all(Points)), len(self.db.all(Seen)))


class Had(Row, frozen=True):
    ids: tuple[int, ...]

    @property
    def key(self) -> str:
        return ""


class KeepsAllInOneRow(Consumer):
    """One row, as asked for, with all numbers in it: each event writes down all that came before."""

    def on_start(self) -> None:
        self.db = open_database(self.disk, Points | Position | Had)

    def on_publish(self, event: Publish, sender: Address) -> None:
        had = self.db.get(Had, "")
        if had is None or event.id not in had.ids:
            self.db.commit(self.disk, Had((*(had.ids if had else ()), event.id)))
        super().on_publish(event, sender)


SHOP, CONSUMER = "outbox_relay:Shop", "outbox_consumer:Consumer"


def _of(name, by, breaks, kind="safety", code="", source="ours", replaces=SHOP):  # type: ignore[no-untyped-def]
    return bug(
        name, by, part="E1", replaces=replaces, breaks=breaks, code=code, kind=kind, source=source
    )


OUTBOX = (
    _of("reads-by-id", ReadsById, "TX2-L5", "liveness", source="every polling publisher, once"),
    _of("removes-by-id", RemovesById, "TX2-S7"),
    _of("waits-for-gaps", WaitsForGaps, "TX2-L5", "liveness"),
    _of("waits-for-the-oldest", WaitsForTheOldest, "TX2-L5", "liveness"),
    _of("publishes-what-is-written", PublishesWhatIsWritten, "TX2-S7"),
    _of("publishes-then-commits", PublishesThenCommits, "TX2-S7"),
    _of("removes-when-said", RemovesWhenSaid, "TX2-S7"),
    _of("removes-all", RemovesAll, "TX2-S7"),
    _of("says-events-once", SaysItOnce, "TX2-L5", "liveness"),
    _of("only-when-committed", OnlyWhenCommitted, "TX2-L5", "liveness"),
    _of("never-removes", NeverRemoves, "TX2-C5", "cost"),
    _of("newest-first", NewestFirst, "TX2-L5", "liveness"),
    _of("floods", Floods, "TX2-C5", "cost"),
    _of("no-dedup", NoDedup, "TX2-S7", code="m21", replaces=CONSUMER),
    _of("dedup-in-memory", DedupInMemory, "TX2-S7", replaces=CONSUMER),
    _of("effect-then-position", EffectThenPosition, "TX2-S7", replaces=CONSUMER),
    _of("position-then-effect", PositionThenEffect, "TX2-S7", replaces=CONSUMER),
    _of("received-before-it-is-stored", ReceivedBeforeItIsStored, "TX2-S7", replaces=CONSUMER),
    _of("skips-the-overtaken", SkipsAhead, "TX2-S7", replaces=CONSUMER),
    _of("dedup-by-value", DedupByValue, "TX2-S7", replaces=CONSUMER),
    _of("silent-about-the-old", SilentAboutTheOld, "TX2-L5", "liveness", replaces=CONSUMER),
    _of("keeps-all-numbers", KeepsAllNumbers, "TX2-C5", "cost", replaces=CONSUMER),
    _of("keeps-all-in-one-row", KeepsAllInOneRow, "TX2-C5", "cost", replaces=CONSUMER),
)
