"""The world of part 4E2, a seller, a broker and a consumer; and what each promise says of a run."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.core import MS, SECOND, Address
from distlab.core.cluster import Cluster, Member
from distlab.faults import Fault, Noise, Plan
from distlab.grade.draw import (
    Swarm,
    clog,
    crash,
    draw_noise,
    draw_plan,
    one_way_cut,
    partition,
    pause,
    slow_node,
)
from distlab.grade.lab import Run, Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.trace import Kind
from labs.lab4_transactions.txmsg import (
    BrokerConfig,
    BrokerView,
    Check,
    Decide,
    Deliver,
    Listener,
    Sell,
    SellerConfig,
)

SELLER, BROKER, CONSUMER = Address("seller"), Address("broker"), Address("consumer")
HORIZON = 800 * MS
IN_TIME = 2 * SECOND
"""TX2-L6's bound: after a commit, or when all is well."""


def stage(solution: Solution, scenario: Scenario) -> Stage:
    members = {
        "seller": Member(solution.module("txmsg_seller").Seller, SellerConfig("broker"), "seller"),
        "broker": Member(
            solution.module("txmsg_broker").Broker, BrokerConfig("seller", "consumer"), "broker"
        ),
        "consumer": Member(Listener, None, "consumer"),
    }
    last = max((c.at + c.arguments.get("think", 0) for c in scenario.calls), default=0)
    until = max(scenario.plan.heal_at or 0, last) + IN_TIME + SECOND // 2
    return Stage(cluster=Cluster(members), operations=(Sell,), until=until, settle=None)


def sell(at: int, sale: int, think: int = 0, fails: bool = False) -> Call:
    arguments: dict[str, Any] = {"id": sale, "value": 10 * sale}
    if think:
        arguments["think"] = think
    if fails:
        arguments["fails"] = True
    return Call(at, "seller", "Sell", arguments)


def of(calls: Sequence[Call], *faults: Fault, noise: Noise | None = None) -> Scenario:
    heal_at = HORIZON if faults else None
    return Scenario(tuple(calls), Plan(faults, heal_at), noise or Noise())


def draw(random: Random) -> Scenario:
    """Sales that think for any time, some of which are rolled back; anything may happen to anybody."""
    calls = [
        sell(
            random.randrange(HORIZON // MS) * MS,
            sale,
            random.choice([0, 1, 20, 150, 400]) * MS,
            random.random() < 0.2,
        )
        for sale in range(1, random.choice([3, 6, 15]))
    ]
    nodes = ("seller", "broker", "consumer")
    swarm = Swarm(
        nodes=nodes,
        targets=["seller", "broker", "seller", "broker", "consumer"],
        kinds=[crash, crash, pause, partition, one_way_cut, clog, clog, slow_node],
        horizon=HORIZON,
        most=8,
        outage=(5 * MS, 500 * MS),
    )
    calls.sort(key=lambda call: call.at)
    return Scenario(tuple(calls), draw_plan(random, swarm), draw_noise(random, swarm))


# -- judges -----------------------------------------------------------------------------------------------------------


def delivered_is_committed(run: Run) -> Verdict:
    """TX2-S11."""
    if any(name not in run.probes for name in (SELLER, BROKER, CONSUMER)):
        return kept()
    sold, taken = set(run.probes[SELLER]), set(run.probes[CONSUMER])
    broker: BrokerView = run.probes[BROKER]
    sent = [e for e in run.trace.of(Kind.SEND) if isinstance(e.what, Deliver)]
    for event in sent:
        if event.what.id not in sold:
            return broken(
                f"message {event.what.id} was delivered, and its sale was never committed", event.id
            )
    missing = sorted(sold - taken)
    if missing and broker.halves == broker.ready == 0:
        decisions = [e for e in run.trace.of(Kind.DELIVER) if isinstance(e.what, Decide)]
        return broken(
            f"sale {missing[0]} was committed, and its message is gone: the broker keeps nothing",
            *[e.id for e in decisions if e.what.id == missing[0]][-1:],
            expected="it is delivered",
            got="never",
        )
    for entry in run.history.of_type(Sell):
        op = entry.operation
        assert isinstance(op, Sell)
        if (entry.is_ok and op.id not in sold) or (entry.is_failed and op.id in sold):
            return broken(
                f"sale {op.id} was answered {'Ok' if entry.is_ok else 'Fail'}, and its row is "
                f"{'there' if op.id in sold else 'not there'}",
                entry.ret,
            )
    return kept()


def settled_in_time(run: Run) -> Verdict:
    """TX2-L6."""
    if any(name not in run.probes for name in (SELLER, BROKER, CONSUMER)):
        return kept()
    sold, taken = set(run.probes[SELLER]), set(run.probes[CONSUMER])
    broker: BrokerView = run.probes[BROKER]
    what = ""
    if sold - taken:
        what = f"sale {min(sold - taken)} was committed, and its message has not arrived"
    elif broker.halves or broker.ready:
        what = f"the broker still keeps {broker.halves} half messages and {broker.ready} whole ones"
    if what:
        return Verdict(
            broken("").finding,
            f"all was well for {IN_TIME // MS} ms, and {what}",
            is_absence=True,
            expected="everything is decided and delivered",
        )
    is_fine = not run.scenario.plan.faults and not run.scenario.noise.loss
    for entry in run.history.of_type(Sell):
        op = entry.operation
        assert isinstance(op, Sell)
        if is_fine and entry.is_failed and not op.fails:
            return broken("nothing goes wrong, and a sale fails", entry.ret, got=entry.outcome)
    # Crashes take operations with them; who was not started again since must have answered.
    lives = [e.time for e in run.trace.of(Kind.START) if e.node == "seller"]
    for entry in run.history.of_type(Sell):
        if entry.is_open and entry.began >= max(lives, default=0):
            return Verdict(
                broken("").finding,
                f"sale {entry.operation.id} has no answer",  # type: ignore[attr-defined]
                (entry.call,),
                is_absence=True,
            )
    return kept()


# -- situations -------------------------------------------------------------------------------------------------------


def decided_by_check(run: Run) -> bool:
    """A commit reached the broker because it had asked."""
    asked: set[int] = set()
    for event in run.trace.of(Kind.DELIVER):
        if isinstance(event.what, Check):
            asked.add(event.what.id)
        if isinstance(event.what, Decide) and event.what.committed and event.what.id in asked:
            return True
    return False


def asked_while_running(run: Run) -> bool:
    """The broker asked about a transaction that had not ended."""
    ended = {
        entry.operation.id: entry.ended  # type: ignore[attr-defined]
        for entry in run.history.of_type(Sell)
        if entry.ended is not None
    }
    return any(
        isinstance(e.what, Check) and e.time < ended.get(e.what.id, 0)
        for e in run.trace.of(Kind.DELIVER)
    )


def seller_died(run: Run) -> bool:
    return any(e.node == "seller" for e in run.trace.of(Kind.CRASH))


def broker_died(run: Run) -> bool:
    return any(e.node == "broker" for e in run.trace.of(Kind.CRASH))
