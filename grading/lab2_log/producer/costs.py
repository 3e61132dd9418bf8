"""Judges of progress and cost, PR-L1, PR-C1, PR-C2: every record's outcome comes, in time, and is cheap."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from distlab.check import Entry, Verdict, broken, kept
from distlab.core import MS
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab2_log.producer.accounts import Accounts, Life, accounts
from grading.lab2_log.producer.stage import CALM
from labs.lab2_log.batches import HEADER
from labs.lab2_log.producing import InitProducerId, Metadata, Send, record_size

SLACK = 50 * MS
"""How late a promised moment may be."""

PROMPT = 60 * MS
"""In quiet weather a record is delivered so long after it has lingered."""

# -- PR-L1 ------------------------------------------------------------------------------------------------------------


def settled_in_time(run: Run) -> Verdict:
    """PR-L1."""
    found = accounts(run)
    patience = found.config.delivery_timeout
    healed = run.scenario.plan.heal_at
    if healed is None and ("well" in run.scenario.shape or not run.scenario.plan.faults):
        healed = run.scenario.shape.get("well", 0) * MS
    for entry in found.sends:
        value = entry.operation.value  # type: ignore[attr-defined]
        ended = entry.ended if entry.ended is not None else run.time
        if found.was_disturbed(entry.client, entry.began, ended):
            continue
        took = ended - entry.began
        if took > patience + SLACK:
            return broken(
                f"nobody was told what became of {value} for {took // MS} ms",
                entry.call,
                *found.attempts(value),
                *([entry.ret] if entry.ret else []),
                expected=f"an outcome within {patience // MS} ms",
                got="later" if entry.ret else "none",
            )
        if entry.outcome is None or entry.is_ok:
            continue
        is_calm = healed is not None and entry.began >= healed + CALM - SLACK
        if is_calm and not _is_progress(found, entry):
            return broken(
                f"{value} was not delivered, nor was anything else, and all had been well for {CALM // MS} ms",
                entry.call,
                *found.attempts(value),
                entry.ret,
                expected="Ok",
                got=repr(entry.outcome),
            )
        if took < patience - SLACK and not _is_behind_a_hole(found, entry):
            return broken(
                f"{value} was given up after {took // MS} ms, and nothing was wrong that could not pass",
                entry.call,
                *found.attempts(value),
                entry.ret,
                expected=f"another attempt; {patience // MS} ms of patience",
                got=repr(entry.outcome),
            )
    return _flushes(run, found)


def _is_progress(found: Accounts, entry: Entry) -> bool:
    """Whether the producer delivered something while this one waited: it may have much to do."""
    assert entry.ended is not None
    return any(
        other.is_ok and other.ended is not None and entry.began <= other.ended <= entry.ended
        for other in found.sends
        if other.client == entry.client
    )


def _is_behind_a_hole(found: Accounts, entry: Entry) -> bool:
    """Whether an older record of the same producer had been given up by then because its time was up."""
    patience = found.config.delivery_timeout
    assert entry.ended is not None
    return any(
        older.outcome is not None
        and not older.is_ok
        and older.ended is not None
        and older.ended <= entry.ended
        and older.ended - older.began >= patience - SLACK
        and older.call <= entry.call
        and found.life_of(older) == found.life_of(entry)
        for older in found.sends
    )


def _flushes(run: Run, found: Accounts) -> Verdict:
    for flush in found.flushes:
        ended = flush.ended if flush.ended is not None else run.time
        if found.was_disturbed(flush.client, flush.began, ended):
            continue
        before = [
            entry
            for entry in found.sends
            if entry.call < flush.call and found.life_of(entry) == found.life_of(flush)
        ]
        open_yet = [e for e in before if not e.ret or (flush.ret and e.ret > flush.ret)]
        # The record's own return may be written down right behind the flush's, in the same instant.
        open_yet = [e for e in open_yet if e.ended is None or e.ended > ended]
        if flush.ret and open_yet:
            value = open_yet[0].operation.value  # type: ignore[attr-defined]
            return broken(
                f"the flush returned, and nobody knows yet what becomes of {value}",
                open_yet[0].call,
                flush.call,
                flush.ret,
                expected=f"the outcome of {value}, then Ok",
                got=repr(flush.outcome),
            )
        last = max((e.ended for e in before if e.ended is not None), default=flush.began)
        if not open_yet and ended > max(last, flush.began) + SLACK:
            return broken(
                f"a flush did not return, {(ended - last) // MS} ms after the last record was settled",
                flush.call,
                *([flush.ret] if flush.ret else []),
                expected=f"Ok within {SLACK // MS} ms",
                got="later" if flush.ret else "none",
            )
    return kept()


# -- PR-C1 ------------------------------------------------------------------------------------------------------------


def batched(run: Run) -> Verdict:
    """PR-C1: batches are as large as they may be and as old as they must be, and are sent again with patience."""
    found = accounts(run)
    for look in (_sizes, _numbers, _patience, _questions, _prompt):
        if (verdict := look(run, found)).is_broken:
            return verdict
    return kept()


def _sizes(run: Run, found: Accounts) -> Verdict:
    for batch in found.batches.values():
        if len(batch.values) > 1 and batch.size > found.config.batch_size:
            return broken(
                f"a batch of {len(batch.values)} records has {batch.size} bytes",
                batch.sent[0].id,
                expected=f"at most {found.config.batch_size}",
                got=batch.size,
            )
    return kept()


def _numbers(run: Run, found: Accounts) -> Verdict:
    """A batch leaves because it is full, has lingered, or is flushed: so there are only so many."""
    rooms = found.config.batch_size - HEADER.size
    sizes = {e.operation.value: _size(e) for e in found.sends}  # type: ignore[attr-defined]
    made: dict[tuple[Life, int], dict[str, int]] = defaultdict(dict)
    """(life, partition) -> first value of each batch -> when it was first sent."""
    total: dict[tuple[Life, int], int] = defaultdict(int)
    for batch in found.batches.values():
        key = batch.life, batch.partition
        if batch.values[0] not in made[key]:
            made[key][batch.values[0]] = batch.sent[0].time
            total[key] += sum(sizes.get(value, 0) for value in batch.values)
    for key, firsts in made.items():
        flushes = sum(flush.client == key[0][0] for flush in found.flushes)
        # Lingering takes time in which records came: count the time from the first record to the last batch.
        began = min(
            (found.by_value[value].began for value in firsts if value in found.by_value), default=0
        )
        lingers = (max(firsts.values()) - began) // max(found.config.linger, 1 * MS)
        limit = 3 + lingers + flushes + 2 * total[key] // max(rooms, 1)
        if len(firsts) > limit:
            return broken(
                f"{key[0][0]} made {len(firsts)} batches of {total[key]} bytes for partition {key[1]}, in "
                f"{lingers + 1} times the linger",
                expected=f"at most {limit}",
                got=len(firsts),
            )
    return kept()


def _size(entry: Entry) -> int:
    operation = entry.operation
    assert isinstance(operation, Send)
    key = None if operation.key is None else operation.key.encode()
    return record_size(key, operation.value.encode())


def _patience(run: Run, found: Accounts) -> Verdict:
    config = found.config
    for batch in found.batches.values():
        for one, next_one in pairwise(batch.sent):
            if next_one.time - one.time < config.retry_backoff // 2:
                return broken(
                    f"the batch of {batch.values[0]} was sent again after {(next_one.time - one.time) / MS:g} ms",
                    one.id,
                    next_one.id,
                    expected=f"no earlier than {config.retry_backoff // 2 // MS} ms",
                    got=f"{(next_one.time - one.time) / MS:g} ms",
                )
        elapsed = batch.sent[-1].time - batch.sent[0].time
        limit = 8 + elapsed // (config.retry_backoff_max // 2)
        if len(batch.sent) > limit:
            return broken(
                f"the batch of {batch.values[0]} was sent {len(batch.sent)} times in {elapsed // MS} ms",
                *[event.id for event in batch.sent[-3:]],
                expected=f"at most {limit}",
                got=len(batch.sent),
            )
    return kept()


def _questions(run: Run, found: Accounts) -> Verdict:
    asked: dict[str, int] = defaultdict(int)
    for event in run.trace.of(Kind.SEND):
        if isinstance(event.what, Metadata | InitProducerId):
            asked[event.node] += 1
    for node, times in asked.items():
        limit = 30 + 6 * run.time // found.config.metadata_retry
        if times > limit:
            return broken(
                f"{node} asked {times} times for metadata or a producer id in {run.time // MS} ms",
                expected=f"at most {limit}",
                got=times,
            )
    return kept()


def _prompt(run: Run, found: Accounts) -> Verdict:
    """In quiet weather nobody waits longer than the linger asks for."""
    noise = run.scenario.noise
    if run.scenario.plan.faults or noise.loss or noise.straggle or noise.delay[1] > 1 * MS:
        return kept()
    for entry in found.sends:
        took = (entry.ended if entry.ended is not None else run.time) - entry.began
        if entry.began >= 50 * MS and took > found.config.linger + PROMPT:
            value = entry.operation.value  # type: ignore[attr-defined]
            return broken(
                f"{value} was delivered {took // MS} ms after it was sent, in quiet weather",
                entry.call,
                *found.attempts(value),
                *([entry.ret] if entry.ret else []),
                expected=f"{found.config.linger / MS:g} ms, and {PROMPT // MS} more",
                got=f"{took // MS} ms",
            )
    return kept()


# -- PR-C2 ------------------------------------------------------------------------------------------------------------

MANY = 150
"""So many records without a key tell how they are spread."""

SHARE = 0.6
"""No partition of three gets more of them."""


def spread(run: Run) -> Verdict:
    """PR-C2: records without a key go to all partitions alike, also where one of them has a slow broker."""
    found = accounts(run)
    if len(found.names) != 3:
        return kept()
    counts: dict[int, int] = dict.fromkeys(range(3), 0)
    for value, homes in found.homes.items():
        operation = found.by_value[value].operation if value in found.by_value else None
        if isinstance(operation, Send) and operation.key is None and operation.partition < 0:
            counts[min(homes)] += 1
    total = sum(counts.values())
    number = max(counts, key=lambda n: counts[n])
    if total >= MANY and counts[number] > SHARE * total:
        return broken(
            f"partition {number} got {counts[number]} of {total} records without a key",
            expected=f"at most {SHARE:.0%}",
            got=", ".join(f"{n}: {count}" for n, count in counts.items()),
        )
    return kept()


# -- what must have been seen -----------------------------------------------------------------------------------------


def tried_in_vain(run: Run) -> bool:
    """An attempt was not answered in time, and a later one was."""
    return any(
        len(batch.sent) > 1 and len(batch.answers) < len(batch.sent) and batch.answers
        for batch in accounts(run).batches.values()
    )


def many_at_once(run: Run) -> bool:
    """A batch took several records."""
    return any(len(batch.values) > 3 for batch in accounts(run).batches.values())


def many_without_a_key(run: Run) -> bool:
    return sum(e.operation.key is None for e in accounts(run).sends) >= MANY  # type: ignore[attr-defined]
