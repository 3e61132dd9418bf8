"""The ResourceManager as ledgers: one per application, and a table of places.

What an application is to be told is a ledger of entries, grants and ends, in order. Each wish tells up to which entry
its answers were heard; an answer is what was written since. A place is in one of four states, and what a node is told
to end is read off them.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum

from msgspec import Struct, field, structs

from distlab.core import Address, Node, Timer
from labs.lab3_scheduler import inheritance, leadership, leases
from labs.lab3_scheduler.cluster import (
    Allocate,
    Allocated,
    Books,
    Completed,
    Denied,
    Exit,
    FinishMaster,
    Lease,
    ManagerConfig,
    MasterFinished,
    MasterRefused,
    MasterRegistered,
    NodeAnswer,
    NodeHeartbeat,
    NodeRefused,
    NodeRegistered,
    RegisterMaster,
    RegisterNode,
    Resync,
    SignedLease,
)
from labs.lab3_scheduler.failover import AppRecord, Leading, MasterUnknown
from labs.lab3_scheduler.fifo import FifoScheduler
from labs.lab3_scheduler.scheduling import DUPLICATE, Ask, Grant, NodeView, Refused, Resources


class Sweep(Timer, frozen=True):
    """Time to look for nodes that are silent, leases that nobody uses, and other RMs."""


class Standing(Enum):
    """Of a place that is taken."""

    GRANTED = "granted"
    OVERDUE = "overdue"
    USED = "used"
    UNWANTED = "unwanted"


class Place(Struct):
    signed: SignedLease
    ask: Ask
    standing: Standing = Standing.GRANTED

    @property
    def lease(self) -> Lease:
        return self.signed.lease


class Machine(Struct):
    life: int
    heard_at: int
    is_alive: bool = True
    newest: int = 0


class Ledger(Struct):
    """An application: what it was told, what it is to be told."""

    master: Address
    attempt: int
    entries: list[SignedLease | Completed] = field(default_factory=list)
    told: int = 0
    """So many entries stand in answers that were heard, or in the last one."""
    last: Allocated | None = None
    wanted: tuple[Ask, ...] = ()
    is_over: bool = False
    is_closed: bool = False
    claims: set[int] | None = None
    """After a change of RMs: containers that the master holds, and no node has spoken of. None: it has not spoken."""

    def untold(self) -> list[SignedLease | Completed]:
        return self.entries[self.told :]


class ResourceManager(Node):
    config: ManagerConfig
    epoch: int
    """0: another one leads."""
    open_at: int
    """From then on we grant; until then those speak who know what there is."""
    is_open: bool
    silent_since: int
    """Since when no other RM has said that it leads."""
    scheduler: FifoScheduler
    machines: dict[str, Machine]
    ledgers: dict[str, Ledger]
    places: dict[int, Place]

    def on_start(self) -> None:
        self.silent_since = self.monotonic()
        self.turn(0)
        if not self.config.peers:
            self.try_to_lead()
        self.on_sweep()

    def turn(self, epoch: int) -> None:
        """Lead in that epoch, or in none: knowing nobody."""
        self.epoch, self.is_open = epoch, epoch == 1
        self.open_at = self.monotonic() + self.config.recovery
        self.scheduler = FifoScheduler(self.config.queues, epoch << 40 | 1)
        self.machines, self.ledgers, self.places = {}, {}, {}

    def try_to_lead(self) -> None:
        epoch = leadership.claim(self.store, self.address)
        self.silent_since = self.monotonic()
        if not epoch:
            return
        self.turn(epoch)
        ended = inheritance.ended(self.store)
        for record in inheritance.applications(self.store):
            is_over = record.app in ended
            self.ledgers[record.app] = ledger = Ledger(Address(record.master), record.attempt)
            ledger.is_over = is_over
            self.scheduler.add_app(record.app, record.queue)
            self.close(record.app)

    def is_replaced(self) -> bool:
        """Make way, if there is a newer one."""
        if self.epoch and leadership.newest(self.store) > self.epoch:
            self.silent_since = self.monotonic()
            self.turn(0)
        return not self.epoch

    def on_leading(self, word: Leading) -> None:
        if word.epoch > self.epoch:
            self.silent_since = self.monotonic()
            if self.epoch:
                self.turn(0)

    def probe(self) -> Books:
        open_ones = [name for name, ledger in self.ledgers.items() if not ledger.is_closed]
        return Books(self.epoch, tuple(self.places), tuple(open_ones))

    # -- time ---------------------------------------------------------------------------------------------------------

    def on_sweep(self) -> None:
        time = self.monotonic()
        every = min(self.config.node_lease, self.config.unused_lease) // 8
        self.set_timer(Sweep(), min(every, self.config.watch))
        if self.is_replaced():
            if time - self.silent_since >= self.config.election:
                self.try_to_lead()
            return
        for peer in self.config.peers:
            self.send(Address(peer), Leading(self.epoch))
        if not self.is_open and time >= self.open_at:
            self.is_open = True
            for ledger in self.ledgers.values():
                self.write_off(ledger)
        for name, machine in self.machines.items():
            if machine.is_alive and time - machine.heard_at >= self.config.node_lease:
                self.bury_node(name)
        for place in self.places.values():
            if place.standing is Standing.GRANTED and time >= place.lease.expiry:
                place.standing = Standing.OVERDUE

    # -- nodes --------------------------------------------------------------------------------------------------------

    def on_register_node(self, node: RegisterNode, sender: Address) -> None:
        if not self.epoch:
            return
        if max(node.epoch, 1) != self.epoch:
            if not self.is_replaced():
                self.send(sender, Resync(node.life, self.epoch, node.epoch))
            return
        known = self.machines.get(sender)
        if known is not None and node.life < known.life:
            return
        if known is not None and node.life == known.life:
            if known.is_alive:
                self.send(sender, NodeRegistered(node.life, self.epoch))
            else:
                self.send(sender, Resync(node.life, self.epoch, node.epoch))
            return
        if known is not None and known.is_alive:
            self.bury_node(sender)
        try:
            self.scheduler.add_node(NodeView(sender, node.capacity, node.rack, node.label))
        except Refused as refused:
            self.send(sender, NodeRefused(node.life, refused.code))
            return
        self.machines[sender] = Machine(node.life, self.monotonic())
        for signed in node.running:
            self.take_on(signed)
        self.send(sender, NodeRegistered(node.life, self.epoch))

    def take_on(self, signed: SignedLease) -> None:
        """It runs from before."""
        lease = signed.lease
        ledger = self.ledgers.get(lease.app)
        if ledger is None:
            return
        if ledger.is_closed:
            records = {record.app: record for record in inheritance.applications(self.store)}
            self.scheduler.add_app(lease.app, records[lease.app].queue)
            ledger.is_closed = False
        ask = Ask(lease.resources, label=lease.label)
        self.scheduler.recover(Grant(lease.container, lease.app, lease.node, ask))
        place = self.places[lease.container] = Place(signed, ask, Standing.USED)
        if ledger.is_over or (ledger.claims is not None and lease.container not in ledger.claims):
            place.standing = Standing.UNWANTED
        if ledger.claims is not None:
            ledger.claims.discard(lease.container)

    def write_off(self, ledger: Ledger) -> None:
        """What is claimed, and nobody has spoken of, is lost."""
        if self.is_open and ledger.claims:
            ledger.entries += [Completed(number, Exit.LOST) for number in sorted(ledger.claims)]
            ledger.claims = set()

    def bury_node(self, name: str) -> None:
        self.machines[name].is_alive = False
        for grant in self.scheduler.remove_node(name):
            self.note_end(Completed(grant.container, Exit.LOST), has_left=True)

    def on_node_heartbeat(self, beat: NodeHeartbeat, sender: Address) -> None:
        if not self.epoch:
            return
        if beat.epoch != self.epoch:
            if not self.is_replaced():
                self.send(sender, Resync(beat.life, self.epoch, beat.epoch))
            return
        machine = self.machines.get(sender)
        if machine is None or beat.life != machine.life or not machine.is_alive:
            if machine is None or beat.life >= machine.life:
                self.send(sender, Resync(beat.life, self.epoch, beat.epoch))
            return
        if beat.number <= machine.newest:
            return
        machine.newest, machine.heard_at = beat.number, self.monotonic()
        for number in beat.running:
            place = self.places.get(number)
            if place is not None and place.standing is not Standing.UNWANTED:
                place.standing = Standing.USED
        noted = [end.container for end in beat.completed if self.hear_of(end)]
        for grant in self.scheduler.allocate(sender, machine.heard_at) if self.is_open else ():
            self.note_grant(grant)
        mine = [(n, p.standing) for n, p in self.places.items() if p.lease.node == sender]
        self.send(
            sender,
            NodeAnswer(
                machine.life,
                self.epoch,
                machine.heard_at,
                tuple(n for n, standing in mine if standing is Standing.UNWANTED),
                tuple(n for n, standing in mine if standing is Standing.OVERDUE),
                tuple(noted),
            ),
        )

    # -- ledgers ------------------------------------------------------------------------------------------------------

    def note_grant(self, grant: Grant) -> None:
        ledger, machine = self.ledgers[grant.app], self.machines[grant.node]
        lease = Lease(
            container=grant.container,
            app=grant.app,
            attempt=ledger.attempt,
            node=grant.node,
            life=machine.life,
            resources=grant.ask.capability,
            label=grant.ask.label,
            expiry=self.monotonic() + self.config.unused_lease,
            epoch=self.epoch,
        )
        signed = leases.sign(self.config.key, lease)
        self.places[grant.container] = Place(signed, grant.ask)
        ledger.entries.append(signed)

    def hear_of(self, end: Completed) -> bool:
        """From a node. Whether we have done with it what can be done."""
        if end.container in self.places:
            self.note_end(end)
            return True
        for ledger in self.ledgers.values():
            if ledger.claims and end.container in ledger.claims:
                ledger.claims.discard(end.container)
                ledger.entries.append(end)
                return True
        return self.is_open

    def note_end(self, end: Completed, has_left: bool = False) -> None:
        place = self.places.pop(end.container, None)
        if place is None:
            return
        name = place.lease.app
        ledger = self.ledgers[name]
        if not has_left:
            self.scheduler.release(name, end.container)
        if place.signed in ledger.untold():
            ledger.entries.remove(place.signed)
        else:
            ledger.entries.append(end)
        self.close(name)

    def close(self, name: str) -> None:
        ledger = self.ledgers[name]
        mine = any(place.lease.app == name for place in self.places.values())
        if ledger.is_over and not ledger.is_closed and not mine:
            self.scheduler.remove_app(name)
            ledger.is_closed = True

    def on_register_master(self, word: RegisterMaster, sender: Address) -> None:
        if not self.epoch:
            return
        if max(word.epoch, 1) != self.epoch:
            self.send(sender, MasterUnknown(word.app, self.epoch))
            return
        if word.app not in self.ledgers:
            try:
                self.scheduler.add_app(word.app, word.queue)
            except Refused as refused:
                self.send(sender, MasterRefused(word.app, refused.code))
                return
            record = AppRecord(word.app, word.queue, word.attempt, sender)
            inheritance.let_in(self.store, record)
            if self.is_replaced():
                return
            self.ledgers[word.app] = Ledger(sender, word.attempt, claims=set())
        ledger = self.ledgers[word.app]
        if ledger.claims is None and ledger.master == sender and not ledger.is_over:
            self.compare(word, ledger)
        if ledger.master == sender and not ledger.is_over:
            self.send(sender, MasterRegistered(word.app, ledger.attempt, self.epoch))
        else:
            self.send(sender, MasterRefused(word.app, DUPLICATE))

    def compare(self, word: RegisterMaster, ledger: Ledger) -> None:
        """What the master of before holds, with what nodes have said by now."""
        mine = {n: p for n, p in self.places.items() if p.lease.app == word.app}
        for number in mine.keys() - set(word.holding):
            mine[number].standing = Standing.UNWANTED
        told = {entry.container for entry in ledger.entries if isinstance(entry, Completed)}
        ledger.claims = set(word.holding) - mine.keys() - told
        self.write_off(ledger)

    def on_allocate(self, wish: Allocate, sender: Address) -> None:
        if not self.epoch:
            return
        ledger = self.ledgers.get(wish.app)
        if wish.epoch != self.epoch or (ledger is not None and ledger.claims is None):
            self.send(sender, MasterUnknown(wish.app, self.epoch))
            return
        if ledger is None or ledger.master != sender or ledger.is_over:
            return
        newest = ledger.last.number if ledger.last is not None else 0
        if wish.number == newest + 1:
            for number in wish.releases:
                place = self.places.get(number)
                if place is not None and place.lease.app == wish.app:
                    place.standing = Standing.UNWANTED
            denied = self.want(wish.app, ledger, wish.asks)
            fresh = ledger.untold()
            ledger.told = len(ledger.entries)
            ledger.last = Allocated(
                wish.app,
                wish.number,
                self.epoch,
                tuple(entry for entry in fresh if isinstance(entry, SignedLease)),
                tuple(entry for entry in fresh if isinstance(entry, Completed)),
                denied,
            )
        elif wish.number != newest:
            return
        if ledger.last is not None:
            self.send(sender, ledger.last)

    def want(self, name: str, ledger: Ledger, asks: tuple[Ask, ...]) -> tuple[Denied, ...]:
        """Of each size and label, take off what is under way; the least urgent asks are shortened first."""
        under_way: Counter[tuple[Resources, str]] = Counter()
        for entry in ledger.untold():
            if isinstance(entry, SignedLease):
                under_way[entry.lease.resources, entry.lease.label] += 1
        for ask in ledger.wanted:
            self.scheduler.ask(name, [structs.replace(ask, count=0)])
        accepted, denied = [], []
        for ask in sorted(asks, key=lambda ask: -ask.priority):
            kind = (ask.capability, ask.label)
            less = min(max(ask.count, 0), under_way[kind])
            under_way[kind] -= less
            try:
                self.scheduler.ask(name, [structs.replace(ask, count=ask.count - less)])
                accepted.append(ask)
            except Refused as refused:
                denied.append(Denied(ask, refused.code))
        ledger.wanted = tuple(accepted)
        return tuple(denied)

    def on_finish_master(self, word: FinishMaster, sender: Address) -> None:
        ledger = self.ledgers.get(word.app)
        if not self.epoch or (ledger is not None and ledger.master != sender):
            return
        inheritance.end(self.store, word.app)
        if self.is_replaced():
            return
        if ledger is not None and not ledger.is_over:
            ledger.is_over = True
            self.want(word.app, ledger, ())
            for place in self.places.values():
                if place.lease.app == word.app:
                    place.standing = Standing.UNWANTED
            self.close(word.app)
        self.send(sender, MasterFinished(word.app))
