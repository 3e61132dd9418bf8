from collections import Counter
from random import Random

import pytest

from distlab.core import MS, SECOND, Address, Fail, Ok
from distlab.core.cluster import Cluster, Member
from distlab.core.effects import Done, Sent, Synced
from distlab.core.solo import Solo
from distlab.faults import At, Crash, Cut, Fault, Noise, Pause, Plan, Survival
from distlab.sim import ProgramError, Simulation
from distlab.trace import EVERYTHING
from tests.examples.windowed_counts import (
    Batch,
    Count,
    Event,
    Operator,
    OperatorConfig,
    Position,
    Record,
    Results,
    Sink,
    Source,
    SourceConfig,
    window_of,
)

WINDOW, LATENESS = 100, 50
LEFT, RIGHT, SINK = Address("left"), Address("right"), Address("sink")
SOURCE = SourceConfig(operators=(LEFT, RIGHT), window=WINDOW, lateness=LATENESS)
OPERATOR = OperatorConfig(sink=SINK, window=WINDOW)
SEEDS = range(50)


def recomputed(events: list[Event]) -> dict[str, bytes]:
    """What must be in the store: one pass over all that was said, with nothing in between that could break."""
    watermark, counts = -LATENESS, Counter[tuple[str, int]]()
    for event in events:
        start = window_of(event.at, WINDOW)
        if event.key and start + WINDOW > watermark:
            counts[event.key, start] += 1
        watermark = max(watermark, event.at - LATENESS)
    return {
        f"counts/{start}/{key}": str(count).encode()
        for (key, start), count in counts.items()
        if start + WINDOW <= watermark
    }


def disordered(random: Random, number: int) -> list[Event]:
    """Events out of order, some by more than is allowed; and at the end a heartbeat that closes every window."""
    events = [
        Event(max(0, 10 * i - random.randrange(200)), random.choice("abcdef"))
        for i in range(number)
    ]
    return [*events, Event(at=100 * SECOND)]


def storm(random: Random) -> Plan:
    """Crashes, cuts and pauses of everything behind the source. A session outlives a short cut, but not a long one."""
    faults = []
    for _ in range(10):
        node = random.choice(["left", "right", "sink"])
        peer = random.choice(["left", "right"]) if node == "sink" else "source"
        downtime = random.randrange(10, 200) * MS
        cut = random.choice([200 * MS] * 5 + [15 * SECOND])
        action = random.choice(
            [
                Crash(node, restart_after=downtime, unsynced=random.choice(list(Survival))),
                Pause(node, downtime),
                Cut(peer, node, cut),
                Cut(node, peer, cut),
            ]
        )
        faults.append(Fault(At(random.randrange(900) * MS), action))
    return Plan(tuple(faults))


def run(
    seed: int, plan: Plan, events: list[Event], operator: type[Operator] = Operator
) -> Simulation:
    cluster = Cluster(
        {
            "source": Member(Source, SOURCE),
            "left": Member(operator, OPERATOR),
            "right": Member(operator, OPERATOR),
            "sink": Member(Sink),
        }
    )
    noise = Noise(
        seed=seed, loss=0.1, duplicate=0.1, delay=(1 * MS, 8 * MS), sync=(2 * MS, 20 * MS)
    )
    sim = Simulation(cluster, plan, noise, record=EVERYTHING)
    for i, event in enumerate(events):
        sim.call(i * 15 * MS, "source", Record(event))
    sim.run(until=120 * SECOND)
    return sim


def stored(sim: Simulation) -> dict[str, bytes]:
    return {name: sim.store.get(name) for name in sim.store.keys()}  # noqa: SIM118


def test_an_event_is_on_disk_before_it_is_said_to_be_taken_up() -> None:
    source = Solo(Source, SOURCE)
    ticket, effects = source.call(Record(Event(70, "a")))
    assert effects[-3:] == [Synced("events"), Synced("/"), Done(ticket, Ok())]
    source.crash()
    source.start()
    assert source.node.events == [Event(70, "a")]


def test_an_event_is_refused_once_its_window_is_closed() -> None:
    source = Solo(Source, SOURCE)
    source.call(Record(Event(149, "a")))
    assert source.call(Record(Event(99, "a")))[1][-1] == Done(2, Ok())
    source.call(Record(Event(150, "a")))
    assert source.call(Record(Event(99, "a"))) == (4, [Done(4, Fail("late"))])


def test_an_operator_goes_on_from_its_checkpoint_and_counts_no_batch_twice() -> None:
    operator = Solo(Operator, OPERATOR)
    operator.open_session("source")
    batch = Batch(0, 3, (Event(10, "a"), Event(20, "a"), Event(130, "a")), watermark=100)
    operator.deliver(batch, sender="source")
    operator.crash()
    operator.start()
    operator.open_session("source")
    assert operator.node.position == 3
    assert Sent("source", Position(3)) in operator.deliver(batch, sender="source")
    assert operator.node.open == {("a", 100): 1}
    assert operator.node.owed == (Count("a", 0, 2),)


def test_a_result_is_stored_once_and_never_changed() -> None:
    sink = Solo(Sink)
    sink.open_session("left")
    first = sink.deliver(Results((Count("a", 0, 2),)), sender="left")
    assert sink.deliver(Results((Count("a", 0, 2),)), sender="left") == first
    with pytest.raises(AssertionError, match="is b'2', and now b'3' as well"):
        sink.deliver(Results((Count("a", 0, 3),)), sender="left")


def test_the_store_equals_a_sequential_recomputation_whatever_breaks() -> None:
    happened = Counter[str]()
    for seed in SEEDS:
        random = Random(seed)
        events = disordered(random, 60)
        sim = run(seed, storm(random), events)
        assert stored(sim) == recomputed(events), f"seed {seed}"

        happened += sim.tally
        seen = set()
        for event in sim.trace.events:
            match event.kind, event.what:
                case "return", (_, Fail()):
                    happened["event refused"] += 1
                case "send", Position(position) if (
                    life := (event.node, event.incarnation)
                ) not in seen:
                    seen.add(life)
                    happened["went on from a checkpoint"] += position > 0
                case "send", Batch(start):
                    happened["batch sent again"] += (event.peer, start) in seen
                    seen.add((event.peer, start))
                case "disconnect", _:  # by then no crash is left that could have ended it
                    happened["session lost in a cut"] += event.time > 5 * SECOND
                case "store", ("put_if_absent", _, False):
                    happened["result came again"] += 1
    assert min(happened[fault] for fault in ("crash", "cut", "pause")) > 0
    assert (
        min(
            happened[moment]
            for moment in ("event refused", "session lost in a cut", "batch sent again")
        )
        > 0
    )
    assert (
        min(happened[moment] for moment in ("went on from a checkpoint", "result came again")) > 0
    )


def test_what_the_source_has_acknowledged_outlives_it_and_is_counted() -> None:
    lost = 0
    for seed in SEEDS:
        random = Random(seed)
        crash = Crash("source", restart_after=50 * MS, unsynced=random.choice(list(Survival)))
        events = disordered(random, 30)
        sim = run(seed, Plan((Fault(At(random.randrange(450) * MS), crash),)), events)
        log = sim.up[Address("source")].node.events
        assert stored(sim) == recomputed(log), f"seed {seed}"

        called = [e.what for e in sim.trace.events if e.kind == "call"]
        outcomes = dict(e.what for e in sim.trace.events if e.kind == "return")
        acknowledged = Counter(
            record.event for ticket, record in called if outcomes.get(ticket) == Ok()
        )
        assert acknowledged <= Counter(log)
        lost += len(called) - len(outcomes)
    assert lost


class Absentminded(Operator):
    """Saves its counts first and its position afterwards, with the next batch."""

    def on_batch(self, batch: Batch, sender: Address) -> None:
        if batch.start == self.position:
            self.count(batch)
            self.position = batch.start
            self.save()
            self.position = batch.end
        self.send(sender, Position(self.position))
        self.settle()


class Hasty(Operator):
    """Acknowledges a batch first, and saves afterwards."""

    def on_batch(self, batch: Batch, sender: Address) -> None:
        if batch.start == self.position:
            self.count(batch)
        self.send(sender, Position(self.position))
        self.settle()
        self.save()


@pytest.mark.parametrize("careless", [Absentminded, Hasty])
def test_an_operator_that_is_careless_of_its_checkpoint_is_found_out(
    careless: type[Operator],
) -> None:
    wrong = 0
    for seed in SEEDS:
        random = Random(seed)
        events = disordered(random, 60)
        try:
            wrong += stored(run(seed, storm(random), events, careless)) != recomputed(events)
        except (
            ProgramError
        ):  # the source or the sink was told two things that contradict each other
            wrong += 1
    assert wrong
