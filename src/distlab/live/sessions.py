"""One node's side of its sessions: a pure state machine, frames in, frames and news out.

No socket and no clock lives here. The contract is that of the simulator's sessions: in order, none missing, over when
either side disconnects, dies or has been out of reach for too long; a sender may be :data:`WINDOW` messages ahead of
what its peer has handled.

Theory of operation. ``CONNECT`` names a session that its sender made up; ``ACCEPT`` opens it. ``STREAM`` frames are
numbered from 1, and the number of those that were handled comes back as ``CREDIT``, now and then. ``CLOSE`` ends a
session, and answers whatever belongs to none, so that no side can go on believing in one that the other has not. When
two nodes ask each other at the same moment, the question of the one whose address sorts first counts.

A session belongs to one incarnation of each side: the world says when an incarnation is gone (:meth:`Sessions.lost`).
Frames of a session are never dropped in silence on their way; should a number be missing all the same, the session
ends there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from distlab.core.errors import NotConnected, SessionFull
from distlab.core.values import Address
from distlab.live.envelope import ACCEPT, CLOSE, CONNECT, CREDIT
from distlab.trace import Kind

WINDOW: Final = 1024
"""Messages that may be sent and not yet handled by the peer."""

WINDOW_BYTES: Final = 64 * 1024 * 1024
"""And how large they may be together, if they are more than one: real memory is finite."""

_CREDIT_EVERY: Final = WINDOW // 4


class Reply(Protocol):
    """Puts a frame without a message on its way."""

    def __call__(self, kind: int, peer: Address, session: int, sequence: int = 0) -> None: ...


class Session:
    """What one side knows of one session."""

    __slots__ = (
        "credited",
        "handled",
        "id",
        "incarnation",
        "is_open",
        "peer",
        "received",
        "sent",
        "sizes",
        "weight",
    )

    def __init__(self, id: int, peer: Address, incarnation: int, is_open: bool) -> None:  # noqa: A002
        self.id = id
        self.peer = peer
        self.incarnation = incarnation
        """The peer's; the session ends with it."""
        self.is_open = is_open
        self.sent = 0
        self.sizes: dict[int, int] = {}
        """Number -> bytes of what the peer has not handled yet, oldest first."""
        self.weight = 0
        """All of them together."""
        self.received = 0
        self.handled = 0
        self.credited = 0


class Sessions:
    """All sessions of one incarnation of a node, at most one with each peer."""

    def __init__(
        self, address: Address, reply: Reply, tell: Callable[[str, Address, Session | None], None]
    ) -> None:
        self._address = address
        self._reply = reply
        self._tell = tell
        """Called with ``Kind.CONNECT`` or ``Kind.DISCONNECT``; is to call :meth:`learned` when the node is told."""
        self._sessions: dict[Address, Session] = {}
        """Those that are not over."""
        self._known: dict[Address, Session] = {}
        """Open sessions as the node knows them."""
        self._wanted: set[Address] = set()
        """Whom the node has asked for a session, while it waits for the answer."""

    # -- what the node does ---------------------------------------------------------------------------------------

    def connect(self, peer: Address, incarnation: int | None) -> None:
        """Ask for a session with the peer's ``incarnation``; None: it is down.

        Nothing happens where one is open or on its way.
        """
        if peer in self._known or peer in self._wanted:
            return
        self._wanted.add(peer)
        if incarnation is None:
            self._tell(Kind.DISCONNECT, peer, None)
        else:
            session = Session(_new_id(), peer, incarnation, is_open=False)
            self._sessions[peer] = session
            self._reply(CONNECT, peer, session.id)

    def disconnect(self, peer: Address) -> None:
        """End the session; both sides are told. No error if there is none."""
        if (session := self._sessions.get(peer)) is not None:
            self.give_up(session)

    def give_up(self, session: Session) -> None:
        """End this very session, if it is not over: a message of it will never leave."""
        if self.is_current(session):
            self._reply(CLOSE, session.peer, session.id)
            self._end(session)

    def take_place(self, peer: Address, size: int, what: str) -> tuple[Session, int]:
        """The session and the number for one more message. Raises ``NotConnected``, ``SessionFull``.

        A session that is over, of which the node has not been told yet, takes messages too: they are lost.
        """
        session = self._known.get(peer)
        if session is None:
            raise NotConnected(f"{self._address} sent {what} to {peer} without an open session")
        if len(session.sizes) >= WINDOW:
            raise SessionFull(
                f"{peer} has not handled the last {WINDOW} messages from {self._address}"
            )
        if session.sizes and session.weight + size > WINDOW_BYTES:
            raise SessionFull(
                f"{peer} has not handled the last {session.weight:,} bytes from {self._address}"
            )
        session.sent += 1
        session.sizes[session.sent] = size
        session.weight += size
        return session, session.sent

    def is_current(self, session: Session) -> bool:
        """Whether the session is not over."""
        return self._sessions.get(session.peer) is session

    def learned(self, kind: str, peer: Address, session: Session | None) -> None:
        """The node is being told."""
        self._wanted.discard(peer)
        if kind == Kind.CONNECT and session is not None:
            self._known[peer] = session
        else:
            self._known.pop(peer, None)

    # -- what arrives ---------------------------------------------------------------------------------------------

    def asked(self, peer: Address, incarnation: int, session: int) -> None:
        """A ``CONNECT`` arrived."""
        ours = self._sessions.get(peer)
        if ours is not None and not ours.is_open and self._address < peer:
            return  # ours was asked at the same moment, and counts
        if ours is not None and ours.is_open:  # the peer knows nothing of it any more
            self._end(ours)
        theirs = self._sessions[peer] = Session(session, peer, incarnation, is_open=True)
        self._reply(ACCEPT, peer, session)
        self._tell(Kind.CONNECT, peer, theirs)

    def accepted(self, peer: Address, session: int) -> None:
        """An ``ACCEPT`` arrived."""
        if (ours := self._found(peer, session)) is not None and not ours.is_open:
            ours.is_open = True
            self._tell(Kind.CONNECT, peer, ours)

    def arrived(self, peer: Address, session: int, number: int) -> Session | None:
        """A ``STREAM`` arrived; its session if its message is to be handed on, None if it is not."""
        ours = self._found(peer, session)
        if ours is None or not ours.is_open:
            return None
        if number != ours.received + 1:
            self._reply(CLOSE, peer, session)
            self._end(ours)
            return None
        ours.received = number
        return ours

    def handled(self, session: Session) -> None:
        """The node is done with one more message of the session."""
        session.handled += 1
        if session.handled - session.credited >= _CREDIT_EVERY:
            self._credit(session)

    def credited(self, peer: Address, session: int, number: int) -> None:
        """A ``CREDIT`` arrived: the peer has handled ``number`` messages."""
        if (ours := self._found(peer, session)) is not None:
            for sent in list(ours.sizes):
                if sent > number:
                    break
                ours.weight -= ours.sizes.pop(sent)

    def closed(self, peer: Address, session: int) -> None:
        """A ``CLOSE`` arrived."""
        ours = self._sessions.get(peer)
        if ours is not None and ours.id == session:
            self._end(ours)

    def lost(self, peer: Address, incarnation: int) -> None:
        """That incarnation of the peer, and every earlier one, is no more."""
        ours = self._sessions.get(peer)
        if ours is not None and ours.incarnation <= incarnation:
            self._end(ours)

    def give_credit(self) -> None:
        """Tell the peers what has been handled: when there is nothing better to do."""
        for session in self._uncredited():
            self._credit(session)

    # -- within ---------------------------------------------------------------------------------------------------

    def _found(self, peer: Address, session: int) -> Session | None:
        ours = self._sessions.get(peer)
        if ours is not None and ours.id == session:
            return ours
        self._reply(CLOSE, peer, session)
        return None

    def _uncredited(self) -> Iterator[Session]:
        return (s for s in self._sessions.values() if s.handled > s.credited)

    def _credit(self, session: Session) -> None:
        session.credited = session.handled
        if self.is_current(session):
            self._reply(CREDIT, session.peer, session.id, session.handled)

    def _end(self, session: Session) -> None:
        del self._sessions[session.peer]
        self._tell(Kind.DISCONNECT, session.peer, session)


def _new_id() -> int:
    """Unlike that of any other session, also of an earlier incarnation."""
    return int.from_bytes(os.urandom(8), "little")
