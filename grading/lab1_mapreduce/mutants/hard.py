"""Bugs of part 1E: two masters, checkpoints, poison, rows."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from distlab.core import Address, Disk, Failed, Steps, Store
from distlab.core.context import JobContext
from distlab.grade.lab import bug
from labs.lab1_mapreduce import checkpoint, map_side, recovery, skipping
from labs.lab1_mapreduce.blocks import Group
from labs.lab1_mapreduce.master import Master
from labs.lab1_mapreduce.protocol import (
    NO_RECORD,
    AttemptFailed,
    Counters,
    JobRecord,
    Limits,
    Noted,
    RunMap,
    Submit,
    outcome_key,
)
from labs.lab1_mapreduce.rows import Rows
from labs.lab1_mapreduce.tasks import Accepted, JobTable, Task


def overwrites(store: Store, record: JobRecord) -> JobRecord:
    """Ends the job in place of whatever stands there: both masters end it."""
    store.delete(outcome_key(record.job))
    store.put_if_absent(outcome_key(record.job), record.to_bytes())
    return record


def believes_itself(store: Store, record: JobRecord) -> JobRecord:
    """Does not look whether it was the first: the client hears of an end that the store does not know."""
    store.put_if_absent(outcome_key(record.job), record.to_bytes())
    return record


def appends_its_end(store: Store, record: JobRecord) -> JobRecord:
    """Appends to the record instead of putting it there if absent: two ends in one object."""
    store.append(outcome_key(record.job), record.to_bytes())
    return record


def never_over(store: Store, job: str) -> JobRecord | None:
    """Does not ask the store whether a job is over: handed in again, it is run again."""
    return None


def blames_at_once(task: Task, record: int | None) -> None:
    """Skips a record when an attempt has died at it once: of whatever."""
    task.careful = True
    task.failures += 1
    if record is not None and record not in task.skip:
        task.skip = (*task.skip, record)
        task.failures = 0


def never_skips(task: Task, record: int | None) -> None:
    """Tries the task again and again; its records are sacred."""
    task.careful = True
    task.failures += 1


def never_careful(task: Task, record: int | None) -> None:
    """Never executes a task carefully: nobody finds out which record it is."""
    task.failures += 1


def blames_the_batch(order: RunMap, failed: Failed) -> int | None:
    """Takes the first record of the batch for the one that killed."""
    return failed.progress


def zero_is_nothing(order: RunMap, failed: Failed) -> int | None:
    """Takes the number 0 for none: the first record of a split is never to blame."""
    if not order.careful or not failed.progress or failed.progress == NO_RECORD:
        return None
    return failed.progress


def never_says_it_is_done(order: RunMap, limits: Limits, io: JobContext) -> Steps:
    """Does not say when it has left the program's code: whoever dies while it writes has died of the last record."""
    steps = map_run(order, limits, io)
    while True:
        try:
            reported = next(steps)
        except StopIteration as end:
            return end.value
        yield None if reported == NO_RECORD else reported


def miscounts(
    records: Iterator[tuple[int, list[bytes]]], skip: tuple[int, ...]
) -> Iterator[tuple[int, list[bytes]]]:
    """Counts the records that it hands out, not those that there are: after one skip all numbers are too small."""
    skipped = 0
    for first, lines in records:
        for number, line in enumerate(lines, start=first):
            if number in skip:
                skipped += 1
            else:
                yield number - skipped, [line]


class BlamesEchoes(Master):
    """Counts every report of a death, and so an echo as a second one."""

    def on_attempt_failed(self, failed: AttemptFailed, worker: Address) -> None:
        table = self.table_of(failed.attempt)
        if table is not None:
            recovery.attempt_died(table, failed.attempt)
            skipping.blame(table.task(failed.attempt), failed.record)
            self.save()
        self.send(worker, Noted(failed.attempt, accepted=False))


def as_they_came(rows: Rows, parts: int, first: int) -> Iterator[list[list[Group]]]:
    """Deals rows in the order in which they arrive, which is another one next time."""
    turn = first
    for groups in rows.as_they_came():
        yield [groups[(part - turn) % parts :: parts] for part in range(parts)]
        turn += len(groups)


def sorted_by_the_handful(rows: Rows, parts: int, first: int) -> Iterator[list[list[Group]]]:
    """Puts each handful of rows in order before it deals them; which rows make a handful is chance."""
    turn = first
    for groups in rows.as_they_came():
        groups.sort()
        yield [groups[(part - turn) % parts :: parts] for part in range(parts)]
        turn += len(groups)


def deals_in_blocks(rows: Rows, parts: int, first: int) -> Iterator[list[list[Group]]]:
    """Deals whole handfuls instead of rows: some outputs get much, some nothing."""
    for turn, groups in enumerate(rows.in_order(), start=first):
        yield [groups if part == turn % parts else [] for part in range(parts)]


def keeps_no_checkpoint(disk: Disk, epoch: int, tables: dict[str, JobTable]) -> None:
    """Says that it has noted a completion, and has it in memory."""


def never_syncs(disk: Disk, epoch: int, tables: dict[str, JobTable]) -> None:
    """Writes its checkpoint, and does not wait until it is on the platter."""
    checkpoint_save(_WithoutSync(disk), epoch, tables)  # type: ignore[arg-type]


def forgets_the_name(disk: Disk, epoch: int, tables: dict[str, JobTable]) -> None:
    """Syncs the checkpoint's bytes, and not its name: after a power failure the old one is back, or none."""
    checkpoint_save(_WithoutNames(disk), epoch, tables)  # type: ignore[arg-type]


class _WithoutSync:
    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        return getattr(self._disk, name)

    def sync(self, *paths: str) -> None:
        pass


class _WithoutNames(_WithoutSync):
    def sync(self, *paths: str) -> None:
        if files := [path for path in paths if not path.endswith("/")]:
            self._disk.sync(*files)


class ConfirmsFirst(Master):
    """Confirms a completion, and writes it down when it has accepted the next one."""

    def completed(self, done: Accepted, counters: Counters) -> None:
        durable, self.config = self.config, structs.replace(self.config, durable=False)
        super().completed(done, counters)
        self.config = durable


def always_the_first_epoch(disk: Disk) -> int:
    """Does not count its own starts: attempts are named like those of its former life, and write into their files."""
    return 1


class StartsAfresh(Master):
    """Answers a client that asks again by beginning the job again."""

    def on_submit(self, submit: Submit, client: Address) -> None:
        self.tables.pop(submit.spec.name, None)
        super().on_submit(submit, client)


checkpoint_save = checkpoint.save
map_run = map_side.run

HARD = (
    bug(
        "two-masters-end-it",
        overwrites,
        code="m14",
        part="E",
        replaces="fencing:settle",
        breaks="MR-S8",
        source='MAPREDUCE-4832, "AM split brain"',
    ),
    bug("believes-itself", believes_itself, part="E", replaces="fencing:settle", breaks="MR-S8"),
    bug("appends-its-end", appends_its_end, part="E", replaces="fencing:settle", breaks="MR-S8"),
    bug(
        "never-over",
        never_over,
        code="m14b",
        part="E",
        replaces="fencing:outcome",
        breaks="MR-C3",
        kind="cost",
        source="MAPREDUCE-4819: a job run again after it has succeeded",
    ),
    bug("blames-at-once", blames_at_once, part="E", replaces="skipping:blame", breaks="MR-L3"),
    bug(
        "never-skips",
        never_skips,
        part="E",
        replaces="skipping:blame",
        breaks="MR-L1",
        kind="liveness",
    ),
    bug(
        "never-careful",
        never_careful,
        part="E",
        replaces="skipping:blame",
        breaks="MR-L1",
        kind="liveness",
    ),
    bug(
        "blames-the-batch",
        blames_the_batch,
        part="E",
        replaces="skipping:last_gasp",
        breaks="MR-L3",
    ),
    bug(
        "zero-is-nothing",
        zero_is_nothing,
        part="E",
        replaces="skipping:last_gasp",
        breaks="MR-L1",
        kind="liveness",
    ),
    bug(
        "blames-the-last",
        never_says_it_is_done,
        part="E",
        replaces="map_side:run",
        breaks="MR-L3",
    ),
    bug("miscounts", miscounts, part="E", replaces="skipping:one_by_one", breaks="MR-L3"),
    bug("blames-echoes", BlamesEchoes, part="E", replaces="master:Master", breaks="MR-L3"),
    bug(
        "deals-as-they-come",
        as_they_came,
        part="E",
        replaces="spreading:deal",
        breaks="MR-S9",
        source="SPARK-23207: 931,532 of 1,000,000 rows were left",
    ),
    bug(
        "sorts-by-the-handful",
        sorted_by_the_handful,
        part="E",
        replaces="spreading:deal",
        breaks="MR-S9",
    ),
    bug(
        "deals-in-blocks",
        deals_in_blocks,
        part="E",
        replaces="spreading:deal",
        breaks="MR-S9",
        kind="cost",
    ),
    bug(
        "no-checkpoint", keeps_no_checkpoint, part="E", replaces="checkpoint:save", breaks="MR-S10"
    ),
    bug(
        "checkpoint-not-synced", never_syncs, part="E", replaces="checkpoint:save", breaks="MR-S10"
    ),
    bug(
        "checkpoint-without-name",
        forgets_the_name,
        part="E",
        replaces="checkpoint:save",
        breaks="MR-S10",
    ),
    bug("confirms-first", ConfirmsFirst, part="E", replaces="master:Master", breaks="MR-S10"),
    bug(
        "one-epoch-for-ever",
        always_the_first_epoch,
        part="E",
        replaces="checkpoint:begin_epoch",
        breaks="MR-S7",
    ),
    bug(
        "starts-afresh",
        StartsAfresh,
        part="E",
        replaces="master:Master",
        breaks="MR-L1",
        kind="liveness",
    ),
)
