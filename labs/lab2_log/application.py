"""The program that uses a member, in the same process: it polls, works on what it gets, and polls again. Given.

It is what Kafka's documentation shows: a loop round ``poll()``. While the program works nothing else of it happens; its
member lives on, as the Java client's heartbeat thread does. Polls, pieces of work and commits are operations of the
history. A crash ends both; the program begins anew when its process is started again.
"""

from __future__ import annotations

from distlab.core import MS, Fail, Node, Ok, Operation, Outcome, Ticket, Timer
from labs.lab2_log.groups import Close, CommitNow, Handle, MemberConfig, Poll, Stall, Want

PAUSE = 1 * MS
"""Between two operations."""


class NextStep(Timer, frozen=True):
    """Time for the program's next operation."""


class WorkDone(Timer, frozen=True):
    """The program has processed what it took."""


class Application(Node):
    """The loop. A member is an ``Application``: it handles ``Poll``, ``CommitNow`` and ``Close``, and calls
    ``super().on_start()`` when it starts."""

    config: MemberConfig
    asked: Ticket | None
    """The operation that the program waits for."""
    asking: Operation | None
    working: Ticket | None
    """The piece of work under way."""
    next_operation: Operation | None
    stall: int
    """How long the next piece of work takes; 0: as usual."""

    def on_start(self) -> None:
        self.asked = self.asking = self.working = None
        self.stall = 0
        self.next_operation = self._poll()
        self.set_timer(NextStep(), max(PAUSE, self.config.start_at - self.now()))

    def _poll(self) -> Poll:
        return Poll(self.config.poll_records, self.config.poll_wait)

    def on_next_step(self, _: NextStep) -> None:
        operation, self.next_operation = self.next_operation, None
        if operation is None:
            return
        stop_at = self.config.stop_at
        if stop_at is not None and self.now() >= stop_at and isinstance(operation, Poll):
            operation = Close()
        self.asking, self.asked = operation, self.begin(operation)
        match operation:
            case Poll():
                self.on_poll(operation, self.asked)
            case CommitNow():
                self.on_commit_now(operation, self.asked)
            case Close():
                self.on_close(operation, self.asked)

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        """The member has an answer: the program goes on."""
        super().finish(ticket, outcome)
        if ticket != self.asked:
            return
        operation, self.asked, self.asking = self.asking, None, None
        match operation, outcome:
            case Close(), _:
                return
            case Poll(), Ok(value) if value:
                work = Handle(tuple(Want(r.partition, r.offset) for r in value))
                self.working = self.begin(work)
                self.set_timer(WorkDone(), self.stall or self.config.work)
                self.stall = 0
                return
            case Poll(), Fail():
                return  # the program ends with an exception
        self._go_on(self._poll())

    def on_work_done(self, _: WorkDone) -> None:
        working, self.working = self.working, None
        if working is not None:
            self.finish(working, Ok())
            self._go_on(CommitNow() if self.config.commits else self._poll())

    def _go_on(self, operation: Operation) -> None:
        self.next_operation = operation
        self.set_timer(NextStep(), PAUSE)

    def on_stall(self, op: Stall, ticket: Ticket) -> None:
        self.stall = op.duration
        self.finish(ticket, Ok())

    def on_poll(self, op: Poll, ticket: Ticket) -> None:
        """The member's."""
        raise NotImplementedError("lab2 part G3: on_poll")

    def on_commit_now(self, op: CommitNow, ticket: Ticket) -> None:
        """The member's."""
        raise NotImplementedError("lab2 part G3: on_commit_now")

    def on_close(self, op: Close, ticket: Ticket) -> None:
        """The member's."""
        raise NotImplementedError("lab2 part G3: on_close")
