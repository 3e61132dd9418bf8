"""Who acts on a disk or the store: a process by its handlers, or one of its jobs.

Both touch the same files, and differ in how they wait: a handler never does (its effects line up behind a sync), a job
does (its next step comes later).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from distlab.sim.simulation import Simulation


class Actor(Protocol):
    """What disks and stores ask of whoever uses them."""

    sim: Simulation

    def must_live(self) -> None:
        """Raise ``Halt`` where the actor is dead: code that swallowed its own crash must not act any more."""

    def about_to(self, verb: str, what: str) -> None:
        """An effect comes next: faults that wait for it strike now. Raises ``Halt`` where that ends the actor."""

    def note(self, kind: str, what: Any, cause: int | None = None) -> int:
        """Write an event into the trace; returns its id."""
        ...

    def charge(self, cost: int) -> None:
        """This took so long."""

    def sync(self, paths: tuple[str, ...]) -> None:
        """Make these durable, as they are now. Raises ``NoSuchFile``."""

    def flush(self) -> None:
        """Wait for the syncs that were asked for before. Raises ``DiskError`` where one of them fails."""
