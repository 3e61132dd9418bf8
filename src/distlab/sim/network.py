"""Datagrams in the simulator: what happens to a message between ``send`` and its handler.

Theory of operation. Each ordered pair of nodes is a link with its own random stream and its own count of messages, so
that taking one message away moves only what follows it on that link. A message is judged twice: when it is sent
(planned faults, noise, an open link) and when it arrives (an open link, a live receiver). It carries the bytes it was
encoded to; they are decoded where they arrive, so that nothing is shared and a flipped bit shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from distlab.core.errors import BadValue
from distlab.core.values import Address, Message, SessionMessage
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
        "blocked",
        "clogged",
        "held",
        "planned",
        "random",
        "sent",
        "sent_by_class",
        "source",
        "to",
    )

    def __init__(self, seed: int, source: Address, to: Address) -> None:
        self.source = source
        self.to = to
        self.random = stream(seed, "link", source, to)
        self.sent = 0
        self.sent_by_class: dict[str, int] = {}
        self.planned: list[tuple[Nth, Action]] = []
        self.blocked = 0
        """How many cuts and partitions close it."""
        self.clogged = 0
        self.held: list[Parcel] = []
        """What waits for the clog to end."""

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
        self.noisy = bool(noise.loss or noise.duplicate or noise.straggle)
        """False once the plan has healed."""

    def link(self, source: Address, to: Address) -> Link:
        link = self._links.get((source, to))
        if link is None:
            if to not in self._sim.cluster.members:
                raise BadValue(
                    f"there is no node {to!r}; there are {', '.join(self._sim.cluster.members)}"
                )
            link = self._links[source, to] = Link(self._sim.noise.seed, source, to)
        return link

    def latency(self, link: Link) -> int:
        """How long the next message takes, ordinarily."""
        return (
            self._least + int(link.random.random() * self._spread) if self._spread else self._least
        )

    def dispatch(
        self, process: Process, to: Address, message: Message, blob: bytes, cause: int
    ) -> None:
        """Put a message on the wire: what ``send`` comes to once the syncs before it are done."""
        sim = self._sim
        if isinstance(message, SessionMessage):
            sim.sessions.send(process, to, message, blob, cause)
            return
        sent = sim.note(process, Kind.SEND, message, cause, to)
        link = self.link(process.address, to)
        fates = link.fates(type(message).__name__)
        delays = [self.latency(link)]
        why = ""
        if self.noisy and self._is_lost(link, delays):
            why = "loss"
        for fate in fates:
            match fate:
                case Drop():
                    why = "drop"
                case Delay(by):
                    delays = [delay + by for delay in delays]
                case Duplicate(after):
                    delays.append(delays[0] + after)
                case Flip(bit):
                    blob = flipped(blob, bit)
            sim.struck(fate)
        parcel = (link, type(message), blob, sent)
        if why or link.blocked:
            self.drop(parcel, why or "partition")
        elif link.clogged:
            link.held.append(parcel)
            sim.tally["clog"] += 1
        else:
            for delay in delays:
                sim.after(delay, self.arrive, parcel)

    def _is_lost(self, link: Link, delays: list[int]) -> bool:
        """What noise does to one message. As many draws for each, so that one's fate does not shift the next one's."""
        noise, random = self._sim.noise, link.random.random
        lost, twice, late, how_late = random(), random(), random(), random()
        if late < noise.straggle:
            delays[0] += int(how_late * noise.straggle_by)
            self._sim.tally["straggler"] += 1
        if twice < noise.duplicate:
            delays.append(delays[0] + self._least)
            self._sim.tally["duplicate"] += 1
        return lost < noise.loss

    def arrive(self, parcel: Parcel) -> None:
        """A message is at its receiver's door."""
        link, cls, blob, sent = parcel
        sim = self._sim
        process = sim.up.get(link.to)
        if process is None:
            self.drop(parcel, "down")
        elif link.blocked:
            self.drop(parcel, "partition")
        elif process.inbox or process.held_until > sim.time:
            process.hold(self.arrive, parcel)
        else:
            sim.deliver(process, link.source, cls, blob, sent)

    def drop(self, parcel: Parcel, why: str) -> None:
        """The message is gone; ``why`` is what the trace and the tally call it."""
        sim = self._sim
        link, cls, blob, sent = parcel
        sim.tally[why] += 1
        if Kind.DROP in sim.record:
            message = readable(cls, blob)
            sim.trace.append(
                (sim.next_id(), sim.time, link.to, 0, Kind.DROP, sent, link.source, (message, why))
            )
        else:
            sim.next_id()

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
        grouped = dict.fromkeys(node for group in partition.groups for node in group)
        return [
            self.link(Address(a), Address(b))
            for a in grouped
            for b in grouped
            if a != b and not any(a in group and b in group for group in partition.groups)
        ]

    def unclog(self, links: Sequence[Link]) -> None:
        """End one clog of these links; what was held back arrives, in order."""
        for link in links:
            link.clogged -= 1
            if not link.clogged:
                held, link.held = link.held, []
                for parcel in held:
                    self._sim.after(self._least, self.arrive, parcel)

    def heal(self) -> None:
        """All links open and without loss."""
        self.noisy = False
        for link in self._links.values():
            link.blocked = 0
            if link.clogged:
                link.clogged = 1
                self.unclog([link])


def flipped(blob: bytes, bit: int) -> bytes:
    """``blob`` with one bit changed."""
    at = bit % (8 * len(blob))
    return blob[: at // 8] + bytes([blob[at // 8] ^ 1 << at % 8]) + blob[at // 8 + 1 :]


def readable(cls: type[Message], blob: bytes) -> Message | bytes:
    """The message, or its bytes where they are no such message any more."""
    try:
        message: Message = msgspec.msgpack.decode(blob, type=cls)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return blob
    return message
