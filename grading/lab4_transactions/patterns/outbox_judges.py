"""The judges of part 4E1: what the shop sold against what the consumer credited."""

from __future__ import annotations

from distlab.check import Verdict, broken, kept
from distlab.core import MS, Address
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab4_transactions.patterns.outbox_world import EACH, IN_TIME
from labs.lab4_transactions.outbox import (
    ConsumerView,
    Order,
    Points,
    Publish,
    Received,
    Sale,
    ShopView,
    credited,
)

FEW_MESSAGES = 5
"""For one event, where nothing is lost; two are needed."""
FEW_ROWS = 20
"""What a consumer may keep to recognise forty events."""
ENOUGH = 24
"""Writes from which on the first ten and the last ten have nothing in common."""
GROWTH = 1.2
"""How much more it may write for late ones than for early ones."""


def _views(run: Run) -> tuple[ShopView, ConsumerView] | None:
    if "shop" in run.probes and "points" in run.probes:
        return run.probes[Address("shop")], run.probes[Address("points")]
    return None


def _prefixes(sales: tuple[Sale, ...], customer: str) -> list[Points]:
    """What the customer's points may look like: after none of its sales, one, two, ..."""
    states = [Points(customer)]
    for sale in sales:
        if sale.customer == customer:
            states.append(credited(states[-1], sale.value))
    return states


def published_is_committed(run: Run) -> Verdict:
    """TX2-S7: the consumer has credited, for each customer, the first of its sales, each once and in order."""
    views = _views(run)
    if views is None:
        return kept()
    shop, consumer = views
    committed = {sale.value for sale in shop.sales}
    for event in run.trace.of(Kind.SEND):
        if isinstance(event.what, Publish) and event.what.value not in committed:
            return broken(
                f"an event was published, and its transaction was never committed: {event.what}",
                event.id,
            )
    for points in consumer.points:
        states = _prefixes(shop.sales, points.customer)
        if points not in states:
            return broken(
                f"{points.customer}'s points are not what any of the first sales make",
                *_last_event(run, points.customer),
                expected=f"{len(states) - 1} sales, {states[-1].total} points, in commit order",
                got=f"{points.count} events, {points.total} points"
                + (": out of order" if points.total == states[-1].total else ""),
            )
    if not shop.waiting:
        for customer in sorted({sale.customer for sale in shop.sales}):
            last = _prefixes(shop.sales, customer)[-1]
            if last not in consumer.points:
                return broken(
                    f"the outbox is empty, and the consumer has not got all that {customer} bought",
                    *_last_event(run, customer),
                    expected=f"{last.count} events, {last.total} points",
                    got=next((p for p in consumer.points if p.customer == customer), "nothing"),
                )
    return kept()


def _last_event(run: Run, customer: str) -> list[int]:
    said = [
        e.id
        for e in run.trace.of(Kind.DELIVER)
        if isinstance(e.what, Publish) and e.what.customer == customer
    ]
    return said[-1:]


def arrives_in_time(run: Run) -> Verdict:
    """TX2-L5: soon after its commit, whoever else is still running, an event has had its effect."""
    views = _views(run)
    if views is None:
        return kept()
    heal_at = run.scenario.plan.heal_at or 0
    numbers = {sale.value: sale.commit for sale in views[0].sales}
    received = [e for e in run.trace.of(Kind.SEND) if isinstance(e.what, Received)]
    for entry in run.history.of_type(Order):
        op = entry.operation
        assert isinstance(op, Order)
        if not entry.is_ok or entry.ended is None or op.value not in numbers:
            continue
        commit, since = numbers[op.value], max(heal_at, entry.ended)
        there = max((e.what.commit for e in received if e.time <= since), default=0)
        deadline = since + IN_TIME + EACH * max(0, commit - there - 1)
        at = next((e.time for e in received if e.what.commit >= commit), None)
        if at is None or at > deadline:
            return Verdict(
                broken("").finding,
                f"the event of commit {commit}, of {op.customer}'s order of {op.value}, did not arrive in time",
                (entry.ret,),
                expected=f"by {deadline // MS} ms",
                got="never" if at is None else f"at {at // MS} ms",
                is_absence=True,
            )
    # Where nothing is ever removed, that is what it costs (TX2-C5).
    if 0 < views[0].waiting < len(views[0].sales):
        return Verdict(
            broken("").finding,
            f"every event had its effect in time, and {views[0].waiting} are still in the outbox",
            is_absence=True,
            expected="what was received is removed",
        )
    return kept()


def costs_little(run: Run) -> Verdict:
    """TX2-C5: rows go once they are received; no flood."""
    views = _views(run)
    if views is None or not run.scenario.shape.get("cost"):
        return kept()
    shop, consumer = views
    if shop.waiting:
        return broken(
            "everything was received, and the outbox keeps it", expected=0, got=shop.waiting
        )
    if consumer.remembered > FEW_ROWS:
        return broken(
            f"the consumer keeps rows of {len(shop.sales)} events, to recognise them",
            expected=f"at most {FEW_ROWS}",
            got=consumer.remembered,
        )
    writes = [e.what[2] for e in run.trace.of(Kind.WRITE) if e.node == "points"]
    early, late = sum(writes[2:12]), sum(writes[-10:])
    if len(writes) >= max(len(shop.sales), ENOUGH) and late > GROWTH * early:
        return broken(
            f"the more events the consumer has had, the more it writes for each: {len(shop.sales)} of them",
            expected=f"at most {GROWTH} times as much for the last ten as for the first ten",
            got=f"{early} bytes, then {late}",
        )
    messages = [e.id for e in run.trace.of(Kind.SEND) if isinstance(e.what, (Publish, Received))]
    if len(messages) > FEW_MESSAGES * len(shop.sales):
        return broken(
            "nothing was lost, and everything was said too often",
            messages[-1],
            expected=f"at most {FEW_MESSAGES} messages for each of {len(shop.sales)} events",
            got=len(messages),
        )
    return kept()


# -- situations -------------------------------------------------------------------------------------------------------


def _publishes(run: Run) -> list[Event]:
    return [e for e in run.trace.of(Kind.SEND) if isinstance(e.what, Publish)]


def late_committer(run: Run) -> bool:
    """A smaller id was published after a greater one."""
    greatest = 0
    for event in _publishes(run):
        if event.what.id < greatest:
            return True
        greatest = max(greatest, event.what.id)
    return False


def came_twice(run: Run) -> bool:
    seen: set[int] = set()
    for event in run.trace.of(Kind.DELIVER):
        if isinstance(event.what, Publish):
            if event.what.commit in seen:
                return True
            seen.add(event.what.commit)
    return False


def rolled_back(run: Run) -> bool:
    return any(entry.is_failed for entry in run.history.of_type(Order))


def shop_died(run: Run) -> bool:
    return any(e.node == "shop" for e in run.trace.of(Kind.CRASH))
