"""Part 0D: the laws of logical clocks, on histories drawn at random."""

from itertools import product
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from distlab.core import effects as fx
from distlab.core.solo import Solo
from tests.labs.lab0 import Modules, call, lab

__all__ = ["lab"]

LAWS = settings(max_examples=40, deadline=None, database=None)
STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(("local", *"abc"))), max_size=14)


def history(lab: Modules, steps: list[tuple[str, str]]) -> list[tuple[str, Any, set[int]]]:
    """Plays steps (node, "local" or to whom) and returns events: node, stamp, and its causal past."""
    clocks = lab.clocks
    now = {node: (lab.protocol.Stamp(), set[int]()) for node in "abc"}
    events: list[tuple[str, Any, set[int]]] = []

    def happens(node: str, stamp: Any, past: set[int]) -> None:
        events.append((node, stamp, past))
        now[node] = (stamp, past | {len(events) - 1})

    for node, to in steps:
        stamp, past = now[node]
        happens(node, clocks.ticked(stamp, node), past)
        if to not in ("local", node):
            sent_stamp, sent_past = now[node]
            mine, my_past = now[to]
            happens(to, clocks.received(mine, sent_stamp, to), my_past | sent_past)
    return events


def test_the_clocks_say_what_happened_before_what(lab: Modules) -> None:
    @LAWS
    @given(STEPS)
    def law(steps: list[tuple[str, str]]) -> None:
        events = history(lab, steps)
        for (i, (_, a, before_a)), (j, (_, b, before_b)) in product(enumerate(events), repeat=2):
            assert lab.clocks.happened_before(a, b) == (i in before_b)
            assert lab.clocks.concurrent(a, b) == (
                i != j and i not in before_b and j not in before_a
            )
            if i in before_b:
                assert a.lamport < b.lamport

    law()


def test_the_total_order_is_total_and_contradicts_nothing(lab: Modules) -> None:
    @LAWS
    @given(STEPS)
    def law(steps: list[tuple[str, str]]) -> None:
        events = history(lab, steps)
        keys = [lab.clocks.total_order(stamp, node) for node, stamp, _ in events]
        assert len(set(keys)) == len(keys)
        for j, (_, _, past) in enumerate(events):
            assert all(keys[i] < keys[j] for i in past)

    law()


def test_who_is_not_listed_counts_as_zero(lab: Modules) -> None:
    stamp = lab.protocol.Stamp
    nothing, one, other = stamp(), stamp(1, (("a", 1),)), stamp(1, (("b", 1),))
    assert lab.clocks.happened_before(nothing, one)
    assert not lab.clocks.happened_before(one, nothing)
    assert lab.clocks.concurrent(one, other)


def test_a_node_stamps_what_it_sends_and_learns_from_what_it_receives(lab: Modules) -> None:
    server = Solo(lab.clocked.ClockedServer, lab.protocol.ServerConfig(), "s")
    stamp = lab.protocol.Stamp(41, (("c", 40), ("f", 1)))
    effects = server.deliver(lab.protocol.Stamped(stamp, call(lab, 1)), "f")
    (answer,) = [effect.message for effect in effects if isinstance(effect, fx.Sent)]
    assert answer.stamp.lamport > 41
    assert lab.clocks.happened_before(stamp, answer.stamp)
    assert dict(answer.stamp.vector)["c"] == 40


def test_merging_never_forgets(lab: Modules) -> None:
    draw = Random(1)
    stamp = lab.protocol.Stamp
    for _ in range(200):
        x = {node: draw.randint(1, 5) for node in draw.sample("abcd", 3)}
        y = {node: draw.randint(1, 5) for node in draw.sample("abcd", 3)}
        a = stamp(sum(x.values()), tuple(sorted(x.items())))
        b = stamp(sum(y.values()), tuple(sorted(y.items())))
        merged = dict(lab.clocks.received(a, b, "e").vector)
        assert merged.pop("e") == 1
        assert merged == {n: max(x.get(n, 0), y.get(n, 0)) for n in x | y}
