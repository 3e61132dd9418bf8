"""Nodes that do as they are told: a test says who does what and when, and reads what came of it.

::

    sim = play((1 * MS, "a", lambda me: me.send("b", Note(1))), faults=[...])
    assert heard(sim, "b") == [(2 * MS, "a", Note(1))]
"""

from collections.abc import Callable, Iterable
from typing import Any

from distlab.core import (
    SECOND,
    Address,
    Config,
    Job,
    JobContext,
    JobOutcome,
    Message,
    Node,
    Ok,
    Operation,
    SessionMessage,
    Steps,
    Ticket,
    Timer,
)
from distlab.core.cluster import Cluster, Member
from distlab.faults import QUIET, Fault, Noise, Plan
from distlab.sim import Simulation
from distlab.trace import EVERYTHING, Event


class Note(Message, frozen=True):
    n: int


class Line(SessionMessage, frozen=True):
    n: int


class Alarm(Timer, frozen=True):
    n: int = 0


class Work(Job, frozen=True):
    """Does what the test says, under this name."""

    name: str

    def run(self, io: JobContext) -> Steps:
        return (yield from WORK[self.name](io))


WORK: dict[str, Callable[[Any], Steps]] = {}
"""Filled by tests: what a job of that name does."""


class Do(Operation, frozen=True):
    act: int


class Strings(Config, frozen=True):
    acts: Any
    on_start: Any
    on_message: Any


class Puppet(Node):
    config: Strings
    seen: list[Any]

    def on_start(self) -> None:
        self.seen = []
        self.config.on_start(self)

    def on_do(self, do: Do, ticket: Ticket) -> None:
        answer = self.config.acts[do.act](self)
        self.finish(ticket, Ok(answer if isinstance(answer, int) else None))

    def on_note(self, note: Note, sender: Address) -> None:
        self.seen.append(note)
        self.config.on_message(self, note, sender)

    def on_line(self, line: Line, sender: Address) -> None:
        self.seen.append(line)
        self.config.on_message(self, line, sender)

    def on_alarm(self, alarm: Alarm) -> None:
        self.seen.append(alarm)

    def on_work(self, work: Work, outcome: JobOutcome) -> None:
        self.seen.append((work.name, outcome))

    def on_connect(self, peer: Address) -> None:
        self.seen.append(f"+{peer}")

    def on_disconnect(self, peer: Address) -> None:
        self.seen.append(f"-{peer}")


class Stubborn(Puppet):
    """Goes on after a failed sync."""

    def on_sync_failed(self, path: str, error: str) -> None:
        self.seen.append(f"sync of {path} failed")


def both(*acts: Callable[[Any], Any]) -> Callable[[Any], None]:
    """An act made of several."""

    def act(me: Any) -> None:
        for each in acts:
            each(me)

    return act


def ignore(*_: Any) -> None:
    """Do nothing."""


def stage(
    *calls: tuple[int, str, Callable[[Any], Any]],
    nodes: str = "ab",
    faults: Iterable[Fault] = (),
    heal_at: int | None = None,
    noise: Noise = QUIET,
    program: type[Puppet] = Puppet,
    on_start: Callable[[Any], Any] = ignore,
    on_message: Callable[..., Any] = ignore,
    capacity: int | None = None,
    record: frozenset[str] = EVERYTHING,
    **options: Any,
) -> Simulation:
    """Puppets under one-letter addresses, ready to run."""
    strings = Strings([act for _, _, act in calls], on_start, on_message)
    member = Member(program, strings, disk_capacity=capacity)
    sim = Simulation(
        Cluster(dict.fromkeys(nodes, member)),
        Plan(tuple(faults), heal_at),
        noise,
        record=record,
        **options,
    )
    for number, (time, address, _) in enumerate(calls):
        sim.call(time, address, Do(number))
    return sim


def play(
    *calls: tuple[int, str, Callable[[Any], Any]], until: int = 1 * SECOND, **options: Any
) -> Simulation:
    """Run puppets until a time."""
    sim = stage(*calls, **options)
    sim.run(until)
    return sim


def heard(sim: Simulation, address: str) -> list[tuple[int, str, Any]]:
    """(when, from whom, what): the messages that the node's handlers were given, in all its lives."""
    return [(e.time, e.peer, e.what) for e in events(sim, "deliver", address)]


def events(sim: Simulation, kind: str, address: str | None = None) -> list[Event]:
    """The events of one kind, on one node."""
    return [e for e in sim.trace.of(kind) if address in (None, e.node)]


def seen(sim: Simulation, address: str) -> list[Any]:
    """What the running incarnation has noted."""
    node = sim.up[Address(address)].node
    assert isinstance(node, Puppet)
    return node.seen


def dropped(sim: Simulation) -> list[str]:
    """Why messages were dropped, in order."""
    return [event.what[1] for event in sim.trace.of("drop")]
