"""What survives the master (part 1E; §3.3).

The paper's master would write checkpoints now and then; ours is small enough to write one whenever it
has accepted something, before it says so. A checkpoint is one file, replaced as a whole: written
beside the old one, synced, renamed, and the name synced.

Two incarnations of one master may run over the same disk for a while: somebody took the first one for
dead. So the file carries the epoch in its name, and the newest one counts.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Disk
from labs.lab1_mapreduce.protocol import Attempt, Counters, JobSpec, Split
from labs.lab1_mapreduce.tasks import Accepted, JobTable, Task

EPOCHS = "epochs"
"""One record for each time the master was started."""

FOLDER = "checkpoints/"


class Epoch(Struct, frozen=True):
    number: int


class SavedTask(Struct, frozen=True):
    """What of a task is worth keeping: not what runs, for that will report or fall silent."""

    split: Split | None
    accepted: Accepted | None
    counters: Counters | None
    lost: tuple[Attempt, ...]
    careful: bool
    skip: tuple[int, ...]


class SavedJob(Struct, frozen=True):
    spec: JobSpec
    maps: tuple[SavedTask, ...]
    reduces: tuple[SavedTask, ...]
    client: str | None


class Checkpoint(Struct, frozen=True):
    jobs: tuple[SavedJob, ...]


def begin_epoch(disk: Disk) -> int:
    """Count this start of the master, so that no attempt of it is ever named like an earlier one."""
    # BEGIN SOLUTION 1E: one more than was ever recorded, on disk before it is used
    number = 1 + max((epoch.number for epoch in disk.recover(EPOCHS, Epoch)), default=0)
    disk.append(EPOCHS, Epoch(number))
    disk.sync(EPOCHS, "/")
    return number
    # END SOLUTION


def save(disk: Disk, epoch: int, tables: dict[str, JobTable]) -> None:
    """Replace the checkpoint: whatever is sent after this is sent when it is on disk."""
    # BEGIN SOLUTION 1E: write beside, sync, rename, sync the name
    jobs = tuple(
        SavedJob(t.spec, _saved(t.maps), _saved(t.reduces), t.client) for t in tables.values()
    )
    name = f"{FOLDER}{epoch:09}"
    disk.delete(f"{name}.new")
    disk.append(f"{name}.new", Checkpoint(jobs))
    disk.sync(f"{name}.new")
    disk.replace(f"{name}.new", name)
    disk.sync(FOLDER)
    # END SOLUTION


def restore(disk: Disk) -> dict[str, JobTable]:
    """The jobs of the newest checkpoint, by name; none if there is none."""
    # BEGIN SOLUTION 1E: read the newest checkpoint; no task is in progress
    names = [name for name in disk.files(FOLDER) if not name.endswith(".new")]
    if not names:
        return {}
    (checkpoint,) = disk.recover(max(names), Checkpoint)
    tables = {}
    for job in checkpoint.jobs:
        maps = [_restored("map", index, saved) for index, saved in enumerate(job.maps)]
        reduces = [_restored("reduce", index, saved) for index, saved in enumerate(job.reduces)]
        tables[job.spec.name] = JobTable(job.spec, maps, reduces, job.client)
    return tables
    # END SOLUTION


# BEGIN SOLUTION 1E: your own helpers
def _saved(tasks: list[Task]) -> tuple[SavedTask, ...]:
    return tuple(
        SavedTask(t.split, t.accepted, t.counters, tuple(sorted(t.lost)), t.careful, t.skip)
        for t in tasks
    )


def _restored(phase, index: int, saved: SavedTask) -> Task:
    task = Task(phase, index, saved.split, accepted=saved.accepted, counters=saved.counters)
    task.lost = set(saved.lost)
    task.careful, task.skip = saved.careful, saved.skip
    return task


# END SOLUTION
