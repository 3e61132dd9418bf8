"""Judges of part 2C: what outlives leaders."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import msgspec

from distlab.check import Entry, History, Verdict, broken, kept
from distlab.check import logs as logged
from distlab.core import Fail, Ok
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab2_log.log.books import books
from grading.lab2_log.log.replicas import PARTITION
from grading.lab2_log.log.world import values_of
from labs.lab2_log.brokers import (
    NO_EPOCH,
    NONE,
    Append,
    BrokerProbe,
    Drain,
    EpochOffset,
    Fetch,
    Fetched,
    OffsetForEpoch,
    Poll,
    Produce,
    Produced,
    Replica,
)


def replicas_agree(run: Run) -> Verdict:
    """RL-S6: below both high watermarks two replicas have the same batches."""
    views = {
        name: view
        for name, probe in run.probes.items()
        if isinstance(probe, BrokerProbe) and (view := probe.of(PARTITION)) is not None
    }
    for (left, one), (right, other) in combinations(views.items(), 2):
        difference = disagreement(one, other)
        if difference is not None:
            return broken(
                f"{left} and {right} have different batches at {difference}, and both call it committed",
                expected=f"what {left} has: {_at(one, difference)}",
                got=f"what {right} has: {_at(other, difference)}",
            )
    return kept()


def disagreement(one: Replica, other: Replica) -> int | None:
    """The first offset, below both high watermarks and above both log starts, at which two replicas differ."""
    end = min(one.high_watermark, other.high_watermark)
    start = max(one.log_start, other.log_start)
    mine = {b for b in one.batches if start <= b.base_offset < end}
    theirs = {b for b in other.batches if start <= b.base_offset < end}
    return min((b.base_offset for b in mine ^ theirs), default=None)


def _at(view: Replica, offset: int) -> str:
    found = [b for b in view.batches if b.base_offset == offset]
    return f"a batch of epoch {found[0].epoch}" if found else "nothing"


def only_in_its_epoch(run: Run) -> Verdict:
    """RL-S7: who leads, by all that it was told, answers those who are in its epoch, and nobody else leads."""
    found = books(run)
    for given in found.answers:
        answer, question = given.answer, given.question
        if not isinstance(answer, (Produced, Fetched, EpochOffset)) or answer.error != NONE:
            continue
        state = found.known(given.life, given.at)
        broker = given.life[0]
        if state is None or state.leader != broker:
            return broken(
                f"{broker} answered a {type(question).__name__} as a leader, and does not lead",
                given.asked.id,
                given.event.id,
                expected=f"{state.leader or 'nobody'} leads in epoch {state.leader_epoch}"
                if state
                else "nobody told it to lead",
                got="an answer without error",
            )
        epoch = getattr(question, "leader_epoch", NO_EPOCH)
        is_followers = isinstance(question, OffsetForEpoch) or (
            isinstance(question, Fetch) and question.replica != ""
        )
        if is_followers and epoch != state.leader_epoch:
            return broken(
                f"{broker}, in epoch {state.leader_epoch}, answered a follower that is in "
                f"epoch {epoch}",
                given.asked.id,
                given.event.id,
                expected="FENCED_LEADER_EPOCH"
                if epoch < state.leader_epoch
                else "UNKNOWN_LEADER_EPOCH",
                got="an answer without error",
            )
    return kept()


def consumed_stays(run: Run) -> Verdict:
    """RL-S8: what a consumer has read is there, at its place, for whoever reads later; and nothing was passed over."""
    if run.scenario.shape.get("log", {}).get("retention_bytes") is not None:
        return kept()  # what is gone is gone
    entries = []
    drained = False
    for entry in run.history:
        match entry.operation:
            case Append(values=values, acks=acks):
                for n, value in enumerate(values):
                    outcome = entry.outcome
                    if isinstance(outcome, Ok):
                        outcome = Ok(
                            None if acks != -1 or outcome.value is None else outcome.value + n
                        )
                    entries.append(
                        msgspec.structs.replace(
                            entry, operation=logged.Send(PARTITION, value), outcome=outcome
                        )
                    )
            case Poll() if not isinstance(entry.outcome, Fail):
                entries.append(_as_poll(entry))
            case Drain() if entry.is_ok:
                drained = True
                entries.append(
                    msgspec.structs.replace(_as_poll(entry), client=f"drain {entry.ticket}")
                )
    if not any(entry.is_ok for entry in entries):
        return kept()
    names = [
        name
        for name in logged.PHENOMENA
        if name
        not in ("duplicate", "nonmonotonic send", "commit too high", "unobserved", "aborted read")
    ]
    # What was acknowledged with acks of 1 may be lost: only acks of ALL gives an offset here.
    verdict = logged.judge_log(History(entries), drained=drained).verdict(*names)
    return verdict if verdict.is_broken else kept()


def _as_poll(entry: Entry) -> Entry:
    outcome = entry.outcome
    if isinstance(outcome, Ok):
        outcome = Ok(tuple(logged.Record(PARTITION, o, v) for o, v in values_of(outcome.value)))
    return msgspec.structs.replace(entry, operation=logged.Poll(), outcome=outcome)


def reconciles_in_time(run: Run) -> Verdict:
    """RL-L3: in an epoch a follower is told where to cut no more often than there are epochs, and twice more."""
    epochs = max(
        (state.leader_epoch for told in books(run).states.values() for _, state in told), default=0
    )
    rounds: Counter[tuple[str, int, int]] = Counter()
    last: dict[tuple[str, int, int], int] = {}
    for event in run.trace.of(Kind.DELIVER):
        answer = event.what
        is_cut = (isinstance(answer, EpochOffset) and answer.error == NONE) or (
            isinstance(answer, Fetched) and answer.diverging is not None
        )
        if is_cut:
            told = books(run).known((event.node, event.incarnation), event.id)
            key = event.node, event.incarnation, told.leader_epoch if told else NO_EPOCH
            rounds[key] += 1
            last[key] = event.id
    trouble = run.tally.get("duplicate", 0)
    for key, times in rounds.items():
        if times > epochs + 4 + trouble:
            return broken(
                f"{key[0]} was told {times} times, in epoch {key[2]}, where its log leaves its leader's",
                last[key],
                expected=f"at most {epochs + 4 + trouble}: each round names an earlier epoch",
                got=times,
            )
    return kept()


# -- what must have been seen -----------------------------------------------------------------------------------------


def leader_changed(run: Run) -> bool:
    """Records were appended in two epochs."""
    return any(
        len({batch.epoch for batch in view.batches}) > 1
        for probe in run.probes.values()
        if isinstance(probe, BrokerProbe) and (view := probe.of(PARTITION)) is not None
    )


def tail_was_cut(run: Run) -> bool:
    """Something was appended that is in nobody's log in the end."""
    there = {
        batch.crc
        for probe in run.probes.values()
        if isinstance(probe, BrokerProbe) and (view := probe.of(PARTITION)) is not None
        for batch in view.batches
    }
    return any(
        int.from_bytes(done.question.records[17:21], "big") not in there
        for done in books(run).answers
        if isinstance(done.question, Produce) and done.answer.base_offset >= 0
    )


def was_fenced(run: Run) -> bool:
    return any("EPOCH" in getattr(given.answer, "error", "") for given in books(run).answers)
