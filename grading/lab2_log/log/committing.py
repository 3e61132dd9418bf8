"""Judges of part 2B, and some of 2C: what is committed, what is acknowledged, who waits, what it costs."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

from distlab.check import Verdict, broken, kept
from distlab.core import MS, Address
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab2_log.log import codec
from grading.lab2_log.log.books import Books, Life, books, min_insync
from grading.lab2_log.log.replicas import IN_TIME, brokers
from labs.lab2_log.brokers import (
    ALL,
    NONE,
    REFUSED,
    BrokerConfig,
    BrokerProbe,
    Fetch,
    Fetched,
    PartitionState,
    Produce,
    Produced,
    crc_of,
)


def high_watermark(run: Run) -> Verdict:
    """RL-S5."""
    found = books(run)
    highest: dict[tuple[Life, int], tuple[int, int]] = {}
    announced = 0
    """The greatest high watermark that was ever announced: it was right then, so it is committed for good."""
    for served in found.served():
        answer, event = served.answer, served.event.id
        state = found.known(served.life, served.at)
        mark, epoch = answer.high_watermark, answer.leader_epoch
        before, since = highest.get((served.life, epoch), (0, 0))
        if mark < before:
            return broken(
                f"{served.life[0]}'s high watermark went back within epoch {epoch}",
                since,
                event,
                expected=f"{before} or more",
                got=mark,
            )
        highest[served.life, epoch] = mark, event
        if mark > announced and state is not None:
            lacking = found.lacking(served.life, state, mark, served.at)
            if lacking and not found.was_committed(served.life[0], mark, served.at):
                return broken(
                    f"{served.life[0]} says that everything before {mark} is committed, and "
                    f"{lacking[0]}, which is in the ISR, has not fetched so far",
                    served.asked.id,
                    event,
                    expected=f"a fetch of {lacking[0]} at {mark}, in epoch {epoch}",
                    got=f"high watermark {mark}",
                )
        announced = max(announced, mark)
        if not served.question.replica:
            for blob in codec.split(answer.records):
                if codec.is_sound(blob) and codec.opened(blob).next_offset > mark:
                    return broken(
                        f"{served.life[0]} showed a consumer what is not committed",
                        event,
                        expected=f"records before {mark}",
                        got=f"offset {codec.opened(blob).last_offset}",
                    )
    for address, probe in run.probes.items():
        for replica in probe.replicas if isinstance(probe, BrokerProbe) else ():
            if replica.high_watermark > replica.end:
                return broken(
                    f"{address}'s high watermark is beyond its end",
                    expected=f"at most {replica.end}",
                    got=replica.high_watermark,
                )
    return kept()


def acknowledged(run: Run) -> Verdict:
    """RL-S10."""
    found = books(run)
    least = min_insync(run)
    for done, end in found.acknowledged(ALL):
        broker, event = done.life[0], done.event.id
        state = found.known(done.life, done.at)
        if state is None:
            continue
        if len(state.isr) < least:
            return broken(
                f"{broker} acknowledged a batch with only {len(state.isr)} in sync",
                done.asked.id,
                event,
                expected=f"{least}, or NOT_ENOUGH_REPLICAS",
                got=f"ISR {', '.join(state.isr)}",
            )
        lacking = found.lacking(done.life, state, end, done.at)
        if lacking:
            return broken(
                f"{broker} acknowledged offset {end - 1} to all, and {lacking[0]} had not fetched it",
                done.asked.id,
                event,
                expected=f"a fetch of {lacking[0]} at {end}",
                got="an answer without error",
            )
    for look in (_on_its_own_disk, _refused_is_refused):
        if (verdict := look(run, found)).is_broken:
            return verdict
    return _committed_by_too_few(found, least)


def _on_its_own_disk(run: Run, found: Books) -> Verdict:
    """Whoever answers for a batch, as a leader or by fetching behind it, has it on disk."""
    came: dict[tuple[Life, int], int] = {}
    """(life, offset) -> the delivery that brought the batch that ends there."""
    wanted: dict[tuple[Life, str, int], int] = {}
    """(life, producer, request) -> its delivery."""
    synced: dict[Life, int] = defaultdict(int)
    """Life -> the last sync that is done: everything that came before it is on disk."""
    for event in run.trace.events:
        life = (event.node, event.incarnation)
        what = event.what
        if event.kind == Kind.SYNCED:
            synced[life] = max(synced[life], event.cause)
        elif event.kind == Kind.DELIVER and isinstance(what, Produce) and what.acks == ALL:
            wanted.setdefault((life, event.peer, what.id), event.id)
        elif event.kind == Kind.DELIVER and isinstance(what, Fetched):
            for blob in codec.split(what.records):
                if codec.is_sound(blob):
                    came.setdefault((life, codec.opened(blob).next_offset), event.id)
        elif event.kind == Kind.SEND and isinstance(what, Produced):
            since = wanted.get((life, event.peer, what.id), 0)
            if what.error == NONE and what.base_offset >= 0 and since > synced[life]:
                return broken(
                    f"{event.node} acknowledged a batch that is not on its disk",
                    since,
                    event.id,
                    expected="a sync, between the batch and the answer",
                    got="none",
                )
        elif event.kind == Kind.SEND and isinstance(what, Fetch) and what.replica:
            since = came.get((life, what.offset), 0)
            if since > synced[life]:
                return broken(
                    f"{event.node} fetches at {what.offset}, and what stands before it is not on its disk",
                    since,
                    event.id,
                    expected="a sync, between the batch and the next fetch",
                    got="none",
                )
    return kept()


def _refused_is_refused(run: Run, found: Books) -> Verdict:
    """A batch that was refused is in nobody's log. (A copy of the request may have fared better.)"""
    there = {
        batch.crc: (name, batch.base_offset)
        for name, probe in run.probes.items()
        if isinstance(probe, BrokerProbe)
        for replica in probe.replicas
        for batch in replica.batches
    }
    copies = Counter(
        crc_of(event.what.records)
        for event in run.trace.of(Kind.DELIVER)
        if isinstance(event.what, Produce)
    )
    for given in found.answers:
        if isinstance(given.answer, Produced) and given.answer.error in REFUSED:
            crc = crc_of(given.question.records)
            if crc in there and copies[crc] == 1:
                name, offset = there[crc]
                return broken(
                    f"{given.life[0]} refused a batch, and {name} has it at {offset}",
                    given.asked.id,
                    given.event.id,
                    expected="nothing appended",
                    got=given.answer.error,
                )
    return kept()


def _committed_by_too_few(found: Books, least: int) -> Verdict:
    """The high watermark stands still while the ISR is too small."""
    first: dict[tuple[Life, int], tuple[int, int]] = {}
    for served in found.served():
        state, mark = found.known(served.life, served.at), served.answer.high_watermark
        if state is None or len(state.isr) >= least:
            continue
        before, since = first.setdefault((served.life, state.version), (mark, served.event.id))
        if mark > before:
            return broken(
                f"{served.life[0]} committed up to {mark} with only {len(state.isr)} in sync",
                since,
                served.event.id,
                expected=f"no progress with fewer than {least}",
                got=f"high watermark {before}, then {mark}",
            )
    return kept()


def all_in_sync(run: Run) -> Verdict:
    """RL-L1: in the end every replica is in sync, has everything, and knows that it is committed."""
    state = run.probes.get(Address("controller"))
    if not isinstance(state, PartitionState):
        return kept()
    names = brokers(run.scenario.shape)
    healed = run.scenario.plan.heal_at or 0
    if run.time < healed + IN_TIME:
        return kept()
    views = {
        name: probe.of(state.partition)
        for name in names
        if (probe := run.probes.get(Address(name))) is not None
    }
    leader = views.get(state.leader)
    when = f"{IN_TIME // MS} ms after all is well"
    if leader is None:
        return broken(f"{when}, nobody leads", expected="a leader", got=state.leader or "none")
    if set(state.isr) != set(names):
        missing = sorted(set(names) - set(state.isr))
        return broken(
            f"{when}, {missing[0]} is not in sync",
            expected=", ".join(names),
            got=", ".join(state.isr),
        )
    for name, view in views.items():
        if view is None or (view.end, view.high_watermark) != (leader.end, leader.end):
            return broken(
                f"{when}, {name} has not caught up",
                expected=f"end and high watermark {leader.end}, as the leader {state.leader}",
                got="nothing" if view is None else f"{view.end} and {view.high_watermark}",
            )
    for entry in run.history:
        is_last = entry.began > healed + 850 * MS
        if is_last and not entry.is_ok:
            return broken(
                f"{when}, {type(entry.operation).__name__} is not answered",
                entry.call,
                expected="Ok",
                got=repr(entry.outcome),
            )
    return kept()


def nothing_lost(run: Run) -> Verdict:
    """RL-S1: what was acknowledged to all stands in the leader's log, where it was said to stand."""
    state = run.probes.get(Address("controller"))
    if not isinstance(state, PartitionState) or Address(state.leader) not in run.probes:
        return kept()
    view = run.probes[Address(state.leader)].of(state.partition)
    if view is None:
        return kept()
    there = {batch.base_offset: batch.crc for batch in view.batches}
    for done, end in books(run).acknowledged(ALL):
        base = done.answer.base_offset
        if end <= view.log_start:
            continue  # retention took it
        if there.get(base) != crc_of(done.question.records):
            return broken(
                f"{done.life[0]} acknowledged a batch at {base}, and in the log of {state.leader}, "
                f"which leads now, {'there is another one' if base in there else 'it is not'}",
                done.asked.id,
                done.event.id,
                expected=f"offsets {base} to {end - 1}",
                got=f"a log that ends at {view.end}" if base not in there else "another batch",
            )
    return kept()


def few_fetches(run: Run) -> Verdict:
    """RL-C1: a follower asks once for each answer, and nothing is sent to it again and again."""
    config = BrokerConfig()
    found = books(run)
    trouble = sum(
        run.tally.get(what, 0)
        for what in ("loss", "partition", "cut", "clog", "duplicate", "straggler")
    )
    late = run.scenario.noise.delay[1] + run.scenario.noise.sync[1]
    asked: Counter[tuple[str, str]] = Counter()
    sent: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for event in run.trace.of(Kind.SEND):
        if isinstance(event.what, Fetch) and event.what.replica:
            asked[event.node, event.peer] += 1
    batches = sum(isinstance(e.what, Produce) for e in run.trace.of(Kind.DELIVER))
    for (follower, leader), times in asked.items():
        limit = 3 * (run.time // config.fetch_wait) + 4 * batches + 2 * trouble + 20
        if times > limit:
            return broken(
                f"{follower} asked {leader} {times} times in {run.time // MS} ms for {batches} batches",
                expected=f"at most {limit}",
                got=times,
            )
    if late > 60 * MS:
        return kept()
    for served in found.served():
        if served.question.replica:
            for blob in codec.split(served.answer.records):
                base = int.from_bytes(blob[:8], "big")
                copies = sent[served.question.replica, served.life[0], base]
                copies.append(served.event.id)
                if len(copies) > 3 + trouble:
                    return broken(
                        f"{served.life[0]} sent offset {base} to {served.question.replica} "
                        f"{len(copies)} times",
                        *copies[-3:],
                        expected=f"at most {3 + trouble} times",
                        got=len(copies),
                    )
    return kept()


# -- what must have been seen -----------------------------------------------------------------------------------------


def isr_shrank(run: Run) -> bool:
    """A follower fell out of the ISR and came back."""
    sizes = [len(state.isr) for told in books(run).states.values() for _, state in told]
    return any(after < before for before, after in pairwise(sizes))


def refused_for_lack(run: Run) -> bool:
    """A batch was refused, or left in doubt, since too few were in sync."""
    return any(
        isinstance(a.answer, Produced) and a.answer.error.startswith("NOT_ENOUGH")
        for a in books(run).answers
    )
