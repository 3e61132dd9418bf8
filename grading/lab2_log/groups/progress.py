"""Judges of whether a group gets on: it becomes whole, reads everything, and does nothing for nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from msgspec import structs

from distlab.check import Verdict, broken, kept
from distlab.core import MS
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab2_log.groups.about import ends_of, is_down, settings
from grading.lab2_log.groups.books import Books, books
from grading.lab2_log.groups.coordinating import SLACK, calm, change_times, names
from grading.lab2_log.groups.world import Ends
from labs.lab2_log.groups import (
    COOPERATIVE,
    NONE,
    Heartbeat,
    Joined,
    OffsetCommitted,
    Poll,
    TopicPartition,
)

WHOLE_AGAIN = 1_000 * MS
"""So long after all is well and the last change, the group must be whole, and have read what was there then."""


def over_at(run: Run) -> int:
    """When all is well, and the last change has happened."""
    shape = run.scenario.shape
    times = [m.get("at", 60) * MS for m in shape.get("members", ({}, {}))]
    times += [m["stop"] * MS for m in shape.get("members", ({}, {})) if "stop" in m]
    for call in run.scenario.calls:
        times.append(call.at + call.arguments.get("duration", 0))
    plan = run.scenario.plan
    times.append(plan.heal_at or 0)
    for event in run.trace.of(Kind.FAULT):
        action = event.what
        length = getattr(action, "duration", None) or getattr(action, "restart_after", None) or 0
        times.append(min(event.time + length, plan.heal_at or event.time + length))
    times += [event.time for event in run.trace.of(Kind.START)]
    for work in books(run).works:
        ended = work.ended.time if work.ended is not None else run.time
        if ended - work.began.time > SLACK and not is_down(run, work.life, run.trace.events[-1].id):
            times.append(ended)
    return max(times)


def is_whole(run: Run) -> Verdict:
    """CG-L1: soon after all is well, all partitions are owned, by one each; it stays so, and all is read and
    committed."""
    if run.time < over_at(run) + WHOLE_AGAIN or _programs_failed(run):
        return kept()
    found = books(run)
    running = {n: p for n, p in run.probes.items() if n.startswith("m") and _is_running(run, n)}
    if not running:
        return kept()
    late = [
        told
        for told in found.by_kind[Joined]
        if told.answer.error == NONE and told.event.time > over_at(run) + WHOLE_AGAIN
    ]
    if late:
        return structs.replace(
            broken(
                f"the group still rebalances {(run.time - over_at(run)) // MS} ms after the last change",
                late[-1].event.id,
                expected=f"one that is stable after {WHOLE_AGAIN // MS} ms",
                got=f"generation {late[-1].answer.generation}",
            ),
            is_absence=True,
        )
    shares = {name: _share(found, name) for name in running}
    missing = [
        end
        for end in ends_of(run)
        if sum(end.partition in share for share in shares.values()) != 1
        and any(end.partition.topic in settings(run, name).topics for name in running)
    ]
    if missing:
        lacking = missing[0].partition
        who = [name for name, share in shares.items() if lacking in share]
        return _never(
            f"{WHOLE_AGAIN // MS} ms after the last change {lacking} has "
            f"{'no owner' if not who else 'several owners'}",
            expected="each partition has one owner",
            got="; ".join(f"{name}: {names(tuple(sorted(s)))}" for name, s in shares.items()),
        )
    return _all_read(run, found)


def _share(found: Books, name: str) -> set[TopicPartition]:
    last = max((t.life[1] for t in found.tenures if t.life[0] == name), default=0)
    return {t.part for t in found.tenures if t.life == (name, last) and t.ended is None}


def _all_read(run: Run, found: Books) -> Verdict:
    if settings(run, "m1").reset != "earliest":
        return kept()
    read: dict[TopicPartition, int] = {}
    for work in found.works:
        if work.ended is not None:
            for want in work.records:
                read[want.partition] = max(read.get(want.partition, 0), want.offset + 1)
    committed: dict[TopicPartition, int] = {}
    for told in found.by_kind[OffsetCommitted]:
        for position in told.question.positions if told.answer.error == NONE else ():
            before = committed.get(position.partition, 0)
            committed[position.partition] = max(before, position.offset)
    commits = settings(run, "m1").auto_commit
    for end in ends_of(run):
        due = _end_then(run, end)
        if end.start > 0 or not any(
            end.partition.topic in settings(run, m).topics for m in run.probes if m.startswith("m")
        ):
            continue
        if read.get(end.partition, 0) < due:
            return _never(
                f"{end.partition} is not read, though all is well",
                expected=f"all before offset {due} is processed",
                got=f"all before offset {read.get(end.partition, 0)}",
            )
        if commits and committed.get(end.partition, 0) < due:
            return _never(
                f"what was read of {end.partition} is not committed, though all is well",
                expected=f"offset {due} or more",
                got=committed.get(end.partition, 0),
            )
    return kept()


def _end_then(run: Run, end: Ends) -> int:
    """Where the partition ended when all was well, or a record or two before."""
    shape = run.scenario.shape
    feed, until = shape.get("feed", 0) * MS, shape.get("feed_until", 10**9) * MS
    late = max(0, min(until, run.time) - over_at(run))
    return max(0, end.end - (late // (feed * len(ends_of(run))) + 2 if feed and late else 0))


def _never(reason: str, *, expected: Any, got: Any) -> Verdict:
    return structs.replace(broken(reason, expected=expected, got=got), is_absence=True)


def _is_running(run: Run, name: str) -> bool:
    return settings(run, name).stop_at is None


def _programs_failed(run: Run) -> bool:
    return any(isinstance(entry.operation, Poll) and entry.is_failed for entry in run.history)


def stuck_is_out(run: Run) -> Verdict:
    """CG-L3: when a program has not polled for max.poll.interval, its member does not heartbeat on."""
    last: dict[tuple[str, int], Event | None] = {}
    """Life -> the return of the last poll, while no poll is open."""
    polls: set[int] = set()
    for event in run.trace.events:
        life = (event.node, event.incarnation)
        if event.kind == Kind.CALL:
            if isinstance(event.what[1], Poll):
                polls.add(event.what[0])
            if type(event.what[1]).__name__ in ("Poll", "Close"):
                last[life] = None
        elif event.kind == Kind.RETURN and event.what[0] in polls:
            last[life] = event
        elif event.kind == Kind.SEND and isinstance(event.what, Heartbeat):
            since = last.get(life)
            limit = settings(run, event.node).max_poll_interval
            if since is not None and event.time > since.time + limit + SLACK:
                if _stood_still(run, event.node, since.time):
                    continue
                return broken(
                    f"{event.node}'s program has not polled for {(event.time - since.time) // MS} ms, and its heart "
                    "beats on",
                    since.id,
                    event.id,
                    expected=f"it leaves after {limit // MS} ms",
                    got="a heartbeat",
                )
    return kept()


def _stood_still(run: Run, node: str, since: int) -> bool:
    return any(
        e.node == node and e.time + (getattr(e.what, "duration", 0) or 0) >= since
        for e in run.trace.of(Kind.FAULT)
    )


def keeps_its_share(run: Run) -> Verdict:
    """CG-L2: a cooperative member that joins lets go only of what the last assignment took from it."""
    for event, _, gone in books(run).claims:
        if event.what.assignor == COOPERATIVE and gone:
            return broken(
                f"{event.node} let go of {names(gone)}, which nobody had taken from it",
                event.id,
                expected="it keeps what it was given last",
                got=f"it claims {names(event.what.owned)}",
            )
    return kept()


def commits_on_the_way(run: Run) -> Verdict:
    """CG-L5: in a run without faults a rebalance makes nobody read anything twice."""
    config = settings(run, "m1")
    times = change_times(run)
    is_eventful = any(later - earlier < 200 for earlier, later in pairwise(times))
    if is_eventful or any(call.operation == "ElectCoordinator" for call in run.scenario.calls):
        return kept()
    if (
        not calm(run)
        or not (config.auto_commit or config.commits)
        or any(call.operation == "Stall" for call in run.scenario.calls)
    ):
        return kept()
    seen: dict[tuple[TopicPartition, int], Event] = {}
    for tenure in books(run).tenures:
        for offset, event in tenure.handed:
            before = seen.setdefault((tenure.part, offset), event)
            if before is not event:
                return broken(
                    f"{tenure.part}:{offset} was handed out to {before.node}, processed, and handed out to "
                    f"{event.node}, though nothing went wrong",
                    before.id,
                    event.id,
                    expected="what is processed is committed before it is let go of",
                    got="handed out twice",
                )
    return kept()
