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
    raise NotImplementedError("1E: one more than was ever recorded, on disk before it is used")


def save(disk: Disk, epoch: int, tables: dict[str, JobTable]) -> None:
    """Replace the checkpoint: whatever is sent after this is sent when it is on disk."""
    raise NotImplementedError("1E: write beside, sync, rename, sync the name")


def restore(disk: Disk) -> dict[str, JobTable]:
    """The jobs of the newest checkpoint, by name; none if there is none."""
    raise NotImplementedError("1E: read the newest checkpoint; no task is in progress")


# TODO 1E: your own helpers
