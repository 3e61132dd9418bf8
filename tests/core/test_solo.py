"""One node with no world: transcripts of effects, and what a crash leaves."""

from typing import Any

import pytest

from distlab.core import (
    MS,
    Address,
    Failed,
    Finished,
    Job,
    JobContext,
    JobOutcome,
    Message,
    Node,
    Ok,
    Operation,
    Steps,
    Ticket,
    Timer,
)
from distlab.core import effects as fx
from distlab.core.errors import (
    BadValue,
    ScenarioError,
    StudentError,
    UndeclaredState,
    UnhandledValue,
)
from distlab.core.objects import Objects
from distlab.core.solo import Pair, Solo


class Put(Message, frozen=True):
    id: int


class Stored(Message, frozen=True):
    id: int


class Tick(Timer, frozen=True):
    n: int = 0


class Sum(Job, frozen=True):
    upto: int
    Result = tuple[int, ...]

    def run(self, io: JobContext) -> Steps:
        yield from range(self.upto)
        if self.upto > 5:
            raise ValueError("too much")
        return [sum(range(self.upto))]


class Ask(Operation, frozen=True):
    id: int


class Store(Node):
    replies: dict[int, Stored]
    seen: list[Any]

    def on_start(self) -> None:
        self.seen = []
        self.replies = {put.id: Stored(put.id) for put in self.disk.recover("wal", Put)}

    def on_put(self, put: Put, sender: Address) -> None:
        if put.id not in self.replies:
            self.disk.append("wal", put)
            self.disk.sync("wal", "/")
            self.replies[put.id] = Stored(put.id)
        self.send(sender, self.replies[put.id])

    def on_tick(self, tick: Tick) -> None:
        self.seen.append((self.now(), tick.n))

    def on_sum(self, job: Sum, outcome: JobOutcome) -> None:
        self.seen.append(outcome)

    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        self.finish(ticket, Ok(ask.id))

    def on_stored(self, stored: Stored) -> None:
        self.seen.append(stored)


def test_a_transcript_tells_effects_in_order() -> None:
    solo = Solo(Store)
    assert solo.deliver(Put(1), "c") == [
        fx.Written("append", "wal"),
        fx.Synced("wal"),
        fx.Synced("/"),
        fx.Sent(Address("c"), Stored(1)),
    ]
    assert solo.deliver(Put(1), "d") == [fx.Sent(Address("d"), Stored(1))]


def test_what_was_synced_survives_a_crash_and_the_rest_does_not() -> None:
    solo = Solo(Store)
    solo.deliver(Put(1))
    solo.disk.append("wal", Put(2))
    solo.crash()
    solo.start()
    assert list(solo.node.replies) == [1]  # type: ignore[attr-defined]


def test_a_message_arrives_as_a_copy_and_must_fit_its_class() -> None:
    with pytest.raises(Exception, match="int"):
        Solo(Store).deliver(Put("one"))  # type: ignore[arg-type]


def test_time_passes_and_timers_fire_in_the_order_in_which_they_are_due_and_were_set() -> None:
    solo = Solo(Store)
    solo.set_timer(Tick(1), 10 * MS)
    solo.set_timer(Tick(2), 10 * MS)
    solo.set_timer(Tick(3), 5 * MS)
    solo.set_timer(Tick(1), 10 * MS)  # set anew: now behind Tick(2)
    solo.set_timer(Tick(4), 50 * MS)
    solo.cancel_timer(Tick(5))
    solo.advance(20 * MS)
    assert solo.node.seen == [(5 * MS, 3), (10 * MS, 2), (10 * MS, 1)]  # type: ignore[attr-defined]
    assert (solo.time, solo.timers) == (20 * MS, {Tick(4): 50 * MS})
    solo.fire(Tick(4))
    assert solo.time == 50 * MS
    with pytest.raises(ScenarioError):
        solo.fire(Tick(4))


def test_a_job_is_run_to_its_end_and_its_result_has_crossed() -> None:
    solo = Solo(Store)
    solo.run_job(Sum(4))
    solo.run_job(Sum(4))
    assert solo.jobs == [Sum(4)]
    solo.finish_job(Sum(4))
    solo.run_job(Sum(7))
    solo.finish_job(Sum(7))
    assert solo.node.seen == [  # type: ignore[attr-defined]
        Finished((6,)),
        Failed("ValueError: too much", progress=6),
    ]


def test_a_client_is_called_and_answers() -> None:
    ticket, effects = Solo(Store).call(Ask(7))
    assert effects == [fx.Done(ticket, Ok(7))]


def test_a_node_that_stops_does_nothing_more() -> None:
    class Stops(Store):
        def on_put(self, put: Put, sender: Address) -> None:
            self.stop("enough")
            self.send(sender, Stored(1))

    assert Solo(Stops).deliver(Put(1)) == [fx.Stopped("enough")]


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        pytest.param(BadValue, lambda solo: solo.send("b", Tick()), id="send a timer"),
        pytest.param(UnhandledValue, lambda solo: solo.set_timer(Put(1), 5), id="set a message"),
        pytest.param(UnhandledValue, lambda solo: solo.run_job(Put(1)), id="run a message"),
        pytest.param(StudentError, lambda solo: solo.disk.sync(), id="sync nothing"),
    ],
)
def test_mistakes_are_found_as_in_the_simulator(kind: type, act: Any) -> None:
    with pytest.raises(kind):
        act(Solo(Store))


def test_state_that_is_not_declared_is_found() -> None:
    class Hides(Store):
        def on_put(self, put: Put, sender: Address) -> None:
            self.hidden = 1

    with pytest.raises(UndeclaredState):
        Solo(Hides).deliver(Put(1))


def test_nodes_share_a_store_and_its_changes_are_noted() -> None:
    objects = Objects()
    left, right = Solo(Store, store=objects), Solo(Store, store=objects)
    assert left.store.put_if_absent("k", b"x")
    assert not right.store.put_if_absent("k", b"y")
    assert right.store.get("k") == b"x"
    assert right.effects == [fx.Stored("put_if_absent", "k")]


def test_a_pair_talks_until_both_are_quiet() -> None:
    class Client(Store):
        def on_tick(self, tick: Tick) -> None:
            self.send(Address("server"), Put(tick.n))

    client, server = Solo(Client, address="client"), Solo(Store, address="server")
    pair = Pair(client, server)
    client.set_timer(Tick(3), 1)
    client.advance(1)
    assert pair.settle() == 2
    assert client.node.seen == [Stored(3)]  # type: ignore[attr-defined]
    assert pair.settle() == 0


def test_a_pair_that_never_stops_talking_is_stopped() -> None:
    class Echo(Store):
        def on_put(self, put: Put, sender: Address) -> None:
            self.send(sender, put)

    left, right = Solo(Echo, address="left"), Solo(Echo, address="right")
    left.send(Address("right"), Put(1))
    with pytest.raises(ScenarioError, match="still talking"):
        Pair(left, right).settle(limit=50)
