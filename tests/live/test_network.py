"""What befalls frames: the proxy's judgement, with time moved by hand."""

from distlab.core import MS, SECOND
from distlab.faults import Clog, Cut, Delay, Drop, Duplicate, Flip, Noise, Nth, Partition
from distlab.live.envelope import CLOSE, CONNECT, DATAGRAM, FLIPPED, STREAM, Envelope
from distlab.live.network import SILENCE, Link, Network, Parcel

MEMBERS = ["a", "b", "c"]
MINUTE = 60 * SECOND


class World:
    """A network, what it dropped, and what came out of it."""

    def __init__(self, noise: Noise | None = None) -> None:
        self.dropped: list[tuple[int, str]] = []
        self.network = Network(MEMBERS, noise or Noise(), dropped=self._dropped)

    def _dropped(self, link: Link, parcel: Parcel, why: str) -> None:
        self.dropped.append((parcel.envelope.cause, why))

    def send(
        self, number: int, now: int = 0, source: str = "a", to: str = "b", kind: int = DATAGRAM, name: bytes = b"Put"
    ) -> None:  # fmt: skip
        ends = MEMBERS.index(source), MEMBERS.index(to)
        envelope = Envelope(kind, 0, *ends, 0, 0, 77 * (kind != DATAGRAM), 0, number, name)
        self.network.send(Parcel(envelope, b"\0\0"), now)

    def take(self, now: int) -> list[int]:
        return [parcel.envelope.cause for _, parcel in self.network.due(now)]

    def frames(self, now: int) -> list[tuple[str, int]]:
        return [(link.to, parcel.envelope.kind) for link, parcel in self.network.due(now)]


def test_a_datagram_arrives_after_its_delay() -> None:
    world = World()
    world.send(1)
    assert world.take(999) == []
    assert world.network.next_due() == 1 * MS
    assert world.take(1 * MS) == [1]
    assert world.network.next_due() is None


def test_the_nth_message_of_a_link_is_dropped_whatever_other_links_do() -> None:
    world = World()
    world.network.plan(Nth("a", "b", 2), Drop())
    for number in (1, 2, 3):
        world.send(number)
        world.send(10 + number, to="c")
    assert world.take(SECOND) == [1, 11, 12, 3, 13]
    assert world.dropped == [(2, "drop")]


def test_messages_of_one_class_are_counted_by_themselves() -> None:
    world = World()
    world.network.plan(Nth("a", "b", 1, "Get"), Drop())
    world.send(1)
    world.send(2, name=b"Get")
    assert world.take(SECOND) == [1]


def test_delay_lets_others_overtake_and_a_duplicate_comes_twice() -> None:
    world = World()
    world.network.plan(Nth("a", "b", 1), Delay(5 * MS))
    world.network.plan(Nth("a", "b", 2), Duplicate(after=1 * MS))
    world.send(1)
    world.send(2)
    assert world.take(SECOND) == [2, 2, 1]


def test_a_flip_changes_one_bit_and_says_so() -> None:
    world = World()
    world.network.plan(Nth("a", "b", 1), Flip(bit=9))
    world.send(1)
    ((_, parcel),) = world.network.due(SECOND)
    assert bytes(parcel.blob) == b"\0\2"
    assert parcel.envelope.flags == FLIPPED


def test_a_cut_is_one_way_and_ends() -> None:
    world = World()
    world.network.impose(Cut("a", "b", 10 * MS), 0)
    world.send(1)
    world.send(2, source="b", to="a")
    assert world.take(5 * MS) == [2]
    assert world.take(10 * MS) == []
    world.send(3, now=10 * MS)
    assert world.take(SECOND) == [3]
    assert world.dropped == [(1, "partition")]


def test_a_cut_also_takes_what_is_under_way_when_it_begins() -> None:
    world = World()
    world.send(1)
    world.network.impose(Cut("a", "*", 10 * MS), 0)
    assert world.take(1 * MS) == []
    assert world.dropped == [(1, "partition")]


def test_a_node_in_two_groups_is_a_bridge() -> None:
    world = World()
    world.network.impose(Partition((("a", "b"), ("b", "c")), SECOND), 0)
    world.send(1, 0, "a", "b")
    world.send(2, 0, "b", "c")
    world.send(3, 0, "a", "c")
    assert world.take(1 * MS) == [1, 2]
    assert world.dropped == [(3, "partition")]


def test_a_clog_holds_back_and_releases_in_order() -> None:
    world = World()
    world.network.impose(Clog("a", "b", 10 * MS), 0)
    world.send(1)
    world.send(2)
    assert world.take(9 * MS) == []
    world.take(10 * MS)
    assert world.take(SECOND) == [1, 2]
    assert world.dropped == []


def test_healing_opens_every_link_and_ends_losses() -> None:
    world = World(Noise(loss=1.0))
    world.network.impose(Partition((("a",), ("b", "c")), MINUTE), 0)
    world.network.impose(Clog("b", "c", MINUTE), 0)
    world.send(1, source="b", to="c")
    world.network.heal(0)
    world.send(2)
    assert world.take(SECOND) == [2]
    assert world.dropped == [(1, "loss")]


def test_the_noise_of_one_link_does_not_shift_that_of_another() -> None:
    def lost(others: int) -> list[int]:
        world = World(Noise(seed=3, loss=0.5))
        for number in range(20):
            world.send(number)
            for _ in range(others):
                world.send(1000, source="c", to="b")
        return [number for number, _ in world.dropped if number < 1000]

    assert lost(0) == lost(3)
    assert 0 < len(lost(0)) < 20


def test_in_a_session_loss_and_cuts_show_as_delay_only() -> None:
    world = World(Noise(loss=1.0))
    world.send(1, kind=STREAM)
    assert world.take(50 * MS) == []
    assert world.take(51 * MS) == [1]

    world = World(Noise(seed=1, loss=0.5))
    for number in range(1, 21):
        world.send(number, kind=STREAM)
    world.network.impose(Cut("a", "b", 300 * MS), 0)
    assert world.take(200 * MS) == []
    assert world.take(MINUTE) == list(range(1, 21))
    assert world.dropped == []


def test_a_session_that_is_out_of_reach_for_too_long_is_closed_on_both_sides() -> None:
    world = World()
    world.network.impose(Partition((("a",), ("b",)), MINUTE), 0)
    world.send(1, kind=STREAM)
    world.send(2, kind=STREAM)
    frames = []
    for now in range(0, SILENCE + SECOND, 50 * MS):
        frames += world.frames(now)
    assert sorted(frames) == [("a", CLOSE), ("b", CLOSE)]
    assert world.network.next_due() == MINUTE, "nothing but the end of the partition"


def test_faults_on_a_message_of_a_session_make_it_late_and_count_with_the_datagrams() -> None:
    world = World()
    world.network.plan(Nth("a", "b", 2), Drop())
    world.network.plan(Nth("a", "b", 4), Delay(20 * MS))
    world.send(1)
    for number in (2, 3, 4):
        world.send(number, kind=STREAM)
    assert world.take(1 * MS) == [1]
    assert world.take(50 * MS) == []
    assert world.take(51 * MS) == [2, 3, 4]
    assert world.dropped == []


def test_the_end_of_a_node_is_news_that_travels_as_all_else_does() -> None:
    world = World()
    world.send(1, kind=STREAM)
    world.network.lost("a", 0, {"b": 3, "c": 0}, 0)
    world.network.impose(Cut("a", "c", 300 * MS), 0)
    assert world.frames(1 * MS) == [("b", STREAM), ("b", CLOSE)]
    assert world.frames(SECOND) == [("c", CLOSE)]


def test_the_end_of_a_node_that_nobody_can_hear_of_is_noticed_by_its_silence() -> None:
    world = World()
    world.network.impose(Cut("a", "*", MINUTE), 0)
    world.network.lost("a", 0, {"b": 0}, 0)
    frames = []
    for now in range(0, SILENCE + SECOND, 50 * MS):
        frames += world.frames(now)
    assert frames == [("b", CLOSE)]


def test_a_session_that_cannot_be_opened_is_refused_to_the_one_who_asked() -> None:
    world = World()
    world.network.impose(Cut("a", "b", MINUTE), 0)
    world.send(1, kind=CONNECT)
    frames = []
    for now in range(0, SILENCE + SECOND, 50 * MS):
        frames += world.frames(now)
    assert frames == [("a", CLOSE)]
