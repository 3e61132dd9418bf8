"""A member of a group, lent to whoever consumes: the solution's own, in a process of its own.

Elsewhere a member's program polls in a loop. Here a person's program does, from outside of the cluster: each of its
polls is an operation of this node. Whoever takes the seat has a token, and polls with it. When it does not poll for
``max_poll_interval`` its member leaves the group (part 2G), and then the seat is free again. So it is, some moments
later, when it leaves in good order; meanwhile answers to what the member had asked find their way.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import SECOND, Fail, Ok, Outcome, Ticket
from grading.lab2_log.serving.requests import (
    TAKEN,
    UNKNOWN_MEMBER,
    GroupPoll,
    Leave,
    Subscribe,
    unpacked,
)
from labs.lab2_log.application import NextStep
from labs.lab2_log.groups import Close, MemberConfig, Poll
from labs.lab2_log.member import Member

PAUSE = 1 * SECOND
"""How long a seat stays empty."""


class Seat(Member):
    """One member, or none."""

    config: MemberConfig
    token: int
    """Of whoever sits here; 0: nobody does."""
    heard_at: int
    """When they last said something (monotonic clock)."""
    polling_now: Ticket | None
    leaving: Ticket | None

    def on_start(self) -> None:
        self.token, self.heard_at = 0, self.monotonic() - PAUSE
        self.polling_now = self.leaving = None
        super().on_start()

    def on_next_step(self, _: NextStep) -> None:
        """The program is not in this process."""

    def on_subscribe(self, op: Subscribe, ticket: Ticket) -> None:
        silence = self.monotonic() - self.heard_at
        if silence < (self.config.max_poll_interval + PAUSE if self.token else PAUSE):
            self.finish(ticket, Fail(TAKEN))
            return
        self.config = structs.replace(  # type: ignore[type-var]
            self.config,
            group=op.group,
            topics=op.topics,
            assignor=op.assignor,
            reset=op.reset,
            max_poll_interval=op.max_poll_interval,
            auto_commit_every=op.commit_every,
        )
        self.on_start()
        self.token, self.heard_at = self.random.getrandbits(40) + 1, self.monotonic()
        self.finish(ticket, Ok(self.token))

    def on_group_poll(self, op: GroupPoll, ticket: Ticket) -> None:
        if op.token != self.token or self.polling_now is not None:
            self.finish(ticket, Fail(UNKNOWN_MEMBER))
            return
        self.heard_at, self.polling_now = self.monotonic(), ticket
        self.on_poll(Poll(op.max_records, op.wait), ticket)

    def on_leave(self, op: Leave, ticket: Ticket) -> None:
        if op.token != self.token:
            self.finish(ticket, Fail(UNKNOWN_MEMBER))
            return
        self.leaving = ticket
        self.on_close(Close(), ticket)

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        """The member has an answer: in the words of whoever sits here."""
        if ticket == self.polling_now:
            self.polling_now, self.heard_at = None, self.monotonic()
            if isinstance(outcome, Ok):
                records = [
                    [str(r.partition), r.offset, *unpacked(r.value)] for r in outcome.value or ()
                ]
                view = self.probe()
                outcome = Ok([view.generation, [str(part) for part in view.owned], records])
        elif ticket == self.leaving:
            self.leaving, self.token, self.heard_at = None, 0, self.monotonic()
        super().finish(ticket, outcome)
