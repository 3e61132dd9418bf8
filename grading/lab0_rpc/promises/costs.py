"""Part 0B, continued: what "exactly once" may cost, and how soon it must answer.

Bounds are published in the handout, with room to spare: a program that is right and a little wasteful passes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from distlab.check import Entry, Verdict, broken, kept
from distlab.core import MS, SECOND, Address
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab0_rpc.promises import is_a, messages, role
from grading.lab0_rpc.promises.effects import Talk, account_of, adds, amount_of, each_effect_once

MOST_ATTEMPTS = 16
"""Per operation. Doubling waits from 50 ms to 800 ms makes about eight in two seconds, with jitter a few more."""
SLACK = 20 * MS
"""How much later than its deadline an operation may end."""
STAMPEDE = 3 * MS
"""Retries of more than half of many clients within so short a time are one too many for a server."""
MANY_WAITS = 16
"""So many operations that took four attempts say whether waits grow, whatever the jitter."""
GOOD_NETWORK = 1 * SECOND
"""Of a healed network, before its deadline, is enough for an operation: the longest wait and some."""


def _deadline(run: Run, entry: Entry) -> int:
    """How long the client was given for an operation."""
    config: Any = run.cluster.members[Address(entry.client)].config
    return int(config.deadline)


def memory_is_bounded(run: Run) -> Verdict:
    """What servers remember grows with accounts, clients and windows, never with the number of calls."""
    clients = len(run.cluster.with_role("client"))
    window = run.scenario.shape.get("window", 8)
    accounts = len({account_of(e) for e in adds(run)})
    bound = 20 + 6 * accounts + clients * (20 + 16 * max(window, 8))
    for server in run.cluster.with_role("server"):
        view = run.probes.get(server)
        if view is not None and view.entries > bound:
            return broken(
                f"{server} remembers {view.entries} things after {len(adds(run))} operations of "
                f"{clients} clients "
                f"with {window} under way at most",
                expected=f"at most {bound}",
                got=f"{view.entries}",
            )
    return kept()


def attempts_do_no_harm(run: Run) -> Verdict:
    """Few attempts for each operation, none once it is over, and clients do not strike all at once."""
    attempts: dict[Any, list[Event]] = defaultdict(list)
    for event in messages(run, Kind.SEND, "Call"):
        if role(run, event.node) == "client":
            attempts[event.what.id].append(event)
    for id_, sends in attempts.items():
        if len(sends) > MOST_ATTEMPTS:
            took = (sends[-1].time - sends[0].time) / SECOND
            return broken(
                f"{id_.client} sent its call {id_.number} {len(sends)} times in {took:.1f} s",
                sends[0].id,
                sends[-1].id,
                expected=f"at most {MOST_ATTEMPTS}",
                got=len(sends),
            )
    for cost in (_none_after_the_end, _no_stampede, _waits_grow):
        if (verdict := cost(run, attempts)).is_broken:
            return verdict
    return kept()


def _none_after_the_end(run: Run, attempts: dict[Any, list[Event]]) -> Verdict:
    wishes = Counter((e.client, account_of(e), amount_of(e)) for e in adds(run))
    for entry in adds(run):
        wish = (entry.client, account_of(entry), amount_of(entry))
        if entry.ended is None or wishes[wish] > 1:
            continue
        for sends in attempts.values():
            last = sends[-1]
            said = (last.node, last.what.account, last.what.amount)
            # By its cause: a call held back behind a sync was decided on before.
            if said == wish and last.cause > entry.ret:
                return broken(
                    f"{entry.client} went on asking for {entry.operation!r} after it had been "
                    f"reported",
                    entry.ret,
                    last.id,
                    expected="no call after the outcome",
                    got=f"one {(last.time - entry.ended) / MS:.0f} ms later",
                )
    return kept()


def _no_stampede(run: Run, attempts: dict[Any, list[Event]]) -> Verdict:
    """At no moment do most of many clients try again together."""
    many = run.cluster.with_role("client")
    if len(many) < 8:
        return kept()
    retries = sorted((s.time, s.node, s.id) for sends in attempts.values() for s in sends[1:])
    for at, (since, _, _) in enumerate(retries):
        together = [retry for retry in retries[at:] if retry[0] < since + STAMPEDE]
        who = {node for _, node, _ in together}
        if len(who) > len(many) // 2:
            return broken(
                f"{len(who)} of {len(many)} clients tried again within {STAMPEDE // MS} ms",
                *[id_ for _, _, id_ in together[:3]],
                expected=f"at most {len(many) // 2}",
                got=len(who),
            )
    return kept()


def _waits_grow(run: Run, attempts: dict[Any, list[Event]]) -> Verdict:
    """Of operations that took long, the third waits are longer than the first ones, taken together: jitter aside."""
    disturbed = _disturbed(run)
    patient = [s for s in attempts.values() if len(s) >= 4 and s[0].node not in disturbed]
    if len(patient) < MANY_WAITS:
        return kept()
    first, third = (sum(s[n + 1].time - s[n].time for s in patient) for n in (0, 2))
    if 2 * third < 3 * first:
        return broken(
            "clients wait no longer after the third attempt than after the first",
            *[send.id for send in patient[0][:4]],
            expected=f"more than {first * 3 / 2 / len(patient) / MS:.0f} ms on the average",
            got=f"{third / len(patient) / MS:.0f} ms",
        )
    return kept()


def _disturbed(run: Run) -> dict[str, list[tuple[int, int]]]:
    """For each node, when it could not act: crashed or paused."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for event in run.trace.of(Kind.CRASH, Kind.STOP):
        restarts = (
            e.time for e in run.trace.of(Kind.START) if e.node == event.node and e.id > event.id
        )
        found[event.node].append((event.time, next(restarts, run.time)))
    for event in run.trace.of(Kind.FAULT):
        if is_a(event.what, "Pause", "SlowNode"):
            found[event.what.node].append((event.time, event.time + event.what.duration))
    return found


def answered_in_time(run: Run) -> Verdict:
    """Every operation ends by its deadline; one with a second of good network before it ends with an answer.

    And none is turned away while there is room for it in the window.
    """
    if (verdict := _none_turned_away(run)).is_broken:
        return verdict
    disturbed = _disturbed(run)
    heal = run.scenario.plan.heal_at or 0
    # A run without noise or faults is as good as healed from the start.
    noise = run.scenario.noise
    if not run.scenario.plan.faults and not (noise.loss or noise.straggle):
        heal = 0
    for entry in adds(run):
        deadline = entry.began + _deadline(run, entry)
        if any(
            began <= deadline and entry.began <= ended for began, ended in disturbed[entry.client]
        ):
            continue
        if entry.outcome is None:
            return broken(
                f"{entry.operation!r} never ended", entry.call, expected="an outcome", got="none"
            )
        assert entry.ended is not None
        if entry.ended > deadline + SLACK:
            return broken(
                f"{entry.operation!r} ended after its deadline",
                entry.call,
                entry.ret,
                expected=f"by {deadline / MS:.0f} ms",
                got=f"{entry.ended / MS:.0f} ms",
            )
        if entry.is_open and max(heal, entry.began) + GOOD_NETWORK <= deadline:
            return broken(
                f"{entry.operation!r} had a second of good network before its deadline, and was "
                f"not answered",
                entry.call,
                entry.ret,
                expected="Ok or Fail",
                got=entry.outcome,
            )
        if entry.is_open and entry.ended < deadline - SLACK:
            return broken(
                f"{entry.operation!r} was given up before its deadline",
                entry.call,
                entry.ret,
                expected=f"not before {deadline / MS:.0f} ms",
                got=f"{entry.ended / MS:.0f} ms",
            )
    return kept()


def is_transparent(run: Run) -> Verdict:
    """Under a layer, operations end as they would without it: in time, with an answer, once."""
    verdict = answered_in_time(run)
    return verdict if verdict.is_broken else each_effect_once(run)


def _none_turned_away(run: Run) -> Verdict:
    """A Fail of something never sent needs a full window: as many operations from the oldest open one on."""
    talk = Talk(run)
    window = run.scenario.shape.get("window", 8)
    started: dict[str, list[int]] = defaultdict(list)
    for event in run.trace.of(Kind.START):
        started[event.node].append(event.id)
    admitted: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    for entry in adds(run):
        life = entry.client, sum(start < entry.call for start in started[entry.client])
        wish = entry.client, account_of(entry), amount_of(entry)
        if not entry.is_failed or talk.sent[wish]:
            admitted[life].append(entry)
            continue
        # An operation that ends in this very moment may count as under way or not.
        is_open = [e.ended is None or e.ended >= entry.began for e in admitted[life]]
        under_way = len(is_open) - is_open.index(True) if any(is_open) else 0
        if under_way < window:
            return broken(
                f"{entry.operation!r} was turned away with {under_way} under way, room for "
                f"{window}",
                entry.call,
                entry.ret,
                expected="an attempt",
                got=entry.outcome,
            )
    return kept()


def healed_under_way(run: Run) -> bool:
    """An operation was under way when the network healed."""
    heal = run.scenario.plan.heal_at or 0
    return any(e.began <= heal <= (e.ended or 0) for e in adds(run))
