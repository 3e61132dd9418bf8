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
        # BEGIN SOLUTION 1B: begin with no jobs, or with those of the checkpoint
        self.epoch, self.tables = 1, {}
        if self.config.durable:
            self.epoch = checkpoint.begin_epoch(self.disk)
            self.tables = checkpoint.restore(self.disk)
        self.made = 0
        self.answers = {}
        for table in list(self.tables.values()):
            self.resume(table)
        # END SOLUTION

    # -- clients --------------------------------------------------------------------------------------

    def on_submit(self, submit: Submit, client: Address) -> None:
        """Take the job on, unless it is known or over."""
        # BEGIN SOLUTION 1B: answer from the store; or take it on, remember it, say so
        spec = submit.spec
        if (record := fencing.outcome(self.store, spec.name)) is not None:
            self.tables.pop(spec.name, None)
            self.send(client, JobOver(record))
            return
        if spec.name not in self.tables:
            table = self.tables[spec.name] = scheduling.new_table(self.store, spec)
            table.client = client
            self.save()
            self.resume(table)
        self.send(client, Working(spec.name))
        # END SOLUTION

    # -- workers ask ----------------------------------------------------------------------------------

    def on_ask(self, ask: Ask, worker: Address) -> None:
        """Give the worker something to do: the same thing as often as it asks with the same request."""
        # BEGIN SOLUTION 1B: ignore old requests, repeat the answer to this one, or find a task
        self.heard(worker)
        answer = self.answers.get(worker)
        if answer is not None and ask.request < answer.request:
            return
        order = answer.order if answer is not None and ask.request == answer.request else None
        if order is None or not self.is_running(order.attempt):
            self.forget_attempts_of(worker)
            order = self.order_for(worker, ask.request)
        self.answers[worker] = Answer(ask.request, order)
        self.send(worker, order or Idle(ask.request, tuple(self.tables)))
        # END SOLUTION

    # BEGIN SOLUTION 1B: your own helpers
    def order_for(self, worker: Address, request: Request) -> Order | None:
        """A task for the worker, as an order; None if there is nothing to do."""
        for table in list(self.tables.values()):
            if (record := fencing.outcome(self.store, table.spec.name)) is not None:
                self.end(table, record)  # another master was faster
                continue
            task = scheduling.next_task(table)
            if task is None and self.config.backups:
                now, factor = self.monotonic(), self.config.backup_factor
                task = backup.straggler(table, worker, now, factor)
            if task is not None:
                return self.order(table, task, worker, request)
        return None

    def order(self, table: JobTable, task: Task, worker: Address, request: Request) -> Order:
        """Begin an attempt."""
        self.made += 1
        job, me = table.spec.name, self.address
        attempt = Attempt(job, task.phase, task.index, me, self.epoch, self.made)
        scheduling.begin(task, attempt, worker, self.monotonic())
        self.renew(attempt)
        if task.split is not None:
            return RunMap(request, attempt, table.spec, task.split, task.careful, task.skip)
        inputs = scheduling.inputs_of(table, task.index)
        return RunReduce(request, attempt, table.spec, inputs)

    def table_of(self, attempt: Attempt) -> JobTable | None:
        """The job of the attempt, if it is not over."""
        return self.tables.get(attempt.job)

    def is_running(self, attempt: Attempt) -> bool:
        table = self.table_of(attempt)
        return table is not None and attempt in table.task(attempt).running

    def forget_attempts_of(self, worker: Address) -> None:
        """A worker that asks for work has none: what it was given got lost, or it has been restarted."""
        for table in self.tables.values():
            for attempt in recovery.attempts_on(table, worker):
                recovery.attempt_died(table, attempt)

    # END SOLUTION

    # -- workers report -------------------------------------------------------------------------------

    def on_map_done(self, done: MapDone, worker: Address) -> None:
        """Accept the output, unless the task has one; say which."""
        # BEGIN SOLUTION 1B: accept, remember, confirm
        self.heard(worker)
        accepted = Accepted(done.attempt, worker, done.sizes)
        self.completed(accepted, done.counters)
        # END SOLUTION

    def on_reduce_done(self, done: ReduceDone, worker: Address) -> None:
        """The output is in the store, and the task is over; perhaps the job is."""
        # BEGIN SOLUTION 1B: accept, remember, confirm, end the job if this was the last task
        self.heard(worker)
        self.completed(Accepted(done.attempt, worker), ())
        # END SOLUTION

    def on_attempt_failed(self, failed: AttemptFailed, worker: Address) -> None:
        """Let the task be tried again, a limited number of times."""
        # BEGIN SOLUTION 1B: count the failure once, find what is to blame, give up after too many
        self.heard(worker)
        table = self.table_of(failed.attempt)
        if table is not None and recovery.attempt_died(table, failed.attempt):
            task = table.task(failed.attempt)
            skipping.blame(task, failed.record)
            if task.failures >= self.config.max_failures:
                name = f"{task.phase} task {task.index}"
                self.settle(table, f"{name} died {task.failures} times: {failed.error}")
            self.save()
        self.send(worker, Noted(failed.attempt, accepted=False))
        # END SOLUTION

    def on_output_lost(self, lost: OutputLost, worker: Address) -> None:
        """A reduce attempt was given up: execute the map task again whose output is missing."""
        # BEGIN SOLUTION 1C: both tasks are idle again
        self.heard(worker)
        table = self.table_of(lost.attempt)
        if table is not None:
            recovery.attempt_died(table, lost.attempt)
            if recovery.output_lost(table, lost.output):
                self.save()
        self.send(worker, Noted(lost.attempt, accepted=False))
        # END SOLUTION

    # BEGIN SOLUTION 1B: your own helpers
    def completed(self, done: Accepted, counters: tuple[tuple[str, int], ...]) -> None:
        """An attempt is complete: the first one of its task is accepted."""
        table, accepted = self.table_of(done.attempt), False
        if table is not None:
            task = table.task(done.attempt)
            accepted = recovery.accept(task, done, counters, self.monotonic())
            self.save()
        self.send(done.holder, Noted(done.attempt, accepted))
        if table is not None and table.is_complete:
            self.settle(table)

    def settle(self, table: JobTable, failure: str = "") -> None:
        """End the job, and tell its client how it ended: not always as we think."""
        counters: Counter[str] = Counter()
        for task in table.maps:
            counters.update(dict(task.counters or ()))
        sums = tuple(sorted(counters.items()))
        record = JobRecord(table.spec.name, self.address, self.epoch, sums, failure)
        self.end(table, fencing.settle(self.store, record))

    def end(self, table: JobTable, record: JobRecord) -> None:
        """The job is over."""
        del self.tables[table.spec.name]
        for key in self.store.keys(f"private/{table.spec.name}/"):
            self.store.delete(key)
        self.save()
        if table.client is not None:
            self.send(table.client, JobOver(record))

    def resume(self, table: JobTable) -> None:
        """Find out what has become of a job while we were away, and go on with it."""
        for task in table.reduces:
            mine = Attempt(table.spec.name, "reduce", task.index, self.address, self.epoch, 0)
            if task.accepted is None and commit.is_committed(self.store, mine):
                task.accepted = Accepted(mine, self.address)
        for holder in {task.accepted.holder: None for task in table.maps if task.accepted}:
            self.heard(holder)
        if table.is_complete:
            self.settle(table)

    def save(self) -> None:
        """Have all that was accepted on disk before anybody is told."""
        if self.config.durable:
            checkpoint.save(self.disk, self.epoch, self.tables)

    # END SOLUTION

    # -- leases ---------------------------------------------------------------------------------------

    def on_heartbeat(self, beat: Heartbeat, worker: Address) -> None:
        """Renew the leases of the worker and its attempt, or tell it that nobody needs the attempt."""
        # BEGIN SOLUTION 1C: renew; adopt an attempt of an idle task; else let it be abandoned
        self.heard(worker)
        attempt = beat.attempt
        if attempt is None or attempt.master != self.address:
            return
        table = self.table_of(attempt)
        if table is not None and (task := table.task(attempt)).is_idle:
            scheduling.begin(task, attempt, worker, self.monotonic())
        if self.is_running(attempt):
            self.renew(attempt)
        else:
            self.send(worker, Abandon(attempt))
        # END SOLUTION

    def heard(self, worker: Address) -> None:
        """A sign of life: renew the worker's lease."""
        if self.config.lease is not None:
            # BEGIN SOLUTION 1C: set the worker's timer anew
            self.set_timer(WorkerSilent(worker), self.config.lease)
            # END SOLUTION

    def renew(self, attempt: Attempt) -> None:
        """Somebody works on this: renew the attempt's lease."""
        if self.config.lease is not None:
            # BEGIN SOLUTION 1C: set the attempt's timer anew
            self.set_timer(AttemptSilent(attempt), self.config.lease)
            # END SOLUTION

    def on_worker_silent(self, timer: WorkerSilent) -> None:
        # BEGIN SOLUTION 1C: the worker is dead, with all that lies on its disk
        lost = [recovery.worker_died(table, timer.worker) for table in self.tables.values()]
        if any(lost):
            self.save()
        # END SOLUTION

    def on_attempt_silent(self, timer: AttemptSilent) -> None:
        # BEGIN SOLUTION 1C: the attempt is dead
        if (table := self.table_of(timer.attempt)) is not None:
            recovery.attempt_died(table, timer.attempt)
        # END SOLUTION
