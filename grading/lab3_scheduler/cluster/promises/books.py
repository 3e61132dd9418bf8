"""What a run's trace says in the scheduler's terms: what was granted, what ran where, what was said of it.

Only what crosses a boundary counts: messages, jobs, starts and crashes. No solution's private fields.

A container runs from the start of its job to the first of these: the job ends; its node dies; its node *says* that
it is over, in a heartbeat or a registration that does not name it. (A job that its node cancels leaves no other trace.)
A node that says so although it is not true is found out: the job goes on, and ends later.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from distlab.check.history import Entry
from distlab.core import Finished
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from labs.lab3_scheduler.cluster import (
    Allocate,
    Allocated,
    AppSpec,
    Exit,
    Lease,
    NodeHeartbeat,
    RegisterNode,
    RunApp,
    StartContainer,
    StartRefused,
    Task,
)
from labs.lab3_scheduler.containers import RunContainer
from labs.lab3_scheduler.scheduling import Resources


class Stay(Struct):
    """Something ran in a container."""

    event: Event
    """The start of its job."""
    lease: Lease
    task: Task
    until: int | None = None
    """When it was over; None if it never was."""
    said: int = 0
    """Id of the event in which its node said that it is over; 0 if it ended by itself."""
    ended: Event | None = None
    """The end of the job, where the trace has it."""

    @property
    def node(self) -> str:
        return self.event.node


class Account:
    """Everything that judges ask for, in one walk through the trace."""

    def __init__(self, run: Run) -> None:
        self.entries: list[tuple[Entry, AppSpec]] = []
        for entry in run.history.of_type(RunApp):
            assert isinstance(entry.operation, RunApp)
            self.entries.append((entry, entry.operation.spec))
        self.stays: list[Stay] = []
        self.grants: dict[int, tuple[Event, Lease]] = {}
        """Container -> the first answer that tells of it."""
        self.exits: dict[int, tuple[Event, Exit]] = {}
        """Container -> the first answer that tells its master how it ended."""
        self.claims: dict[int, tuple[Event, Exit]] = {}
        """Container -> the first heartbeat in which its node says how it ended."""
        self.starts: dict[int, Event] = {}
        """Container -> the first ``StartContainer`` that its master sent."""
        self.releases: dict[int, Event] = {}
        """Container -> the first ``Allocate`` that gives it back."""
        self.refused: dict[int, Event] = {}
        """Container -> the first refusal by a node."""
        self.newest = 0
        """The newest life of the RM in which anything was granted or answered."""
        self.epochs: list[tuple[Event, int]] = []
        """A node names an epoch of the RM for the first time."""
        self.lives: list[Event] = []
        """First registrations of each life, in order."""
        self._walk(run)

    def _walk(self, run: Run) -> None:
        running: dict[str, dict[int, Stay]] = {}
        jobs: dict[int, Stay] = {}
        lives: set[tuple[str, int]] = set()
        heard: dict[str, int] = {}
        for event in run.trace.of(Kind.JOB, Kind.JOB_END, Kind.CRASH, Kind.STOP, Kind.SEND):
            what = event.what
            if event.kind == Kind.JOB:
                if isinstance(what, RunContainer):
                    stay = Stay(event, what.lease, what.task)
                    self.stays.append(stay)
                    jobs[event.id] = running.setdefault(event.node, {})[event.id] = stay
            elif event.kind == Kind.JOB_END:
                if event.cause in jobs:
                    jobs[event.cause].ended = event
                    _over(running, event, [event.cause])
            elif event.kind in (Kind.CRASH, Kind.STOP):
                _over(running, event, list(running.get(event.node, ())))
            elif isinstance(what, NodeHeartbeat | RegisterNode):
                if what.epoch > heard.get(event.node, 0):
                    heard[event.node] = what.epoch
                    self.epochs.append((event, what.epoch))
                    self.newest = max(self.newest, what.epoch)
                if isinstance(what, RegisterNode):
                    named = {signed.lease.container for signed in what.running}
                    if (event.node, what.life) not in lives:
                        lives.add((event.node, what.life))
                        self.lives.append(event)
                else:
                    named = set(what.running)
                    for completed in what.completed:
                        self.claims.setdefault(completed.container, (event, completed.exit))
                here = running.get(event.node, {})
                gone = [job for job, stay in here.items() if stay.lease.container not in named]
                _over(running, event, gone, said=True)
            elif isinstance(what, Allocated):
                for signed in what.grants:
                    self.grants.setdefault(signed.lease.container, (event, signed.lease))
                for completed in what.completed:
                    self.exits.setdefault(completed.container, (event, completed.exit))
            elif isinstance(what, StartContainer):
                self.starts.setdefault(what.lease.lease.container, event)
            elif isinstance(what, StartRefused):
                self.refused.setdefault(what.container, event)
            elif isinstance(what, Allocate):
                for container in what.releases:
                    self.releases.setdefault(container, event)

    def was_left_behind(self, container: int) -> bool:
        """Granted by an RM that has been replaced since, and nothing in it has come to its end."""
        done = any(
            stay.lease.container == container
            and stay.ended is not None
            and isinstance(stay.ended.what[1], Finished)
            for stay in self.stays
        )
        return container >> 40 < self.newest and not done

    def registered(self, node: str, time: int) -> RegisterNode | None:
        """What a node has last said of itself."""
        found = [e.what for e in self.lives if e.node == node and e.time <= time]
        return found[-1] if found else None


def _over(
    running: dict[str, dict[int, Stay]], event: Event, jobs: Sequence[int], said: bool = False
) -> None:
    for job in jobs:
        stay = running.get(event.node, {}).pop(job, None)
        if stay is not None:
            stay.until = event.time
            stay.said = event.id if said else 0


def account(run: Run) -> Account:
    """The run's account: made once for all its judges."""
    found: Account | None = run.notes.get("account")
    if found is None or run.notes.get("account of") is not run.trace:
        found = run.notes["account"] = Account(run)
        run.notes["account of"] = run.trace
    return found


def total(amounts: Sequence[Resources]) -> Resources:
    return Resources(sum(a.memory for a in amounts), sum(a.vcores for a in amounts))
