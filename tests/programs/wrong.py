"""A node that does on request what a program must not do."""

import os
import signal

from distlab.core import (
    Address,
    Job,
    JobContext,
    JobOutcome,
    Message,
    Node,
    Ok,
    Operation,
    Steps,
    Ticket,
)


class Number(Message, frozen=True):
    """A number, or so its class says."""

    value: int


class Unknown(Message, frozen=True):
    """Nobody handles this."""


class NotYet(Job, frozen=True):
    """A part that was not begun."""

    def run(self, io: JobContext) -> Steps:
        yield 0
        raise NotImplementedError("part X")


class Divide(Operation, frozen=True):
    """One by this."""

    by: int


class SendToNobody(Operation, frozen=True):
    """A message to an address that is not in the cluster."""


class SendUnhandled(Operation, frozen=True):
    """A message that its receiver does not know."""


class SendMisfit(Operation, frozen=True):
    """A message whose field is not what its class says."""


class Hide(Operation, frozen=True):
    """Keep something that was not declared."""


class FailInJob(Operation, frozen=True):
    """Run a job that is not written."""


class Leave(Operation, frozen=True):
    """Leave by the back door."""


class Crash(Operation, frozen=True):
    """Die as a fault in native code would have it."""


class Hang(Operation, frozen=True):
    """Never come back."""


class Stop(Operation, frozen=True):
    """End the process in good order."""

    reason: str


class Wrong(Node):
    """See the module."""

    def on_divide(self, divide: Divide, ticket: Ticket) -> None:
        print("dividing by", divide.by)
        self.finish(ticket, Ok(1 // divide.by))

    def on_send_to_nobody(self, operation: SendToNobody, ticket: Ticket) -> None:
        self.send(Address("nobody"), Number(1))

    def on_send_unhandled(self, operation: SendUnhandled, ticket: Ticket) -> None:
        self.send(self.address, Unknown())

    def on_send_misfit(self, operation: SendMisfit, ticket: Ticket) -> None:
        self.send(self.address, Number("one"))  # type: ignore[arg-type]

    def on_hide(self, operation: Hide, ticket: Ticket) -> None:
        self.hidden = 1

    def on_fail_in_job(self, operation: FailInJob, ticket: Ticket) -> None:
        self.run_job(NotYet())

    def on_leave(self, operation: Leave, ticket: Ticket) -> None:
        raise SystemExit(0)

    def on_crash(self, operation: Crash, ticket: Ticket) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def on_hang(self, operation: Hang, ticket: Ticket) -> None:
        self.log.info("wrong", "hanging")
        while True:
            pass

    def on_stop(self, operation: Stop, ticket: Ticket) -> None:
        self.stop(operation.reason)

    def on_number(self, number: Number) -> None: ...

    def on_not_yet(self, job: NotYet, outcome: JobOutcome) -> None: ...


class Late(Node):
    """Starts badly."""

    def on_start(self) -> None:
        raise KeyError("what I need")
