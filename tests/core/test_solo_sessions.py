"""Sessions in unit tests: opened and closed by hand, or by a pair."""

import pytest

from distlab.core import Address, Node, NotConnected, SessionMessage
from distlab.core.solo import Pair, Solo


class Line(SessionMessage):
    text: str


class Talker(Node):
    heard: list[str]
    peer: str | None

    def on_start(self) -> None:
        self.heard = []
        self.peer = None

    def on_connect(self, peer: Address) -> None:
        self.peer = peer
        self.send(peer, Line(f"I am {self.address}"))

    def on_line(self, line: Line) -> None:
        self.heard.append(line.text)

    def on_disconnect(self, peer: Address) -> None:
        self.peer = None


def test_a_session_message_without_a_session_is_an_error() -> None:
    with pytest.raises(NotConnected):
        Solo(Talker).node.send(Address("peer"), Line("hello"))


def test_a_test_can_open_and_close_a_session() -> None:
    talker = Solo(Talker)
    assert [type(effect).__name__ for effect in talker.open_session("friend")] == ["Sent"]
    talker.close_session("friend")
    assert talker.node.peer is None
    with pytest.raises(NotConnected):
        talker.node.send(Address("friend"), Line("still there?"))


def test_a_pair_opens_what_one_side_asks_for_and_ends_it_on_both() -> None:
    left, right = Solo(Talker, address="left"), Solo(Talker, address="right")
    pair = Pair(left, right)
    left.node.connect(Address("right"))
    assert pair.settle() == 2
    assert (left.node.heard, right.node.heard) == (["I am right"], ["I am left"])
    right.node.disconnect(Address("left"))
    pair.settle()
    assert (left.node.peer, right.node.peer) == (None, None)


def test_a_crash_ends_every_session() -> None:
    talker = Solo(Talker)
    talker.open_session()
    talker.crash()
    talker.start()
    assert not talker.sessions
