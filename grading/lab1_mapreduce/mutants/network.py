"""Bugs of part 1B: echoes, losses, the barrier, and what a network costs that is asked too often."""

from __future__ import annotations

from distlab.core import Address, Disk
from distlab.grade.lab import bug
from labs.lab1_mapreduce import shuffle
from labs.lab1_mapreduce.master import Master
from labs.lab1_mapreduce.protocol import (
    Ask,
    Counters,
    Fetch,
    Gone,
    Idle,
    MapDone,
    Noted,
    Piece,
    RunMap,
    RunReduce,
)
from labs.lab1_mapreduce.tasks import Accepted, JobTable, Task
from labs.lab1_mapreduce.worker import Retry, Worker


def no_barrier(table: JobTable) -> Task | None:
    """Hands out reduce tasks once all map tasks are handed out, not once they are completed."""
    idle = next((task for task in table.maps if task.is_idle), None)
    return idle or next((task for task in table.reduces if task.is_idle), None)


def appends_what_comes(fetching: shuffle.Shuffle, piece: Piece, disk: Disk, now: int) -> None:
    """Takes every piece for the next one, echoes too: the copy is no run any more, and the reduce attempt dies."""
    source = shuffle.source_of(fetching, piece)
    if source is not None:
        disk.append(source.path, piece.data)
        source.have += len(piece.data)
        source.ask_at = source.wait = 0
        if source.have >= source.output.size:
            fetching.missing.remove(source)


def inputs_as_they_come(fetching: shuffle.Shuffle, piece: Piece, disk: Disk, now: int) -> None:
    """Hands the reduce attempt its inputs in the order in which they became complete, and so the values of a key."""
    before = [source.path for source in fetching.missing]
    shuffle_take(fetching, piece, disk, now)
    left = [source.path for source in fetching.missing]
    complete = [path for path in before if path not in left]
    fetching.files = [path for path in fetching.files if path not in complete] + complete


class NewTaskForEveryAsk(Master):
    """Does not look at the request's number: a repeated Ask gets another task, and the first one is never done."""

    def on_ask(self, ask: Ask, worker: Address) -> None:
        self.heard(worker)
        order = self.order_for(worker, ask.request)
        self.send(worker, order or Idle(ask.request, tuple(self.tables)))


class AsksOnce(Worker):
    """Asks for work once: where the question or the answer is lost, it waits for ever."""

    def on_retry(self, retry: Retry) -> None:
        wish, self.wish = self.wish, None
        super().on_retry(retry)
        self.wish = wish


class ReportsOnce(Worker):
    """Reports a completion once and forgets it."""

    def on_retry(self, retry: Retry) -> None:
        reports, self.reports = self.reports, {}
        super().on_retry(retry)
        self.reports = reports


class NeverConfirmsTwice(Master):
    """Answers the first report of a completion and ignores its echoes: where Noted is lost, the worker reports for
    ever and never asks again."""

    def on_map_done(self, done: MapDone, worker: Address) -> None:
        table = self.table_of(done.attempt)
        if table is not None and table.task(done.attempt).accepted is not None:
            return
        super().on_map_done(done, worker)


class FetchesOnce(Worker):
    """Asks for each piece once: one lost piece, and the reduce task waits for ever."""

    def on_retry(self, retry: Retry) -> None:
        fetching, self.fetching = self.fetching, None
        wish, self.wish = self.wish, self.wish if fetching is None else None
        super().on_retry(retry)
        self.fetching, self.wish = fetching, wish


class CountsReports(Master):
    """Adds up counters as reports come, so that an echo counts again."""

    def on_map_done(self, done: MapDone, worker: Address) -> None:
        table = self.table_of(done.attempt)
        before = () if table is None else table.task(done.attempt).counters or ()
        super().on_map_done(done, worker)
        if table is not None:
            sums = dict(before)
            for name, value in done.counters:
                sums[name] = sums.get(name, 0) + value
            table.task(done.attempt).counters = tuple(sorted(sums.items()))


def asks_for_all(
    fetching: shuffle.Shuffle, fetches: int, piece: int, retry: int, now: int
) -> list[tuple[Address, Fetch]]:
    """Whenever a piece comes, asks for the next piece of *every* source again: a herd of requests."""
    for source in fetching.missing:
        source.ask_at = 0
    return shuffle_wanted(fetching, len(fetching.missing), piece, retry, now)


def starts_with_what_is_there(order: RunReduce, me: Address, disk: Disk) -> shuffle.Shuffle:
    """Does not wait for outputs that a slow holder has not sent when the first ones are there."""
    begun = shuffle_begin(order, me, disk)
    begun.missing = begun.missing[:2]
    return begun


class TakesEveryOrder(Worker):
    """Takes an order whether it has asked for one or not: an echo of an old order begins the work anew."""

    def on_run_map(self, order: RunMap, master: Address) -> None:
        if self.order is None:
            self.wish = order.request
        super().on_run_map(order, master)


class AsksBeforeNoted(Worker):
    """Asks for new work while its report is under way: an Ask that overtakes the report makes the master think that
    the work was lost, and have it done again."""

    def ask(self) -> None:
        reports, self.reports = self.reports, {}
        super().ask()
        self.reports = reports

    def on_noted(self, noted: Noted, master: Address) -> None:
        self.reports.pop(noted.attempt, None)


class EndsEarly(Master):
    """Ends the job when the last reduce task is handed out and all others are reported."""

    def completed(self, done: Accepted, counters: Counters) -> None:
        super().completed(done, counters)
        table = self.table_of(done.attempt)
        if table is None or any(task.is_idle for task in table.reduces):
            return
        if any(task.accepted is not None for task in table.reduces):
            self.settle(table)


def whose_ever_partition(fetching: shuffle.Shuffle, about: Piece | Gone) -> shuffle.Source | None:
    """Looks at whose output a piece is of, not at which partition: an echo from the last reduce task fits this one."""
    return next((s for s in fetching.missing if s.output.attempt == about.output), None)


class NeverRests(Worker):
    """Asks again as soon as it hears that there is nothing to do."""

    def on_idle(self, idle: Idle, master: Address) -> None:
        is_ours = idle.request == self.wish
        super().on_idle(idle, master)
        if is_ours:
            self.ask()


shuffle_wanted = shuffle.wanted
shuffle_begin = shuffle.begin

shuffle_take = shuffle.take

NETWORK = (
    bug(
        "inputs-as-they-come",
        inputs_as_they_come,
        part="B",
        replaces="shuffle:take",
        breaks="MR-S1",
    ),
    bug("ends-early", EndsEarly, part="B", replaces="master:Master", breaks="MR-S4"),
    bug(
        "any-partition",
        whose_ever_partition,
        part="B",
        replaces="shuffle:source_of",
        breaks="MR-S1",
    ),
    bug("never-rests", NeverRests, part="B", replaces="worker:Worker", breaks="MR-C5", kind="cost"),
    bug("no-barrier", no_barrier, part="B", replaces="scheduling:next_task", breaks="MR-S4"),
    bug("appends-echoes", appends_what_comes, part="B", replaces="shuffle:take", breaks="MR-C2"),
    bug(
        "task-for-every-ask",
        NewTaskForEveryAsk,
        part="B",
        replaces="master:Master",
        breaks="MR-L1",
        kind="liveness",
    ),
    bug("asks-once", AsksOnce, part="B", replaces="worker:Worker", breaks="MR-L1", kind="liveness"),
    bug(
        "reports-once",
        ReportsOnce,
        part="B",
        replaces="worker:Worker",
        breaks="MR-L1",
        kind="liveness",
    ),
    bug(
        "confirms-once",
        NeverConfirmsTwice,
        part="B",
        replaces="master:Master",
        breaks="MR-L1",
        kind="liveness",
    ),
    bug(
        "fetches-once",
        FetchesOnce,
        part="B",
        replaces="worker:Worker",
        breaks="MR-L1",
        kind="liveness",
    ),
    bug(
        "counts-reports",
        CountsReports,
        part="B",
        replaces="master:Master",
        breaks="MR-S7",
        source="paper §4.7: the effects of duplicate executions must be eliminated",
    ),
    bug(
        "herd-of-fetches",
        asks_for_all,
        part="B",
        replaces="shuffle:wanted",
        breaks="MR-C4",
        kind="cost",
    ),
    bug(
        "starts-early",
        starts_with_what_is_there,
        part="B",
        replaces="shuffle:begin",
        breaks="MR-S4",
    ),
    bug(
        "takes-every-order",
        TakesEveryOrder,
        part="B",
        replaces="worker:Worker",
        breaks="MR-C2",
        kind="cost",
    ),
    bug(
        "asks-before-noted",
        AsksBeforeNoted,
        part="B",
        replaces="worker:Worker",
        breaks="MR-C2",
        kind="cost",
    ),
)
