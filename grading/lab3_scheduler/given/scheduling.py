"""What a scheduler is told, and what it answers: resources, nodes, asks, grants, queues. Given.

Theory of operation. A :class:`Scheduler` is an object without a clock, a network or chance: whoever drives it (the
ResourceManager, a test, a benchmark) tells it what has happened and what time it is. Nodes come and go; applications
come, ask, and go; and with each heartbeat of a node the scheduler is asked what to put on it. All it knows is what it
was told, and what it has granted itself.

Everything is a whole number: memory in MiB, processors in *vcores*, time in microseconds. So shares can be compared
exactly, and nobody's turn depends on rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

ANY = "*"
"""The location of an ask that may be granted on any node."""

DEFAULT = ""
"""The label of nodes, asks and limits that name none."""

# -- resources --------------------------------------------------------------------------------------------------------


class Resources(Struct, frozen=True, order=True, gc=False):
    """So much of a machine. Order is of fields, memory first; use :meth:`fits` for "has room for"."""

    memory: int = 0
    """MiB."""
    vcores: int = 0

    def plus(self, other: Resources) -> Resources:
        return Resources(self.memory + other.memory, self.vcores + other.vcores)

    def minus(self, other: Resources) -> Resources:
        return Resources(self.memory - other.memory, self.vcores - other.vcores)

    def times(self, count: int) -> Resources:
        return Resources(self.memory * count, self.vcores * count)

    def fits(self, room: Resources) -> bool:
        """Whether this much fits into ``room``: in every dimension."""
        return self.memory <= room.memory and self.vcores <= room.vcores

    def __str__(self) -> str:
        return f"<{self.memory} MiB, {self.vcores} vcores>"


NOTHING = Resources()

# -- nodes, asks, grants ----------------------------------------------------------------------------------------------


class NodeView(Struct, frozen=True):
    """A machine, as it registers itself."""

    name: str
    capacity: Resources
    rack: str = "rack"
    label: str = DEFAULT
    """The partition of the cluster that it belongs to. What asks for another label never runs here."""


class Ask(Struct, frozen=True, gc=False):
    """So many containers of one kind. What is equal but for ``count`` is the same ask, now with another count."""

    capability: Resources
    """Of each container."""
    count: int = 1
    """How many are wanted from now on: absolute, not "so many more". 0 takes the ask back."""
    priority: int = 0
    """Among the asks of one application; the smaller one is more urgent."""
    location: str = ANY
    """Name of a node, name of a rack, or :data:`ANY`."""
    relax: bool = True
    """Any other node of the label will do as well. False: there, or nowhere."""
    label: str = DEFAULT
    preemptible: bool = False
    """May be taken back at any time; and so it is not charged to a quota."""
    gang: str = ""
    """Asks of one application with the same name here are granted all together, or not at all."""


class Grant(Struct, frozen=True, gc=False):
    """A container: a place on a node that is the application's from now on."""

    container: int
    """Never given twice, whatever happens."""
    app: str
    node: str
    ask: Ask
    """What it answers, with ``count`` 1."""


class Preempt(Struct, frozen=True):
    """A container that is wanted back."""

    container: int
    kill: bool = False
    """False: its application is warned, and may choose what to save. True: the warning is over; it ends now."""


# -- queues -----------------------------------------------------------------------------------------------------------


class Limits(Struct, frozen=True):
    """What a queue may use of the nodes of one label."""

    label: str = DEFAULT
    min: Resources = NOTHING
    """What it is owed, if it asks for it."""
    max: Resources | None = None
    """What it never exceeds, with all that is below it; None: the whole label."""
    quota: Resources | None = None
    """What containers that are not preemptible may use of it; None: no limit of their own."""


class Queue(Struct, frozen=True):
    """A node of the tree of queues. Applications are in leaves."""

    name: str
    """Unique in the tree."""
    parent: str = ""
    """Empty: the root, of which there is one. Parents stand before their children."""
    weight: int = 1
    """Its part among its siblings: a queue of weight 2 is owed twice the share of one of weight 1."""
    limits: tuple[Limits, ...] = (Limits(),)
    """One for each label that it may use; a label without is closed to it."""


SINGLE = (Queue("root"), Queue("default", "root"))
"""One leaf, without limits."""

# -- refusals ---------------------------------------------------------------------------------------------------------

UNKNOWN_QUEUE = "UNKNOWN_QUEUE"
"""There is no such leaf."""
UNKNOWN_APP = "UNKNOWN_APP"
UNKNOWN_NODE = "UNKNOWN_NODE"
UNKNOWN_CONTAINER = "UNKNOWN_CONTAINER"
"""There is none of that number, or not any more, or it is another application's."""
UNKNOWN_LABEL = "UNKNOWN_LABEL"
"""The application's queue, or one above it, has no limits for that label."""
DUPLICATE = "DUPLICATE"
"""A node, application or container of that name is there already."""
BAD_RESOURCES = "BAD_RESOURCES"
"""Negative, not whole, or nothing at all; a count below 0."""
TOO_LARGE = "TOO_LARGE"
"""Nodes of that label are registered, and none is large enough, even if it were empty."""


class Refused(Exception):
    """The scheduler takes no notice of what it was told; nothing has changed. ``str`` begins with the code."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


# -- the scheduler ----------------------------------------------------------------------------------------------------


class Scheduler:
    """What a scheduler can be told. Whatever makes no sense raises :class:`Refused`, and changes nothing."""

    def __init__(self, queues: Sequence[Queue] = SINGLE, first: int = 1) -> None:
        """``first`` is the number of the first container: after a restart, above all that were ever given."""
        raise NotImplementedError

    def add_node(self, node: NodeView) -> None:
        """A node has registered, and is empty. ``DUPLICATE``, ``BAD_RESOURCES``."""
        raise NotImplementedError

    def remove_node(self, name: str) -> list[Grant]:
        """A node is gone, and its containers with it: these. ``UNKNOWN_NODE``."""
        raise NotImplementedError

    def add_app(self, app: str, queue: str) -> None:
        """An application begins, in that leaf. ``DUPLICATE``, ``UNKNOWN_QUEUE``."""
        raise NotImplementedError

    def remove_app(self, app: str) -> list[Grant]:
        """It is over: what it asked for is void, and what it had is free: these containers. ``UNKNOWN_APP``."""
        raise NotImplementedError

    def ask(self, app: str, asks: Sequence[Ask]) -> None:
        """What an application wants from now on; asks that are not named stay as they are. All are taken, or none.

        ``UNKNOWN_APP``, ``BAD_RESOURCES``, ``UNKNOWN_LABEL``, ``TOO_LARGE``: looked for in this order.
        """
        raise NotImplementedError

    def allocate(self, node: str, now: int) -> list[Grant]:
        """A node's heartbeat: what is granted now, in order. Each grant lowers the count of its ask. ``UNKNOWN_NODE``.

        On this node, as many as fit; but a gang that is complete comes whole, with grants on other nodes as well.
        """
        raise NotImplementedError

    def release(self, app: str, container: int) -> None:
        """A container has ended, or was never used: its place is free. ``UNKNOWN_APP``, ``UNKNOWN_CONTAINER``."""
        raise NotImplementedError

    def recover(self, grant: Grant) -> None:
        """A container that runs already, as its node reports it: it counts from now on, and answers no ask.

        ``DUPLICATE`` (that number), ``UNKNOWN_APP``, ``UNKNOWN_NODE``, ``UNKNOWN_LABEL`` (not that node's, or closed to
        the queue), ``TOO_LARGE`` (for what is free there): looked for in this order.
        """
        raise NotImplementedError

    def victims(self, now: int) -> list[Preempt]:
        """What must go, so that others get what they are owed; nothing, where nobody is preempted."""
        return []
