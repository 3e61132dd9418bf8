"""Sessions in the simulator: what TCP gives, and what it does not.

Theory of operation. A session is opened by a handshake, and ends when either side disconnects, crashes, or has not been
reachable for :data:`SILENCE`. Until then each direction is a queue whose head is carried to the receiver and handled
before the next one leaves: in order, none missing. Loss and cuts show as delay only, as retransmission makes them
do. A sender may be :data:`WINDOW` messages ahead of what its peer has handled; then ``send`` raises ``SessionFull``.
There is one session at most between two nodes, and it belongs to one incarnation of each.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from distlab.core.errors import NotConnected, SessionFull
from distlab.core.values import MS, SECOND, Address, Message
from distlab.sim.network import Link
from distlab.trace import Kind

if TYPE_CHECKING:
    from distlab.sim.process import Process
    from distlab.sim.simulation import Simulation

WINDOW = 1024
"""Messages that may be sent and not yet handled by the peer."""

SILENCE = 10 * SECOND
"""How long a peer may be out of reach before the session is given up."""

_RETRANSMIT = 50 * MS


class _Direction:
    """One side's sending half."""

    def __init__(self, sender: Process, receiver: Process, link: Link) -> None:
        self.sender = sender
        self.receiver = receiver
        self.link = link
        self.queue: deque[tuple[type[Message], bytes, int]] = deque()
        self.blocked_since: int | None = None


class Session:
    """A pair of directions, keyed by the sender's address."""

    def __init__(self, left: Process, right: Process, there: Link, back: Link) -> None:
        self.open = True
        self.sides = {
            left.address: _Direction(left, right, there),
            right.address: _Direction(right, left, back),
        }


class Sessions:
    """All sessions of a run."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._sessions: dict[frozenset[Address], Session] = {}

    def connect(self, process: Process, peer: Address) -> None:
        """Ask for a session: a round trip later both sides are told, or this one that it could not be."""
        sim = self._sim
        there, back = (
            sim.network.link(process.address, peer),
            sim.network.link(peer, process.address),
        )
        sim.after(
            sim.network.latency(there) + sim.network.latency(back),
            self._handshake,
            (process, peer, sim.time),
        )

    def _handshake(self, what: tuple[Process, Address, int]) -> None:
        process, peer, since = what
        sim = self._sim
        other = sim.up.get(peer)
        there, back = (
            sim.network.link(process.address, peer),
            sim.network.link(peer, process.address),
        )
        if not process.alive or sim.up.get(process.address) is not process:
            return
        if there.blocked or back.blocked or there.clogged or back.clogged:
            if sim.time - since < SILENCE:
                sim.after(_RETRANSMIT, self._handshake, what)
            else:
                self._tell((process, Kind.DISCONNECT, peer))
        elif other is None:
            self._tell((process, Kind.DISCONNECT, peer))
        else:
            pair = frozenset((process.address, peer))
            if (old := self._sessions.get(pair)) is not None:
                self._close(old)
            self._sessions[pair] = Session(process, other, there, back)
            self._tell((process, Kind.CONNECT, peer))
            self._tell((other, Kind.CONNECT, process.address))

    def send(
        self, process: Process, to: Address, message: Message, blob: bytes, cause: int
    ) -> None:
        session = self._sessions.get(frozenset((process.address, to)))
        if session is None or session.sides[process.address].sender is not process:
            raise NotConnected(
                f"{process.address} sent {type(message).__name__} to {to} without an open session"
            )
        side = session.sides[process.address]
        if len(side.queue) >= WINDOW:
            raise SessionFull(
                f"{to} has not handled the last {WINDOW} messages from {process.address}"
            )
        sent = self._sim.note(process, Kind.SEND, message, cause, to)
        side.queue.append((type(message), blob, sent))
        if len(side.queue) == 1:
            self._carry(session, side)

    def _carry(self, session: Session, side: _Direction) -> None:
        """Put the head of the queue on its way; retransmission makes a loss a delay."""
        delay = self._sim.network.latency(side.link)
        if self._sim.network.noisy and side.link.random.random() < self._sim.noise.loss:
            delay += _RETRANSMIT
        self._sim.after(delay, self._arrive, (session, side))

    def _arrive(self, what: tuple[Session, _Direction]) -> None:
        session, side = what
        sim = self._sim
        if not session.open:
            return
        if side.link.blocked or side.link.clogged:
            side.blocked_since = sim.time if side.blocked_since is None else side.blocked_since
            if sim.time - side.blocked_since < SILENCE:
                sim.after(_RETRANSMIT, self._arrive, what)
            else:
                self._break(session)
        elif side.receiver.is_held():
            side.receiver.hold(self._arrive, what)
        else:
            side.blocked_since = None
            cls, blob, sent = side.queue[0]
            sim.deliver(side.receiver, side.sender.address, cls, blob, sent)
            side.queue.popleft()
            if side.queue and session.open:
                self._carry(session, side)

    def disconnect(self, process: Process, peer: Address) -> None:
        """End the session; the peer is told. No error if there is none."""
        session = self._sessions.get(frozenset((process.address, peer)))
        if session is not None and session.sides[process.address].sender is process:
            self._break(session)

    def crashed(self, process: Process) -> None:
        """The sessions of a process that has ended are over."""
        for pair, session in list(self._sessions.items()):
            if process.address in pair and session.sides[process.address].sender is process:
                self._break(session)

    def _break(self, session: Session) -> None:
        self._close(session)
        for side in session.sides.values():
            if side.sender.alive:
                news = (side.sender, Kind.DISCONNECT, side.receiver.address)
                self._sim.after(self._sim.network.latency(side.link), self._tell, news)

    def _close(self, session: Session) -> None:
        session.open = False
        self._sessions.pop(frozenset(session.sides), None)

    def _tell(self, what: tuple[Process, str, Address]) -> None:
        """Call ``on_connect`` or ``on_disconnect``."""
        process, kind, peer = what
        if not process.alive:
            return
        if process.is_held():
            process.hold(self._tell, what)
            return
        node = process.node
        event = process.note(kind, None, cause=0, peer=peer)
        process.handle(event, node.on_connect if kind == Kind.CONNECT else node.on_disconnect, peer)
