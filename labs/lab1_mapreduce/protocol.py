"""What crosses the wire in lab 1, what the client is asked to do, what each node is told. Data only.

This file is given: it is restored when your work is graded, so that every solution talks alike.
Add messages and timers of your own in your own modules. (§ refers to Dean and Ghemawat, "MapReduce:
simplified data processing on large clusters", OSDI 2004.)

=================  ==================================================================================
client -> master   ``Submit``, again and again until ``JobOver``; ``Working`` says that it was heard
worker -> master   ``Ask``, until ``RunMap``, ``RunReduce`` or ``Idle`` comes; ``Heartbeat`` all the
                   while; then one of ``MapDone``, ``ReduceDone``, ``AttemptFailed``, ``OutputLost``,
                   until ``Noted`` comes
master -> worker   the answers above; ``Abandon`` where a heartbeat names work nobody needs any more
worker -> worker   ``Fetch`` a piece of map output; ``Piece``, or ``Gone``
=================  ==================================================================================

All are datagrams: any may be lost, repeated or overtaken.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from distlab.core import MS, Address, Config, Message, Operation
from distlab.core.codec import decoder, encode

# -- jobs, tasks and attempts -------------------------------------------------------------------------

Phase = Literal["map", "reduce"]

Counters = tuple[tuple[str, int], ...]
"""Names and values, in the order of the names (§4.7)."""


class JobSpec(Struct, frozen=True):
    """A job, as its user describes it."""

    name: str
    """Names the job for ever: two submissions of one name are one job."""
    app: str
    """The program: a class in apps.py, or your own in my_app.py."""
    inputs: tuple[str, ...]
    """Keys of objects in the shared store. Their records are lines."""
    reduces: int
    """R: how many reduce tasks, and so output objects, there are."""
    split_size: int
    """Bytes of an input that one map task reads, about."""
    params: tuple[bytes, ...] = ()
    """What the program is told: a pattern, boundaries."""


class Split(Struct, frozen=True):
    """A range of bytes of an input: what one map task reads.

    A line belongs to the split in which its *first* byte lies, so a map task may skip bytes at the
    front of its range, and read some behind its end.
    """

    key: str
    start: int
    length: int


class Attempt(Struct, frozen=True, order=True):
    """One execution of one task. No two are equal, over all masters and all their restarts."""

    job: str
    phase: Phase
    task: int
    """Number of the task in its phase, from 0. A reduce task's number is its partition's."""
    master: str
    """Who ordered it."""
    epoch: int
    """How many times that master had been started."""
    number: int
    """Which of the attempts of that epoch."""

    @property
    def path(self) -> str:
        """A name that no other attempt has: for files and objects that are private to this one."""
        return f"{self.job}/{self.phase}-{self.task}/{self.master}.{self.epoch}.{self.number}"


class MapOutput(Struct, frozen=True):
    """Where a reduce task finds what one map attempt made for it."""

    attempt: Attempt
    holder: Address
    """The worker on whose disk it lies."""
    size: int
    """Bytes in this reduce task's partition of it; there is nothing to fetch where it is 0."""


class JobRecord(Struct, frozen=True):
    """How a job ended. It stands in the store under ``outcome_key``: there the job is committed."""

    job: str
    master: str
    epoch: int
    counters: Counters = ()
    """``records`` read and ``skipped``, and what the program counted."""
    failure: str = ""
    """Why the job was given up; empty where it was done."""

    def to_bytes(self) -> bytes:
        return encode(self)

    @staticmethod
    def from_bytes(blob: bytes) -> JobRecord:
        record: JobRecord = decoder(JobRecord).decode(blob)
        return record


# -- keys in the shared store -------------------------------------------------------------------------


def part_key(job: str, part: int) -> str:
    """The output of one reduce task. Whoever can see it takes it for whole."""
    return f"out/{job}/part-{part:05}"


def private_key(attempt: Attempt) -> str:
    """Where an attempt may write as it pleases."""
    return f"private/{attempt.path}"


def outcome_key(job: str) -> str:
    """The one object that says that the job is over, and how: a ``JobRecord``."""
    return f"out/{job}/_OUTCOME"


# -- client and master --------------------------------------------------------------------------------


class RunJob(Operation, frozen=True):
    """Run a job to its end. ``Ok(counters)``, or ``Fail(reason)`` where the job was given up."""

    spec: JobSpec


class Submit(Message, frozen=True):
    """Run this job, unless you know it; tell me how it ended, if it has."""

    spec: JobSpec


class Working(Message, frozen=True):
    """The job is known and will not be forgotten."""

    job: str


class JobOver(Message, frozen=True):
    """The job has ended; this is what stands in the store."""

    record: JobRecord


# -- worker and master --------------------------------------------------------------------------------

Request = tuple[int, int]
"""Names one wish for work: (the worker's incarnation, number of the wish). Later ones are greater."""


class Ask(Message, frozen=True):
    """I have nothing to do. Repeated, word for word, until an answer to this request comes."""

    request: Request


class RunMap(Message, frozen=True):
    """Do this map task."""

    request: Request
    attempt: Attempt
    spec: JobSpec
    split: Split
    careful: bool = False
    """Report, before each record, its number: an earlier attempt died and nobody knows where."""
    skip: tuple[int, ...] = ()
    """Records to leave out, counted from 0 within the split (§4.6)."""


class RunReduce(Message, frozen=True):
    """Do this reduce task."""

    request: Request
    attempt: Attempt
    spec: JobSpec
    inputs: tuple[MapOutput, ...]
    """One accepted output of each map task, in the order of the tasks."""


class Idle(Message, frozen=True):
    """There is nothing to do now."""

    request: Request
    jobs: tuple[str, ...]
    """Jobs that this master still works on: what its workers made for others can be deleted."""


class Heartbeat(Message, frozen=True):
    """I am alive, and work on this."""

    attempt: Attempt | None


class Abandon(Message, frozen=True):
    """Nobody needs this attempt any more: stop it."""

    attempt: Attempt


class MapDone(Message, frozen=True):
    """The attempt's output is whole, and safe on my disk."""

    attempt: Attempt
    sizes: tuple[int, ...]
    """Bytes in each of the R partitions."""
    counters: Counters


class ReduceDone(Message, frozen=True):
    """The task's output is in the store: this attempt's, or one that came before it."""

    attempt: Attempt


class AttemptFailed(Message, frozen=True):
    """The attempt died."""

    attempt: Attempt
    error: str
    record: int | None
    """The record that was being mapped, if that is known for certain ("last gasp", §4.6)."""


class OutputLost(Message, frozen=True):
    """This reduce attempt is given up: a map output that it needs could not be had."""

    attempt: Attempt
    output: Attempt
    """The map attempt whose output is meant."""


class Noted(Message, frozen=True):
    """A report was heard, and what it changed is on the master's disk."""

    attempt: Attempt
    accepted: bool
    """Whether this attempt is the one that counts for its task."""


# -- worker and worker --------------------------------------------------------------------------------


class Fetch(Message, frozen=True):
    """Send me a piece of your map output."""

    output: Attempt
    part: int
    start: int
    length: int


class Piece(Message, frozen=True):
    """The bytes from ``start``, as many as were asked for and there are."""

    output: Attempt
    part: int
    start: int
    data: bytes


class Gone(Message, frozen=True):
    """I have no such output."""

    output: Attempt
    part: int


# -- worker and its jobs ------------------------------------------------------------------------------

NO_RECORD = -1
"""What a map attempt yields while the program's own code is not running: nobody's fault but ours."""


class Limits(Struct, frozen=True):
    """What the worker's Config says of sizes, in the fields of the same names."""

    batch: int
    memory: int
    ways: int

    @property
    def block(self) -> int:
        """Bytes in a block of a run, so that a merge of all ways takes a quarter of the memory."""
        return max(1, self.memory // (4 * self.ways))


class MapResult(Struct, frozen=True):
    """What a map attempt returns."""

    sizes: tuple[int, ...]
    """Bytes in each of its R files."""
    counters: Counters


# -- what each node is told ---------------------------------------------------------------------------


class ClientConfig(Config, frozen=True):
    masters: tuple[str, ...]
    """The first is asked first; the others when it is silent."""
    retry: int = 50 * MS
    patience: int = 10
    """After how many submissions without an answer the client turns to the next master."""


class MasterConfig(Config, frozen=True):
    lease: int | None = 200 * MS
    """Who was silent for so long counts as dead; None: nobody ever does (part 1B)."""
    backups: bool = True
    """Whether stragglers get a second attempt (part 1D)."""
    backup_factor: float = 1.5
    """A straggler runs for this many times as long as tasks of its phase typically do."""
    durable: bool = True
    """Whether a checkpoint is kept on the master's disk (part 1E)."""
    max_failures: int = 8
    """A task that died so often, for no record that could be skipped, ends the job."""


class WorkerConfig(Config, frozen=True):
    masters: tuple[str, ...]
    poll: int = 10 * MS
    """How long to wait after ``Idle``."""
    retry: int = 20 * MS
    """How long to wait for an answer before asking again."""
    patience: int = 5
    """After how many silent retries a request goes to the next master, if there is one."""
    heartbeat: int | None = 40 * MS
    """How often to say that one lives; None: never (part 1B)."""
    fetch_patience: int | None = 300 * MS
    """How long one holder may send nothing new before its output counts as lost; None: for ever (part 1B)."""
    fetches: int = 4
    """From how many holders a reduce task fetches at a time."""
    piece: int = 256 * 1024
    """Bytes to fetch in one message."""
    batch: int = 1024 * 1024
    """Bytes of input that a map task reads, and hands to the program, at once."""
    memory: int = 64 * 1024 * 1024
    """Bytes that an attempt may hold, about; what is more waits on the disk."""
    ways: int = 64
    """How many sorted runs are merged at a time."""
