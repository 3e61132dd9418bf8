"""Part 5A: the two ends of a channel, a task alone, a job's graph, and the ledger against counting by hand."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from distlab.core import effects as fx
from distlab.core.solo import Solo
from tests.labs.lab5 import Modules, lab, sent

__all__ = ["lab"]


def rows(lab: Modules, *numbers: int) -> Any:
    return lab.stream.records_of([(f"k{n}", n, [n]) for n in numbers])


def task(
    lab: Modules, *outputs: tuple[str, str], operator: str = "Stamp", buffers: int = 2
) -> Solo:
    """A task with one input, from ``before``, and outputs of (partitioner, tag), each to two tasks."""
    stream = lab.stream
    ends = tuple(
        stream.Outgoing(number, (f"t{number}-0", f"t{number}-1"), how, tag)
        for number, (how, tag) in enumerate(outputs, 1)
    )
    incoming = (stream.Incoming(0, ("before",)),)
    config = stream.TaskConfig(f"operators:{operator}", {}, "middle", 0, 1, incoming, ends, buffers)
    solo = Solo(lab.task.Task, config, "middle-0")
    solo.open_session("before")
    for end in ends:
        for target in end.targets:
            solo.open_session(target)
    return solo


# -- channels -----------------------------------------------------------------------------------------


def test_nothing_leaves_before_the_first_grant_and_no_batch_without_credit(lab: Modules) -> None:
    output, stream = lab.channels.Output(), lab.stream
    batches = [stream.Batch(rows(lab, n)) for n in range(3)]
    output.put(stream.Watermark(1))
    assert output.ready() == []
    for batch in batches:
        output.put(batch)
    output.put(stream.EndOfInput())
    output.grant(2)
    assert output.ready() == [stream.Watermark(1), *batches[:2]]
    assert output.ready() == []
    output.grant(1)
    assert output.ready() == [batches[2], stream.EndOfInput()]


def test_credit_comes_back_when_a_batch_is_taken(lab: Modules) -> None:
    end, stream = lab.channels.Input(2), lab.stream
    assert end.grant() == 2
    end.put(stream.Batch(rows(lab, 1)))
    assert end.grant() == 0
    assert end.take() == stream.Batch(rows(lab, 1))
    assert end.grant() == 1
    end.put(stream.Watermark(1))
    end.take()
    assert end.grant() == 0
    assert end.take() is None


# -- a task -------------------------------------------------------------------------------------------


def test_it_takes_nothing_while_an_output_waits(lab: Modules) -> None:
    solo, stream = task(lab, ("global", "")), lab.stream
    for n in (1, 2):
        solo.deliver(stream.Batch(rows(lab, n)), "before")
    effects = solo.deliver(stream.Credit(1, 1), "t1-0")
    assert [batch.records.times for batch in sent(effects, stream.Batch)] == [(1,)]
    effects = solo.deliver(stream.Credit(1, 1), "t1-0")
    assert [batch.records.times for batch in sent(effects, stream.Batch)] == [(2,)]


def test_an_edge_with_another_tag_gets_nothing(lab: Modules) -> None:
    solo, stream = task(lab, ("global", ""), ("broadcast", "late"), ("key_by", "")), lab.stream
    for number in (1, 2, 3):
        for target in (0, 1):
            solo.deliver(stream.Credit(2, number), f"t{number}-{target}")
    effects = solo.deliver(stream.Batch(rows(lab, 1, 2, 3, 4)), "before")
    got = [(batch.edge, len(batch.records)) for batch in sent(effects, stream.Batch)]
    assert sum(count for edge, count in got if edge == 1) == 4
    assert sum(count for edge, count in got if edge == 3) == 4
    assert not [edge for edge, _ in got if edge == 2]


def test_the_end_goes_to_all_outputs(lab: Modules) -> None:
    solo, stream = task(lab, ("global", ""), ("broadcast", "late")), lab.stream
    for number in (1, 2):
        for target in (0, 1):
            solo.deliver(stream.Credit(2, number), f"t{number}-{target}")
    effects = solo.deliver(stream.EndOfInput(), "before")
    ends = {effect.to for effect in effects if isinstance(effect, fx.Sent)}
    assert ends >= {"t1-0", "t1-1", "t2-0", "t2-1"}


def test_a_lost_session_ends_the_task(lab: Modules) -> None:
    solo = task(lab, ("global", ""))
    assert any(isinstance(effect, fx.Stopped) for effect in solo.close_session("t1-0"))


# -- a job --------------------------------------------------------------------------------------------


def job(lab: Modules, *edges: tuple[str, str, str]) -> Any:
    graph = lab.graph
    vertices = (graph.Vertex("a", "operators:Rows", 2), graph.Vertex("b", "operators:Sink", 3))
    return graph.Job(vertices, tuple(graph.Edge(*edge) for edge in edges))


@pytest.mark.parametrize(
    ("edges", "why"),
    [
        ([("a", "b", "forward")], "forward joins equals"),
        ([("a", "c", "key_by")], "no operator c"),
        ([("a", "b", "key_by"), ("b", "a", "key_by")], "round in circles"),
    ],
)
def test_a_job_that_cannot_run_says_why(lab: Modules, edges: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        job(lab, *edges).graph()


def test_every_channel_has_two_ends(lab: Modules) -> None:
    configs = job(lab, ("a", "b", "key_by"), ("a", "b", "broadcast")).deploy()
    out = {
        (end.edge, address, target)
        for address, config in configs.items()
        for end in config.outputs
        for target in end.targets
    }
    into = {
        (end.edge, sender, address)
        for address, config in configs.items()
        for end in config.inputs
        for sender in end.senders
    }
    assert out == into
    assert len(out) == 12


# -- the ledger ---------------------------------------------------------------------------------------


def test_the_ledger_agrees_with_one_that_remembers_every_id(lab: Modules) -> None:
    """The dumb twin keeps the set of open ids: a tree is done when it has begun and the set is empty."""
    random = Random(4)
    for _ in range(200):
        ledger, root = lab.acker.Ledger(3), random.getrandbits(64)
        first = random.getrandbits(64)
        news: list[tuple[str, set[int]]] = [("init", {first})]
        grown = [first]
        for _ in range(random.randrange(8)):
            parent = random.choice(grown)
            grown.remove(parent)
            children = [random.getrandbits(64) for _ in range(random.randrange(3))]
            news.append(("ack", {parent, *children}))
            grown += children
            if not grown:
                break
        news += [("ack", {left}) for left in grown]
        random.shuffle(news)
        is_open: set[int] = set()
        for number, (kind, ids) in enumerate(news, 1):
            is_open ^= ids
            value = 0
            for one in ids:
                value ^= one
            told = (
                ledger.init(root, value, "spout")
                if kind == "init"
                else ledger.ack(root, value) == "spout"
            )
            has_begun = any(k == "init" for k, _ in news[:number])
            assert told == (has_begun and not is_open)
