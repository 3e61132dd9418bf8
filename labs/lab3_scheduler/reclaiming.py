"""Who is owed what, what runs, and what a plan to take some of it back looks like (part 3C). Given.

One label; queues without a tree. A queue's ``min`` is what it is owed, and its quota at the same time: containers that
are not preemptible stay within it, so whatever a queue uses above its min can be taken back.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import MS
from labs.lab3_scheduler.scheduling import NOTHING, Resources

GRACE = 50 * MS
"""So long before its end a container is warned."""


class Owner(Struct, frozen=True):
    """A queue."""

    name: str
    min: Resources = NOTHING
    used: Resources = NOTHING


class Room(Struct, frozen=True):
    """A node, and what nothing runs on."""

    node: str
    free: Resources


class Running(Struct, frozen=True):
    """A container."""

    container: int
    queue: str
    node: str
    capability: Resources
    preemptible: bool


class Wish(Struct, frozen=True):
    """What an application still waits for, and may have: neither a quota nor anything else is against it."""

    app: str
    queue: str
    capability: Resources
    count: int
    preemptible: bool = False


class View(Struct, frozen=True):
    """Everything, at one moment; each list always in the same order."""

    now: int
    """Microseconds; never goes back."""
    total: Resources
    queues: tuple[Owner, ...]
    nodes: tuple[Room, ...]
    running: tuple[Running, ...]
    wishes: tuple[Wish, ...]
    """The oldest application first."""


class Claim(Struct, frozen=True):
    """Room is kept on a node for one container of a wish: from now on, as long as each plan says so."""

    app: str
    queue: str
    capability: Resources
    node: str
    victims: tuple[int, ...] = ()
    """Containers that must end for it. Whoever is named for the first time is warned; who is named no more, is safe."""


class Plan(Struct, frozen=True):
    """What is kept for whom; and who ends now. It replaces the plan before."""

    claims: tuple[Claim, ...] = ()
    kills: tuple[int, ...] = ()
