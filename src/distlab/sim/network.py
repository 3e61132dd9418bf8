"""Datagrams in the simulator: what happens to a message between ``send`` and its handler.

Theory of operation. Each ordered pair of nodes is a link with its own random stream and its own count of messages, so
that taking one message away moves only what follows it on that link. A message is judged twice: when it is sent
(planned faults, noise, an open link) and when it arrives (an open link, a live receiver). It carries the bytes it was
encoded to; they are decoded where they arrive, so that nothing is shared and a flipped bit shows.

One draw decides what noise does to a message: nothing, or exactly one of loss, a second copy and a long delay. Where
in its range the draw falls says how long that delay is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from distlab.core.errors import BadValue
from distlab.core.values import Address, Message
from distlab.faults import Action, Delay, Drop, Duplicate, Flip, Nth, Partition
from distlab.sim.streams import stream
from distlab.trace import Kind

if TYPE_CHECKING:
    from distlab.sim.process import Process
    from distlab.sim.simulation import Simulation

Parcel = tuple["Link", type[Message], bytes, int]
"""A message under way: its link, its class, its bytes, and the id of its send."""


class Link:
    """One direction between two nodes."""

    __slots__ = (
        "_seed",
        "blocked",
        "chance",
        "clogged",
        "held",
        "kept",
        "planned",
        "sent",
        "sent_by_class",
        "source",
        "to",
    )

    def __init__(self, seed: int, source: Address, to: Address) -> None:
        self.source = source
        self.to = to
        self.chance: Callable[[], float] = self._first_chance
        """The next draw from the link's own stream."""
        self.sent = 0
        self.sent_by_class: dict[str, int] = {}
        self.planned: list[tuple[Nth, Action]] = []
        self.blocked = 0
        """How many cuts and partitions close it."""
        self.clogged = 0
        self.held: list[Parcel] = []
        """What waits for the clog to end."""
        self.kept: dict[int, Parcel] = {}
        """What was sent under a hold, by its number on this link."""
        self._seed = seed

    def _first_chance(self) -> float:
        """Streams are dear to make, and a quiet link needs none."""
        self.chance = stream(self._seed, "link", self.source, self.to).random
        return self.chance()

    @property
    def is_open(self) -> bool:
        return not self.blocked and not self.clogged

    def fates(self, name: str) -> list[Action]:
        """Count one more message of class ``name``; the planned faults that befall it."""
        self.sent += 1
        if not self.planned:
            return []
        of_class = self.sent_by_class[name] = self.sent_by_class.get(name, 0) + 1
        return [
            action
            for nth, action in self.planned
            if (nth.message == name and nth.n == of_class)
            or (not nth.message and nth.n == self.sent)
        ]


class Network:
    """All links of a run."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._links: dict[tuple[Address, Address], Link] = {}
        noise = sim.noise
        self._least, self._spread = noise.delay[0], noise.delay[1] - noise.delay[0]
        self._lost = noise.loss
        self._lost_or_twice = self._lost + noise.duplicate
        self._troubled = self._lost_or_twice + noise.straggle
        """A draw below this one means that noise does something; 0 once the plan has healed."""
        self._flipped: set[int] = set()
        """Sends whose bytes a fault has changed."""
        self.holds = False
        """Whether nothing arrives but what is released."""
        self.dispatch: Callable[[Process, Link, Message, bytes, int], None] = self._dispatch
        """Put a message on the wire: what ``send`` comes to once the syncs before it are done."""

    @property
    def loss(self) -> float:
        """Chance that a datagram is lost now."""
        return self._lost

    def link(self, source: Address, to: Address) -> Link:
        link = self._links.get((source, to))
        if link is None:
            members = self._sim.cluster.members
            if to not in members:
                raise BadValue(f"there is no node {to!r}; there are {', '.join(members)}")
            link = self._links[source, to] = Link(self._sim.noise.seed, source, to)
        return link

    def latency(self, link: Link) -> int:
        """How long the next message takes, ordinarily."""
        return self._least + int(link.chance() * self._spread) if self._spread else self._least

    def _dispatch(
        self, process: Process, link: Link, message: Message, blob: bytes, cause: int
    ) -> None:
        sim = self._sim
        parcel = (link, type(message), blob, sim.note(process, Kind.SEND, message, cause, link.to))
        delay = self._least
        if self._spread:
            delay += int(link.chance() * self._spread)
        if link.planned:
            self._suffer(parcel, link.fates(type(message).__name__), delay)
            return
        link.sent += 1
        if self._troubled and (draw := link.chance()) < self._troubled:
            self._trouble(parcel, draw, delay)
        elif link.blocked or link.clogged:
            self._carry(parcel, delay)
        else:
            sim.after(delay, self.arrive, parcel)

    def _carry(self, parcel: Parcel, delay: int) -> None:
        link = parcel[0]
        if link.blocked:
            self.drop(parcel, "partition")
        elif link.clogged:
            self._clog(parcel)
        else:
            self._sim.after(delay, self.arrive, parcel)

    def _clog(self, parcel: Parcel) -> None:
        parcel[0].held.append(parcel)
        self._sim.tally["clog"] += 1

    def _trouble(self, parcel: Parcel, draw: float, delay: int) -> None:
        """What noise does to a message whose draw fell among those that mean trouble."""
        sim = self._sim
        if draw < self._lost:
            self.drop(parcel, "loss")
        elif draw < self._lost_or_twice:
            sim.tally["duplicate"] += 1
            self._carry(parcel, delay)
            self._carry(parcel, delay + self._least)
        else:
            sim.tally["straggler"] += 1
            how_late = (draw - self._lost_or_twice) / (self._troubled - self._lost_or_twice)
            self._carry(parcel, delay + int(how_late * sim.noise.straggle_by))

    def _suffer(self, parcel: Parcel, fates: list[Action], delay: int) -> None:
        """What planned faults do to a message. Where none strikes, noise may."""
        link, cls, blob, sent = parcel
        draw = link.chance() if self._troubled else 1.0
        if not fates:
            if draw < self._troubled:
                self._trouble(parcel, draw, delay)
            else:
                self._carry(parcel, delay)
            return
        copies = [0]
        is_dropped = False
        for fate in fates:
            self._sim.struck(fate, link.source)
            match fate:
                case Drop():
                    is_dropped = True
                case Delay(by):
                    delay += by
                case Duplicate(after):
                    copies.append(after)
                case Flip(bit):
                    blob = flipped(blob, bit)
                    self._flipped.add(sent)
        parcel = (link, cls, blob, sent)
        if is_dropped:
            self.drop(parcel, "drop")
            return
        for later in copies:
            self._carry(parcel, delay + later)

    def was_flipped(self, sent: int) -> bool:
        """Whether a fault has changed the bytes of this message."""
        return sent in self._flipped

    def arrive(self, parcel: Parcel) -> None:
        """A message is at its receiver's door."""
        link, cls, blob, sent = parcel
        sim = self._sim
        process = sim.up.get(link.to)
        if link.blocked:
            self.drop(parcel, "partition")
        elif link.clogged:
            self._clog(parcel)
        elif process is None:
            self.drop(parcel, "down")
        elif process.inbox or process.held_until > sim.time:
            process.take(self._deliver, (process, parcel))
        else:
            sim.deliver(process, link.source, cls, blob, sent)

    def _deliver(self, what: tuple[Process, Parcel]) -> None:
        process, (link, cls, blob, sent) = what
        self._sim.deliver(process, link.source, cls, blob, sent)

    def drop(self, parcel: Parcel, why: str) -> None:
        """The message is gone; ``why`` is what the trace and the tally call it."""
        sim = self._sim
        link, cls, blob, sent = parcel
        sim.tally[why] += 1
        what = (readable(cls, blob), why) if Kind.DROP in sim.record else None
        sim.remark(Kind.DROP, link.to, what, sent, link.source)

    # -- faults ---------------------------------------------------------------------------------------------------

    def plan(self, nth: Nth, action: Action) -> None:
        """``action`` will befall the message that ``nth`` names."""
        self.link(Address(nth.source), Address(nth.to)).planned.append((nth, action))

    def between(self, source: str, to: str) -> list[Link]:
        """The links that a cut or a clog names; ``*`` is every node."""
        members = self._sim.cluster.members
        sources = list(members) if source == "*" else [Address(source)]
        targets = list(members) if to == "*" else [Address(to)]
        return [self.link(a, b) for a in sources for b in targets if a != b]

    def split(self, partition: Partition) -> list[Link]:
        """The links that a partition closes: between members of its groups that share no group."""
        groups_of: dict[str, set[int]] = {}
        for number, group in enumerate(partition.groups):
            for node in group:
                groups_of.setdefault(node, set()).add(number)
        return [
            self.link(Address(a), Address(b))
            for a, ours in groups_of.items()
            for b, theirs in groups_of.items()
            if ours.isdisjoint(theirs)
        ]

    def unclog(self, links: Sequence[Link]) -> None:
        """End one clog of these links; what was held back arrives, in order."""
        for link in links:
            link.clogged -= 1
            if not link.clogged:
                held, link.held = link.held, []
                for parcel in held:
                    self._sim.after(self._least, self.arrive, parcel)

    def hold(self) -> None:
        """From now on messages wait until they are released."""
        self.holds = True
        self.dispatch = self._keep

    def _keep(
        self, process: Process, link: Link, message: Message, blob: bytes, cause: int
    ) -> None:
        link.fates(type(message).__name__)  # counts it
        sent = self._sim.note(process, Kind.SEND, message, cause, link.to)
        link.kept[link.sent] = (link, type(message), blob, sent)

    def release(self, source: str, to: str, n: int) -> bool:
        """Let a message that waits arrive now; it stays, to arrive again. False if there is none of that number."""
        parcel = self.link(Address(source), Address(to)).kept.get(n)
        if parcel is not None:
            self.arrive(parcel)
        return parcel is not None

    def unhold(self) -> None:
        """Messages go their ordinary way again; what was never released is lost."""
        self.holds = False
        self.dispatch = self._dispatch
        for link in self._links.values():
            link.kept.clear()

    def quieten(self) -> None:
        """Noise takes, repeats and delays nothing from now on."""
        self._lost = self._lost_or_twice = self._troubled = 0.0


def flipped(blob: bytes, bit: int) -> bytes:
    """``blob`` with one bit changed."""
    at = bit % (8 * len(blob))
    return blob[: at // 8] + bytes([blob[at // 8] ^ 1 << at % 8]) + blob[at // 8 + 1 :]


def readable(cls: type[Message], blob: bytes) -> Message | bytes:
    """The message, or its bytes where they are no such message any more."""
    try:
        message: Message = msgspec.msgpack.decode(blob, type=cls)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return blob
    return message
