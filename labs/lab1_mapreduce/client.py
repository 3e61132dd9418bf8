"""The client: hands a job to a master, and does not let go before it has heard how it ended. Given."""

from __future__ import annotations

from msgspec import Struct, structs

from distlab.core import Address, Fail, Node, Ok, Ticket, Timer
from labs.lab1_mapreduce.apps import find
from labs.lab1_mapreduce.protocol import ClientConfig, JobOver, JobSpec, RunJob, Submit, Working


class Resubmit(Timer, frozen=True):
    """Time to ask again how the job is."""

    job: str


class Pending(Struct):
    """A job that is not over, as far as we know."""

    ticket: Ticket
    spec: JobSpec
    master: int = 0
    """Index of the master we talk to."""
    unanswered: int = 0
    """Submissions since its last sign of life."""


class Client(Node):
    """Submits each job until it is over; a master that stays silent is left for the next one."""

    config: ClientConfig
    pending: dict[str, Pending]

    def on_start(self) -> None:
        self.pending = {}

    def on_run_job(self, op: RunJob, ticket: Ticket) -> None:
        spec = structs.replace(op.spec, params=find(op.spec.app).prepare(self.store, op.spec))
        self.pending[spec.name] = Pending(ticket, spec)
        self.submit(self.pending[spec.name])

    def submit(self, pending: Pending) -> None:
        pending.unanswered += 1
        masters = self.config.masters
        if pending.unanswered > self.config.patience:
            pending.master, pending.unanswered = (pending.master + 1) % len(masters), 1
        self.send(Address(masters[pending.master]), Submit(pending.spec))
        self.set_timer(Resubmit(pending.spec.name), self.config.retry)

    def on_resubmit(self, timer: Resubmit) -> None:
        if timer.job in self.pending:
            self.submit(self.pending[timer.job])

    def on_working(self, working: Working, sender: Address) -> None:
        pending = self.pending.get(working.job)
        if pending is not None and sender == self.config.masters[pending.master]:
            pending.unanswered = 0

    def on_job_over(self, over: JobOver, sender: Address) -> None:
        record = over.record
        pending = self.pending.pop(record.job, None)
        if pending is None:
            return
        outcome = Fail(record.failure) if record.failure else Ok(dict(record.counters))
        self.finish(pending.ticket, outcome)
