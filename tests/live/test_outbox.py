"""The order of effects behind syncs."""

from hypothesis import given
from hypothesis import strategies as st

from distlab.live.outbox import Outbox


def test_an_effect_behind_nothing_takes_place_at_once() -> None:
    done: list[int] = []
    Outbox().in_order(done.append, 1)
    assert done == [1]


def test_what_was_asked_for_after_a_sync_waits_for_it_and_what_came_before_does_not() -> None:
    done: list[str] = []
    outbox = Outbox()
    outbox.in_order(done.append, "before")
    outbox.barrier(1)
    outbox.in_order(done.append, "behind 1")
    outbox.barrier(2)
    outbox.in_order(done.append, "behind 2")
    assert done == ["before"]
    outbox.done(1)
    assert done == ["before", "behind 1"]
    outbox.done(2)
    assert done == ["before", "behind 1", "behind 2"]


def test_a_failed_sync_takes_with_it_all_that_waits_and_later_syncs_still_count() -> None:
    done: list[str] = []
    outbox = Outbox()
    outbox.barrier(1)
    outbox.in_order(done.append, "behind 1")
    outbox.barrier(2)
    outbox.in_order(done.append, "behind 2")
    assert outbox.failed(1) == [("behind 1",), ("behind 2",)]
    outbox.in_order(done.append, "after the failure")
    assert done == [], "sync 2 is still under way"
    outbox.done(2)
    assert done == ["after the failure"]


@given(st.lists(st.sampled_from(["effect", "sync", "complete"]), max_size=40))
def test_no_effect_takes_place_before_the_syncs_before_it(steps: list[str]) -> None:
    outbox, asked, completed = Outbox(), 0, 0
    expected: list[tuple[int, int]] = []  # (effect, syncs asked for before it)
    done: list[int] = []
    for number, step in enumerate(steps):
        if step == "effect":
            expected.append((number, asked))
            outbox.in_order(done.append, number)
        elif step == "sync":
            asked += 1
            outbox.barrier(asked)
        elif completed < asked:
            completed += 1
            outbox.done(completed)
        assert done == [effect for effect, before in expected if before <= completed]
