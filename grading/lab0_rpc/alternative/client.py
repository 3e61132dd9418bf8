"""The client, the second way: one alarm for everything, a queue of due times, full jitter.

Differs from the reference: operations under way are a list in the order of their numbers, each with
the time at which it is next due, and one timer is set for the earliest; the life's number is the
size of a file that grows by one byte per start; waits are drawn from all of the interval ("full
jitter"); the outcome is decided where the operation leaves the list.
Since the alarm is shared, each operation keeps the context in which it was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from distlab.core import MS, Fail, Info, Ok, Outcome, Ticket, Timer
from labs.lab0_rpc.layer import Program
from labs.lab0_rpc.protocol import Add, Answer, Call, ClientConfig, RequestId, Span


class Due(Timer, frozen=True):
    """Something under way is due for another attempt, or for giving up."""


@dataclass
class Open:
    ticket: Ticket
    call: Call
    context: Span | None
    wait: int
    """Before the next attempt, at most."""
    again_at: int
    ends_at: int


class Client(Program):
    config: ClientConfig
    incarnation: int
    next_number: int
    open: list[Open]

    def on_start(self) -> None:
        self.disk.append("starts", b"+")
        self.disk.sync("starts", "/")
        self.incarnation = self.disk.size("starts")
        self.next_number = 1
        self.open = []

    def on_add(self, add: Add, ticket: Ticket) -> None:
        number, now = self.next_number, self.monotonic()
        if number >= self._floor() + self.config.window:
            self.finish(ticket, Fail("window full"))
            return
        self.next_number += 1
        name = RequestId(self.address, self.incarnation, number)
        call = Call(name, 0, add.account, add.amount)
        self.open.append(
            Open(
                ticket, call, self.context, self.config.first_wait, now, now + self.config.deadline
            )
        )
        self._work()

    def on_answer(self, answer: Answer) -> None:
        outcome = Fail("refused") if answer.refused else Ok(answer.balance)
        self._close([each for each in self.open if each.call.id == answer.id], outcome)
        self._work()

    def on_due(self) -> None:
        self._work()

    def _work(self) -> None:
        """Do all that is due, and set the alarm for what is due next."""
        now = self.monotonic()
        self._close([each for each in self.open if each.ends_at <= now], Info("no answer in time"))
        for each in self.open:
            if each.again_at <= now:
                # Full jitter, but never at once: an answer takes a round trip to come.
                each.again_at = now + 10 * MS + int(self.random.random() * (each.wait - 10 * MS))
                each.wait = min(2 * each.wait, self.config.longest_wait)
                call, self.context = each.call, each.context
                self.send(
                    self.config.front, Call(call.id, self._floor(), call.account, call.amount)
                )
        if self.open:
            next_at = min(min(each.again_at, each.ends_at) for each in self.open)
            self.set_timer(Due(), next_at - now)
        else:
            self.cancel_timer(Due())

    def _close(self, over: list[Open], outcome: Outcome) -> None:
        for each in over:
            self.open.remove(each)
            self.finish(each.ticket, outcome)

    def _floor(self) -> int:
        return self.open[0].call.id.number if self.open else self.next_number
