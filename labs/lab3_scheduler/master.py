"""The ApplicationMaster: gets room, puts tasks into it, and copes with what goes wrong (part 3A).

Theory of operation. A task *waits*, is *bound* to a lease, or is *done*. The RM alone says how a
container ended: ``DONE`` and the task is done; anything else, and it waits again. What is asked for
follows from what waits, each time anew: no counter is kept that could go wrong.
"""

from __future__ import annotations

from msgspec import Struct, field

from distlab.core import Address, Fail, Node, Ok, Ticket, Timer
from labs.lab3_scheduler import binding
from labs.lab3_scheduler.cluster import (
    KILLED,
    Allocate,
    Allocated,
    AppSpec,
    Completed,
    Exit,
    FinishMaster,
    KillApp,
    MasterConfig,
    MasterFinished,
    MasterRefused,
    MasterRegistered,
    RegisterMaster,
    RunApp,
    SignedLease,
    StartContainer,
    Started,
    StartRefused,
    Task,
)
from labs.lab3_scheduler.failover import MasterUnknown
from labs.lab3_scheduler.scheduling import DUPLICATE, TOO_LARGE, UNKNOWN_APP


class Speak(Timer, frozen=True):
    """Time to say again what an application wants."""

    app: str


class Bound(Struct):
    """A lease, and the task that runs with it."""

    lease: SignedLease
    task: Task
    is_started: bool = False


class Running(Struct):
    """An application that is not over."""

    ticket: Ticket
    spec: AppSpec
    waiting: dict[str, Task]
    bound: dict[int, Bound] = field(default_factory=dict)
    """Container -> what runs in it."""
    unwanted: set[int] = field(default_factory=set)
    """Containers that the RM is to take back."""
    wish: Allocate | None = None
    """The newest one."""
    is_answered: bool = True
    epoch: int = 0
    """The RM's life in which it knows us; 0 if there is none."""
    newest: int = 0
    """The newest life of the RM that we have heard of."""
    failure: str = ""
    """Why the application is given up."""
    killers: list[Ticket] = field(default_factory=list)
    """Who waits for its being killed."""

    @property
    def is_over(self) -> bool:
        return bool(self.failure) or not (self.waiting or self.bound)


class ApplicationMaster(Node):
    """Runs the applications that it is asked for."""

    config: MasterConfig
    apps: dict[str, Running]
    names: set[str]
    """Of all applications that ever began here."""
    rms: list[Address]
    """The one that we speak to, then the others."""
    unanswered: int
    """How often we have spoken since it last answered."""

    def on_start(self) -> None:
        raise NotImplementedError("3A: nothing to run")

    def on_run_app(self, op: RunApp, ticket: Ticket) -> None:
        """An application begins; ``finish`` the ticket when all its tasks are done, or when it is refused."""
        raise NotImplementedError("3A: all tasks wait")

    def on_kill_app(self, op: KillApp, ticket: Ticket) -> None:
        """Give the application up, whatever runs; ``finish`` the ticket when the RM has confirmed it."""
        raise NotImplementedError("3A: it is over, unless it is not here")

    def on_speak(self, timer: Speak) -> None:
        raise NotImplementedError("3A: say it again")

    # TODO 3A: your own helpers

    def on_master_registered(self, registered: MasterRegistered, rm: Address) -> None:
        raise NotImplementedError("3A: from now on it can be asked")

    def on_master_unknown(self, unknown: MasterUnknown, rm: Address) -> None:
        """There is a new RM: register with it, and say what the application holds."""
        raise NotImplementedError("3E1: if it is newer than ours")

    def on_master_refused(self, refused: MasterRefused, rm: Address) -> None:
        raise NotImplementedError("3A: there will be no such application")

    def on_allocated(self, answer: Allocated, rm: Address) -> None:
        """Bind tasks to what was granted; let those wait again whose container is over."""
        raise NotImplementedError("3A: only the answer to the newest wish, and once")

    # TODO 3A: your own helpers

    def on_started(self, started: Started, node: Address) -> None:
        raise NotImplementedError("3A: no need to say it again")

    def on_start_refused(self, refused: StartRefused, node: Address) -> None:
        """The lease is of no use: the task waits for another one."""
        raise NotImplementedError("3A: and the RM is to take it back")

    def on_master_finished(self, finished: MasterFinished, rm: Address) -> None:
        raise NotImplementedError("3A: it is over")
