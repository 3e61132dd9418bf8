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
        # BEGIN SOLUTION 0C: first values; then let the program start
        self.life = f"{self.address}.{self.random.getrandbits(32):08x}"
        self.spans = 0
        self.set_by = {}
        self.context = None
        super().on_start()
        # END SOLUTION

    def begin_request(self, ticket: Ticket) -> None:
        """A client operation begins: a new request, and its first span. Logs ``op``, "begins"."""
        # BEGIN SOLUTION 0C: name the request, begin its root span, log it
        self.context = self.new_span(f"{self.address}#{ticket}")
        self.log_span("op", "begins", parent="")
        # END SOLUTION

    def on_traced(self, traced: Traced, sender: Address) -> None:
        """A message on behalf of a request arrived. Logs ``net``, "received"."""
        # BEGIN SOLUTION 0C: a new span, child of the sender's; log it; let the program handle it
        self.context = self.new_span(traced.span.request)
        self.log_span("net", "received", parent=traced.span.span)
        self.dispatch(traced.message, sender)
        # END SOLUTION

    def send(self, to: Address, message: Message) -> None:
        """Send on behalf of the context, or plainly where there is none. Logs ``net``, "sent"."""
        # BEGIN SOLUTION 0C: wrap the message with the context
        if self.context is None:
            super().send(to, message)
            return
        span = self.context
        self.log.debug("net", "sent", request=span.request, span=span.span)
        super().send(to, Traced(span, message))  # type: ignore[arg-type]
        # END SOLUTION

    def set_timer(self, timer: Timer, after: int) -> None:
        """Set it, and remember for whom; an equal timer is moved, not doubled. Logs "set"."""
        # BEGIN SOLUTION 0C: remember the context with the timer
        if (span := self.context) is not None:
            self.log.debug("timer", "set", request=span.request, span=span.span)
        self.set_by[timer] = span
        super().set_timer(Carried(timer), after)
        # END SOLUTION

    def cancel_timer(self, timer: Timer) -> None:
        """It will not fire, and nothing of it is kept."""
        # BEGIN SOLUTION 0C: cancel the timer that was really set
        self.set_by.pop(timer, None)
        super().cancel_timer(Carried(timer))
        # END SOLUTION

    def on_carried(self, carried: Carried) -> None:
        """A timer fired. Logs ``timer``, "fired", if it was set on behalf of a request."""
        # BEGIN SOLUTION 0C: a new span, child of the one that set it; let the program handle it
        parent = self.set_by.pop(carried.timer)
        if parent is None:
            self.context = None
        else:
            self.context = self.new_span(parent.request)
            self.log_span("timer", "fired", parent=parent.span)
        self.dispatch(carried.timer)
        # END SOLUTION

    def on_set_level(self, message: SetLevel, sender: Address) -> None:
        """Change one subsystem's level from here on, and say so (``LevelSet``)."""
        # BEGIN SOLUTION 0C: change the level; answer on nobody's behalf
        self.context = None
        self.log.set_level(message.subsystem, Level(message.level))
        self.send(sender, LevelSet(message.subsystem, message.level))
        # END SOLUTION

    def new_span(self, request: str) -> Span:
        """A span that nobody has used, nor this node before it crashed."""
        # BEGIN SOLUTION 0C: number the spans of this life
        self.spans += 1
        return Span(request, f"{self.life}.{self.spans}")
        # END SOLUTION

    def log_span(self, subsystem: str, text: str, parent: str) -> None:
        """The one line by which a span enters the log."""
        # BEGIN SOLUTION 0C: log the context with its parent
        if (span := self.context) is not None:
            self.log.info(subsystem, text, request=span.request, span=span.span, parent=parent)
        # END SOLUTION
