"""The client's half of "exactly once": ask again, under the same name, and own up. Part 0B.

A message may be lost, and so may its answer; who hears nothing cannot tell which. So the client
asks again - but the same question, under the same ``RequestId``, so that the server can see that it
is the same. It waits longer each time, so that a server in trouble is not kept there by its own
clients, and never a round number, so that clients that failed together do not return together.

Three outcomes, and the last two are not the same:

* ``Ok``   it happened, once;
* ``Fail`` it did not, and never will: the server refused, or nothing was ever sent;
* ``Info`` time is up and nobody answered. It may have happened, and it may *still* happen, when the
  last of our messages crawls out of some queue.

What a life of the client leaves behind is one small record, made durable before its first message:
the next life must not use its numbers for other questions.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from distlab.core import Fail, Info, Node, Ok, Ticket
from labs.lab0_rpc.protocol import (
    Add,
    Answer,
    Call,
    ClientConfig,
    Deadline,
    RequestId,
    Retry,
)


class Life(Struct, frozen=True):
    """One record in the client's file ``lives`` for each time that it started."""

    incarnation: int


@dataclass
class Asked:
    """An operation that is under way."""

    add: Add
    ticket: Ticket
    id: RequestId
    attempts: int = 0


class Client(Node):
    """Turns each ``Add`` into calls to ``config.front``, until it is answered or time is up."""

    config: ClientConfig
    incarnation: int
    last_number: int
    asked: dict[int, Asked]
    """What is under way, by number."""

    def on_start(self) -> None:
        """Begin a life that no earlier one can be mistaken for."""
        raise NotImplementedError("0B: count the lives in a file; make the record durable")

    def on_add(self, add: Add, ticket: Ticket) -> None:
        """Start on an operation, or ``Fail`` at once if it would outgrow the window."""
        raise NotImplementedError("0B: give it a number, send the first attempt, set its deadline")

    def on_answer(self, answer: Answer) -> None:
        """``Ok(balance)``, or ``Fail`` if refused; an answer to nothing under way means nothing."""
        raise NotImplementedError(
            "0B: finish the operation that it answers, if it is one of this life"
        )

    def on_retry(self, retry: Retry) -> None:
        """Ask again."""
        raise NotImplementedError("0B: one more attempt")

    def on_deadline(self, deadline: Deadline) -> None:
        """Time is up: say what is known, and never ask for this number again."""
        raise NotImplementedError("0B: give up, with the outcome that is true")

    def settled(self) -> int:
        """The least number that may still be asked for; all below it are settled."""
        raise NotImplementedError("0B: the least number under way, or the next one")

    def wait_after(self, attempts: int) -> int:
        """How long to wait for an answer after that many attempts: longer each time, and uneven."""
        raise NotImplementedError(
            "0B: double the wait up to the longest one, and draw the second half of it"
        )

    def attempt(self, asked: Asked) -> None:
        """Send the call, as often as it takes: always under the same id."""
        raise NotImplementedError("0B: send a Call, and set the timer of the next attempt")

    def settle(self, asked: Asked, outcome: Ok | Fail | Info) -> None:
        """The operation is over: no timer of it stays, and its number is never used again."""
        raise NotImplementedError("0B: forget it, and report the outcome")
