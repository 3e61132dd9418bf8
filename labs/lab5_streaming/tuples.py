"""Part 5A2: what crosses the wire of a Storm topology, and what its spout and bolts do anyway. Given.

A *message* enters at the spout, becomes *tuples*, and each tuple that a bolt has worked off may have made others: a
tree. Which tuples come of a message is the topology's affair (``fan``, below). Who has to know when all of the tree
is done is yours.

===================  ===============================================================================
spout, bolt -> bolt  ``Tuple``: work to do; an edge of the tree, with an id of its own
spout -> acker       ``Init``: a tree begins: the XOR of the ids of its first tuples
bolt -> acker        ``Ack``: a tuple is done: its id XOR the ids of all tuples that were made of it
acker -> spout       ``Done``: everything that came of this root is done
acker -> spout       ``Failed``: it is not done, and its time is over
===================  ===============================================================================

All are datagrams: lost, repeated, overtaken. Bolts and ackers crash, and remember nothing. The spout lives on.
"""

from __future__ import annotations

from zlib import crc32

from msgspec import Struct

from distlab.core import MS, Address, Config, Message, Node, Operation, Timer


class Work(Struct, frozen=True):
    """What is in a tuple: which message it came of, and by which way: (2, 0) is the first child of the third tuple."""

    message: int
    path: tuple[int, ...]
    fan: tuple[int, ...]
    """How many tuples the spout makes of a message, how many a bolt makes of each of those, and so on."""

    def children(self) -> list[Work]:
        depth = len(self.path)
        count = self.fan[depth] if depth < len(self.fan) else 0
        return [Work(self.message, (*self.path, n), self.fan) for n in range(count)]


class Emit(Operation, frozen=True):
    """Bring a message in. ``Ok()``: everything that came of it is done, at least once."""

    message: int
    fan: tuple[int, ...] = (1,)


class Tuple(Message, frozen=True):
    root: int
    """Which tree it is an edge of. A message that is emitted again is another tree."""
    id: int
    work: Work


class Init(Message, frozen=True):
    root: int
    value: int


class Ack(Message, frozen=True):
    root: int
    value: int


class Done(Message, frozen=True):
    root: int


class Failed(Message, frozen=True):
    root: int


class Worked(Message, frozen=True):
    """A bolt to the console: this has had its effect."""

    message: int
    path: tuple[int, ...]


class AckerView(Struct, frozen=True):
    """What an acker shows of itself."""

    pending: int


# -- nodes --------------------------------------------------------------------------------------------


class TopologyConfig(Config, frozen=True):
    """The same for all."""

    bolts: tuple[Address, ...]
    ackers: tuple[Address, ...]
    console: Address = Address("console")
    rotation: int = 100 * MS
    """How often an acker's buckets move on."""
    buckets: int = 3
    """A tree fails after more than ``buckets - 1`` rotations, and at the latest after ``buckets``."""
    pace: int = 0
    """How long a bolt works on a tuple."""

    @property
    def patience(self) -> int:
        """After so long the spout need not wait for an acker any more."""
        return self.rotation * (self.buckets + 2)


class GiveUp(Timer, frozen=True):
    """The spout has waited long enough for this root."""

    root: int


class Rotate(Timer, frozen=True):
    pass


class WorkOff(Timer, frozen=True):
    number: int


class TopologyNode(Node):
    """Who does what, in this topology."""

    config: TopologyConfig

    def acker_of(self, root: int) -> Address:
        """Each root has one acker, which everybody can work out."""
        return self.config.ackers[root % len(self.config.ackers)]

    def bolt_of(self, work: Work) -> Address:
        """Where a tuple goes."""
        place = crc32(repr((work.message, work.path)).encode())
        return self.config.bolts[place % len(self.config.bolts)]


class BoltBase(TopologyNode):
    """Works off one tuple after the other; ``execute`` is called when one has had its effect."""

    waiting: dict[int, Tuple]
    number: int

    def on_start(self) -> None:
        self.waiting, self.number = {}, 0

    def on_tuple(self, tuple: Tuple) -> None:  # noqa: A002 - Storm's word
        self.number += 1
        self.waiting[self.number] = tuple
        self.set_timer(WorkOff(self.number), self.config.pace * len(self.waiting))

    def on_work_off(self, timer: WorkOff) -> None:
        done = self.waiting.pop(timer.number)
        self.send(self.config.console, Worked(done.work.message, done.work.path))
        self.execute(done)

    def execute(self, done: Tuple) -> None:
        raise NotImplementedError


class Listener(Node):
    """The console: hears what bolts have worked off."""

    def on_worked(self, worked: Worked) -> None:
        """So it is done."""
