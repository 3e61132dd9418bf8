"""Links: latency, noise, planned fates, and what closes them."""

from itertools import pairwise

import pytest

from distlab.core import MS, SECOND, Address
from distlab.core.errors import BadValue
from distlab.faults import (
    At,
    Clog,
    Crash,
    Cut,
    Delay,
    Drop,
    Duplicate,
    Fault,
    Flip,
    Noise,
    Nth,
    Partition,
)
from distlab.sim import ProgramError
from tests.sim.puppets import Note, Puppet, dropped, heard, play, seen


def say(*numbers: int, to: str = "b"):
    """An act: send notes of these numbers."""
    return lambda me: [me.send(to, Note(n)) for n in numbers] and None


def numbers(sim, address: str = "b") -> list[int]:
    return [note.n for _, _, note in heard(sim, address)]


def test_on_a_quiet_network_a_message_takes_a_millisecond() -> None:
    assert heard(play((5 * MS, "a", say(7))), "b") == [(6 * MS, "a", Note(7))]


def test_a_node_can_send_to_itself() -> None:
    assert heard(play((0, "a", say(1, to="a"))), "a") == [(1 * MS, "a", Note(1))]


def test_a_message_is_a_copy() -> None:
    kept: list[Note] = []
    play(
        (0, "a", lambda me: (kept.append(Note(1)), me.send("b", kept[0]))),
        on_message=lambda me, note, sender: kept.append(note),
    )
    assert kept[0] == kept[1]
    assert kept[0] is not kept[1]


def test_an_unknown_address_is_the_senders_mistake_at_once() -> None:
    with pytest.raises(ProgramError) as caught:
        play(
            (
                0,
                "a",
                lambda me: (me.disk.append("f", b"x"), me.disk.sync("f"), me.send("z", Note(1))),
            )
        )
    assert isinstance(caught.value.__cause__, BadValue)
    assert caught.value.time == 0


def test_the_nth_message_of_a_link_is_dropped() -> None:
    sim = play((0, "a", say(1, 2, 3)), faults=[Fault(Nth("a", "b", 2), Drop())])
    assert numbers(sim) == [1, 3]
    assert sim.tally["drop"] == 2  # the fault, and what it did
    assert dropped(sim) == ["drop"]


def test_messages_are_counted_by_class_where_one_is_named() -> None:
    other = Fault(Nth("a", "b", 1, "Ghost"), Drop())
    sim = play((0, "a", say(1, 2)), faults=[other, Fault(Nth("a", "b", 2, "Note"), Drop())])
    assert numbers(sim) == [1]


def test_a_delayed_message_is_overtaken() -> None:
    sim = play((0, "a", say(1, 2)), faults=[Fault(Nth("a", "b", 1), Delay(5 * MS))])
    assert [(time, note.n) for time, _, note in heard(sim, "b")] == [(1 * MS, 2), (6 * MS, 1)]


def test_a_duplicate_arrives_that_much_later() -> None:
    sim = play((0, "a", say(1)), faults=[Fault(Nth("a", "b", 1), Duplicate(3 * MS))])
    assert [time for time, _, _ in heard(sim, "b")] == [1 * MS, 4 * MS]


def test_a_flipped_bit_changes_what_arrives() -> None:
    last_bit_of_the_number = -8  # modulo the size, as the plan counts
    sim = play((0, "a", say(6)), faults=[Fault(Nth("a", "b", 1), Flip(8 * 15 - 8))])
    assert numbers(sim) in ([7], [])
    assert last_bit_of_the_number  # the layout is msgpack's own
    found = {
        tuple(numbers(play((0, "a", say(6)), faults=[Fault(Nth("a", "b", 1), Flip(bit))])))
        for bit in range(200)
    }
    assert (7,) in found, "some flip makes another valid message"
    assert () in found, "some flip makes no message at all"


def test_an_ill_typed_message_is_blamed_though_another_one_was_flipped() -> None:
    with pytest.raises(ProgramError, match="Note"):
        play(
            (0, "a", say(1)),
            (10 * MS, "a", lambda me: me.send("b", Note("one"))),
            faults=[Fault(Nth("a", "b", 1), Flip(9))],
        )


def test_a_one_way_cut_lets_the_other_way_through() -> None:
    sim = play(
        (5 * MS, "a", say(1)),
        (5 * MS, "b", say(2, to="a")),
        (50 * MS, "a", say(3)),
        faults=[Fault(At(0), Cut("a", "b", 20 * MS))],
    )
    assert numbers(sim) == [3]
    assert numbers(sim, "a") == [2]


def test_a_cut_catches_what_is_under_way() -> None:
    sim = play((0, "a", say(1)), faults=[Fault(At(500), Cut("a", "b", 10 * MS))])
    assert dropped(sim) == ["partition"]


def test_a_partition_keeps_groups_apart_and_ends() -> None:
    everyone = [(t, x, say(t, to=y)) for t in (5 * MS, 50 * MS) for x in "abcd" for y in "abcd"]
    sim = play(
        *everyone,
        nodes="abcd",
        faults=[Fault(At(0), Partition((("a", "b"), ("c",)), 20 * MS))],
    )
    early = {(s, x) for x in "abcd" for t, s, _ in heard(sim, x) if t == 6 * MS}
    assert early == {(x, y) for x in "abcd" for y in "abcd"} - {
        ("a", "c"), ("b", "c"), ("c", "a"), ("c", "b")
    }  # fmt: skip
    assert len([t for x in "abcd" for t, _, _ in heard(sim, x) if t == 51 * MS]) == 16


def test_a_node_in_two_groups_is_a_bridge() -> None:
    everyone = [(5 * MS, x, say(1, to=y)) for x in "abc" for y in "abc" if x != y]
    sim = play(
        *everyone, nodes="abc", faults=[Fault(At(0), Partition((("a", "b"), ("b", "c")), SECOND))]
    )
    assert [s for _, s, _ in heard(sim, "b")] == ["a", "c"]
    assert [s for _, s, _ in heard(sim, "a")] == ["b"]


def test_a_partition_of_roles_strikes_whoever_has_them() -> None:
    sim = play(
        (5 * MS, "a", say(1)),
        faults=[Fault(At(1), Partition((("@boss",), ("b",)), SECOND))],
        roles=lambda sim, role: [Address("a")],
    )
    assert dropped(sim) == ["partition"]
    assert sim.injector.applied[0].do == Partition((("a",), ("b",)), SECOND)


def test_a_cut_of_a_role_strikes_whoever_has_it() -> None:
    sim = play(
        (5 * MS, "a", say(1)),
        faults=[Fault(At(1), Cut("@boss", "*", SECOND))],
        roles=lambda sim, role: [Address("a")],
    )
    assert dropped(sim) == ["partition"]


def test_overlapping_cuts_each_hold_the_link() -> None:
    sim = play(
        (15 * MS, "a", say(1)),
        (25 * MS, "a", say(2)),
        faults=[Fault(At(0), Cut("a", "b", 10 * MS)), Fault(At(5 * MS), Cut("a", "b", 15 * MS))],
    )
    assert numbers(sim) == [2]


def test_a_clog_holds_back_and_releases_in_order() -> None:
    sim = play(
        (5 * MS, "a", say(1, 2)),
        (6 * MS, "a", say(3)),
        (40 * MS, "a", say(4)),
        faults=[Fault(At(0), Clog("a", "b", 20 * MS))],
        noise=Noise(delay=(1 * MS, 9 * MS)),
    )
    assert numbers(sim) == [1, 2, 3, 4]
    assert heard(sim, "b")[0][0] >= 20 * MS


def test_a_clog_holds_what_is_under_way() -> None:
    sim = play((0, "a", say(1)), faults=[Fault(At(500), Clog("a", "b", 20 * MS))])
    assert heard(sim, "b")[0][0] == 21 * MS + 500 - 0


def test_what_a_clog_held_reaches_the_next_incarnation() -> None:
    sim = play(
        (5 * MS, "a", say(1)),
        faults=[
            Fault(At(0), Clog("a", "b", 50 * MS)),
            Fault(At(10 * MS), Crash("b", restart_after=10 * MS)),
        ],
    )
    assert seen(sim, "b") == [Note(1)]


def test_a_message_to_a_node_that_is_down_is_dropped() -> None:
    sim = play((5 * MS, "a", say(1)), faults=[Fault(At(0), Crash("b"))])
    assert dropped(sim) == ["down"]


@pytest.mark.parametrize(
    "fault",
    [
        Cut("a", "b", 500 * MS),
        Clog("a", "b", 500 * MS),
        Partition((("a",), ("b",)), 500 * MS),
    ],
)
def test_healing_opens_links_once_and_for_all(fault) -> None:
    sim = play(
        (5 * MS, "a", say(1)),
        (30 * MS, "a", say(2)),
        faults=[Fault(At(0), fault), Fault(At(490 * MS), fault)],
        heal_at=20 * MS,
        until=495 * MS,
    )
    assert numbers(sim)[-1] == 2
    # The end of the first fault, long healed, must not end the second one.
    sim.run(501 * MS)
    link = sim.network.link(Address("a"), Address("b"))
    assert not link.is_open


def test_noise_has_about_the_rates_it_says() -> None:
    noise = Noise(loss=0.2, duplicate=0.1, straggle=0.3, delay=(1 * MS, 3 * MS), seed=3)
    sim = play((0, "a", say(*range(5000))), noise=noise)
    assert 0.17 < sim.tally["loss"] / 5000 < 0.23
    assert 0.08 < sim.tally["duplicate"] / 5000 < 0.12
    assert 0.27 < sim.tally["straggler"] / 5000 < 0.33
    assert len(numbers(sim)) == 5000 - sim.tally["loss"] + sim.tally["duplicate"]
    times = [time for time, _, _ in heard(sim, "b")]
    assert min(times) >= 1 * MS
    assert 45 * MS < max(times) <= 53 * MS
    assert any(x > y for x, y in pairwise(numbers(sim))), "something was overtaken"


def test_noise_is_quiet_once_healed_but_for_its_delays() -> None:
    noise = Noise(loss=1.0, delay=(1 * MS, 3 * MS))
    sim = play((0, "a", say(1)), (20 * MS, "a", say(2)), heal_at=10 * MS, noise=noise)
    assert numbers(sim) == [2]


def test_one_more_message_on_a_link_does_not_move_another_links_weather() -> None:
    noise = Noise(delay=(1 * MS, 9 * MS), loss=0.3, seed=5)

    def arrivals(*more):
        sim = play((5 * MS, "a", say(*range(50))), *more, nodes="abc", noise=noise)
        return heard(sim, "b")

    assert arrivals() == arrivals((0, "a", say(1, 2, 3, to="c")), (0, "c", say(9, to="a")))


def test_a_planned_fault_does_not_move_the_weather_of_the_other_messages() -> None:
    noise = Noise(delay=(1 * MS, 9 * MS), loss=0.3, seed=5)

    def arrivals(*faults):
        sim = play((0, "a", say(*range(50))), noise=noise, faults=faults)
        return {note.n: time for time, _, note in heard(sim, "b") if note.n != 9}

    assert arrivals() == arrivals(Fault(Nth("a", "b", 10), Drop()))


def test_a_handler_may_leave_out_the_sender() -> None:
    class Terse(Puppet):
        def on_note(self, note: Note) -> None:  # type: ignore[override]
            self.seen.append(note.n)

    assert seen(play((0, "a", say(4)), program=Terse), "b") == [4]
