"""The master: hands out tasks, keeps the books, ends jobs (part 1B; §3.1, §3.2).

Theory of operation. The master never calls a worker: it answers. Each worker has at most one wish for
work, which it numbers and repeats until an answer comes; so an answer can be lost or come twice, and a
worker never has two tasks. What the master believes to be running, it believes for a lease, which
every sign of life renews: one for each attempt, renewed by whoever says that he works on it, and one
for each worker, on whose disk map outputs lie.

The rules that it follows stand in modules of their own: scheduling (1B), recovery and commit (1C),
backup (1D), skipping, checkpoint and fencing (1E). What is here moves messages.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from distlab.core import Address, Node, Timer
from labs.lab1_mapreduce import (
    backup,
    checkpoint,
    commit,
    fencing,
    recovery,
    scheduling,
    skipping,
)
from labs.lab1_mapreduce.protocol import (
    Abandon,
    Ask,
    Attempt,
    AttemptFailed,
    Heartbeat,
    Idle,
    JobOver,
    JobRecord,
    MapDone,
    MasterConfig,
    Noted,
    OutputLost,
    ReduceDone,
    Request,
    RunMap,
    RunReduce,
    Submit,
    Working,
)
from labs.lab1_mapreduce.tasks import Accepted, JobTable, Task

Order = RunMap | RunReduce


class WorkerSilent(Timer, frozen=True):
    """Nothing was heard of a worker for as long as its lease."""

    worker: Address


class AttemptSilent(Timer, frozen=True):
    """Nobody said for as long as a lease that he works on this."""

    attempt: Attempt


class Answer(Struct):
    """The newest request of a worker, and what it was given."""

    request: Request
    order: Order | None


class Master(Node):
    config: MasterConfig
    epoch: int
    """How many times this master has been started."""
    made: int
    """Attempts ordered in this epoch."""
    tables: dict[str, JobTable]
    """Jobs that are not over, oldest first."""
    answers: dict[Address, Answer]

    def on_start(self) -> None:
        raise NotImplementedError("1B: begin with no jobs, or with those of the checkpoint")

    # -- clients --------------------------------------------------------------------------------------

    def on_submit(self, submit: Submit, client: Address) -> None:
        """Take the job on, unless it is known or over."""
        raise NotImplementedError("1B: answer from the store; or take it on, remember it, say so")

    # -- workers ask ----------------------------------------------------------------------------------

    def on_ask(self, ask: Ask, worker: Address) -> None:
        """Give the worker something to do: the same thing as often as it asks with the same request."""
        raise NotImplementedError(
            "1B: ignore old requests, repeat the answer to this one, or find a task"
        )

    # TODO 1B: your own helpers

    # -- workers report -------------------------------------------------------------------------------

    def on_map_done(self, done: MapDone, worker: Address) -> None:
        """Accept the output, unless the task has one; say which."""
        raise NotImplementedError("1B: accept, remember, confirm")

    def on_reduce_done(self, done: ReduceDone, worker: Address) -> None:
        """The output is in the store, and the task is over; perhaps the job is."""
        raise NotImplementedError(
            "1B: accept, remember, confirm, end the job if this was the last task"
        )

    def on_attempt_failed(self, failed: AttemptFailed, worker: Address) -> None:
        """Let the task be tried again, a limited number of times."""
        raise NotImplementedError(
            "1B: count the failure once, find what is to blame, give up after too many"
        )

    def on_output_lost(self, lost: OutputLost, worker: Address) -> None:
        """A reduce attempt was given up: execute the map task again whose output is missing."""
        raise NotImplementedError("1C: both tasks are idle again")

    # TODO 1B: your own helpers

    # -- leases ---------------------------------------------------------------------------------------

    def on_heartbeat(self, beat: Heartbeat, worker: Address) -> None:
        """Renew the leases of the worker and its attempt, or tell it that nobody needs the attempt."""
        raise NotImplementedError(
            "1C: renew; adopt an attempt of an idle task; else let it be abandoned"
        )

    def heard(self, worker: Address) -> None:
        """A sign of life: renew the worker's lease."""
        if self.config.lease is not None:
            raise NotImplementedError("1C: set the worker's timer anew")

    def renew(self, attempt: Attempt) -> None:
        """Somebody works on this: renew the attempt's lease."""
        if self.config.lease is not None:
            raise NotImplementedError("1C: set the attempt's timer anew")

    def on_worker_silent(self, timer: WorkerSilent) -> None:
        raise NotImplementedError("1C: the worker is dead, with all that lies on its disk")

    def on_attempt_silent(self, timer: AttemptSilent) -> None:
        raise NotImplementedError("1C: the attempt is dead")
