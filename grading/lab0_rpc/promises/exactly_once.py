"""Part 0B: the promises, and the situations in which each must have been kept."""

from __future__ import annotations

from collections import Counter
from typing import Any

from distlab.grade.lab import Promise, Run, Situation
from distlab.trace import Kind
from grading.lab0_rpc.promises import is_a, messages, role
from grading.lab0_rpc.promises.costs import (
    answered_in_time,
    attempts_do_no_harm,
    healed_under_way,
    memory_is_bounded,
)
from grading.lab0_rpc.promises.effects import (
    adds,
    amount_of,
    answers_are_true,
    balances_of,
    by_account,
    each_effect_once,
    outcomes_are_true,
)

PAGE = "labs/lab0.md#part-0b-exactly-once-effects"


def _came_again(run: Run) -> bool:
    """A server received a call that it had answered before."""
    answered: set[Any] = set()
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        if role(run, event.node) == "server":
            if event.kind == Kind.SEND and is_a(event.what, "Answer"):
                answered.add(event.what.id)
            elif is_a(event.what, "Call") and event.what.id in answered:
                return True
    return False


def _crashed_with_accounts(run: Run) -> bool:
    """A server that had answered crashed, and received a call that it had answered in an earlier life."""
    answered: set[Any] = set()
    before: set[Any] = set()
    for event in run.trace.of(Kind.SEND, Kind.DELIVER, Kind.CRASH):
        if role(run, event.node) != "server":
            continue
        if event.kind == Kind.CRASH:
            before |= answered
        elif event.kind == Kind.SEND and is_a(event.what, "Answer"):
            answered.add((event.node, event.what.id))
        elif is_a(event.what, "Call") and (event.node, event.what.id) in before:
            return True
    return False


def _unknown_and_done(run: Run) -> bool:
    """An operation ended in Info, and had taken effect."""
    balances = balances_of(run) or {}
    return any(
        any(e.is_open and e.outcome is not None for e in entries)
        and balances.get(account, 0) != sum(amount_of(e) for e in entries if e.is_ok)
        for account, entries in by_account(run)
    )


def _refused_again(run: Run) -> bool:
    refused: Counter[Any] = Counter(
        e.what.id
        for e in messages(run, Kind.SEND, "Answer")
        if e.what.refused and role(run, e.node) == "server"
    )
    return any(times > 1 for times in refused.values())


def _client_lived_twice(run: Run) -> bool:
    crashed = {e.node for e in run.trace.of(Kind.CRASH) if role(run, e.node) == "client"}
    sent = {(e.node, e.incarnation) for e in messages(run, Kind.SEND, "Call") if e.node in crashed}
    return any((node, life + 1) in sent for node, life in sent)


def _through_a_small_window(run: Run) -> bool:
    window = run.scenario.shape.get("window", 8)
    done = Counter(e.client for e in adds(run) if e.is_ok)
    return any(count >= 5 * window for count in done.values())


def _retried_often(run: Run) -> bool:
    sends = Counter(
        e.what.id for e in messages(run, Kind.SEND, "Call") if role(run, e.node) == "client"
    )
    return any(count >= 4 for count in sends.values())


PROMISES = (
    Promise(
        code="RPC-S3",
        title="each effect happens once, however often it is asked for and whoever crashes",
        points=5,
        judge=each_effect_once,
        needs=(
            Situation("a call came again after it had been answered", _came_again),
            Situation("it came again after the server had crashed", _crashed_with_accounts),
            Situation("a client asked for more after it had crashed", _client_lived_twice),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-S4",
        title="outcomes are true: Fail means never, unknown is Info, and what is known is said",
        points=3,
        judge=outcomes_are_true,
        needs=(
            Situation("an operation was unknown, and had happened", _unknown_and_done),
            Situation("a refused call came again", _refused_again),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-S5",
        title="an answer says the balance right after its own effect, also when it is repeated",
        points=1,
        judge=answers_are_true,
        needs=(Situation("a call came again after it had been answered", _came_again),),
        page=PAGE,
    ),
    Promise(
        code="RPC-C1",
        title="a server remembers no more than what can still be asked for again",
        points=2,
        judge=memory_is_bounded,
        needs=(
            Situation("a client had far more done than its window holds", _through_a_small_window),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-C2",
        title="attempts are few, end with the outcome, and are spread out",
        points=2,
        judge=attempts_do_no_harm,
        needs=(
            Situation("an operation took four attempts or more", _retried_often),
            Situation(
                "many clients had to try again",
                lambda run: len(run.cluster.with_role("client")) >= 8,
            ),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-L2",
        title="an operation ends by its deadline, and with an answer if the network lets it",
        points=2,
        judge=answered_in_time,
        needs=(Situation("an operation was under way when the network healed", healed_under_way),),
        page=PAGE,
    ),
)
