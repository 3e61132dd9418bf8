"""The same small programs, the same plans, two worlds: what clients are told is the same in both."""

from collections.abc import Sequence, Set

import pytest

from distlab.core import MS, SECOND, Fail, Ok, Operation, Outcome
from distlab.core.cluster import Cluster, Member
from distlab.faults import (
    At,
    Clog,
    Crash,
    Cut,
    Delay,
    Doing,
    Drop,
    Duplicate,
    FailSync,
    Fault,
    FillDisk,
    Nth,
    Partition,
    Pause,
    Plan,
    Survival,
    Twin,
)
from distlab.live import Live
from distlab.sim import Simulation
from distlab.trace import EVERYTHING, Kind, Trace
from tests.live.helpers import COUNTER, ECHO, KV, STREAM, ask
from tests.programs import counter, echo, kv, ledger, streamer

Call = tuple[str, Operation]

WEATHER = {Kind.SEND, Kind.DELIVER, Kind.DROP, Kind.TIMER, Kind.LOG, Kind.WRITE, Kind.PROBE}
WEATHER |= {Kind.SYNC, Kind.SYNCED}

KEPT = Survival.ALL
"""What a crash leaves live."""


def simulated(cluster: Cluster, calls: Sequence[Call], plan: Plan) -> Trace:
    simulation = Simulation(cluster, plan, record=EVERYTHING)
    for number, (client, operation) in enumerate(calls):
        simulation.call(number * MS, client, operation)
    simulation.run(5 * SECOND)
    return simulation.trace


def lived(
    cluster: Cluster, calls: Sequence[Call], plan: Plan, kinds: Set[str] = frozenset()
) -> Trace:
    """Until all clients are answered, and events of these kinds have been seen."""
    with Live(cluster, plan, record=EVERYTHING) as live:
        asked = [live.call(client, operation) for client, operation in calls]
        assert live.wait(lambda: all(call.outcome is not None for call in asked))
        assert live.wait(lambda: kinds_of(live.trace) >= kinds)
    return live.trace


def outcomes(trace: Trace) -> list[Outcome]:
    """In the order of the calls."""
    by_ticket = {event.what[0]: event.what[1] for event in trace.of(Kind.RETURN)}
    return [by_ticket[event.what[0]] for event in trace.of(Kind.CALL)]


def kinds_of(trace: Trace) -> set[str]:
    """Of what a judge may ask about: messages, timers and syncs that a fault cuts short come as they come."""
    return {event.kind for event in trace.events} - WEATHER


WRITES: list[Call] = [("client", kv.Write("x", "1")), ("client", kv.Write("y", "2"))]
ECHOES: list[Call] = [("client", echo.Echo("a")), ("client", echo.Echo("b"))]
SPLIT = Partition((("client",), ("store",)), 150 * MS)


def crash_at(verb: str, what: str = "", n: int = 1) -> Plan:
    crash = Crash("store", restart_after=20 * MS, unsynced=KEPT)
    return Plan((Fault(Doing("store", verb, what, n), crash),))


@pytest.mark.parametrize(
    ("cluster", "calls", "plan"),
    [
        (ECHO, ECHOES, Plan()),
        (ECHO, ECHOES, Plan((Fault(Nth("client", "server", 1), Drop()),))),
        (ECHO, ECHOES, Plan((Fault(Nth("server", "client", 1), Delay(80 * MS)),))),
        (ECHO, ECHOES, Plan((Fault(Nth("client", "server", 2), Duplicate(1 * MS)),))),
        (ECHO, ECHOES, Plan((Fault(At(0), Cut("server", "client", 120 * MS)),))),
        (ECHO, ECHOES, Plan((Fault(At(0), Clog("client", "server", 120 * MS)),))),
        (ECHO, ECHOES, Plan((Fault(At(0), Pause("server", 120 * MS)),))),
        (KV, WRITES, Plan()),
        (KV, WRITES, crash_at("sync")),
        (KV, WRITES, crash_at("send", "Done")),
        (KV, WRITES, crash_at("start")),
        (KV, WRITES, crash_at("sync", n=2)),
        (KV, WRITES, Plan((Fault(At(0), SPLIT),))),
        (KV, WRITES, Plan((Fault(At(0), FailSync("store")),), heal_at=300 * MS)),
        (KV, WRITES, Plan((Fault(At(0), FillDisk("store", SECOND)),), heal_at=300 * MS)),
        (KV, WRITES, Plan((Fault(Doing("store", "sync"), Twin("store", 100 * MS)),))),
        (COUNTER, [("counter", counter.Add(50))], Plan()),
        (COUNTER, [("counter", counter.Add(50, bad=20))], Plan()),
        (STREAM, [("source", streamer.Stream(300))], Plan()),
        (STREAM, [("source", streamer.Stream(3000))], Plan()),
        (
            STREAM,
            [("source", streamer.Stream(50))],
            Plan((Fault(Doing("source", "send", "Item", 20), Cut("source", "sink", 200 * MS)),)),
        ),
    ],
)
def test_clients_are_told_the_same(cluster: Cluster, calls: list[Call], plan: Plan) -> None:
    simulation = simulated(cluster, calls, plan)
    life = lived(cluster, calls, plan, kinds_of(simulation))
    assert outcomes(life) == outcomes(simulation)
    assert len(outcomes(life)) == len(calls)
    assert kinds_of(life) == kinds_of(simulation)


def test_a_session_with_a_dead_peer_ends_in_both() -> None:
    plan = Plan((Fault(Doing("source", "send", "Item", 20), Crash("sink", unsynced=KEPT)),))
    calls: list[Call] = [("source", streamer.Stream(10_000))]
    for trace in (simulated(STREAM, calls, plan), lived(STREAM, calls, plan)):
        (outcome,) = outcomes(trace)
        assert isinstance(outcome, Fail)
        assert [event.node for event in trace.of(Kind.DISCONNECT)] == ["source"]


def test_a_peer_that_dies_while_we_wait_for_leave_to_send_is_missed() -> None:
    """The word to go on and the word of the death arrive together, for the source sleeps meanwhile."""
    item = Doing("source", "send", "Item", 20)
    sleep, death = Fault(item, Pause("source", 300 * MS)), Fault(item, Crash("sink", unsynced=KEPT))
    trace = lived(STREAM, [("source", streamer.Stream(10_000))], Plan((sleep, death)))
    (outcome,) = outcomes(trace)
    assert isinstance(outcome, Fail)


def test_a_session_ends_when_a_message_of_it_never_left() -> None:
    """A sync failed, and what stood behind it is discarded: in a session nothing may come after that."""
    cluster = Cluster({"writer": Member(ledger.Writer), "reader": Member(ledger.Reader)})
    plan = Plan((Fault(Doing("writer", "sync", "lines", 2), FailSync("writer")),))
    stories = ("connected", "sync failed", "disconnected"), ("line 1", "disconnected")

    simulation = Simulation(cluster, plan)
    for number in (1, 2):
        simulation.call(number * 100 * MS, "writer", ledger.Write(number))
    simulation.call(SECOND, "writer", ledger.Ask())
    simulation.call(SECOND, "reader", ledger.Ask())
    simulation.run(2 * SECOND)
    told = [event.what[1] for event in simulation.trace.of(Kind.RETURN)]
    assert told == [Fail("not on disk"), Fail("not on disk"), *map(Ok, stories)]

    with Live(cluster, plan) as live:
        live.wait(lambda: len(list(live.trace.of(Kind.CONNECT))) == 2)
        for number in (1, 2):
            live.call("writer", ledger.Write(number))
            live.wait(lambda: bool(list(live.trace.of(Kind.SYNCED))))
        live.wait(lambda: len(list(live.trace.of(Kind.DISCONNECT))) == 2)
        assert ask(live, "writer", ledger.Ask()) == Ok(stories[0])
        assert ask(live, "reader", ledger.Ask()) == Ok(stories[1])


def test_states_after_a_recovery_are_the_same() -> None:
    calls: list[Call] = [*WRITES, ("client", kv.Read("x")), ("client", kv.Read("nothing"))]
    expected = [Ok(), Ok(), Ok("1"), Ok(None)]
    assert outcomes(simulated(KV, calls, Plan())) == expected
    with Live(KV, crash_at("send", "Done", 2)) as live:
        told = []
        for client, operation in calls:
            call = live.call(client, operation)
            live.wait(lambda call=call: call.outcome is not None)  # type: ignore[misc]
            told.append(call.outcome)
    assert told == expected
