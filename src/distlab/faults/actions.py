"""What can go wrong, one class per kind. Data only: the worlds carry it out.

A node is named by its address, by ``"@role"`` (whoever has the role when the fault strikes: ``"@leader"``), or by
``"@role:2"`` (the second that has it, counted from 0); ``"*"`` stands for every node where a link is named. Durations
are microseconds; a fault that is still under way when the plan heals ends there.

Message faults (:class:`Drop`, :class:`Delay`, :class:`Duplicate`, :class:`Flip`) need a trigger that names a message
(:class:`~distlab.faults.plan.Nth`). In a session they show as what TCP makes of them: delay.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Survival(StrEnum):
    """What a crash leaves of writes that were never synced."""

    NOTHING = "nothing"
    """All are lost: as when power fails."""
    SOME = "some"
    """Each by itself is kept, lost or torn, as the disk's random stream says; names keep a prefix."""
    TORN = "torn"
    """All but the last are kept; of the last, a part."""
    ALL = "all"
    """All are kept: the process died, the machine did not (``kill -9``)."""


class Action(Struct, frozen=True, tag=True):
    """Base of all faults."""


# -- one message ----------------------------------------------------------------------------------------------------


class Drop(Action, frozen=True):
    """The message is lost."""


class Delay(Action, frozen=True):
    """The message takes this much longer, and so may be overtaken."""

    by: int


class Duplicate(Action, frozen=True):
    """The message arrives once more, this much later."""

    after: int = 0


class Flip(Action, frozen=True):
    """One bit of the encoded message changes, after any checksum that the network itself computes."""

    bit: int
    """Counted from the front, modulo the message's size."""


# -- the network ----------------------------------------------------------------------------------------------------


class Partition(Action, frozen=True):
    """Nodes talk only within a group. A node in two groups is a bridge; one in no group is not affected."""

    groups: tuple[tuple[str, ...], ...]
    duration: int


class Cut(Action, frozen=True):
    """Messages from ``source`` to ``to`` are lost; the other way stays open."""

    source: str
    to: str
    duration: int


class Clog(Action, frozen=True):
    """Messages from ``source`` to ``to`` are held back, and all arrive, in order, when it ends."""

    source: str
    to: str
    duration: int


# -- a node ---------------------------------------------------------------------------------------------------------


class Crash(Action, frozen=True):
    """The process ends at once: state, timers and jobs are gone."""

    node: str
    restart_after: int | None = None
    """None: it stays down until the plan heals."""
    unsynced: Survival = Survival.SOME


class Pause(Action, frozen=True):
    """The process stands still and wakes with stale beliefs: all that it missed comes at once, timers late."""

    node: str
    duration: int


class Twin(Action, frozen=True):
    """A second incarnation starts, with the same address and files, while the first one lives on for ``duration``.

    Messages go to the newer one. Whoever took the first for dead did this.
    """

    node: str
    duration: int


class SlowNode(Action, frozen=True):
    """Each event takes ``cost`` to handle, one after the other; jobs take ``factor`` times as long."""

    node: str
    duration: int
    cost: int = 10_000
    factor: int = 10


class KillJob(Action, frozen=True):
    """The process of the node's oldest running job is killed; the node is told ``Failed``."""

    node: str


class JumpClock(Action, frozen=True):
    """``now()`` moves by ``by``, and from then on gains ``drift`` millionths. ``monotonic()`` is not affected."""

    node: str
    by: int
    drift: int = 0


# -- a disk ---------------------------------------------------------------------------------------------------------


class SlowDisk(Action, frozen=True):
    """Every sync, read and write takes ``factor`` times as long."""

    node: str
    duration: int
    factor: int = 100


class FailSync(Action, frozen=True):
    """The next sync fails; what it covered may never become durable, even if a later sync succeeds (fsyncgate)."""

    node: str


class FailRead(Action, frozen=True):
    """The next read raises ``DiskError``."""

    node: str


class FillDisk(Action, frozen=True):
    """Appends raise ``DiskFull``."""

    node: str
    duration: int


class Rot(Action, frozen=True):
    """One bit of a file changes at rest. ``file`` counts the node's files in order, modulo how many there are."""

    node: str
    file: int
    bit: int


# -- the adversary: nothing happens but what it lets happen ---------------------------------------------------------


class Hold(Action, frozen=True):
    """Until the plan heals, no message arrives and no timer fires but by :class:`Release` and :class:`Fire`.

    What the explorer found is written down so: a run of which every step is chosen. At time 0 it holds from the start.
    Sessions are not held.
    """


class Release(Action, frozen=True):
    """The ``n``-th message (from 1) that ``source`` has sent to ``to`` arrives now; again, if it has arrived before."""

    source: str
    to: str
    n: int


class Fire(Action, frozen=True):
    """A timer that is set fires now, whatever its duration. ``timer`` is its ``repr``."""

    node: str
    timer: str


class Draw(Action, frozen=True):
    """The node's next draws from ``random`` among at most :data:`FEW` values come out as these (counted from 0)."""

    node: str
    values: tuple[int, ...]


FEW = 8
"""A draw among more values than this is no choice that anybody would try value by value."""

STEPS = (Hold, Release, Fire, Draw)
"""What decides the order of things, and does no harm."""


AnyAction = (
    Drop
    | Delay
    | Duplicate
    | Flip
    | Partition
    | Cut
    | Clog
    | Crash
    | Pause
    | Twin
    | SlowNode
    | KillJob
    | JumpClock
    | SlowDisk
    | FailSync
    | FailRead
    | FillDisk
    | Rot
    | Hold
    | Release
    | Fire
    | Draw
)

MESSAGE_ACTIONS = (Drop, Delay, Duplicate, Flip)
