"""The NodeManager as a table of containers, each in one of four states, and a timer.

A container that is not in the table is unknown. It enters as ``RUNNING`` or as ``UNUSED`` and never leaves before the
node's life ends. What a heartbeat says is read off the table.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from distlab.core import Address, Finished, JobOutcome, Node, NoSuchFile, Timer
from labs.lab3_scheduler import leases
from labs.lab3_scheduler.cluster import (
    BAD_SIGNATURE,
    OLD_LIFE,
    USED,
    VOID,
    WRONG_NODE,
    Completed,
    Exit,
    Held,
    NodeAnswer,
    NodeConfig,
    NodeHeartbeat,
    NodeRefused,
    NodeRegistered,
    RegisterNode,
    Resync,
    SignedLease,
    StartContainer,
    Started,
    StartRefused,
)
from labs.lab3_scheduler.containers import RunContainer


class Tick(Timer, frozen=True):
    """Time to speak."""


class State(Enum):
    RUNNING = "running"
    ENDED = "ended"
    UNUSED = "unused"


class Place(Struct):
    """What the node knows of one container."""

    state: State
    job: RunContainer | None = None
    lease: SignedLease | None = None
    exit: Exit | None = None
    code: str = ""
    is_noted: bool = False


class NodeManager(Node):
    config: NodeConfig
    life: int
    is_known: bool
    rm_epoch: int
    rm_ahead: list[int]
    rm: int
    """Which of the RMs we speak to."""
    quiet: int
    """Ticks since it spoke to us."""
    heartbeats: int
    places: dict[int, Place]

    def on_start(self) -> None:
        try:
            self.life = len(self.disk.read("life"))
        except NoSuchFile:
            self.life = 0
        self.rm_epoch, self.rm_ahead = 0, []
        self.rm, self.quiet = 0, 0
        self.be_born()

    def rms(self) -> list[Address]:
        return [Address(name) for name in (self.config.rm, *self.config.standby)]

    def spoke(self, rm: Address) -> None:
        """It leads, as far as we know."""
        self.rm, self.quiet = self.rms().index(rm), 0

    def be_born(self) -> None:
        """The file has one byte for each life."""
        self.life += 1
        self.disk.append("life", b".")
        self.disk.sync("life", "/")
        self.is_known, self.heartbeats, self.places = False, 0, {}
        self.on_tick()

    def probe(self) -> Held:
        return Held(self.in_state(State.RUNNING), tuple(c.container for c in self.to_tell()))

    def in_state(self, state: State) -> tuple[int, ...]:
        return tuple(number for number, place in self.places.items() if place.state is state)

    def to_tell(self) -> tuple[Completed, ...]:
        return tuple(
            Completed(number, place.exit)
            for number, place in self.places.items()
            if place.exit is not None and not place.is_noted
        )

    def on_tick(self) -> None:
        self.quiet += 1
        if self.quiet > self.config.patience:
            self.rm, self.quiet = (self.rm + 1) % len(self.rms()), 0
        rm, config = self.rms()[self.rm], self.config
        self.set_timer(Tick(), config.heartbeat)
        if not self.is_known:
            about = (config.capacity, config.rack, config.label, self.rm_epoch)
            held = [p.lease for p in self.places.values() if p.state is State.RUNNING]
            leases_used = tuple(lease for lease in held if lease is not None)
            self.send(rm, RegisterNode(self.life, *about, leases_used))
            return
        self.heartbeats += 1
        running = self.in_state(State.RUNNING)
        self.send(
            rm, NodeHeartbeat(self.life, self.rm_epoch, self.heartbeats, running, self.to_tell())
        )

    def on_node_registered(self, said: NodeRegistered, rm: Address) -> None:
        if said.life == self.life and said.epoch >= self.rm_epoch:
            self.spoke(rm)
            self.is_known, self.rm_epoch = True, said.epoch

    def on_node_refused(self, said: NodeRefused) -> None:
        """Nobody wants this machine; it may ask again."""

    def on_resync(self, said: Resync, rm: Address) -> None:
        if said.life != self.life or said.heard != self.rm_epoch or said.epoch < self.rm_epoch:
            return
        self.spoke(rm)
        if said.epoch > self.rm_epoch:  # a new one asks who we are
            self.rm_epoch, self.rm_ahead = said.epoch, []
            self.is_known, self.heartbeats = False, 0
            return
        for place in self.places.values():
            if place.state is State.RUNNING and place.job is not None:
                self.cancel_job(place.job)
        self.be_born()

    def on_start_container(self, start: StartContainer, master: Address) -> None:
        number = start.lease.lease.container
        code = self.decide(start)
        self.send(master, StartRefused(number, code) if code else Started(number))

    def decide(self, start: StartContainer) -> str:
        """Have it run, if that can be; else why not."""
        number = start.lease.lease.container
        time = self.monotonic() + max(self.rm_ahead) if self.rm_ahead else 0
        key = self.config.key
        code = leases.fault(start.lease, key, self.address, self.life, self.rm_epoch, time)
        if code in (BAD_SIGNATURE, WRONG_NODE, OLD_LIFE):
            return code
        place = self.places.get(number)
        if place is None and code:
            place = self.places[number] = Place(State.UNUSED, exit=Exit.UNUSED, code=code)
        if place is None:
            job = RunContainer(start.lease.lease, start.task)
            self.places[number] = Place(State.RUNNING, job, start.lease)
            self.run_job(job)
            return ""
        if place.job is not None and place.job.task.name != start.task.name:
            return USED
        return place.code

    def on_run_container(self, job: RunContainer, outcome: JobOutcome) -> None:
        how = Exit.DONE if isinstance(outcome, Finished) else Exit.FAILED
        self.end(self.places[job.lease.container], how)

    def end(self, place: Place, how: Exit) -> None:
        place.state, place.exit = State.ENDED, how

    def on_node_answer(self, answer: NodeAnswer, rm: Address) -> None:
        if (answer.life, answer.epoch) != (self.life, self.rm_epoch):
            return
        self.spoke(rm)
        self.rm_ahead = [max([answer.time - self.monotonic(), *self.rm_ahead])]
        for number in sorted({*answer.kill, *answer.void} - self.places.keys()):
            self.places[number] = Place(State.UNUSED, exit=Exit.UNUSED, code=VOID)
        for number in answer.kill:
            place = self.places[number]
            if place.state is State.RUNNING and place.job is not None:
                self.cancel_job(place.job)
                self.end(place, Exit.KILLED)
        for number in answer.noted:
            if number in self.places:
                self.places[number].is_noted = True
