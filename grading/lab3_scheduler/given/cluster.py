"""What crosses the wire in part 3A, what a user asks for, what each node is told. Data only.

This file is given: it is restored when your work is graded, so that every solution talks alike. Add
messages, timers and records of your own in your own modules.

The names are YARN's (Vavilapalli et al., SoCC 2013): a ResourceManager (RM) owns the cluster, a
NodeManager (NM) owns a machine, and an ApplicationMaster (AM) runs one application.

================  ==================================================================================
NM -> RM          ``RegisterNode``, until ``NodeRegistered`` or ``NodeRefused`` comes; then
                  ``NodeHeartbeat`` all the while, answered by ``NodeAnswer`` or by ``Resync``
AM -> RM          ``RegisterMaster``, until ``MasterRegistered`` or ``MasterRefused`` comes; then
                  ``Allocate`` again and again, answered by ``Allocated``; in the end
                  ``FinishMaster``, until ``MasterFinished`` comes
AM -> NM          ``StartContainer``, until ``Started`` or ``StartRefused`` comes
================  ==================================================================================

All are datagrams: any may be lost, repeated or overtaken.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from distlab.core import MS, Config, Message, Operation
from labs.lab3_scheduler.scheduling import ANY, DEFAULT, SINGLE, Ask, Queue, Resources

# -- applications and their tasks ---------------------------------------------------------------------


class Task(Struct, frozen=True):
    """A piece of work that runs in one container."""

    name: str
    """Unique in its application."""
    steps: int = 20
    """How long it works: so many steps of a millisecond, in the simulator."""
    capability: Resources = Resources(1024, 1)
    """What it needs. It runs in a container of just that size."""
    label: str = DEFAULT
    """Where it may run: on nodes of this label, and nowhere else."""
    prefers: str = ANY
    """The node where its data is. Any other one will do as well."""
    priority: int = 0
    """The smaller one is more urgent."""
    effort: int = 1
    """How hard a step is: rounds of SHA-256."""


class AppSpec(Struct, frozen=True):
    """An application, as its user describes it. It is over when each of its tasks has run to its end."""

    name: str
    """Names the application for ever."""
    tasks: tuple[Task, ...]
    queue: str = "default"


class RunApp(Operation, frozen=True):
    """Run an application. ``Ok(number of tasks)``, or ``Fail(code)`` where it was refused for good or killed."""

    spec: AppSpec


class KillApp(Operation, frozen=True):
    """End an application of this AM, whatever runs. ``Ok()`` when the RM has confirmed it, or ``Fail(UNKNOWN_APP)``."""

    app: str


# -- leases -------------------------------------------------------------------------------------------


class Lease(Struct, frozen=True):
    """The right to run something on a node: once, in one container, for one application."""

    container: int
    """Never given twice, over all lives of the RM: the epoch of the RM, shifted by 40 bits, plus a count."""
    app: str
    attempt: int
    """Which life of the application's master it was granted to."""
    node: str
    life: int
    """Which life of that node. In another one the lease is void."""
    resources: Resources
    label: str
    expiry: int
    """Void from then on, if nothing was started by then: in microseconds of the RM's steady clock."""
    epoch: int
    """Which life of the RM granted it."""


class SignedLease(Struct, frozen=True):
    """A lease, and the proof that the RM granted it: HMAC-SHA-256 of its encoding, with the cluster's key."""

    lease: Lease
    mac: bytes


class Exit(StrEnum):
    """How a container ended."""

    DONE = "done"
    """What ran in it came to its end."""
    FAILED = "failed"
    """Its process died."""
    KILLED = "killed"
    """The RM had it killed."""
    UNUSED = "unused"
    """Nothing was started in it, and nothing ever will be."""
    LOST = "lost"
    """Its node has been silent for too long, or has lost it. It may still be running."""


class Completed(Struct, frozen=True):
    """A container is over."""

    container: int
    exit: Exit


# -- codes: why something is refused --------------------------------------------------------------------

BAD_SIGNATURE = "BAD_SIGNATURE"
"""The RM has never written that."""
WRONG_NODE = "WRONG_NODE"
"""The lease is for another node."""
OLD_LIFE = "OLD_LIFE"
"""The lease is for another life of this node."""
OLD_EPOCH = "OLD_EPOCH"
"""The lease is of an RM that has been replaced."""
EXPIRED = "EXPIRED"
"""The lease was not used in time."""
VOID = "VOID"
"""The RM has taken the lease back."""
USED = "USED"
"""Another task was started with that lease."""
KILLED = "KILLED"
"""How an application ends whose user wanted it so."""

# (Codes of asks, applications and nodes are in scheduling.py.)

# -- NM and RM ----------------------------------------------------------------------------------------


class RegisterNode(Message, frozen=True):
    """Here is a machine."""

    life: int
    """Rises each time that the NM begins anew, with nothing running: at every start, and after ``Resync``."""
    capacity: Resources
    rack: str
    label: str
    epoch: int = 0
    """The RM's life that this is meant for; 0 where the NM has never heard of one."""
    running: tuple[SignedLease, ...] = ()
    """What runs already. Nothing, in part 3A."""


class NodeRegistered(Message, frozen=True):
    """The node is part of the cluster. Leases of this life are good from now on."""

    life: int
    epoch: int


class NodeRefused(Message, frozen=True):
    """The scheduler will not have it: no such machine exists."""

    life: int
    code: str


class NodeHeartbeat(Message, frozen=True):
    """How things are on this node."""

    life: int
    epoch: int
    """The RM's life that it is meant for."""
    number: int
    """Counts the heartbeats of this life. One that was overtaken says nothing any more."""
    running: tuple[int, ...]
    """Containers in which something runs, at this moment."""
    completed: tuple[Completed, ...]
    """Containers that are over: each again and again, until the RM has noted it."""


class NodeAnswer(Message, frozen=True):
    """To a heartbeat."""

    life: int
    epoch: int
    time: int
    """The RM's steady clock."""
    kill: tuple[int, ...]
    """End these, whether something runs in them or not."""
    void: tuple[int, ...]
    """End these if nothing was started in them yet."""
    noted: tuple[int, ...]
    """Of these the RM knows that they are over."""


class Resync(Message, frozen=True):
    """I do not know that life of yours, or not any more: what ran in it counts as lost. Begin anew.

    (Part 3E1: unless I am new to you. Then nothing is lost; register with me, and say what runs.)
    """

    life: int
    epoch: int
    heard: int
    """The epoch in the message that this answers: about another one it says nothing."""


# -- AM and RM ----------------------------------------------------------------------------------------


class RegisterMaster(Message, frozen=True):
    """I run this application."""

    app: str
    queue: str
    attempt: int = 1
    epoch: int = 0
    """The RM's life that this is meant for; 0 where the AM has never heard of one."""
    holding: tuple[int, ...] = ()
    """Containers that the application has already. None, in part 3A."""


class MasterRegistered(Message, frozen=True):
    app: str
    attempt: int
    epoch: int


class MasterRefused(Message, frozen=True):
    """There will be no such application: ``UNKNOWN_QUEUE``, or ``DUPLICATE``."""

    app: str
    code: str


class Allocate(Message, frozen=True):
    """What the application wants. Repeated, word for word, until it is answered; then comes the next one."""

    app: str
    attempt: int
    epoch: int
    """As in ``MasterRegistered``."""
    number: int
    """Counts these, from 1."""
    asks: tuple[Ask, ...]
    """Everything that is wanted from now on: what is not named is not wanted any more."""
    releases: tuple[int, ...]
    """Containers that are not wanted, whatever runs in them."""


class Denied(Struct, frozen=True):
    """An ask that the scheduler will not have, and its code."""

    ask: Ask
    code: str


class Allocated(Message, frozen=True):
    """To an ``Allocate``. The same one is answered alike, however often it comes."""

    app: str
    number: int
    """Whose answer it is."""
    epoch: int
    grants: tuple[SignedLease, ...]
    """New leases: each stands in one answer."""
    completed: tuple[Completed, ...]
    """What has come to an end since the answer before."""
    denied: tuple[Denied, ...]


class FinishMaster(Message, frozen=True):
    """The application is over; whatever it still has is to be ended."""

    app: str
    attempt: int


class MasterFinished(Message, frozen=True):
    app: str


# -- AM and NM ----------------------------------------------------------------------------------------


class StartContainer(Message, frozen=True):
    """Run this task with that lease. Which task is the AM's choice, and made now: *late binding*."""

    lease: SignedLease
    task: Task


class Started(Message, frozen=True):
    """It was started, now or earlier. What becomes of it the RM will tell."""

    container: int


class StartRefused(Message, frozen=True):
    """Nothing was started with that lease."""

    container: int
    code: str


# -- what nodes say of themselves, for judges ---------------------------------------------------------


class Books(Struct, frozen=True):
    """The RM's: what it takes for granted."""

    epoch: int
    """The life in which it leads; 0 while it does not."""
    containers: tuple[int, ...]
    """All that it has granted, and of which it does not know that they are over."""
    apps: tuple[str, ...]
    """All that are not over."""


class Held(Struct, frozen=True):
    """An NM's."""

    running: tuple[int, ...]
    """Containers in which something runs."""
    untold: tuple[int, ...]
    """Containers that are over, and of which the RM has not noted it."""


# -- what each node is told ---------------------------------------------------------------------------


class ManagerConfig(Config, frozen=True):
    """The RM's."""

    key: bytes
    """Shared with the NMs, and with nobody else."""
    queues: tuple[Queue, ...] = SINGLE
    node_lease: int = 120 * MS
    """A node that was silent for so long counts as dead, with all that ran on it."""
    unused_lease: int = 150 * MS
    """A container in which nothing was started for so long is taken back."""
    peers: tuple[str, ...] = ()
    """The other RMs (part 3E1)."""
    watch: int = 20 * MS
    """How often to look whether one still leads, and to tell the others so."""
    election: int = 100 * MS
    """Who has heard of no leader for so long takes over. Each RM has another one."""
    recovery: int = 150 * MS
    """How long a new RM waits for nodes and masters, before it grants anything or takes anything for lost."""


class NodeConfig(Config, frozen=True):
    """An NM's."""

    rm: str
    key: bytes
    capacity: Resources = Resources(4096, 4)
    rack: str = "rack"
    label: str = DEFAULT
    heartbeat: int = 20 * MS
    standby: tuple[str, ...] = ()
    """The other RMs (part 3E1)."""
    patience: int = 5
    """After so many heartbeats without an answer it is another RM's turn."""


class MasterConfig(Config, frozen=True):
    """An AM's."""

    rm: str
    heartbeat: int = 20 * MS
    """How often to say what is wanted; and to repeat what was not answered."""
    standby: tuple[str, ...] = ()
    """The other RMs (part 3E1)."""
    patience: int = 5
    """After so many words without an answer it is another RM's turn."""
