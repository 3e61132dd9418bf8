"""What befalls frames between two nodes of the live world: the fault proxy's judgement, without its sockets.

Pure: the caller says what time it is, and carries what :meth:`Network.due` hands out.

Theory of operation. It is the simulator's network over again, for frames. Each ordered pair of nodes is a link with
its own random stream and its own count of datagrams. A datagram is judged when it is sent (planned faults, noise, an
open link), waits out its delay, and is judged again when it arrives (an open link). The frames of sessions stand in
one queue for each link: a loss, or a link that is not open, shows as delay, as TCP's retransmission would make it,
and a session whose link has not been open for :data:`SILENCE` is closed on both sides.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, Final, NamedTuple

from distlab.core.values import MS, SECOND
from distlab.faults import (
    Action,
    Clog,
    Cut,
    Delay,
    Drop,
    Duplicate,
    Flip,
    Noise,
    Nth,
    Partition,
)
from distlab.live.envelope import CLOSE, CONNECT, DATAGRAM, FLIPPED, STREAM, Envelope
from distlab.live.scene import stream

SILENCE: Final = 10 * SECOND
"""How long a peer may be out of reach before a session with it is given up."""

_RETRANSMIT: Final = 50 * MS


class Parcel(NamedTuple):
    """A frame under way."""

    envelope: Envelope
    blob: Any
    """Bytes, a memory view, or a ZeroMQ frame."""


class Link:
    """One direction between two nodes."""

    def __init__(self, seed: int, source: str, to: str) -> None:
        self.source = source
        self.to = to
        self.random: Random = stream(seed, "link", source, to)
        self.sent = 0
        self.sent_by_class: Counter[str] = Counter()
        self.planned: list[tuple[Nth, Action]] = []
        self.blocked = 0
        """How many cuts and partitions close it."""
        self.clogged = 0
        self.held: list[Parcel] = []
        """Datagrams that wait for the clog to end."""
        self.stream: deque[tuple[int, Parcel]] = deque()
        """Frames of sessions, each with the time at which it could arrive."""
        self.shut_since: int | None = None
        """Since when the head of the stream finds no open link."""

    def fates(self, name: str) -> list[Action]:
        """Count one more datagram of class ``name``; the planned faults that befall it."""
        self.sent += 1
        self.sent_by_class[name] += 1
        return [
            action
            for nth, action in self.planned
            if nth.n == (self.sent_by_class[name] if nth.message else self.sent)
            and nth.message in ("", name)
        ]


class Network:
    """All links of a run, and what is under way on them."""

    def __init__(
        self,
        members: Sequence[str],
        noise: Noise,
        struck: Callable[[Action, str], None] = lambda action, node: None,
        dropped: Callable[[Link, Parcel, str], None] = lambda link, parcel, why: None,
    ) -> None:
        self._noise = noise
        self._struck = struck
        self._dropped = dropped
        self._members = list(members)
        self._links = {(a, b): Link(noise.seed, a, b) for a in members for b in members}
        self._lost = noise.loss
        self._lost_or_twice = self._lost + noise.duplicate
        self._troubled = self._lost_or_twice + noise.straggle
        """A draw below this one means that noise does something; 0 once the plan has healed."""
        self._heap: list[tuple[int, int, Callable[[], None] | tuple[Link, Parcel]]] = []
        """(time, number, what): a datagram that arrives, or something that ends."""
        self._number = 0
        self._tidings: deque[tuple[Link, Parcel]] = deque()
        """Ends of sessions: each side notices by itself, so no link needs to be open."""

    # -- datagrams and streams ------------------------------------------------------------------------------------

    def send(self, parcel: Parcel, now: int) -> None:
        """A node put a frame on the wire."""
        envelope = parcel.envelope
        link = self._links[self._members[envelope.source], self._members[envelope.to]]
        if envelope.kind == DATAGRAM:
            self._send_datagram(link, parcel, now)
        else:
            self._send_in_stream(link, parcel, now)

    def lost(self, member: str, incarnation: int, others: Mapping[str, int], now: int) -> None:
        """An incarnation is no more: each of the ``others`` that are up learns it over the wire, as of all else."""
        index = self._members.index(member)
        for other, its in others.items():
            ends = index, self._members.index(other), incarnation, its
            self.send(Parcel(Envelope(CLOSE, 0, *ends, 0, 0, 0, b""), b""), now)

    def _send_in_stream(self, link: Link, parcel: Parcel, now: int) -> None:
        ready = now + self._latency(link)
        if parcel.envelope.kind == STREAM:
            for fate in link.fates(_class_name(parcel)):
                self._struck(fate, link.source)
                if isinstance(fate, Delay):
                    ready += fate.by
                elif not isinstance(fate, Duplicate):
                    ready += _RETRANSMIT
        if self._lost and link.random.random() < self._lost:
            ready += _RETRANSMIT
        if link.stream:
            ready = max(ready, link.stream[-1][0])
        link.stream.append((ready, parcel))

    def _send_datagram(self, link: Link, parcel: Parcel, now: int) -> None:
        delay = self._latency(link)
        fates = link.fates(_class_name(parcel))
        draw = link.random.random() if self._troubled else 1.0
        if fates:
            self._suffer(link, parcel, fates, now + delay)
        elif draw < self._lost:
            self._dropped(link, parcel, "loss")
        elif draw < self._lost_or_twice:
            self._carry(link, parcel, now + delay)
            self._carry(link, parcel, now + delay + self._noise.delay[0])
        elif draw < self._troubled:
            how_late = (draw - self._lost_or_twice) / (self._troubled - self._lost_or_twice)
            self._carry(link, parcel, now + delay + int(how_late * self._noise.straggle_by))
        else:
            self._carry(link, parcel, now + delay)

    def _suffer(self, link: Link, parcel: Parcel, fates: list[Action], arrival: int) -> None:
        """What planned faults do to a datagram."""
        copies = [0]
        is_dropped = False
        for fate in fates:
            self._struck(fate, link.source)
            match fate:
                case Drop():
                    is_dropped = True
                case Delay(by):
                    arrival += by
                case Duplicate(after):
                    copies.append(after)
                case Flip(bit):
                    parcel = flipped(parcel, bit)
        if is_dropped:
            self._dropped(link, parcel, "drop")
        else:
            for later in copies:
                self._carry(link, parcel, arrival + later)

    def _carry(self, link: Link, parcel: Parcel, arrival: int) -> None:
        if link.blocked:
            self._dropped(link, parcel, "partition")
        elif link.clogged:
            link.held.append(parcel)
        else:
            self._at(arrival, (link, parcel))

    def _latency(self, link: Link) -> int:
        least, most = self._noise.delay
        return least if least == most else least + int(link.random.random() * (most - least))

    def due(self, now: int) -> Iterator[tuple[Link, Parcel]]:
        """What arrives by ``now``, in order. What the caller cannot carry yet, he gives :meth:`back`."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, what = heappop(heap)
            if callable(what):
                what()
            elif what[0].blocked:
                self._dropped(*what, "partition")
            elif what[0].clogged:
                what[0].held.append(what[1])
            else:
                yield what
        while self._tidings:
            yield self._tidings.popleft()
        for link in self._links.values():
            while link.stream and link.stream[0][0] <= now:
                if link.blocked or link.clogged:
                    self._wait(link, now)
                    continue
                link.shut_since = None
                yield link, link.stream.popleft()[1]

    def back(self, link: Link, parcel: Parcel, now: int) -> None:
        """The receiver's queue is full: a frame of a session stays at the head of its stream."""
        link.stream.appendleft((now + 1 * MS, parcel))

    def next_due(self) -> int | None:
        """When :meth:`due` will have something next; None if nothing is under way."""
        times = [link.stream[0][0] for link in self._links.values() if link.stream]
        if self._heap:
            times.append(self._heap[0][0])
        if self._tidings:
            times.append(0)
        return min(times, default=None)

    def _wait(self, link: Link, now: int) -> None:
        """The head of the stream finds no open link: try again later, or give its session up."""
        _, parcel = link.stream[0]
        if link.shut_since is None:
            link.shut_since = now
        if now - link.shut_since < SILENCE:
            link.stream[0] = (now + _RETRANSMIT, parcel)
            return
        link.shut_since = None
        if parcel.envelope.kind == CLOSE:  # by now the silence has told the same
            self._tidings.append((link, link.stream.popleft()[1]))
            return
        session = parcel.envelope.session
        for ends in (link, self._links[link.to, link.source]):
            ends.stream = deque(item for item in ends.stream if item[1].envelope.session != session)
        self._tidings.append(
            (self._links[link.to, link.source], _close(parcel.envelope, back=True))
        )
        if parcel.envelope.kind != CONNECT:
            self._tidings.append((link, _close(parcel.envelope, back=False)))

    # -- faults ---------------------------------------------------------------------------------------------------

    def plan(self, nth: Nth, action: Action) -> None:
        """``action`` will befall the datagram that ``nth`` names."""
        self._links[nth.source, nth.to].planned.append((nth, action))

    def impose(self, action: Partition | Cut | Clog, now: int) -> None:
        """Close or clog links for the action's duration."""
        if isinstance(action, Partition):
            links = self._split(action.groups)
        else:
            links = self._between(action.source, action.to)
        end = now + action.duration
        for link in links:
            if isinstance(action, Clog):
                link.clogged += 1
            else:
                link.blocked += 1

        def over() -> None:
            for link in links:
                if not isinstance(action, Clog):
                    link.blocked = max(0, link.blocked - 1)
                elif link.clogged:
                    self._unclog(link, end)

        self._at(end, over)

    def heal(self, now: int) -> None:
        """All links open and without loss."""
        self._lost = self._lost_or_twice = self._troubled = 0.0
        for link in self._links.values():
            link.blocked = 0
            if link.clogged:
                link.clogged = 1
                self._unclog(link, now)

    def _unclog(self, link: Link, now: int) -> None:
        link.clogged -= 1
        if not link.clogged:
            held, link.held = link.held, []
            for parcel in held:
                self._at(now + self._noise.delay[0], (link, parcel))

    def _between(self, source: str, to: str) -> list[Link]:
        sources = self._members if source == "*" else [source]
        targets = self._members if to == "*" else [to]
        return [self._links[a, b] for a in sources for b in targets if a != b]

    def _split(self, groups: Sequence[Sequence[str]]) -> list[Link]:
        grouped = dict.fromkeys(node for group in groups for node in group)
        return [
            self._links[a, b]
            for a in grouped
            for b in grouped
            if a != b and not any(a in group and b in group for group in groups)
        ]

    def _at(self, time: int, what: Callable[[], None] | tuple[Link, Parcel]) -> None:
        self._number += 1
        heappush(self._heap, (time, self._number, what))


def _class_name(parcel: Parcel) -> str:
    return parcel.envelope.name.decode(errors="replace")


def flipped(parcel: Parcel, bit: int) -> Parcel:
    """The parcel with one bit of its blob changed, and marked as such."""
    blob = bytearray(parcel.blob)
    if blob:
        at = bit % (8 * len(blob))
        blob[at // 8] ^= 1 << at % 8
    envelope = parcel.envelope
    return Parcel(envelope._replace(flags=envelope.flags | FLIPPED), bytes(blob))


def _close(envelope: Envelope, *, back: bool) -> Parcel:
    """Tell one side that the session of this frame is over: its sender (``back``), or its receiver."""
    if back:
        envelope = envelope._replace(
            source=envelope.to, to=envelope.source,
            source_incarnation=envelope.to_incarnation, to_incarnation=envelope.source_incarnation,
        )  # fmt: skip
    return Parcel(envelope._replace(kind=CLOSE, name=b"", sequence=0), b"")
