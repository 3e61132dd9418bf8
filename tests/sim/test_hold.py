"""A run of which every step is chosen: held messages and timers, released one by one, and planned draws."""

from distlab.core import MS, SECOND
from distlab.faults import At, Draw, Fault, Fire, Hold, Release
from tests.sim.puppets import Alarm, Note, both, events, heard, play, seen


def tell(n: int):
    return lambda me: me.send("b", Note(n))


def at(time: int, *actions) -> list[Fault]:
    return [Fault(At(time), action) for action in actions]


def test_nothing_arrives_but_what_is_released_in_the_order_of_release() -> None:
    sim = play(
        (1 * MS, "a", both(tell(1), tell(2), tell(3))),
        faults=[
            *at(0, Hold()),
            *at(10 * MS, Release("a", "b", 3)),
            *at(20 * MS, Release("a", "b", 1)),
        ],
    )
    assert heard(sim, "b") == [(10 * MS, "a", Note(3)), (20 * MS, "a", Note(1))]
    assert len(sim.injector.applied) == 3


def test_a_message_that_was_released_can_arrive_again() -> None:
    again = [fault for time in (10, 20) for fault in at(time * MS, Release("a", "b", 1))]
    sim = play((1 * MS, "a", tell(1)), faults=[*at(0, Hold()), *again])
    assert heard(sim, "b") == [(10 * MS, "a", Note(1)), (20 * MS, "a", Note(1))]


def test_what_was_never_sent_is_not_released_and_not_applied() -> None:
    sim = play((1 * MS, "a", tell(1)), faults=[*at(0, Hold()), *at(10 * MS, Release("a", "b", 2))])
    assert heard(sim, "b") == []
    assert [fault.do for fault in sim.injector.applied] == [Hold()]


def test_a_hold_from_the_beginning_covers_the_starts() -> None:
    sim = play(on_start=lambda me: me.send("b", Note(7)), faults=at(0, Hold()))
    assert heard(sim, "b") == []


def test_a_hold_that_comes_later_leaves_what_is_under_way() -> None:
    sim = play((1 * MS, "a", tell(1)), (5 * MS, "a", tell(2)), faults=at(3 * MS, Hold()))
    assert heard(sim, "b") == [(2 * MS, "a", Note(1))]


def test_timers_fire_when_they_are_told_to_whatever_they_were_set_to() -> None:
    sim = play(
        (1 * MS, "a", both(lambda me: me.set_timer(Alarm(1), 5 * MS), lambda me: me.set_timer(Alarm(2), 1 * SECOND))),
        faults=[*at(0, Hold()), *at(10 * MS, Fire("a", "Alarm(n=2)")), *at(20 * MS, Fire("a", "Alarm(n=1)"))],
    )  # fmt: skip
    assert [(e.time, e.what) for e in events(sim, "timer")] == [
        (10 * MS, Alarm(2)),
        (20 * MS, Alarm(1)),
    ]


def test_a_timer_that_is_not_set_does_not_fire() -> None:
    sim = play(faults=[*at(0, Hold()), *at(10 * MS, Fire("a", "Alarm(n=0)"))])
    assert seen(sim, "a") == []
    assert [fault.do for fault in sim.injector.applied] == [Hold()]


def test_once_the_plan_heals_messages_flow_timers_fire_and_what_was_held_is_lost() -> None:
    def act(me) -> None:
        me.send("b", Note(1))
        me.set_timer(Alarm(1), 10 * MS)
        me.set_timer(Alarm(2), 300 * MS)

    sim = play((1 * MS, "a", act), (150 * MS, "a", tell(2)), faults=at(0, Hold()), heal_at=100 * MS)
    assert heard(sim, "b") == [(151 * MS, "a", Note(2))]
    assert [(e.time, e.what) for e in events(sim, "timer")] == [
        (100 * MS, Alarm(1)),  # long past
        (301 * MS, Alarm(2)),
    ]


def test_draws_among_few_come_out_as_planned_and_the_rest_as_ever() -> None:
    def act(me) -> None:
        me.seen += [me.random.randrange(4), me.random.choice("xyz"), me.random.randrange(1_000)]
        me.seen.append(me.random.random())

    free = play((5 * MS, "a", act))
    steered = play((5 * MS, "a", act), faults=at(2 * MS, Draw("a", (3, 1))))
    assert seen(steered, "a")[:2] == [3, "y"]
    assert 0 <= seen(steered, "a")[2] < 1_000
    assert seen(free, "a") == seen(play((5 * MS, "a", act)), "a")


def test_draws_at_the_very_start_are_planned_too() -> None:
    sim = play(
        on_start=lambda me: me.seen.append(me.random.randrange(8)), faults=at(0, Draw("a", (5,)))
    )
    assert seen(sim, "a") == [5]


def test_a_run_is_not_over_before_its_last_step() -> None:
    def settled(*more: Fault) -> list[Note]:
        from tests.sim.puppets import stage

        sim = stage((1 * MS, "a", tell(1)), faults=[*at(0, Hold()), *more])
        sim.run(1 * SECOND, settle=10 * MS)
        return seen(sim, "b")

    assert settled(*at(500 * MS, Release("a", "b", 1))) == [Note(1)]


def test_the_steps_are_no_faults_in_the_trace() -> None:
    sim = play((1 * MS, "a", tell(1)), faults=[*at(0, Hold()), *at(10 * MS, Release("a", "b", 1))])
    assert events(sim, "fault") == []
