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
from collections.abc import Callable, Iterator, Sequence
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
from distlab.live.envelope import CLOSE, CONNECT, DATAGRAM, FLIPPED, Envelope
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
        struck: Callable[[Action], None] = lambda action: None,
        dropped: Callable[[Link, Parcel, str], None] = lambda link, parcel, why: None,
    ) -> None:
        self._noise = noise
        self._struck = struck
        self._dropped = dropped
        self._members = list(members)
        self._links = {(a, b): Link(noise.seed, a, b) for a in members for b in members}
        self._noisy = bool(noise.loss or noise.duplicate or noise.straggle)
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
            return
        ready = now + self._latency(link)
        if self._noisy and link.random.random() < self._noise.loss:
            ready += _RETRANSMIT
        if link.stream:
            ready = max(ready, link.stream[-1][0])
        link.stream.append((ready, parcel))

    def _send_datagram(self, link: Link, parcel: Parcel, now: int) -> None:
        delays = [self._latency(link)]
        fates = link.fates(parcel.envelope.name.decode(errors="replace"))
        why = "loss" if self._noisy and self._is_lost(link, delays) else ""
        for fate in fates:
            match fate:
                case Drop():
                    why = "drop"
                case Delay(by):
                    delays = [delay + by for delay in delays]
                case Duplicate(after):
                    delays.append(delays[0] + after)
                case Flip(bit):
                    parcel = flipped(parcel, bit)
            self._struck(fate)
        if why or link.blocked:
            self._dropped(link, parcel, why or "partition")
        elif link.clogged:
            link.held.append(parcel)
        else:
            for delay in delays:
                self._at(now + delay, (link, parcel))

    def _latency(self, link: Link) -> int:
        least, most = self._noise.delay
        return least if least == most else least + int(link.random.random() * (most - least))

    def _is_lost(self, link: Link, delays: list[int]) -> bool:
        """What noise does to one datagram. As many draws for each, so that one's fate does not shift the next one's."""
        noise, random = self._noise, link.random.random
        lost, twice, late, how_late = random(), random(), random(), random()
        if late < noise.straggle:
            delays[0] += int(how_late * noise.straggle_by)
        if twice < noise.duplicate:
            delays.append(delays[0] + noise.delay[0])
        return lost < noise.loss

    def due(self, now: int) -> Iterator[tuple[Link, Parcel]]:
        """What arrives by ``now``, in order. What the caller cannot carry yet, he gives :meth:`back`."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, what = heappop(heap)
            if callable(what):
                what()
            elif what[0].blocked:
                self._dropped(*what, "partition")
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
        self._noisy = False
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
