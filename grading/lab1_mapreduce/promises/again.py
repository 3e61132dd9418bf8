"""When a task may be executed again: MR-S5, MR-S10, and the master's half of MR-S3.

A master knows only what it was told. So these judges go through what was delivered to each incarnation of a master and
what it sent, and ask of every order and of every acceptance: as far as it could see, had it a reason?
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from msgspec import Struct

from distlab.check import Verdict, broken, kept
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab1_mapreduce.promises.books import name_of, orders, phase_of
from labs.lab1_mapreduce.protocol import (
    Ask,
    Attempt,
    AttemptFailed,
    Heartbeat,
    MapDone,
    MasterConfig,
    Noted,
    OutputLost,
    ReduceDone,
    Request,
)

Task = tuple[str, str, int]
"""Job, phase, number."""


class Completion(Struct, frozen=True):
    """An attempt of a task was reported complete."""

    attempt: Attempt
    holder: str
    event: Event


class Order(Struct, frozen=True):
    """An attempt was ordered."""

    attempt: Attempt
    worker: str
    at: int
    request: Request


class Sight:
    """What one incarnation of a master has been told, and what it has said."""

    def __init__(self, began: int) -> None:
        self.began = began
        self.ended = 1 << 62
        self.heard: dict[str, list[int]] = defaultdict(list)
        """Worker -> when anything of it was delivered."""
        self.beats: dict[str, list[tuple[int, Attempt | None]]] = defaultdict(list)
        """Worker -> when it said what it works on."""
        self.wish: dict[str, Request] = {}
        """Worker -> its newest request."""
        self.ordered: dict[Task, list[Order]] = defaultdict(list)
        self.over: set[Attempt] = set()
        """Attempts that were reported as over, complete or not."""
        self.missed: set[Attempt] = set()
        """Map attempts whose output somebody could not have."""
        self.complete: dict[Task, Completion] = {}
        """The first report for each task, since its last loss."""
        self.accepted: dict[Task, Completion] = {}
        """What it said that it accepted, and has not had reason to revoke."""

    def tell(self, event: Event) -> None:
        """A message was delivered to it."""
        worker, what = event.peer, event.what
        self.heard[worker].append(event.time)
        match what:
            case Ask(request):
                self.wish[worker] = max(request, self.wish.get(worker, (0, 0)))
            case Heartbeat(attempt):
                self.beats[worker].append((event.time, attempt))
            case MapDone(attempt) | ReduceDone(attempt):
                self.over.add(attempt)
                self.complete.setdefault(task_of(attempt), Completion(attempt, worker, event))
            case AttemptFailed(attempt):
                self.over.add(attempt)
            case OutputLost(attempt, output):
                self.over.add(attempt)
                self.missed.add(output)

    def refuse(self, attempt: Attempt) -> None:
        """It answered that a map attempt does not count: it had taken the output for lost before, or has another."""
        done = self.complete.get(task_of(attempt))
        if done is not None and done.attempt == attempt and attempt.phase == "map":
            del self.complete[task_of(attempt)]

    def was_silent(self, worker: str, since: int, until: int, lease: int) -> bool:
        """Whether nothing of the worker was delivered for a whole lease at some time between the two."""
        since, until = max(since, self.began), min(until, self.ended)
        times = [since, *(t for t in self.heard[worker] if since <= t <= until), until]
        return any(after - before >= lease for before, after in pairwise(times))

    def may_be_lost(
        self, done: Completion, until: int, lease: int, starts: set[tuple[str, int]]
    ) -> bool:
        """Whether it could think that the output of a map attempt is lost."""
        since = done.event.time
        return (
            done.attempt in self.missed
            or any(node == done.holder and since <= at <= until for node, at in starts)
            or self.was_silent(done.holder, since, until, lease)
        )


def task_of(attempt: Attempt) -> Task:
    return attempt.job, attempt.phase, attempt.task


def _lease(run: Run) -> int:
    leases = (
        m.config.lease for m in run.cluster.members.values() if isinstance(m.config, MasterConfig)
    )
    return next((lease for lease in leases if lease is not None), 1 << 62)


def _restarts(run: Run) -> set[tuple[str, int]]:
    """When nodes were started again."""
    return {(e.node, e.time) for e in run.trace.of(Kind.START) if e.incarnation}


def sights(run: Run) -> Iterator[tuple[Event, dict[tuple[str, int], Sight]]]:
    """Each start of a master and each message that it sends, with what all masters had seen when it decided to.

    A message leaves when the disk has synced what came before it; but it was decided in the handler of the event that
    caused it. So sends are taken in the order, and at the time, of their causes.
    """
    kinds = (Kind.START, Kind.CRASH, Kind.STOP, Kind.SEND, Kind.DELIVER)
    at_masters = [event for event in run.trace.of(*kinds) if event.node.startswith("master")]
    seen: dict[tuple[str, int], Sight] = {}
    now = 0
    for event in sorted(at_masters, key=_decided):
        who = (event.node, event.incarnation)
        if event.kind == Kind.SEND:
            if isinstance(event.what, Noted) and not event.what.accepted:
                seen[who].refuse(event.what.attempt)
            yield event._replace(time=now), seen
            continue
        now = event.time
        if event.kind == Kind.START:
            seen[who] = Sight(now)
            yield event, seen
        elif event.kind == Kind.DELIVER:
            seen[who].tell(event)
        else:
            seen[who].ended = now


def _decided(event: Event) -> tuple[int, int]:
    return (event.cause, event.id) if event.kind == Kind.SEND else (event.id, 0)


def done_stays_done(run: Run) -> Verdict:
    """MR-S5. A task is executed again only if what was done of it is lost, or whoever does it is."""
    lease, starts = _lease(run), _restarts(run)
    first = {event.id: attempt for event, attempt in orders(run)}
    for event, seen in sights(run):
        attempt = first.get(event.id)
        if attempt is None:
            continue
        sight, task = seen[event.node, event.incarnation], task_of(attempt)
        done = sight.complete.get(task)
        if done is not None:
            if attempt.phase == "reduce":
                return broken(
                    f"{event.node} ordered {phase_of(attempt)} again, whose output is in the store",
                    done.event.id,
                    event.id,
                    expected="a completed reduce task is never executed again",
                    got=f"an order to {event.peer}",
                )
            if not sight.may_be_lost(done, event.time, lease, starts):
                return broken(
                    f"{event.node} ordered {phase_of(attempt)} again, whose output {done.holder} holds; "
                    f"{done.holder} was well, and nobody had missed it",
                    done.event.id,
                    event.id,
                    expected="only output that is lost is made again",
                    got=f"an order to {event.peer}",
                )
            del sight.complete[task]
        else:
            for order in sight.ordered[task]:
                if _is_at_work(sight, order, event.time, lease, starts):
                    return broken(
                        f"{event.node} ordered {phase_of(attempt)} again, while {order.worker} was at it and said so",
                        event.id,
                        expected="no second attempt before a lease has run out",
                        got=f"an order to {event.peer}",
                    )
        sight.ordered[task].append(Order(attempt, event.peer, event.time, event.what.request))
    return kept()


def _is_at_work(
    sight: Sight, order: Order, now: int, lease: int, starts: set[tuple[str, int]]
) -> bool:
    """Whether the master has every reason to think that the attempt goes on."""
    beats = [(t, attempt) for t, attempt in sight.beats[order.worker] if t > order.at]
    signs = [order.at, *(t for t, attempt in beats if attempt == order.attempt), now]
    return not (
        order.attempt in sight.over
        or any(node == order.worker and order.at <= t <= now for node, t in starts)
        or sight.wish.get(order.worker, (0, 0)) > order.request
        or any(attempt != order.attempt for _, attempt in beats)
        or any(after - before >= lease for before, after in pairwise(signs))
    )


def first_completion_counts(run: Run) -> Verdict:
    """MR-S3, at a master: once it has accepted an attempt, it accepts no other while that one's output is there."""
    lease, starts = _lease(run), _restarts(run)
    for event, seen in sights(run):
        if not isinstance(event.what, Noted) or not event.what.accepted:
            continue
        attempt = event.what.attempt
        sight, task = seen[event.node, event.incarnation], task_of(attempt)
        before = sight.accepted.get(task)
        if before is not None and before.attempt != attempt:
            lost = attempt.phase == "map" and sight.may_be_lost(before, event.time, lease, starts)
            if not lost:
                return broken(
                    f"{event.node} accepted two executions of {phase_of(attempt)}",
                    before.event.id,
                    event.id,
                    expected=f"{name_of(before.attempt)} on {before.holder}, and no other",
                    got=f"{name_of(attempt)} on {event.peer} as well",
                )
        if before is None or before.attempt != attempt:
            sight.accepted[task] = Completion(attempt, event.peer, event)
    return kept()


def noted_is_remembered(run: Run) -> Verdict:
    """MR-S10. The next incarnation of a master knows what this one has noted."""
    lease, starts = _lease(run), _restarts(run)
    first = {event.id: attempt for event, attempt in orders(run)}
    for event, seen in sights(run):
        who = (event.node, event.incarnation)
        if isinstance(event.what, Noted) and event.what.accepted:
            done = Completion(event.what.attempt, event.peer, event)
            seen[who].accepted[task_of(done.attempt)] = done
        elif (attempt := first.get(event.id)) is not None:
            task = task_of(attempt)
            seen[who].accepted.pop(task, None)  # what it revokes itself, MR-S5 judges
            before = seen.get((event.node, event.incarnation - 1))
            noted = before.accepted.pop(task, None) if before is not None else None
            if noted is None or before is None or noted.event.time >= seen[who].began:
                continue
            is_lost = any(
                sight.may_be_lost(noted, event.time, lease, starts) for sight in (before, seen[who])
            )
            if attempt.phase == "reduce" or not is_lost:
                return broken(
                    f"{event.node} had noted that {phase_of(attempt)} is complete, was restarted, and ordered it again",
                    noted.event.id,
                    event.id,
                    expected="what was noted is on the master's disk",
                    got=f"an order to {event.peer}",
                )
    return kept()
