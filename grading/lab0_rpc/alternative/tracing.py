"""Tracing, the second way: spans are paths, and the context is entered and left.

Differs from the reference: a span is named by the way that led to it ("c#3" began it, "c#3/1" is
its first child), with a counter per node to keep names apart, which starts anywhere in each life;
the context holds only while its handler runs; timers keep the context in a list beside the running
ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from distlab.core import Address, Level, Message, Ticket, Timer
from labs.lab0_rpc.layer import Layer
from labs.lab0_rpc.protocol import Carried, LevelSet, SetLevel, Span, Traced


class Tracing(Layer):
    born: int
    pending: list[tuple[Timer, Span | None]]

    def on_start(self) -> None:
        self.born = self.random.getrandbits(40)
        self.pending = []
        super().on_start()

    def begin_request(self, ticket: Ticket) -> None:
        request = f"{self.address}-{ticket}"
        self.context = Span(request, request)
        self._line("op", "begins", "")

    def on_traced(self, traced: Traced, sender: Address) -> None:
        with self._child_of(traced.span, "net", "received"):
            self.dispatch(traced.message, sender)

    def on_carried(self, carried: Carried) -> None:
        span = self._forget(carried.timer)
        if span is None:
            self.context = None
            self.dispatch(carried.timer)
        else:
            with self._child_of(span, "timer", "fired"):
                self.dispatch(carried.timer)

    def on_set_level(self, message: SetLevel, sender: Address) -> None:
        self.context = None
        self.log.set_level(message.subsystem, Level(message.level))
        self.send(sender, LevelSet(message.subsystem, message.level))

    def send(self, to: Address, message: Message) -> None:
        if self.context is None:
            super().send(to, message)
        else:
            self.log.debug("net", "sent", request=self.context.request, span=self.context.span)
            super().send(to, Traced(self.context, message))  # type: ignore[arg-type]

    def set_timer(self, timer: Timer, after: int) -> None:
        self._forget(timer)
        self.pending.append((timer, self.context))
        if self.context is not None:
            self.log.debug("timer", "set", request=self.context.request, span=self.context.span)
        super().set_timer(Carried(timer), after)

    def cancel_timer(self, timer: Timer) -> None:
        self._forget(timer)
        super().cancel_timer(Carried(timer))

    @contextmanager
    def _child_of(self, parent: Span, subsystem: str, text: str) -> Iterator[None]:
        self.born += 1
        self.context = Span(parent.request, f"{parent.span}/{self.address}{self.born}")
        self._line(subsystem, text, parent.span)
        yield
        self.context = None

    def _line(self, subsystem: str, text: str, parent: str) -> None:
        if self.context is not None:
            request, span = self.context.request, self.context.span
            self.log.info(subsystem, text, request=request, span=span, parent=parent)

    def _forget(self, timer: Timer) -> Span | None:
        for at, (pending, span) in enumerate(self.pending):
            if pending == timer:
                del self.pending[at]
                return span
        return None
