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
from labs.lab3_scheduler import leases
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
from labs.lab3_scheduler.fifo import FifoScheduler
from labs.lab3_scheduler.scheduling import DUPLICATE, Ask, Grant, NodeView, Refused, Resources

EPOCH = 1


class Sweep(Timer, frozen=True):
    """Time to look for nodes that are silent, and leases that nobody uses."""


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

    def untold(self) -> list[SignedLease | Completed]:
        return self.entries[self.told :]


class ResourceManager(Node):
    config: ManagerConfig
    scheduler: FifoScheduler
    machines: dict[str, Machine]
    ledgers: dict[str, Ledger]
    places: dict[int, Place]

    def on_start(self) -> None:
        self.scheduler = FifoScheduler(self.config.queues, EPOCH << 40 | 1)
        self.machines, self.ledgers, self.places = {}, {}, {}
        self.on_sweep()

    def probe(self) -> Books:
        open_ones = [name for name, ledger in self.ledgers.items() if not ledger.is_closed]
        return Books(EPOCH, tuple(self.places), tuple(open_ones))

    # -- time ---------------------------------------------------------------------------------------------------------

    def on_sweep(self) -> None:
        time = self.monotonic()
        for name, machine in self.machines.items():
            if machine.is_alive and time - machine.heard_at >= self.config.node_lease:
                self.bury_node(name)
        for place in self.places.values():
            if place.standing is Standing.GRANTED and time >= place.lease.expiry:
                place.standing = Standing.OVERDUE
        self.set_timer(Sweep(), min(self.config.node_lease, self.config.unused_lease) // 8)

    # -- nodes --------------------------------------------------------------------------------------------------------

    def on_register_node(self, node: RegisterNode, sender: Address) -> None:
        known = self.machines.get(sender)
        if known is not None and node.life < known.life:
            return
        if known is not None and node.life == known.life:
            word = NodeRegistered if known.is_alive else Resync
            self.send(sender, word(node.life, EPOCH))
            return
        if known is not None and known.is_alive:
            self.bury_node(sender)
        try:
            self.scheduler.add_node(NodeView(sender, node.capacity, node.rack, node.label))
        except Refused as refused:
            self.send(sender, NodeRefused(node.life, refused.code))
            return
        self.machines[sender] = Machine(node.life, self.monotonic())
        self.send(sender, NodeRegistered(node.life, EPOCH))

    def bury_node(self, name: str) -> None:
        self.machines[name].is_alive = False
        for grant in self.scheduler.remove_node(name):
            self.note_end(Completed(grant.container, Exit.LOST), has_left=True)

    def on_node_heartbeat(self, beat: NodeHeartbeat, sender: Address) -> None:
        machine = self.machines.get(sender)
        if machine is None or beat.life != machine.life or not machine.is_alive:
            if machine is None or beat.life >= machine.life:
                self.send(sender, Resync(beat.life, EPOCH))
            return
        if beat.number <= machine.newest:
            return
        machine.newest, machine.heard_at = beat.number, self.monotonic()
        for number in beat.running:
            place = self.places.get(number)
            if place is not None and place.standing is not Standing.UNWANTED:
                place.standing = Standing.USED
        for end in beat.completed:
            self.note_end(end)
        for grant in self.scheduler.allocate(sender, machine.heard_at):
            self.note_grant(grant)
        mine = [(n, p.standing) for n, p in self.places.items() if p.lease.node == sender]
        self.send(
            sender,
            NodeAnswer(
                machine.life,
                EPOCH,
                machine.heard_at,
                tuple(n for n, standing in mine if standing is Standing.UNWANTED),
                tuple(n for n, standing in mine if standing is Standing.OVERDUE),
                tuple(end.container for end in beat.completed),
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
            epoch=EPOCH,
        )
        signed = leases.sign(self.config.key, lease)
        self.places[grant.container] = Place(signed, grant.ask)
        ledger.entries.append(signed)

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
        if word.app not in self.ledgers:
            try:
                self.scheduler.add_app(word.app, word.queue)
            except Refused as refused:
                self.send(sender, MasterRefused(word.app, refused.code))
                return
            self.ledgers[word.app] = Ledger(sender, word.attempt)
        ledger = self.ledgers[word.app]
        if ledger.master == sender and not ledger.is_over:
            self.send(sender, MasterRegistered(word.app, ledger.attempt, EPOCH))
        else:
            self.send(sender, MasterRefused(word.app, DUPLICATE))

    def on_allocate(self, wish: Allocate, sender: Address) -> None:
        ledger = self.ledgers.get(wish.app)
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
                EPOCH,
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
        if ledger is not None and ledger.master == sender and not ledger.is_over:
            ledger.is_over = True
            self.want(word.app, ledger, ())
            for place in self.places.values():
                if place.lease.app == word.app:
                    place.standing = Standing.UNWANTED
            self.close(word.app)
        self.send(sender, MasterFinished(word.app))
