"""Two sides of sessions, joined by queues that a test moves by hand."""

from collections import deque
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distlab.core import Address, NotConnected, SessionFull
from distlab.live.envelope import ACCEPT, CLOSE, CONNECT, CREDIT, STREAM
from distlab.live.sessions import WINDOW, WINDOW_BYTES, Session, Sessions

Frame = tuple[int, int, int]


class Side:
    """One node's sessions, what they put on the wire, and what the node was told."""

    def __init__(self, name: str, peer: str) -> None:
        self.peer = Address(peer)
        self.wire: deque[Frame] = deque()
        self.news: list[str] = []
        self.untold: deque[tuple[str, Session | None]] = deque()
        self.arrived: list[int] = []
        self.sessions = Sessions(Address(name), self._reply, self._tell)

    def _tell(self, kind: str, peer: Address, session: Session | None) -> None:
        self.untold.append((kind, session))

    def tell(self) -> None:
        """Call the node's handlers."""
        while self.untold:
            kind, session = self.untold.popleft()
            self.sessions.learned(kind, self.peer, session)
            self.news.append(kind)

    def _reply(self, kind: int, peer: Address, session: int, sequence: int = 0) -> None:
        self.wire.append((kind, session, sequence))

    def send(self, size: int = 1) -> None:
        session, number = self.sessions.take_place(self.peer, size, "Item")
        if self.sessions.is_current(session):
            self.wire.append((STREAM, session.id, number))

    def take(self, frame: Frame) -> None:
        kind, session, sequence = frame
        if kind == CONNECT:
            self.sessions.asked(self.peer, 0, session)
        elif kind == ACCEPT:
            self.sessions.accepted(self.peer, session)
        elif kind == CREDIT:
            self.sessions.credited(self.peer, session, sequence)
        elif kind == CLOSE:
            self.sessions.closed(self.peer, session)
        elif (ours := self.sessions.arrived(self.peer, session, sequence)) is not None:
            self.arrived.append(sequence)
            self.sessions.handled(ours)
        self.tell()


def pair() -> tuple[Side, Side]:
    return Side("a", "b"), Side("b", "a")


def settle(a: Side, b: Side) -> None:
    while a.wire or b.wire:
        for sender, receiver in ((a, b), (b, a)):
            while sender.wire:
                receiver.take(sender.wire.popleft())
    a.tell()
    b.tell()


def connected() -> tuple[Side, Side]:
    a, b = pair()
    a.sessions.connect(a.peer, 0)
    settle(a, b)
    return a, b


def test_both_sides_are_told_that_a_session_is_open() -> None:
    a, b = connected()
    assert a.news == b.news == ["connect"]


def test_to_a_peer_that_is_down_there_is_no_session() -> None:
    a, _ = pair()
    a.sessions.connect(a.peer, None)
    a.sessions.connect(a.peer, None)
    a.tell()
    assert a.news == ["disconnect"], "once, however often it was asked for"


def test_nothing_can_be_sent_before_a_session_is_open() -> None:
    a, _ = pair()
    with pytest.raises(NotConnected):
        a.send()
    a.sessions.connect(a.peer, 0)
    with pytest.raises(NotConnected):
        a.send()


def test_asking_again_for_a_session_that_is_open_or_on_its_way_changes_nothing() -> None:
    a, b = pair()
    a.sessions.connect(a.peer, 0)
    a.sessions.connect(a.peer, 0)
    settle(a, b)
    b.sessions.connect(b.peer, 0)
    settle(a, b)
    assert a.news == b.news == ["connect"]


def test_what_is_sent_in_a_session_that_is_over_is_lost_until_the_node_has_been_told() -> None:
    a, b = connected()
    a.sessions.lost(a.peer, 0)
    a.send()
    a.tell()
    with pytest.raises(NotConnected):
        a.send()
    settle(a, b)
    assert b.arrived == []


def test_a_peer_that_asks_anew_has_forgotten_the_old_session() -> None:
    a, _ = connected()
    reborn = Side("b", "a")
    reborn.sessions.connect(reborn.peer, 0)
    settle(a, reborn)
    assert a.news == ["connect", "disconnect", "connect"]
    assert reborn.news == ["connect"]


def test_two_that_ask_each_other_at_once_have_one_session() -> None:
    a, b = pair()
    a.sessions.connect(a.peer, 0)
    b.sessions.connect(b.peer, 0)
    settle(a, b)
    assert a.news == b.news == ["connect"]
    a.send()
    b.send()
    settle(a, b)
    assert a.arrived == b.arrived == [1]


def test_the_window_is_full_until_the_peer_has_handled_something() -> None:
    a, b = connected()
    for _ in range(WINDOW):
        a.send()
    with pytest.raises(SessionFull):
        a.send()
    settle(a, b)
    a.send()


def test_the_window_also_has_a_weight_but_one_message_always_fits() -> None:
    a, b = connected()
    a.send(WINDOW_BYTES + 1)
    with pytest.raises(SessionFull):
        a.send()
    settle(a, b)
    b.sessions.give_credit()
    settle(a, b)
    a.send()


def test_disconnect_tells_both_sides_and_nothing_arrives_after_it() -> None:
    a, b = connected()
    a.send()
    a.sessions.disconnect(a.peer)
    late = (STREAM, 12345, 1)
    settle(a, b)
    assert a.news == b.news == ["connect", "disconnect"]
    b.take(late)
    assert b.arrived == [1]


def test_a_session_ends_with_its_peers_incarnation_and_not_with_an_older_one() -> None:
    a, _ = connected()
    a.sessions.lost(a.peer, -1)
    a.tell()
    assert a.news == ["connect"]
    a.sessions.lost(a.peer, 0)
    a.tell()
    assert a.news == ["connect", "disconnect"]


def test_a_missing_frame_ends_the_session_on_both_sides() -> None:
    a, b = connected()
    a.send()
    a.send()
    a.wire.popleft()
    settle(a, b)
    assert b.arrived == []
    assert a.news == b.news == ["connect", "disconnect"]


def test_one_that_has_forgotten_the_session_ends_it_for_the_other() -> None:
    a, _ = connected()
    reborn = Side("b", "a")
    a.send()
    settle(a, reborn)
    assert a.news == ["connect", "disconnect"]
    assert reborn.arrived == []


@given(
    st.lists(
        st.sampled_from(
            ["connect a", "connect b", "close a", "close b", "a>b", "b>a", "send a", "send b"]
        )
    )
)
def test_streams_are_in_order_and_in_the_end_both_sides_agree(steps: list[str]) -> None:
    a, b = pair()
    for step in steps:
        side = a if step.endswith("a") else b
        if step.startswith("connect"):
            side.sessions.connect(side.peer, 0)
        elif step.startswith("close"):
            side.sessions.disconnect(side.peer)
            side.tell()
        elif step.startswith("send"):
            with suppress(NotConnected):
                side.send()
        elif step == "a>b" and a.wire:
            b.take(a.wire.popleft())
        elif step == "b>a" and b.wire:
            a.take(b.wire.popleft())
    settle(a, b)
    believes = [side.news[-1:] == ["connect"] for side in (a, b)]
    assert believes[0] == believes[1]
    if believes[0]:
        before = len(b.arrived)
        a.send()
        settle(a, b)
        assert len(b.arrived) == before + 1
