"""Bugs of part 1C: commits, zombies, leases, and what a death takes with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from distlab.core import Address, Steps, Store
from distlab.core.context import JobContext
from distlab.grade.lab import bug
from labs.lab1_mapreduce import recovery, shuffle
from labs.lab1_mapreduce.apps import find
from labs.lab1_mapreduce.map_side import MapSide
from labs.lab1_mapreduce.master import AttemptSilent, Master, WorkerSilent
from labs.lab1_mapreduce.protocol import (
    NO_RECORD,
    Attempt,
    Counters,
    Heartbeat,
    JobSpec,
    Limits,
    OutputLost,
    Request,
    RunMap,
    RunReduce,
    part_key,
    private_key,
)
from labs.lab1_mapreduce.runs import merge_all
from labs.lab1_mapreduce.tasks import Accepted, JobTable, Task
from labs.lab1_mapreduce.worker import Worker


def writes_in_public(
    attempt: Attempt, spec: JobSpec, files: Sequence[str], limits: Limits, io: JobContext
) -> Steps:
    """Writes under the final name from the first line on, for all to see."""
    app = find(spec.app)(spec.params, io.random)
    target = part_key(attempt.job, attempt.task)
    for groups in merge_all(io.disk, list(files), limits.ways, limits.block, attempt.path):
        yield NO_RECORD
        io.store.append(target, b"".join(line + b"\n" for line in app.reduce_batch(groups or [])))
    if not io.store.exists(target):
        io.store.append(target, b"")


def piece_by_piece(store: Store, attempt: Attempt) -> bool:
    """Commits by copying the private object into the final one, piece by piece."""
    source, target = private_key(attempt), part_key(attempt.job, attempt.task)
    text = store.get(source)
    for start in range(0, len(text) or 1, 100):
        store.append(target, text[start : start + 100])
    store.delete(source)
    return True


def looks_then_appends(store: Store, attempt: Attempt) -> bool:
    """Appends the whole output if it sees that there is none: two attempts may both look before either appends."""
    source, target = private_key(attempt), part_key(attempt.job, attempt.task)
    is_first = not store.exists(target)
    if is_first:
        store.append(target, store.get(source))
    store.delete(source)
    return is_first


def last_wins(store: Store, attempt: Attempt) -> bool:
    """Commits in place of what is there: the right to commit belongs to the task, not to one attempt of it."""
    target = part_key(attempt.job, attempt.task)
    if store.exists(target):
        store.delete(target)
    return store.rename(private_key(attempt), target)


class ReleasesTheCommitted(Master):
    """A lease that runs out behind a task gives the task back, completed or not."""

    def on_attempt_silent(self, timer: AttemptSilent) -> None:
        super().on_attempt_silent(timer)
        table = self.table_of(timer.attempt)
        if table is not None and timer.attempt.phase == "reduce":
            table.task(timer.attempt).accepted = None


def never_lost(table: JobTable, attempt: Attempt) -> bool:
    """Completed is completed: nobody executes a map task again, and the reducers wait for its output for ever."""
    return False


def redoes_everything(table: JobTable, worker: Address) -> bool:
    """Takes all that the dead worker ever completed for lost, reduce tasks too, whose output is in the store."""
    died = recovery_worker_died(table, worker)
    for task in table.reduces:
        if task.accepted is not None and task.accepted.holder == worker:
            task.accepted = None
            died = True
    return died


def redoes_all_maps(table: JobTable, worker: Address) -> bool:
    """One worker is dead, and the whole map phase is executed again."""
    recovery_worker_died(table, worker)
    for task in table.maps:
        if task.accepted is not None:
            recovery.output_lost(table, task.accepted.attempt)
    return True


def one_name_for_all(attempt: Attempt) -> str:
    """Private names without the attempt: a zombie and its successor write into one object."""
    return f"private/{attempt.job}/{attempt.phase}-{attempt.task}"


class NeverSyncs(MapSide):
    """Reports map output that is still in the page cache: a power failure takes it, or parts of it."""

    def finish(self, task: int) -> Iterator[int]:
        disk, self.disk = self.disk, _WithoutSync(self.disk)
        yield from super().finish(task)
        self.disk = disk


class _WithoutSync:
    def __init__(self, disk) -> None:  # type: ignore[no-untyped-def]
        self._disk = disk

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        return getattr(self._disk, name)

    def sync(self, *paths: str) -> None:
        pass


class NeverRenews(Master):
    """A task's lease runs from its order on, however often its worker says that it is at it."""

    def on_heartbeat(self, beat: Heartbeat, worker: Address) -> None:
        self.heard(worker)


def last_completion(task: Task, done: Accepted, counters: Counters, now: int) -> bool:
    """Accepts every completion: a zombie's report replaces the one that reducers have begun to fetch."""
    if done.attempt not in task.lost:
        task.accepted, task.counters = done, counters
        task.running.clear()
    return True


def refusal_ends_all(task: Task, done: Accepted, counters: Counters, now: int) -> bool:
    """A late report of an output that is lost is refused, and ends those who make it again all the same."""
    is_accepted = recovery_accept(task, done, counters, now)
    task.running.clear()
    return is_accepted


class NeverForgives(Master):
    """A worker that was dead once never gets work again."""

    graveyard: set[Address]

    def on_start(self) -> None:
        self.graveyard = set()
        super().on_start()

    def on_worker_silent(self, timer: WorkerSilent) -> None:
        self.graveyard.add(timer.worker)
        super().on_worker_silent(timer)

    def order_for(self, worker, request):  # type: ignore[no-untyped-def]
        return None if worker in self.graveyard else super().order_for(worker, request)


def waits_for_ever(fetching: shuffle.Shuffle, patience: int, now: int) -> Attempt | None:
    """A reducer waits for its inputs as long as it takes, and keeps the slot that a map task would need."""
    return None


def does_without(fetching: shuffle.Shuffle, patience: int, now: int) -> Attempt | None:
    """A reducer that cannot have an input does without it."""
    for source in list(fetching.missing):
        if source.progress_at is not None and now - source.progress_at > patience:
            fetching.missing.remove(source)
    return None


class OneNumber(Master):
    """Numbers the attempts of each epoch, and forgets to count: all attempts of a task are called the same."""

    def order(
        self, table: JobTable, task: Task, worker: Address, request: Request
    ) -> RunMap | RunReduce:
        self.made = 0
        return super().order(table, task, worker, request)


class ForgetsItsIncarnation(Worker):
    """Counts its wishes from 1 in every life: the master takes them for old ones, and never answers."""

    def on_start(self) -> None:
        self.disk.delete("incarnations")
        super().on_start()


class ForgetsTheReducer(Master):
    """Has the lost map output made again, but believes that the reducer that missed it is still at it."""

    def on_output_lost(self, lost: OutputLost, worker: Address) -> None:
        table = self.table_of(lost.attempt)
        running = dict(table.task(lost.attempt).running) if table is not None else {}
        super().on_output_lost(lost, worker)
        if table is not None:
            table.task(lost.attempt).running.update(running)

    def forget_attempts_of(self, worker: Address) -> None:
        pass

    def on_attempt_silent(self, timer: AttemptSilent) -> None:
        pass


class TooQuick(Master):
    """Takes whoever has not said for half a heartbeat that he is at it for dead."""

    def renew(self, attempt: Attempt) -> None:
        self.set_timer(AttemptSilent(attempt), self.config.lease // 10)


recovery_accept = recovery.accept
recovery_worker_died = recovery.worker_died

DEATHS = (
    bug(
        "final-name",
        writes_in_public,
        code="m1",
        part="C",
        replaces="reduce_side:run",
        breaks="MR-S2",
        source="paper §3.3: atomic commits of map and reduce task outputs",
    ),
    bug(
        "piece-by-piece",
        piece_by_piece,
        code="m2",
        part="C",
        replaces="commit:commit",
        breaks="MR-S2",
        source="FileOutputCommitter's algorithm 2: MAPREDUCE-4815, SPARK-33019",
    ),
    bug(
        "looks-then-appends",
        looks_then_appends,
        part="C",
        replaces="commit:commit",
        breaks="MR-S3",
        source="time of check to time of use (CWE-367)",
    ),
    bug(
        "last-commit-wins",
        last_wins,
        code="m3",
        part="C",
        replaces="commit:commit",
        breaks="MR-S2",
        source="SPARK-24589: commit authority without the attempt",
    ),
    bug(
        "releases-the-committed",
        ReleasesTheCommitted,
        code="m4",
        part="C",
        replaces="master:Master",
        breaks="MR-S5",
        source="SPARK-39195: the commit lock released for a task that has committed",
    ),
    bug(
        "completed-is-completed",
        never_lost,
        code="m5",
        part="C",
        replaces="recovery:output_lost",
        breaks="MR-L1",
        kind="liveness",
        source="paper §3.3: completed map tasks are re-executed on a failure",
    ),
    bug(
        "redoes-reduces",
        redoes_everything,
        code="m6",
        part="C",
        replaces="recovery:worker_died",
        breaks="MR-S5",
        source="paper §3.3: completed reduce tasks do not need to be re-executed",
    ),
    bug(
        "redoes-all-maps",
        redoes_all_maps,
        part="C",
        replaces="recovery:worker_died",
        breaks="MR-S5",
        kind="cost",
    ),
    bug(
        "one-private-name",
        one_name_for_all,
        code="m8",
        part="C",
        replaces="commit:private_name",
        breaks="MR-S3",
    ),
    bug("never-syncs", NeverSyncs, part="C", replaces="map_side:MapSide", breaks="MR-L1"),
    bug(
        "never-renews", NeverRenews, part="C", replaces="master:Master", breaks="MR-S5", kind="cost"
    ),
    bug(
        "last-completion-wins",
        last_completion,
        part="C",
        replaces="recovery:accept",
        breaks="MR-S3",
    ),
    bug(
        "refusal-ends-all",
        refusal_ends_all,
        part="C",
        replaces="recovery:accept",
        breaks="MR-S5",
        kind="cost",
    ),
    bug(
        "never-forgives",
        NeverForgives,
        part="C",
        replaces="master:Master",
        breaks="MR-L1",
        kind="liveness",
    ),
    bug(
        "waits-for-ever",
        waits_for_ever,
        part="C",
        replaces="shuffle:given_up",
        breaks="MR-L1",
        kind="liveness",
    ),
    bug("does-without", does_without, part="C", replaces="shuffle:given_up", breaks="MR-S1"),
    bug("one-number", OneNumber, part="C", replaces="master:Master", breaks="MR-S3"),
    bug(
        "forgets-its-incarnation",
        ForgetsItsIncarnation,
        part="C",
        replaces="worker:Worker",
        breaks="MR-L1",
        kind="liveness",
    ),
    bug(
        "forgets-the-reducer",
        ForgetsTheReducer,
        part="C",
        replaces="master:Master",
        breaks="MR-L1",
        kind="liveness",
    ),
    bug("too-quick", TooQuick, part="C", replaces="master:Master", breaks="MR-S5", kind="cost"),
)
