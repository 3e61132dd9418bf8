"""A node's sockets: frames out to each peer, frames in from all of them.

Theory of operation. *Direct*: each node binds one PULL socket, and connects one PUSH socket to each incarnation of
each peer that it talks to; a new incarnation gets a new socket, so that what was queued for the old one dies with it.
*Through the fault proxy*: one DEALER, whose routing id names address and incarnation, and the proxy's ROUTER at the
other end.

Small datagrams to one peer travel together: what a node sends in one turn of its loop waits for :meth:`Wires.flush`,
and is one ZeroMQ message. (Not through the proxy, which deals with each by itself.) The first one asks whether there
is room for all of them.

What a full queue means depends on the frame. A datagram that finds no room is dropped and counted, as an operating
system would drop it. A frame of a session waits here for room: there is a window's worth of them at most. Messages in
ZeroMQ's queues are counted, not weighed, so large datagrams are weighed here (:data:`AFLOAT`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Any, Final

import zmq

from distlab.core.values import Address
from distlab.live.control import Wiring
from distlab.live.envelope import (
    ANY_INCARNATION,
    APART,
    DATAGRAM,
    Envelope,
    Hostile,
    seal,
    unseal_first,
)
from distlab.live.guard import Guard, secure

AFLOAT: Final = 64 * 1024 * 1024
"""Bytes of large datagrams that may be under way to one peer at a time."""

_SEND_QUEUE: Final = 1000
_RECEIVE_QUEUE: Final = 128
"""Messages that ZeroMQ holds for each connection."""

_BUFFER: Final = 1 << 20

_MOMENT: Final = 0.1
"""Seconds that a large datagram waits for room, once, before it is dropped."""

Socket = zmq.Socket[bytes]

_NOTHING: Final = memoryview(b"")


class _Way:
    """How to reach one peer."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.backlog: deque[list[bytes]] = deque()
        """Frames of sessions that wait for room."""
        self._together: list[bytes] = []
        """Small datagrams that leave together; there is room for them."""
        self._together_size = 0
        self._afloat: deque[tuple[zmq.MessageTracker, int]] = deque()
        self._weight = 0
        self._is_stuck = False
        """Nothing has arrived for a whole moment: the peer stands still."""

    def gather(self, frame: bytes) -> bool:
        """Have it leave with the next :meth:`flush`; False where there is no room."""
        if not self._together and not int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLOUT:
            return False
        self._together.append(frame)
        self._together_size += len(frame)
        if self._together_size >= APART:
            self.flush()
        return True

    def flush(self) -> None:
        """Send what was gathered."""
        if self._together:
            together, self._together, self._together_size = self._together, [], 0
            self.socket.send(b"".join(together), zmq.NOBLOCK)

    def try_to_send(self, head: bytes, blob: bytes) -> bool:
        """False where there is no room."""
        self.flush()
        try:
            if len(blob) < APART:
                self.socket.send(head + blob, zmq.NOBLOCK)
            else:
                self.socket.send(head, zmq.NOBLOCK | zmq.SNDMORE)
                self._weigh(blob)
        except zmq.Again:
            return False
        return True

    def _weigh(self, blob: bytes) -> None:
        tracker = self.socket.send(blob, zmq.NOBLOCK, copy=False, track=True)
        if tracker is not None:
            self._afloat.append((tracker, len(blob)))
            self._weight += len(blob)

    def has_room_for(self, size: int) -> bool:
        """Whether a datagram may set out now: a large one weighs.

        What has arrived is told by another thread, which may be behind: it is given a moment, but not again and again.
        """
        if size < APART:
            return True
        self._land()
        if not self._weight or self._weight + size <= AFLOAT:
            return True
        if not self._is_stuck:
            try:
                self._afloat[0][0].wait(_MOMENT)
            except zmq.NotDone:
                self._is_stuck = True
            self._land()
        return not self._weight or self._weight + size <= AFLOAT

    def _land(self) -> None:
        while self._afloat and self._afloat[0][0].done:
            self._weight -= self._afloat.popleft()[1]
            self._is_stuck = False


class Wires:
    """All sockets of one incarnation of a node."""

    def __init__(self, wiring: Wiring, address: Address, incarnation: int) -> None:
        self.drops: Counter[str] = Counter()
        """Why frames were dropped -> how many."""
        self.messages_out = self.bytes_out = self.messages_in = self.bytes_in = 0
        self.rest = _NOTHING
        """Frames that came together with the one that was received last."""
        self._key = wiring.key
        self._wiring = wiring
        self._members = [Address(member) for member in wiring.members]
        self._index = {member: index for index, member in enumerate(self._members)}
        self._me = self._index[address]
        self._incarnation = incarnation
        self._context: zmq.Context[Socket] = zmq.Context()
        self._guard = Guard(self._context, wiring)
        self._up: dict[Address, tuple[int, str]] = {}
        """Peer -> its newest incarnation, and where that is reached; none where it is down."""
        self.newest = dict.fromkeys(self._members, -1)
        """Peer -> the newest incarnation that was ever heard of."""
        self._ways: dict[Address, _Way] = {}
        self._through_proxy = bool(wiring.proxy)
        if self._through_proxy:
            name = f"{address}#{incarnation}".encode()
            self.incoming = self._socket(zmq.DEALER)
            self.incoming.setsockopt(zmq.ROUTING_ID, name)
            self.incoming.connect(wiring.proxy)
            self.endpoint = name.decode()
            self.incoming.send(self._key)  # and wait until the proxy knows us
            self.incoming.recv()
            self._ways = dict.fromkeys(self._members, _Way(self.incoming))
        else:
            self.incoming = self._socket(zmq.PULL, server=True)
            self.incoming.bind(wiring.bind)
            self.endpoint = self.incoming.getsockopt_string(zmq.LAST_ENDPOINT)

    def _socket(self, kind: int, server: bool = False) -> Socket:
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.sndhwm, socket.rcvhwm = _SEND_QUEUE, _RECEIVE_QUEUE
        socket.sndbuf = socket.rcvbuf = _BUFFER
        socket.setsockopt(zmq.RECONNECT_IVL, 10)
        secure(socket, self._wiring, server)
        return socket

    # -- who is there ---------------------------------------------------------------------------------------------

    def peer_up(self, peer: Address, incarnation: int, endpoint: str) -> None:
        """From now on ``peer`` is this incarnation, at ``endpoint``."""
        self._up[peer] = (incarnation, endpoint)
        self.newest[peer] = incarnation
        if not self._through_proxy and (old := self._ways.pop(peer, None)) is not None:
            old.socket.close()

    def peer_down(self, peer: Address, incarnation: int) -> None:
        """That incarnation is no more."""
        if self._up.get(peer, (-1, ""))[0] == incarnation:
            del self._up[peer]
            if not self._through_proxy and (old := self._ways.pop(peer, None)) is not None:
                old.socket.close()

    def incarnation_of(self, peer: Address) -> int | None:
        """The incarnation of ``peer`` that is up; None if none is known to be."""
        return self._up.get(peer, (None,))[0]

    def is_member(self, address: Address) -> bool:
        return address in self._index

    # -- out ------------------------------------------------------------------------------------------------------

    def send(
        self, kind: int, to: Address, blob: bytes, name: bytes = b"", cause: int = 0,
        session: int = 0, sequence: int = 0,
    ) -> str:  # fmt: skip
        """Put a frame on its way to the incarnation of ``to`` that is up; returns why it is lost, if it is."""
        if self._through_proxy and kind == DATAGRAM:
            incarnation = ANY_INCARNATION
        elif (up := self._up.get(to)) is not None:
            incarnation = up[0]
        else:
            return self._lost("down")
        way = self._ways.get(to)
        if way is None:
            way = self._ways[to] = _Way(self._socket(zmq.PUSH))
            way.socket.connect(self._up[to][1])
        envelope = Envelope(
            kind, 0, self._me, self._index[to], self._incarnation, incarnation, session, sequence, cause, name
        )  # fmt: skip
        head = seal(self._key, envelope, blob)
        if kind == DATAGRAM:
            if len(blob) < APART and not self._through_proxy:
                is_sent = way.gather(head + blob)
            else:
                is_sent = way.has_room_for(len(blob)) and way.try_to_send(head, blob)
            if not is_sent:
                return self._lost("queue full")
        elif way.backlog or not way.try_to_send(head, blob):
            way.backlog.append([head, blob])
        self.messages_out += 1
        self.bytes_out += len(blob)
        return ""

    def _lost(self, why: str) -> str:
        self.drops[why] += 1
        return why

    def flush(self) -> None:
        """Send all that was gathered."""
        for way in self._ways.values():
            way.flush()

    @property
    def is_backed_up(self) -> bool:
        """Whether frames of sessions wait for room."""
        return any(way.backlog for way in self._ways.values())

    def send_backlog(self) -> None:
        """Send what there is room for now."""
        for way in self._ways.values():
            while way.backlog and way.try_to_send(*way.backlog[0]):
                way.backlog.popleft()

    # -- in -------------------------------------------------------------------------------------------------------

    def receive(self) -> tuple[Envelope, memoryview] | None:
        """The next frame that a member sent to this incarnation; None if there is none now."""
        incoming = self.incoming
        while True:
            apart: Any = None
            view = self.rest
            if not view:
                try:
                    view = memoryview(incoming.recv(zmq.NOBLOCK))
                except zmq.Again:
                    return None
                if incoming.getsockopt(zmq.RCVMORE):
                    apart = incoming.recv(copy=False).buffer
                    while incoming.getsockopt(zmq.RCVMORE):
                        incoming.recv()
                        apart = b""
            self.rest = _NOTHING
            try:
                envelope, blob, rest = unseal_first(self._key, view, apart)
                self._check(envelope)
            except Hostile as error:
                self.drops[str(error)] += 1
                continue
            self.rest = rest
            self.messages_in += 1
            self.bytes_in += len(blob)
            return envelope, blob

    def _check(self, envelope: Envelope) -> None:
        if envelope.source >= len(self._members) or envelope.to != self._me:
            raise Hostile("misdirected")
        if envelope.to_incarnation not in (self._incarnation, ANY_INCARNATION):
            raise Hostile("stale")

    def address_of(self, envelope: Envelope) -> Address:
        """Who sent it."""
        return self._members[envelope.source]

    def close(self, linger_ms: int) -> None:
        """Close everything; what was sent may still leave for so long."""
        self.flush()
        sockets: Sequence[Socket] = [self.incoming, *(way.socket for way in self._ways.values())]
        for socket in sockets:
            if not socket.closed:
                socket.close(linger_ms)
        self._guard.close()
        self._context.term()
