"""Judges of members: what they hand out, commit and let go of; and whether the group gets on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from msgspec import structs

from distlab.check import History, Verdict, broken, kept, logs
from distlab.check.history import Entry
from distlab.core import MS, Ok, Operation
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab2_log.groups.books import Books, Tenure, books
from grading.lab2_log.groups.coordinating import SLACK, calm, change_times, names
from grading.lab2_log.groups.world import Ends
from labs.lab2_log.groups import (
    COOPERATIVE,
    NONE,
    Heartbeat,
    Joined,
    MemberConfig,
    OffsetCommitted,
    Poll,
    TopicPartition,
)

WHOLE_AGAIN = 1_000 * MS
"""So long after all is well and the last change, the group must be whole, and have read what was there then."""


# -- as histories of a log --------------------------------------------------------------------------------------------


class Chronicle:
    """The run as a history of sends, polls and commits, for the checkers of logs."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(
        self, client: str, operation: Operation, event: Event | None, value: Any = None
    ) -> None:
        at, number = (event.time, event.id) if event is not None else (0, 0)
        ticket = len(self.entries)
        self.entries.append(Entry(ticket, client, operation, at, number, Ok(value), at, number))

    def history(self) -> History:
        return History(self.entries)


def _ends(run: Run) -> tuple[Ends, ...]:
    ends: tuple[Ends, ...] = run.probes["broker"]  # type: ignore[index]
    return ends


def _sends(run: Run, starts: dict[str, int]) -> Chronicle:
    """All records that there are, from where the group began in each partition."""
    chronicle = Chronicle()
    for end in _ends(run):
        part = str(end.partition)
        for offset in range(max(end.start, starts.get(part, 0)), end.end):
            chronicle.add("producer", logs.Send(part, f"{part}:{offset}"), None, offset)
    return chronicle


def hands_out_its_own(run: Run) -> Verdict:
    """CG-S2: what a member hands out is of partitions that it was given, and has neither let go of nor lost."""
    for event, record in books(run).foreign:
        return broken(
            f"{event.node} handed out {record.partition}:{record.offset}, and does not own {record.partition}",
            event.id,
            expected="records of what it was given, and has not let go of",
            got=f"one of {record.partition}",
        )
    return kept()


def nothing_skipped(run: Run) -> Verdict:
    """CG-S3: within a tenure records come in order, none is passed over, and the first is the one that is committed."""
    found = books(run)
    chronicle = _sends(run, {})
    for number, tenure in enumerate(found.tenures):
        if not tenure.handed:
            continue
        wrong = _first(run, tenure)
        if wrong is not None:
            return wrong
        part = str(tenure.part)
        for offset, event in tenure.handed:
            record = logs.Record(part, offset, f"{part}:{offset}")
            chronicle.add(f"{tenure.life[0]}/{number}", logs.Poll("g"), event, (record,))
    judged = logs.judge_log(chronicle.history())
    return _verdict(judged, "nonmonotonic poll", "poll skip")


def _first(run: Run, tenure: Tenure) -> Verdict | None:
    """Whether the tenure began where it should have: at what was committed; else at the beginning, if so configured."""
    offset, event = tenure.handed[0]
    start = next((e.start for e in _ends(run) if e.partition == tenure.part), 0)
    due = tenure.begin
    if due is None:
        is_earliest = run.scenario.shape.get("config", {}).get("reset", "earliest") == "earliest"
        due = start if tenure.was_reset and is_earliest and start == 0 else None
    if due is None or offset == due or start > due:
        return None
    return broken(
        f"{event.node} took over {tenure.part}, was told that {due} is committed, and began elsewhere"
        if tenure.begin is not None
        else f"{event.node} took over {tenure.part}, in which nothing is committed, and began elsewhere",
        tenure.told.id,
        event.id,
        expected=f"offset {due} first",
        got=f"offset {offset}",
    )


def commits_are_true(run: Run) -> Verdict:
    """CG-S3: everything before an offset that a member commits has been processed by somebody in the group."""
    found = books(run)
    for event, tenure in found.lied:
        return broken(
            f"{event.node}'s program was told that all is committed, and {tenure.part} is not",
            tenure.handed[-1][1].id,
            event.id,
            expected="Ok when the coordinator has acknowledged it",
            got="Ok",
        )
    starts: dict[str, int] = {}
    for told in found.by_kind[OffsetCommitted]:
        if told.answer.error == NONE:
            for position in told.question.positions:
                starts.setdefault(str(position.partition), position.offset)
    for tenure in found.tenures:
        for offset, _ in tenure.handed[:1]:
            starts[str(tenure.part)] = min(offset, starts.get(str(tenure.part), offset))
    if run.scenario.shape.get("config", {}).get("reset", "earliest") == "earliest":
        starts = {}
    chronicle = _sends(run, starts)
    for work in found.works:
        if work.ended is None:
            continue
        by_part: dict[str, list[logs.Record]] = {}
        for want in work.records:
            part = str(want.partition)
            by_part.setdefault(part, []).append(
                logs.Record(part, want.offset, f"{part}:{want.offset}")
            )
        for records in by_part.values():
            known = tuple(r for r in records if r.offset >= starts.get(str(r.partition), 0))
            chronicle.add(_life(work.life), logs.Poll("g"), work.ended, known)
    for event in found.commits:
        for position in event.what.positions:
            commit = logs.Commit(str(position.partition), position.offset, "g")
            chronicle.add(_life((event.node, event.incarnation)), commit, event)
    return _verdict(logs.judge_log(chronicle.history()), "commit too high")


def _life(life: tuple[str, int]) -> str:
    return f"{life[0]} (life {life[1] + 1})"


def _verdict(judged: logs.Logged, *phenomena: str) -> Verdict:
    verdict = judged.verdict(*phenomena)
    if not verdict.is_broken:
        return kept()
    return structs.replace(verdict, events=tuple(sorted(set(verdict.events))))


def owns_while_it_commits(run: Run) -> Verdict:
    """CG-S2, for members: nobody commits what it does not own."""
    found = books(run)
    said: set[tuple[str, int, int]] = set()
    for event in found.commits:
        life = (event.node, event.incarnation)
        if (*life, event.what.id) in said:
            continue  # once more, in the same words
        said.add((*life, event.what.id))
        for position in event.what.positions:
            mine = [t for t in found.tenures if t.life == life and t.part == position.partition]
            if not any(
                t.told.id < event.id and (t.ended is None or event.id <= t.ended.id) for t in mine
            ):
                return broken(
                    f"{event.node} committed an offset of {position.partition}, which it does not own",
                    *(t.ended.id for t in mine[-1:] if t.ended is not None),
                    event.id,
                    expected="offsets of what it owns",
                    got=f"{position.partition}: {position.offset}",
                )
    return kept()


def one_at_a_time(run: Run) -> Verdict:
    """CG-S4: a partition is processed by one member at a time, unless the first was thrown out; it is not let go of
    under the program's hands."""
    found = books(run)
    for work, event in found.snatched:
        return broken(
            f"{event.node} let go of partitions that its program was working on",
            work.began.id,
            event.id,
            expected="it joins when the program polls again",
            got="a JoinGroup in the midst of the work",
        )
    for event, given, _ in found.claims:
        join = event.what
        if join.owned and join.owned_generation not in given:
            return broken(
                f"{event.node} claims what it owns in generation {join.owned_generation}",
                event.id,
                expected=f"generation {given[-1] if given else -1}, which gave it to it",
                got=f"generation {join.owned_generation}",
            )
    for later in found.works:
        for part in sorted({want.partition for want in later.records}):
            other = _working(run, found, part, later)
            if other is not None:
                return broken(
                    f"{part} was taken up by {later.life[0]} while {other.life[0]}, a member of the same generation, "
                    "was working on it",
                    other.began.id,
                    later.began.id,
                    expected=f"{other.life[0]} lets go of it first",
                    got="two at a time",
                )
    return kept()


def _working(run: Run, found: Books, part: TopicPartition, later: Any) -> Any:
    """Another member's work on the partition that is under way when ``later`` begins, if that member is not out."""
    tenure = _tenure_at(found, later.life, part, later.began.id)
    for other in found.works:
        if other.began.id >= later.began.id:
            break
        if other.life == later.life or not any(w.partition == part for w in other.records):
            continue
        if (other.ended is not None and other.ended.id < later.began.id) or _is_down(
            run, other.life, later.began.id
        ):
            continue
        before = _tenure_at(found, other.life, part, other.began.id)
        if tenure is None or (before is not None and before.generation > tenure.generation):
            continue  # it is ``later`` that was thrown out, and does not know
        # What was not in the log when a coordinator fell is forgotten: the next one gives the number anew.
        rosters = found.members_of(tenure.generation, later.began.id)
        if rosters and all(found.names.get(other.life) in members for _, members in rosters):
            return other
    return None


def _tenure_at(found: Books, life: Any, part: TopicPartition, event: int) -> Tenure | None:
    mine = [t for t in found.tenures if t.life == life and t.part == part and t.told.id < event]
    return mine[-1] if mine else None


def _is_down(run: Run, life: tuple[str, int], event: int) -> bool:
    return any(
        e.node == life[0] and e.incarnation == life[1] and e.id < event
        for kind in (Kind.CRASH, Kind.STOP)
        for e in run.trace.of(kind)
    )


# -- getting on -------------------------------------------------------------------------------------------------------


def settings(run: Run, member: str) -> MemberConfig:
    config: MemberConfig = run.cluster.members[member].config  # type: ignore[index,assignment]
    return config


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
        if ended - work.began.time > SLACK and not _is_down(
            run, work.life, run.trace.events[-1].id
        ):
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
        for end in _ends(run)
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
    for end in _ends(run):
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
    return max(0, end.end - (late // (feed * len(_ends(run))) + 2 if feed and late else 0))


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


# -- what was seen ----------------------------------------------------------------------------------------------------


def was_taken_over(run: Run) -> bool:
    """A partition went from one member to another, which was told of an offset."""
    first: dict[TopicPartition, str] = {}
    for tenure in books(run).tenures:
        if first.setdefault(tenure.part, tenure.life[0]) != tenure.life[0] and tenure.begin:
            return True
    return False


def was_refused(run: Run) -> bool:
    """A member committed, and was told that it may not."""
    return any(
        told.answer.error in ("ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID")
        for told in books(run).by_kind[OffsetCommitted]
    )


def failed_over(run: Run) -> bool:
    """Two coordinators told members of their shares, or of committed offsets, one after the other."""
    epochs = [e for e, *_ in books(run).elections]
    return len(epochs) > 1 and any(a.event.id > epochs[1] for a in books(run).answers)


def was_stuck(run: Run) -> bool:
    """A program did not poll for longer than it may."""
    return any(
        call.operation == "Stall"
        and call.arguments["duration"] > settings(run, call.client).max_poll_interval
        for call in run.scenario.calls
    )


def kept_some(run: Run) -> bool:
    """A member kept a partition through a rebalance."""
    joins = [e.what for e in run.trace.of(Kind.SEND) if type(e.what).__name__ == "JoinGroup"]
    return any(join.owned and join.assignor == "cooperative-sticky" for join in joins)
