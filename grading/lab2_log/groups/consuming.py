"""Judges of what members hand out, process and commit: nothing skipped, nothing of others, one at a time."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from distlab.check import History, Verdict, broken, kept, logs
from distlab.check.history import Entry
from distlab.core import Ok, Operation
from distlab.grade.lab import Run
from distlab.trace import Event
from grading.lab2_log.groups.about import ends_of, is_down
from grading.lab2_log.groups.books import Books, Tenure, books
from labs.lab2_log.groups import (
    NONE,
    OffsetCommitted,
    TopicPartition,
)


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


def _sends(run: Run, starts: dict[str, int]) -> Chronicle:
    """All records that there are, from where the group began in each partition."""
    chronicle = Chronicle()
    for end in ends_of(run):
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
    start = next((e.start for e in ends_of(run) if e.partition == tenure.part), 0)
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
        if (other.ended is not None and other.ended.id < later.began.id) or is_down(
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
