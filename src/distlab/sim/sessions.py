"""Sessions in the simulator: what TCP gives, and what it does not.

Theory of operation. A session is opened by a handshake, and ends when either side disconnects, ends, or has not been
reachable for :data:`SILENCE`. Until then messages arrive in order, none missing: loss and planned faults show as delay,
as retransmission makes them do, and what comes behind waits. A sender may be :data:`WINDOW` messages ahead of what its
peer has handled; then ``send`` raises ``SessionFull``. There is one session at most between two nodes, and it belongs
to one incarnation of each.

What is true and what a side knows are two things. A session that has ended at one side is still open in the eyes of the
other until the news has crossed the network: what that side sends meanwhile is lost, as in the buffers of a dead
connection, and is no mistake of the program. ``Process.peers`` is what a process knows; it changes with ``on_connect``
and ``on_disconnect``, each of which comes exactly once per side and session.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from distlab.core.errors import BadValue, NotConnected, SessionFull
from distlab.core.values import MS, SECOND, Address, Message, SessionMessage
from distlab.faults import Delay, Drop, Flip
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


class Half:
    """One side of a session: what it sends, and what it knows."""

    __slots__ = (
        "ahead",
        "blocked_since",
        "is_told",
        "link",
        "queue",
        "receiver",
        "sender",
        "session",
        "stuck",
        "tail",
    )

    def __init__(self, session: Session, sender: Process, receiver: Process, link: Link) -> None:
        self.session = session
        self.sender = sender
        self.receiver = receiver
        self.link = link
        self.queue: deque[tuple[type[Message], bytes, int]] = deque()
        """What is on its way, or waits at the receiver's door."""
        self.ahead = 0
        """Messages sent and not yet handled, whether or not they have left."""
        self.tail = 0
        """When the last one arrives: none overtakes it."""
        self.stuck = 0
        """How many have arrived at a link that is not open."""
        self.blocked_since = 0
        self.is_told = False
        """Whether the sender has been told that it is over."""


class Session:
    """Two halves, by the address of their senders."""

    __slots__ = ("halves", "is_open")

    def __init__(self, left: Process, right: Process, there: Link, back: Link) -> None:
        self.is_open = True
        self.halves = {
            left.address: Half(self, left, right, there),
            right.address: Half(self, right, left, back),
        }

    def is_between(self, left: Process, right: Process) -> bool:
        """Whether these two incarnations are its sides."""
        return {half.sender for half in self.halves.values()} == {left, right}


class Sessions:
    """All sessions of a run."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._sessions: dict[frozenset[Address], Session] = {}
        """The last one between each two nodes."""

    # -- opening --------------------------------------------------------------------------------------------------

    def connect(self, process: Process, peer: Address) -> None:
        """Ask for a session: a round trip later both sides are told, or this one that it could not be.

        Nothing happens where one is open or on its way.
        """
        if peer in process.peers:
            return
        process.peers[peer] = None
        network = self._sim.network
        there, back = network.link(process.address, peer), network.link(peer, process.address)
        round_trip = network.latency(there) + network.latency(back)
        self._sim.after(round_trip, self._handshake, (process, peer, self._sim.time))

    def check_peer(self, process: Process, peer: Address) -> None:
        """Raise ``BadValue`` where there can be no session with ``peer``."""
        if peer == process.address:
            raise BadValue(f"{peer} asks for a session with itself")
        self._sim.network.link(process.address, peer)

    def _handshake(self, what: tuple[Process, Address, int]) -> None:
        process, peer, since = what
        sim = self._sim
        if not process.alive or process.peers.get(peer, self) is not None:
            return  # the peer asked too, and was first; or nobody wants it any more
        other = sim.up.get(peer)
        network = sim.network
        there, back = network.link(process.address, peer), network.link(peer, process.address)
        pair = frozenset((process.address, peer))
        old = self._sessions.get(pair)
        if not (there.is_open and back.is_open):
            if sim.time - since < SILENCE:
                sim.after(_RETRANSMIT, self._handshake, what)
            else:
                self._tell((process, Kind.DISCONNECT, peer, None))
        elif other is None or sim.up.get(process.address) is not process:
            self._tell((process, Kind.DISCONNECT, peer, None))
        elif old is not None and old.is_open and old.is_between(process, other):
            return  # the peer asked too, and was first; the news waits in our inbox
        else:
            if old is not None:  # the news that it is over must not come after ours
                old.is_open = False
                for half in old.halves.values():
                    self._tell_over(half)
            session = self._sessions[pair] = Session(process, other, there, back)
            for half in session.halves.values():
                self._tell((half.sender, Kind.CONNECT, half.receiver.address, half))

    # -- sending --------------------------------------------------------------------------------------------------

    def book(self, process: Process, to: Address, message: SessionMessage) -> Half:
        """The half that is to carry one more message. Raises ``NotConnected``, ``SessionFull``."""
        half = process.peers.get(to)
        if half is None:
            raise NotConnected(
                f"{process.address} sent {type(message).__name__} to {to} without an open session"
            )
        if half.ahead >= WINDOW:
            raise SessionFull(
                f"{to} has not handled the last {WINDOW} messages from {process.address}"
            )
        half.ahead += 1
        return half

    def dispatch(
        self, process: Process, half: Half, message: Message, blob: bytes, cause: int
    ) -> None:
        """Put a message on its way; what would harm a datagram makes it late."""
        sim, link = self._sim, half.link
        sent = sim.note(process, Kind.SEND, message, cause, link.to)
        delay = sim.network.latency(link)
        for fate in link.fates(type(message).__name__):
            sim.struck(fate, link.source)
            match fate:
                case Delay(by):
                    delay += by
                case Drop() | Flip():
                    delay += _RETRANSMIT
        if sim.network.loss and link.chance() < sim.network.loss:
            delay += _RETRANSMIT
        if not half.session.is_open:
            sim.network.drop((link, type(message), blob, sent), "disconnected")
            return
        half.queue.append((type(message), blob, sent))
        half.tail = max(half.tail, sim.time + delay)
        sim.at(half.tail, self._arrive, half)

    def _arrive(self, half: Half) -> None:
        """One more message is at the receiver's door."""
        if not half.session.is_open:
            return
        if half.stuck:
            half.stuck += 1
        elif half.link.is_open:
            self._hand_over(half)
        else:
            half.stuck = 1
            half.blocked_since = self._sim.time
            self._sim.after(_RETRANSMIT, self._retry, half)

    def _retry(self, half: Half) -> None:
        if not half.session.is_open:
            return
        if half.link.is_open:
            arrived, half.stuck = half.stuck, 0
            for _ in range(arrived):
                self._hand_over(half)
        elif self._sim.time - half.blocked_since < SILENCE:
            self._sim.after(_RETRANSMIT, self._retry, half)
        else:
            self._break(half.session)

    def _hand_over(self, half: Half) -> None:
        """The receiver takes the oldest message, now or when it has time."""
        if half.session.is_open:
            half.receiver.take(self._deliver, half)

    def _deliver(self, half: Half) -> None:
        if not half.session.is_open:
            return
        half.ahead -= 1
        cls, blob, sent = half.queue.popleft()
        self._sim.deliver(half.receiver, half.sender.address, cls, blob, sent)

    # -- the end --------------------------------------------------------------------------------------------------

    def disconnect(self, process: Process, peer: Address) -> None:
        """End the session; both sides are told. No error if there is none."""
        if peer not in process.peers:
            return
        half = process.peers[peer]
        if half is None:  # only asked for
            self._tell((process, Kind.DISCONNECT, peer, None))
        elif half.session.is_open:
            self._break(half.session, process)

    def give_up(self, half: Half) -> None:
        """A message of this session will never leave its sender: nothing may come after it."""
        if half.session.is_open:
            self._break(half.session, half.sender)

    def ended(self, process: Process) -> None:
        """The sessions of a process that has ended are over."""
        for session in self._sessions.values():
            half = session.halves.get(process.address)
            if session.is_open and half is not None and half.sender is process:
                self._break(session)

    def _break(self, session: Session, by: Process | None = None) -> None:
        session.is_open = False
        sim = self._sim
        for half in session.halves.values():
            took = 0 if half.sender is by else sim.network.latency(half.link)
            sim.after(took, self._news_of_end, (half, sim.time))

    def _news_of_end(self, what: tuple[Half, int]) -> None:
        """The end crosses the network as all else does; a side that cannot hear of it finds out by the silence."""
        half, since = what
        sim = self._sim
        inward = sim.network.link(half.link.to, half.link.source)
        if not inward.is_open and not half.is_told and since < sim.time < since + SILENCE:
            sim.after(_RETRANSMIT, self._news_of_end, what)
        else:
            self._tell_over(half)

    def _tell_over(self, half: Half) -> None:
        if not half.is_told:
            half.is_told = True
            self._tell((half.sender, Kind.DISCONNECT, half.receiver.address, half))

    def _tell(self, what: tuple[Process, str, Address, Half | None]) -> None:
        """Call ``on_connect`` or ``on_disconnect``."""
        if what[0].alive:
            what[0].take(self._learn, what)

    def _learn(self, what: tuple[Process, str, Address, Half | None]) -> None:
        process, kind, peer, half = what
        event = process.note(kind, None, cause=0, peer=peer)
        if kind == Kind.CONNECT:
            process.peers[peer] = half
            process.handle(event, process.node.on_connect, 1, peer)
        else:
            process.peers.pop(peer, None)
            process.handle(event, process.node.on_disconnect, 1, peer)
