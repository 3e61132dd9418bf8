"""Tracing: every message and every timer knows on whose behalf it comes. Part 0C.

A layer (see ``layer.py``) under client, front and server alike, so that no program can forget it.
Its one variable is ``context``: the span under way. Whatever the program does while a handler runs
is done for that span:

* a message that is sent carries it, wrapped in ``Traced``, and what its receiver does is a new span
  with this one as its parent;
* a timer that is set remembers it, and what is done when it fires is a new span with this one as
  its parent. This is where ids get lost in practice: the timer's handler has no message to read
  them from.

A handler that runs for no request (an operator's message, say) has no context, and what it sends
goes out plain. All spans of one request thus hang together in a tree. It is the scheme of Google's
Dapper (B. Sigelman et al., 2010) and of OpenTelemetry's context.

What is logged, in which subsystem and at which level, is a table in ``protocol.py``.
"""

from __future__ import annotations

from distlab.core import Address, Level, Message, Ticket, Timer
from labs.lab0_rpc.layer import Layer
from labs.lab0_rpc.protocol import Carried, LevelSet, SetLevel, Span, Traced


class Tracing(Layer):
    """Puts a context round all that a program does, and logs it."""

    life: str
    """A name for this life of the node, which no other life has. A crash takes ``spans`` with it."""
    spans: int
    """How many spans this life has begun."""
    set_by: dict[Timer, Span | None]
    """For each timer that is set: the span that set it."""

    def on_start(self) -> None:
        """The program starts on nobody's behalf."""
        raise NotImplementedError("0C: first values; then let the program start")

    def begin_request(self, ticket: Ticket) -> None:
        """A client operation begins: a new request, and its first span. Logs ``op``, "begins"."""
        raise NotImplementedError("0C: name the request, begin its root span, log it")

    def on_traced(self, traced: Traced, sender: Address) -> None:
        """A message on behalf of a request arrived. Logs ``net``, "received"."""
        raise NotImplementedError(
            "0C: a new span, child of the sender's; log it; let the program handle it"
        )

    def send(self, to: Address, message: Message) -> None:
        """Send on behalf of the context, or plainly where there is none. Logs ``net``, "sent"."""
        raise NotImplementedError("0C: wrap the message with the context")

    def set_timer(self, timer: Timer, after: int) -> None:
        """Set it, and remember for whom; an equal timer is moved, not doubled. Logs "set"."""
        raise NotImplementedError("0C: remember the context with the timer")

    def cancel_timer(self, timer: Timer) -> None:
        """It will not fire, and nothing of it is kept."""
        raise NotImplementedError("0C: cancel the timer that was really set")

    def on_carried(self, carried: Carried) -> None:
        """A timer fired. Logs ``timer``, "fired", if it was set on behalf of a request."""
        raise NotImplementedError(
            "0C: a new span, child of the one that set it; let the program handle it"
        )

    def on_set_level(self, message: SetLevel, sender: Address) -> None:
        """Change one subsystem's level from here on, and say so (``LevelSet``)."""
        raise NotImplementedError("0C: change the level; answer on nobody's behalf")

    def new_span(self, request: str) -> Span:
        """A span that nobody has used, nor this node before it crashed."""
        raise NotImplementedError("0C: number the spans of this life")

    def log_span(self, subsystem: str, text: str, parent: str) -> None:
        """The one line by which a span enters the log."""
        raise NotImplementedError("0C: log the context with its parent")
