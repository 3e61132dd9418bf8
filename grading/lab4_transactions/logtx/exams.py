"""Part 4F1: logs that were written by hand, and logs that were drawn, each against the dumbest way to read them.

The dumb way looks at the whole log for each question. What is drawn: some producers run transactions in one partition;
batches and markers also come late, or again; the log is read in pieces of every size.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from labs.lab4_transactions.logtx import (
    ABORT,
    COMMIT,
    DUPLICATE,
    INVALID_PRODUCER_EPOCH,
    NONE,
    OUT_OF_ORDER_SEQUENCE,
    Aborted,
    Batch,
    Fetched,
    Identity,
    Record,
)

DRAWN = 60
"""Logs that are drawn for an exam."""

Log = list[Batch]


# -- the dumb way -----------------------------------------------------------------------------------------------------


def fate(log: Log, batch: Batch, before: int) -> str:
    """COMMIT, ABORT, or empty: what the first marker behind it says, of those that stand before ``before``."""
    if batch.producer is None:
        return COMMIT
    for other in log:
        if other.offset > batch.offset and other.control and other.offset < before:
            assert other.producer is not None
            if other.producer.id == batch.producer.id:
                return other.control
    return ""


def end_of(log: Log) -> int:
    return log[-1].next_offset if log else 0


def stable(log: Log, high_watermark: int) -> int:
    data = [b for b in log if not b.control and b.offset < high_watermark]
    open_ = [b.offset for b in data if not fate(log, b, high_watermark)]
    return min([high_watermark, *open_])


def aborted(log: Log, start: int, end: int) -> list[Aborted]:
    found: dict[tuple[int, int], int] = {}
    """(producer id, its marker) -> its first offset."""
    for batch in log:
        if batch.control or batch.producer is None or fate(log, batch, end_of(log)) != ABORT:
            continue
        marker = next(
            b.offset
            for b in log
            if b.offset > batch.offset and b.control and b.producer.id == batch.producer.id  # type: ignore[union-attr]
        )
        found.setdefault((batch.producer.id, marker), batch.offset)
    return sorted(
        (
            Aborted(pid, first)
            for (pid, marker), first in found.items()
            if first < end and marker >= start
        ),
        key=lambda a: a.first_offset,
    )


def verdict(log: Log, batch: Batch) -> str:
    if batch.producer is None:
        return NONE
    mine = [b for b in log if b.producer and b.producer.id == batch.producer.id]
    newest = max((b.producer.epoch for b in mine if b.producer), default=-1)
    opened = [b for b in mine if not b.control and not fate(log, b, end_of(log))]
    epoch = batch.producer.epoch
    if batch.control:
        if epoch > newest:
            return NONE
        return DUPLICATE if epoch == newest and not opened else INVALID_PRODUCER_EPOCH
    if epoch < newest:
        return INVALID_PRODUCER_EPOCH
    count = sum(b.producer == batch.producer and not b.control for b in mine)
    if batch.sequence < count:
        return DUPLICATE
    return NONE if batch.sequence == count else OUT_OF_ORDER_SEQUENCE


def committed(log: Log, start: int, end: int) -> list[Record]:
    return [
        Record(offset, value)
        for batch in log
        if not batch.control and fate(log, batch, end_of(log)) == COMMIT
        for offset, value in enumerate(batch.values, batch.offset)
        if start <= offset < end
    ]


# -- logs -------------------------------------------------------------------------------------------------------------


def data(log: Log, pid: int, epoch: int, sequence: int, *values: str, at: int = 0) -> Batch:
    return Batch(end_of(log), values or ("v",), Identity(pid, epoch), sequence, timestamp=at)


def marker(log: Log, pid: int, epoch: int, control: str, at: int = 0) -> Batch:
    return Batch(end_of(log), (), Identity(pid, epoch), control=control, timestamp=at)


def plain(log: Log, *values: str) -> Batch:
    return Batch(end_of(log), values or ("v",))


def shown(batch: Batch) -> str:
    who = batch.producer
    name = "" if who is None else f" of producer {who.id}, epoch {who.epoch}"
    if batch.control:
        return f"a marker {batch.control}{name}"
    return f"{', '.join(batch.values)}{name}" + (f", sequence {batch.sequence}" if who else "")


def listed(log: Log) -> str:
    return "; ".join(f"{b.offset}: {shown(b)}" for b in log) or "an empty log"


def written(*steps: str) -> Log:
    """A log by hand: ``"1.0 a b"`` data of producer 1, epoch 0; ``"1.1 COMMIT"`` a marker; ``"- a"`` neither."""
    log: Log = []
    count: dict[Identity, int] = {}
    for step in steps:
        who, *words = step.split()
        if who == "-":
            log.append(plain(log, *words))
            continue
        pid, epoch = map(int, who.split("."))
        if words[0] in (COMMIT, ABORT):
            log.append(marker(log, pid, epoch, words[0]))
        else:
            number = count.get(Identity(pid, epoch), 0)
            count[Identity(pid, epoch)] = number + 1
            log.append(data(log, pid, epoch, number, *words))
    return log


LOGS: tuple[Log, ...] = (
    written("1.0 a b", "1.1 COMMIT"),
    written("1.0 a", "1.1 ABORT", "1.1 b", "1.2 COMMIT", "1.2 c", "1.3 ABORT", "1.3 d"),
    written("1.0 a", "2.0 b", "1.0 c", "2.1 ABORT", "- d", "1.1 COMMIT", "2.1 e", "2.2 COMMIT"),
    written("- a", "1.0 b", "- c", "2.0 d", "2.1 COMMIT", "1.1 ABORT", "- e"),
    written("1.1 ABORT", "1.1 a", "1.2 COMMIT"),
    written("1.0 a", "1.0 b", "1.0 c", "2.0 x", "1.0 d", "1.1 ABORT", "2.1 COMMIT", "3.0 z"),
    written(
        "1.0 a", "2.0 b", "1.1 ABORT", "1.1 c", "2.1 ABORT", "1.2 COMMIT", "2.1 d", "2.2 ABORT"
    ),
)


def drawn() -> Iterator[Log]:
    for number in range(DRAWN):
        yield draw(Random(number))


def draw(random: Random) -> Log:
    """Each step is one that may be appended."""
    log: Log = []
    epochs = {pid: random.choice([0, 0, 7]) for pid in range(1, random.randint(2, 5))}
    counts = dict.fromkeys(epochs, 0)
    for number in range(random.randint(4, 22)):
        pid = random.choice(list(epochs))
        values = [f"{number}.{k}" for k in range(random.randint(1, 3))]
        kind = random.random()
        if kind < 0.1:
            log.append(plain(log, *values))
        elif kind < 0.65 or (not counts[pid] and kind < 0.95):
            log.append(data(log, pid, epochs[pid], counts[pid], *values))
            counts[pid] += 1
        else:
            epochs[pid] += 1
            counts[pid] = 0
            log.append(marker(log, pid, epochs[pid], random.choice([COMMIT, ABORT])))
    return log


def every_log() -> Iterator[Log]:
    yield from LOGS
    yield from drawn()


def filled(solution: Solution, log: Log) -> Any:
    index = solution.module("txn_index").TransactionIndex()
    for batch in log:
        index.apply(batch)
    return index


# -- reading ----------------------------------------------------------------------------------------------------------


def pieces(log: Log, start: int, size: int) -> list[Batch]:
    """What a broker sends: whole batches, from the one that holds ``start`` on, up to the LSO."""
    lso = stable(log, end_of(log))
    return [b for b in log if b.next_offset > start and b.next_offset <= lso][:size]


def reads_rightly(solution: Solution) -> Verdict:
    """Whatever the pieces: all that is committed, nothing else, each once; and it gets on."""
    read_committed = solution.module("txn_reader").read_committed
    for log in every_log():
        lso = stable(log, end_of(log))
        starts = range(lso) if log in LOGS else (0, lso // 2)
        for size in (1, 2, 3, 100):
            for start in starts:
                position, got = start, []
                while batches := pieces(log, position, size):
                    told = aborted(log, batches[0].offset, batches[-1].next_offset)
                    fetched = Fetched(1, lso, tuple(batches), tuple(told))
                    records, behind = read_committed(fetched, position)
                    where = f"{listed(log)}. Fetched at {position}: {len(batches)} batches, aborted {told}"
                    if behind != batches[-1].next_offset:
                        return broken(
                            f"{where}: the position behind it is wrong",
                            expected=batches[-1].next_offset,
                            got=behind,
                        )
                    wanted = committed(log, position, behind)
                    if list(records) != wanted:
                        return broken(
                            f"{where}: not what is committed", expected=wanted, got=list(records)
                        )
                    got += records
                    position = behind
                records, behind = read_committed(Fetched(1, lso), position)
                if list(records) or behind != position:
                    return broken(
                        "nothing was fetched, and something was read", got=(records, behind)
                    )
    return kept()


def lists_aborted(solution: Solution) -> Verdict:
    for log in every_log():
        index, end = filled(solution, log), end_of(log)
        ranges = [(0, end), (end // 2, end), (0, end // 2), (end // 3, end // 2 + 1)]
        if log in LOGS:
            ranges = [(a, b) for a in range(end) for b in range(a + 1, end + 1)]
        for start, stop in ranges:
            wanted, got = aborted(log, start, stop), list(index.aborted(start, stop))
            if got != wanted:
                return broken(
                    f"{listed(log)}. Aborted in offsets {start} to {stop}:",
                    expected=wanted,
                    got=got,
                )
    return kept()


# -- appending --------------------------------------------------------------------------------------------------------


def offers(log: Log, random: Random) -> Iterator[Batch]:
    """What may come now: the next thing, and things of the past, and of nobody."""
    ids = sorted({b.producer.id for b in log if b.producer}) or [1]
    for pid in [*ids, 99]:
        newest = max(
            (b.producer.epoch for b in log if b.producer and b.producer.id == pid), default=0
        )
        for epoch in (newest - 1, newest, newest + 1):
            if epoch >= 0:
                for sequence in (0, 1, 2, 3):
                    yield data(log, pid, epoch, sequence)
                yield marker(log, pid, epoch, random.choice([COMMIT, ABORT]))
    yield plain(log)


def judges_batches(solution: Solution) -> Verdict:
    """What may be appended, at every moment of each log; asking changes nothing."""
    for log in every_log():
        index = solution.module("txn_index").TransactionIndex()
        random = Random(1)
        for at in range(len(log) + 1):
            now = log[:at]
            for batch in offers(now, random):
                # An older transaction that is open when a newer one begins: no coordinator lets that happen.
                if is_impossible(now, batch):
                    continue
                wanted, got = verdict(now, batch), index.verdict(batch)
                if got != wanted:
                    return broken(
                        f"{listed(now)}. Now comes {shown(batch)}",
                        expected=wanted or "NONE: append it",
                        got=got or "NONE: append it",
                    )
            if at < len(log):
                index.apply(log[at])
    return kept()


def is_impossible(log: Log, batch: Batch) -> bool:
    if batch.control or batch.producer is None:
        return False
    return any(
        b.producer
        and b.producer.id == batch.producer.id
        and b.producer.epoch < batch.producer.epoch
        and not b.control
        and not fate(log, b, end_of(log))
        for b in log
    )


def forgets_rightly(solution: Solution) -> Verdict:
    """Who is idle is forgotten; a marker is a sign of life (KAFKA-9144), and what is open is kept."""
    log: Log = []
    index = solution.module("txn_index").TransactionIndex()
    for step in (
        lambda: data(log, 1, 0, 0, "a", at=100),
        lambda: data(log, 2, 0, 0, "b", at=100),
        lambda: marker(log, 1, 1, COMMIT, at=500),
        lambda: data(log, 3, 0, 0, "c", at=100),
        lambda: marker(log, 3, 1, COMMIT, at=110),
        lambda: marker(log, 4, 6, ABORT, at=500),
    ):
        log.append(step())
        index.apply(log[-1])
    index.expire(300)
    told = f"{listed(log)}. Written at 100, but for the markers of producers 1 and 4, at 500; then expire(300)"
    cases = (
        (data(log, 1, 0, 0), INVALID_PRODUCER_EPOCH, "its marker was written a moment ago"),
        (data(log, 2, 0, 0), DUPLICATE, "its transaction is open"),
        (data(log, 3, 0, 0), NONE, "nothing of it was written for long: it is forgotten"),
        (data(log, 4, 5, 0), INVALID_PRODUCER_EPOCH, "its marker was written a moment ago"),
    )
    for batch, wanted, why in cases:
        got = index.verdict(batch)
        if got != wanted:
            return broken(
                f"{told}. Now comes {shown(batch)} ({why})",
                expected=wanted or "NONE: append it",
                got=got or "NONE: append it",
            )
    if (got := index.last_stable_offset(end_of(log))) != 1:
        return broken(f"{told}. The LSO", expected=1, got=got)
    return kept()


def still_told(solution: Solution) -> Verdict:
    """A producer is forgotten, and what it aborted stays aborted."""
    log = written("1.0 a", "1.1 ABORT", "2.0 b", "2.1 COMMIT")
    index = filled(solution, log)
    index.expire(10**9)
    got = list(index.aborted(0, 4))
    if got != [Aborted(1, 0)]:
        return broken(
            f"{listed(log)}; then both producers expire. Aborted:",
            expected=[Aborted(1, 0)],
            got=got,
        )
    return kept()


# -- the LSO ----------------------------------------------------------------------------------------------------------


def is_stable(solution: Solution) -> Verdict:
    """The LSO, at every moment of each log, for every high watermark."""
    for log in every_log():
        index = solution.module("txn_index").TransactionIndex()
        for at in range(len(log) + 1):
            now = log[:at]
            marks = {end_of(now), *(b.offset for b in (now if log in LOGS else now[-3:]))}
            for high_watermark in sorted(marks):
                wanted, got = stable(now, high_watermark), index.last_stable_offset(high_watermark)
                if got != wanted:
                    return broken(
                        f"{listed(now)}. With a high watermark of {high_watermark} the LSO is",
                        expected=wanted,
                        got=got,
                    )
            if at < len(log):
                index.apply(log[at])
    return kept()


def lags(solution: Solution) -> Verdict:
    """Against the LSO, not the end of the log, nor a number of records."""
    lag = solution.module("txn_reader").lag
    log = written("1.0 a b", "1.1 COMMIT", "1.1 c", "1.2 ABORT", "2.0 d")
    for size in (0, 1, 4):
        fetched = Fetched(1, 5, tuple(log[:size]), (Aborted(1, 3),))
        for at, wanted in ((0, 5), (1, 4), (5, 0), (6, 0)):
            if (got := lag(fetched, at)) != wanted:
                return broken(
                    f"{size} batches were fetched, the LSO is 5, the position {at}: the lag",
                    expected=wanted,
                    got=got,
                )
    return kept()


READING = (
    Exam("logs in pieces of every size", reads_rightly, "txn_reader"),
    Exam("what was aborted, in every piece of a log", lists_aborted, "txn_index"),
    Exam("what a forgotten producer had aborted", still_told, "txn_index"),
)
APPENDING = (
    Exam("everything that may come, at every moment", judges_batches, "txn_index"),
    Exam("who is forgotten, and who is not", forgets_rightly, "txn_index"),
)
STABLE = (Exam("every log, every high watermark", is_stable, "txn_index"),)
LAGGING = (Exam("lag", lags, "txn_reader"),)
