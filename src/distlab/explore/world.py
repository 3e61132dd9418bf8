"""A world as predicates see it: each node's state, the messages under way, what clients were told.

Theory. A predicate is asked about every world there is, and most of what it looks at is the same each time. So a world
notes what is read of it, and an answer holds for every world that agrees on that (:class:`Watch`). A predicate that
looks at two nodes of five is worked out once for each pair of their states. It must be a pure function of the world.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from distlab.core.errors import ScenarioError
from distlab.core.values import Address, Message, Timer
from distlab.explore.handling import Entry
from distlab.explore.record import restored

if TYPE_CHECKING:
    from distlab.explore.record import Record
    from distlab.explore.scope import Predicate
    from distlab.explore.space import Space
    from distlab.explore.transitions import NodeSpace


class Parcel(Struct, frozen=True):
    """A message under way."""

    source: Address
    to: Address
    message: Message


class Seen:
    """One node. Its declared state is read as on the node itself: ``world["n1"].term``."""

    def __init__(self, space: NodeSpace, record: Record) -> None:
        self.address = space.address
        self.is_up = record.state is not None
        self._node = restored(space.program, record.state) if record.state is not None else None
        if self._node is not None:
            self._node.config = space.config  # probe() may look at it

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._node is None:
            raise ScenarioError(
                f"{name} of {self.address} was asked for while it is down: ask is_up first, or walk through world.up()"
            )
        return getattr(self._node, name)

    def probe(self) -> Any:
        """What it says of itself; None while it is down."""
        return None if self._node is None else self._node.probe()


class World:
    """One world of a search."""

    def __init__(self, space: Space, packed: int) -> None:
        self._space = space
        self._packed = packed
        self.read = 0
        """The bits that were looked at."""

    def __getitem__(self, address: str) -> Seen:
        return self._at(self._space.index[Address(address)])

    def nodes(self, role: str = "") -> list[Seen]:
        """All of them, or those with a role, in the order of the cluster."""
        spaces = enumerate(self._space.nodes)
        return [self._at(i) for i, node in spaces if not role or node.role == role]

    def up(self, role: str = "") -> list[Seen]:
        """Those that are running."""
        return [node for node in self.nodes(role) if node.is_up]

    def history(self) -> list[Entry]:
        """What clients were asked to do, and what came of it: (ticket, operation, outcome or None), by client."""
        places = range(len(self._space.nodes))
        return [entry for place in places for entry in self._record(place).history]

    def timers(self, address: str) -> tuple[Timer, ...]:
        """The timers that this node has set."""
        return tuple(self._record(self._space.index[Address(address)]).timers)

    def messages(self, *classes: type[Message]) -> list[Parcel]:
        """What is under way, or only messages of these classes. In a ``SET``: all that was ever sent."""
        return list(self._messages(classes))

    def _messages(self, classes: tuple[type[Message], ...]) -> Iterator[Parcel]:
        space = self._space
        for wanted in classes or (None,):
            mask = space.bits_of(wanted)
            self.read |= mask
            space.depends_on(wanted)
            for letter in space.letters_in(self._packed & mask):
                yield Parcel(letter.source, letter.to, letter.message)

    def _at(self, place: int) -> Seen:
        record = self._record(place)
        if record.seen is None:
            record.seen = Seen(self._space.nodes[place], record)
        seen: Seen = record.seen
        return seen

    def _record(self, place: int) -> Record:
        self.read |= self._space.local_mask(place)
        return self._space.record(self._packed, place)


class Watch:
    """A predicate, with the answers that are known. It says *no* (a reason) or *yes* (an empty string)."""

    def __init__(self, space: Space, name: str, ask: Predicate, *, as_invariant: bool) -> None:
        self.name = name
        self.mask = 0
        """What it has ever looked at."""
        self.known: dict[int, str] = {}
        """The masked world -> the answer."""
        self._space = space
        self._ask = ask
        self._as_invariant = as_invariant

    def __call__(self, packed: int) -> str:
        """Work the answer out, and keep it."""
        world = World(self._space, packed)
        self._space.watching = self
        answer = self._ask(world)
        self._space.watching = None
        if (
            world.read & ~self.mask
        ):  # it looks at more than we knew: what is known was keyed too coarsely
            self.widen(world.read)
        reason = self._reason(answer)
        self.known[packed & self.mask] = reason
        return reason

    def widen(self, bits: int) -> None:
        """It may look at these bits as well."""
        self.mask |= bits
        self.known.clear()

    def _reason(self, answer: Any) -> str:
        if self._as_invariant:
            if answer is None or answer is True:
                return ""
            return answer if isinstance(answer, str) and answer else "it does not hold"
        return "yes" if answer else ""
