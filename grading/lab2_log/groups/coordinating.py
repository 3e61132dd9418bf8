"""Judges of coordinators: assignments, fencing, offsets, who may stay, what a fail-over costs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.core import MS
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab2_log.groups.books import Answer, Books, books, is_cooperative
from labs.lab2_log.groups import (
    NO_GENERATION,
    NONE,
    REBALANCE_IN_PROGRESS,
    HeartbeatAnswer,
    Joined,
    JoinGroup,
    LeaveGroup,
    OffsetCommitted,
    OffsetsFetched,
    Owned,
    Synced,
)

SLACK = 100 * MS
"""What we grant a coordinator's and a member's timers, and the messages between."""


def names(parts: Owned) -> str:
    return ", ".join(map(str, parts)) or "nothing"


def one_owner(run: Run) -> Verdict:
    """CG-S1: in one generation a member has one share, whoever tells it, and no partition is in two of them."""
    found = books(run)
    shares: dict[tuple[int, str], Answer] = {}
    owners: dict[tuple[int, Any], Answer] = {}
    for told in found.by_kind[Synced]:
        answer, member = told.answer, told.question.member
        if answer.error != NONE:
            continue
        if answer.generation != told.question.generation:
            return broken(
                f"{member} asked for its share in generation {told.question.generation}",
                told.asked.id,
                told.event.id,
                expected=f"that of generation {told.question.generation}",
                got=f"one of generation {answer.generation}",
            )
        before = shares.setdefault((answer.generation, member), told)
        if before.answer.partitions != answer.partitions:
            return broken(
                f"{member} got two shares in generation {answer.generation}",
                before.event.id,
                told.event.id,
                expected=names(before.answer.partitions),
                got=names(answer.partitions),
            )
        for part in answer.partitions:
            other = owners.setdefault((answer.generation, part), told)
            if other.question.member != member:
                return broken(
                    f"{part} was given to two members in generation {answer.generation}",
                    other.event.id,
                    told.event.id,
                    expected=f"{other.question.member} only",
                    got=f"{member}, too",
                )
    return kept()


def fenced(run: Run) -> Verdict:
    """CG-S2: a commit is taken from members of the newest generation only."""
    found = books(run)
    for told in found.by_kind[OffsetCommitted]:
        ask = told.question
        if told.answer.error != NONE or ask.generation == NO_GENERATION:
            continue
        newest = _newest(found, told.life, told.asked.id)
        if newest is None:
            continue
        generation, members, event = newest
        if ask.generation < generation:
            return broken(
                f"{told.life[0]} took a commit of {ask.member} in generation {ask.generation}, "
                f"and had begun generation {generation} by then",
                event,
                told.asked.id,
                told.event.id,
                expected="ILLEGAL_GENERATION or UNKNOWN_MEMBER_ID",
                got="no error",
            )
        if ask.generation == generation and members and ask.member not in members:
            return broken(
                f"{told.life[0]} took a commit of {ask.member}, which is no member of generation {generation}",
                event,
                told.asked.id,
                told.event.id,
                expected="UNKNOWN_MEMBER_ID",
                got="no error",
            )
    return kept()


def _newest(found: Books, life: tuple[str, int], at: int) -> tuple[int, Any, int] | None:
    """The newest generation that this coordinator had begun by event ``at``: (number, members, event)."""
    newest: tuple[int, Any, int] | None = None
    since = found.term(life, at)
    for told in found.by_kind[Joined]:
        if told.event.id >= at:
            break
        if told.life != life or told.event.id <= since or told.answer.error != NONE:
            continue
        members = {m.member for m in told.answer.members}
        if newest is None or told.answer.generation > newest[0]:
            newest = told.answer.generation, members, told.event.id
        elif told.answer.generation == newest[0]:
            newest = newest[0], members | newest[1], told.event.id
    return newest


def remembered(run: Run) -> Verdict:
    """CG-S3: whoever asks the present coordinator what is committed is told of every commit that was acknowledged."""
    found = books(run)
    acked: dict[Any, tuple[int, Answer]] = {}
    done = list(found.by_kind[OffsetCommitted])
    for told in found.by_kind[OffsetsFetched]:
        if told.answer.error != NONE:
            continue
        while done and done[0].event.id < told.asked.id:
            ack = done.pop(0)
            if ack.answer.error == NONE:
                for position in ack.question.positions:
                    before = acked.get(position.partition)
                    if before is None or position.offset > before[0]:
                        acked[position.partition] = position.offset, ack
        if found.coordinator_at(told.asked.id)[1] != told.life[0]:
            continue
        for position in told.answer.positions:
            known = acked.get(position.partition)
            if known is not None and (position.offset is None or position.offset < known[0]):
                return broken(
                    f"{known[1].question.member} was told that offset {known[0]} of {position.partition} is "
                    "committed, and whoever asks later is told something older",
                    known[1].event.id,
                    told.event.id,
                    expected=f"{known[0]}, or something newer",
                    got=position.offset,
                )
    return kept()


def nobody_in_time_is_out(run: Run) -> Verdict:
    """CG-L4: a generation leaves out only members that left, were silent, or did not join again in time."""
    found = books(run)
    last: dict[tuple[str, int, int], Answer] = {}
    """Coordinator's life, in one epoch -> its last answer that named all members."""
    for told in found.by_kind[Joined]:
        if told.answer.error != NONE or not told.answer.members:
            continue
        term = (*told.life, found.term(told.life, told.event.id))
        before = last.get(term)
        last[term] = told
        if before is None or before.answer.generation >= told.answer.generation:
            continue
        if _disturbed(run, told.life[0], before.event.time, told.event.time):
            continue
        now = {m.member for m in told.answer.members}
        for subscription in before.answer.members:
            if subscription.member not in now and _was_in_time(
                found, told, before, subscription.member
            ):
                return broken(
                    f"{subscription.member} was in generation {before.answer.generation}, spoke in time, and is "
                    f"not in generation {told.answer.generation}",
                    before.event.id,
                    found.heard[told.life, subscription.member][-1].id,
                    told.event.id,
                    expected="it is waited for",
                    got="it is left out",
                )
    return kept()


def _was_in_time(found: Books, told: Answer, before: Answer, member: str) -> bool:
    heard = [e for e in found.heard[told.life, member] if before.event.id < e.id <= told.event.id]
    joins = [e for e in found.joins if e.what.member == member and e.id < told.event.id]
    if not joins or any(isinstance(e.what, LeaveGroup) for e in heard):
        return False
    patience = min(join.what.session_timeout for join in joins)
    times = [before.event.time, *(e.time for e in heard), told.event.time]
    if any(later - earlier >= patience - SLACK // 2 for earlier, later in pairwise(times)):
        return False
    begins = [
        e.time
        for e in found.joins
        if e.node == told.life[0] and before.event.id < e.id <= told.event.id
    ]
    begins += [
        a.event.time
        for a in found.by_kind[HeartbeatAnswer]
        if a.life == told.life
        and a.answer.error == REBALANCE_IN_PROGRESS
        and before.event.id < a.event.id <= told.event.id
    ]
    limit = max(join.what.rebalance_timeout for join in joins)
    return bool(begins) and told.event.time - min(begins) < limit - SLACK


def _disturbed(run: Run, node: str, start: int, end: int) -> bool:
    """Whether a fault stopped or slowed the node in between."""
    return any(
        event.node == node
        and event.time <= end
        and event.time + (getattr(event.what, "duration", 0) or 0) >= start
        for event in run.trace.of(Kind.FAULT)
    )


def calm(run: Run) -> bool:
    """Whether nothing went wrong: no faults, no noise but delays."""
    noise = run.scenario.noise
    return not run.scenario.plan.faults and not noise.loss and not noise.duplicate


def change_times(run: Run) -> list[int]:
    """When members or partitions changed, in milliseconds."""
    members = run.scenario.shape.get("members", ({}, {}))
    starts = {member.get("at", 60) for member in members}
    stops = [member["stop"] for member in members if "stop" in member]
    grown = [call.at // MS for call in run.scenario.calls if call.operation == "AddPartitions"]
    return sorted([*starts, *stops, *grown])


def changes(run: Run) -> int:
    """How many rebalances there may be, of one round each."""
    return len(change_times(run)) + _begun_anew(run) + _crossed(run)


def _begun_anew(run: Run) -> int:
    """What a fail-over in the midst of a rebalance costs.

    The next coordinator knows nothing of it. Those whom it knows join anew, and those whom it does not know come when
    they ask again, one by one.
    """
    again = 0
    for call in run.scenario.calls:
        if call.operation == "ElectCoordinator":
            near = sum(-50 < call.at // MS - time < 250 for time in change_times(run))
            again += near + 1 if near else 0
    return again


def _crossed(run: Run) -> int:
    """How often a JoinGroup was repeated while its answer was under way, and was taken for the member's next one."""
    told: dict[tuple[str, int], set[int]] = {}
    for answer in books(run).by_kind[Joined]:
        if answer.answer.error == NONE:
            join = answer.question
            told.setdefault((join.member, join.id), set()).add(answer.answer.generation)
    return sum(len(generations) - 1 for generations in told.values())


def few_rebalances(run: Run) -> Verdict:
    """CG-L2: in a run without faults each change costs one rebalance, two if cooperative; a fail-over costs none."""
    if not calm(run) or any(call.operation == "Stall" for call in run.scenario.calls):
        return kept()
    allowed = changes(run) * (2 if is_cooperative(run) else 1)
    found = books(run)
    begun = [told for told in found.by_kind[Joined] if told.answer.error == NONE]
    generations = sorted({told.answer.generation for told in begun})
    if len(generations) > allowed:
        first = next(t for t in begun if t.answer.generation == generations[allowed])
        return broken(
            f"{changes(run)} changes brought {len(generations)} rebalances",
            first.event.id,
            expected=f"at most {allowed}",
            got=len(generations),
        )
    return kept()


def joins_once(run: Run) -> Verdict:
    """CG-L2, for members: in a run without faults a member joins no more often than there are changes."""
    if not calm(run) or any(call.operation == "Stall" for call in run.scenario.calls):
        return kept()
    allowed = changes(run) * (2 if is_cooperative(run) else 1)
    asked: dict[str, set[int]] = {}
    for event in run.trace.of(Kind.SEND):
        if isinstance(event.what, JoinGroup):
            ids = asked.setdefault(event.what.member, set())
            ids.add(event.what.id)
            if len(ids) > allowed:
                return broken(
                    f"{event.node} joined for the {len(ids)}th time, after at most {changes(run)} changes",
                    event.id,
                    expected=f"at most {allowed} times",
                    got=f"{len(ids)} times",
                )
    return kept()
