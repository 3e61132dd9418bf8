"""Bugs of part 0C: ids that get lost or stick, and levels that change too much, too late or not at all."""

from __future__ import annotations

from functools import partial

from distlab.core import Address, Level, Message, Node, Ticket, Timer
from grading.lab0_rpc.mutants import listed
from labs.lab0_rpc.protocol import Carried, LevelSet, SetLevel, Span, Traced
from labs.lab0_rpc.tracing import Tracing


class TimerLosesId(Tracing):
    def on_carried(self, carried: Carried) -> None:
        self.set_by[carried.timer] = None
        super().on_carried(carried)


class TimerIsANewRequest(Tracing):
    def on_carried(self, carried: Carried) -> None:
        self.context = self.new_span(f"{self.address}/timer/{self.spans}")
        self.log_span("timer", "fired", parent="")
        self.dispatch(carried.timer)


class StickyContext(Tracing):
    """A timer's handler runs in whatever context was left by the handler before."""

    def on_carried(self, carried: Carried) -> None:
        if self.context is not None:
            parent, self.context = self.context, self.new_span(self.context.request)
            self.log_span("timer", "fired", parent=parent.span)
        self.dispatch(carried.timer)


class FirstSetterWins(Tracing):
    """A timer that is set again stays with the request that set it first."""

    def set_timer(self, timer: Timer, after: int) -> None:
        context = self.context
        self.context = self.first.setdefault(type(timer).__name__, context)
        super().set_timer(timer, after)
        self.context = context

    first: dict[str, Span | None]

    def on_start(self) -> None:
        self.first = {}
        super().on_start()


class AnswersUntraced(Tracing):
    def on_traced(self, traced: Traced, sender: Address) -> None:
        super().on_traced(traced, sender)
        self.context = None

    def send(self, to: Address, message: Message) -> None:
        if type(message).__name__ == "Answer":
            Node.send(self, to, message)
        else:
            super().send(to, message)


class NewRequestPerHop(Tracing):
    def on_traced(self, traced: Traced, sender: Address) -> None:
        self.context = self.new_span(f"{self.address}:{self.spans}")
        self.log_span("net", "received", parent=traced.span.span)
        self.dispatch(traced.message, sender)


class SpanNamesRepeat(Tracing):
    def new_span(self, request: str) -> Span:
        self.spans += 1
        return Span(request, f"span-{self.spans}")


class SpansOfEveryLife(Tracing):
    """Address and number: unique, until the node crashes and begins with 1 again."""

    def new_span(self, request: str) -> Span:
        self.spans += 1
        return Span(request, f"{self.address}/{self.spans}")


class LogsAfterwards(Tracing):
    """Says what was received when it has been dealt with, as access logs do."""

    def on_traced(self, traced: Traced, sender: Address) -> None:
        self.context = self.new_span(traced.span.request)
        self.dispatch(traced.message, sender)
        self.log_span("net", "received", parent=traced.span.span)


class TimersUnspoken(Tracing):
    """Has no line for a timer that is set."""

    def set_timer(self, timer: Timer, after: int) -> None:
        self.set_by[timer] = self.context
        Node.set_timer(self, Carried(timer), after)


class KeepsWhoSet(Tracing):
    """Never forgets for whom a timer was set: memory grows with every request."""

    def cancel_timer(self, timer: Timer) -> None:
        Node.cancel_timer(self, Carried(timer))


class SpanIsTheRequest(Tracing):
    def new_span(self, request: str) -> Span:
        return Span(request, request)


class OwnParent(Tracing):
    def log_span(self, subsystem: str, text: str, parent: str) -> None:
        super().log_span(subsystem, text, self.context.span if self.context and parent else parent)


class RootAsParent(Tracing):
    """Every span hangs from the request itself: a flat list, not a tree."""

    def log_span(self, subsystem: str, text: str, parent: str) -> None:
        if parent and self.context is not None:
            parent = self.context.request
        super().log_span(subsystem, text, parent)


class ReceiverKeepsSpan(Tracing):
    def on_traced(self, traced: Traced, sender: Address) -> None:
        self.context = traced.span
        self.log_span("net", "received", parent=traced.span.span)
        self.dispatch(traced.message, sender)


class RequestsNumberedByNode(Tracing):
    def begin_request(self, ticket: Ticket) -> None:
        super().begin_request(Ticket(1))


class GlobalLevel(Tracing):
    def on_set_level(self, message: SetLevel, sender: Address) -> None:
        for subsystem in ("op", "net", "timer"):
            self.log.set_level(subsystem, Level(message.level))
        self.context = None
        self.send(sender, LevelSet(message.subsystem, message.level))


class LevelAfterRestart(Tracing):
    levels: dict[str, int]

    def on_set_level(self, message: SetLevel, sender: Address) -> None:
        self.levels[message.subsystem] = message.level
        self.context = None
        self.send(sender, LevelSet(message.subsystem, message.level))

    def on_start(self) -> None:
        self.levels = {}
        super().on_start()


class LevelOnlyGoesDown(Tracing):
    def on_set_level(self, message: SetLevel, sender: Address) -> None:
        if message.level <= self.log.level(message.subsystem):
            super().on_set_level(message, sender)
        else:
            self.context = None
            self.send(sender, LevelSet(message.subsystem, message.level))


class Later(Timer, frozen=True):
    subsystem: str
    level: int


class LevelTakesASecond(Tracing):
    def on_set_level(self, message: SetLevel, sender: Address) -> None:
        self.context = None
        super().set_timer(Later(message.subsystem, message.level), 100_000)
        self.send(sender, LevelSet(message.subsystem, message.level))

    def on_later(self, later: Later) -> None:
        self.log.set_level(later.subsystem, Level(later.level))


class OneTimerPerKind(Tracing):
    """Knows timers by their class: a second one of a kind takes the place of the first."""

    latest: dict[str, Timer]

    def on_start(self) -> None:
        self.latest = {}
        super().on_start()

    def set_timer(self, timer: Timer, after: int) -> None:
        kind = type(timer).__name__
        if kind in self.latest:
            super().cancel_timer(self.latest[kind])
        self.latest[kind] = timer
        super().set_timer(timer, after)


class DropsRepeatedRequests(Tracing):
    """A request that this node has seen goes no further: it must be a copy."""

    seen: set[str]

    def on_start(self) -> None:
        self.seen = set()
        super().on_start()

    def dispatch(self, value: object, *extra: object) -> None:
        if self.context is not None and type(value).__name__ == "Call":
            if self.context.request in self.seen:
                return
            self.seen.add(self.context.request)
        super().dispatch(value, *extra)


class SendsPlainToo(Tracing):
    """Some old node might not know traced messages."""

    def send(self, to: Address, message: Message) -> None:
        super().send(to, message)
        if self.context is not None:
            Node.send(self, to, message)


class NoWordOfIt(Tracing):
    def on_set_level(self, message: SetLevel, sender: Address) -> None:
        self.log.set_level(message.subsystem, Level(message.level))


class WordOnBehalfOfTheLast(Tracing):
    """Tells the operator on behalf of whatever request was handled last."""

    def on_set_level(self, message: SetLevel, sender: Address) -> None:
        self.log.set_level(message.subsystem, Level(message.level))
        self.send(sender, LevelSet(message.subsystem, message.level))


class LogsAtWarning(Tracing):
    """So that nobody can switch the important lines off."""

    def log_span(self, subsystem: str, text: str, parent: str) -> None:
        if (span := self.context) is not None:
            self.log.error(subsystem, text, request=span.request, span=span.span, parent=parent)


class DebugIsSilent(Tracing):
    def send(self, to: Address, message: Message) -> None:
        level = self.log.level("net")
        self.log.set_level("net", max(level, Level.INFO))
        super().send(to, message)
        self.log.set_level("net", level)


class CancelForgotten(Tracing):
    """Cancels the program's timer, which was never set; the one that was goes on and fires."""

    def cancel_timer(self, timer: Timer) -> None:
        if type(timer).__name__ == "Retry":
            Node.cancel_timer(self, timer)
        else:
            super().cancel_timer(timer)


_mutant = partial(listed, "C")

MUTANTS = (
    _mutant(
        "timer-loses-id",
        "tracing:Tracing",
        TimerLosesId,
        "RPC-S6",
        "safety",
        "What a timer sets off belongs to no request: retries vanish from the story.",
        "B. Sigelman et al., 'Dapper', 2010, section 2.2; OpenTelemetry, context propagation",
        "m1",
    ),
    _mutant(
        "timer-is-a-new-request",
        "tracing:Tracing",
        TimerIsANewRequest,
        "RPC-S6",
        "safety",
        "A timer begins a request of its own, since there is no message to take one from.",
    ),
    _mutant(
        "sticky-context",
        "tracing:Tracing",
        StickyContext,
        "RPC-S6",
        "safety",
        "The context is not restored for timers: what fires is booked to whoever was served last.",
        "thread-local contexts in thread pools",
    ),
    _mutant(
        "first-setter-wins",
        "tracing:Tracing",
        FirstSetterWins,
        "RPC-S6",
        "safety",
        "A kind of timer belongs to the request that set it first.",
    ),
    _mutant(
        "answers-untraced",
        "tracing:Tracing",
        AnswersUntraced,
        "RPC-S6",
        "safety",
        "Requests are traced and answers are not: the way back is missing.",
    ),
    _mutant(
        "new-request-per-hop",
        "tracing:Tracing",
        NewRequestPerHop,
        "OP-S1",
        "safety",
        "Each node names requests for itself: no two logs speak of the same one.",
    ),
    _mutant(
        "span-names-repeat",
        "tracing:Tracing",
        SpanNamesRepeat,
        "OP-S1",
        "safety",
        "Span names are counted per node and do not say which node.",
    ),
    _mutant(
        "span-is-the-request",
        "tracing:Tracing",
        SpanIsTheRequest,
        "OP-S1",
        "safety",
        "One id for everything: one can find the lines of a request, and not what led to what.",
        "X-Request-Id alone",
    ),
    _mutant(
        "own-parent",
        "tracing:Tracing",
        OwnParent,
        "OP-S1",
        "safety",
        "A span is its own parent: the story is a heap of loops.",
    ),
    _mutant(
        "root-as-parent",
        "tracing:Tracing",
        RootAsParent,
        "OP-S1",
        "safety",
        "All spans hang from the request; which retry reached the server cannot be told.",
    ),
    _mutant(
        "receiver-keeps-span",
        "tracing:Tracing",
        ReceiverKeepsSpan,
        "OP-S1",
        "safety",
        "The receiver goes on in the sender's span, and two nodes work under one name.",
        "Zipkin's shared spans, which OpenTelemetry gave up",
    ),
    _mutant(
        "every-request-is-one",
        "tracing:Tracing",
        RequestsNumberedByNode,
        "RPC-S6",
        "safety",
        "All operations of a client are one request.",
    ),
    _mutant(
        "global-level",
        "tracing:Tracing",
        GlobalLevel,
        "OP-S2",
        "safety",
        "There is one level for the whole process: to see one subsystem is to drown in all.",
        "T. Hoff, 'Log everything all the time', High Scalability",
        "m2",
    ),
    _mutant(
        "level-after-restart",
        "tracing:Tracing",
        LevelAfterRestart,
        "OP-S2",
        "liveness",
        "The level is stored, to be used after the next restart: by which time what one wanted to "
        "see is over.",
    ),
    _mutant(
        "level-only-goes-down",
        "tracing:Tracing",
        LevelOnlyGoesDown,
        "OP-S2",
        "cost",
        "A subsystem can be made to say more, and never less again.",
    ),
    _mutant(
        "level-takes-its-time",
        "tracing:Tracing",
        LevelTakesASecond,
        "OP-S2",
        "liveness",
        "The level changes a little later, though the node says that it has.",
    ),
    _mutant(
        "no-word-of-it",
        "tracing:Tracing",
        NoWordOfIt,
        "OP-S2",
        "liveness",
        "The level changes, and the operator never learns.",
    ),
    _mutant(
        "word-on-behalf-of-the-last",
        "tracing:Tracing",
        WordOnBehalfOfTheLast,
        "OP-S2",
        "safety",
        "The answer to the operator goes out in the context that the last request left behind.",
    ),
    _mutant(
        "cannot-be-silenced",
        "tracing:Tracing",
        LogsAtWarning,
        "OP-S2",
        "cost",
        "Logs every span at ERROR: whoever wants silence has to stop the process.",
    ),
    _mutant(
        "debug-is-silent",
        "tracing:Tracing",
        DebugIsSilent,
        "OP-S2",
        "cost",
        "DEBUG is accepted, and nothing more is logged.",
    ),
    _mutant(
        "cancelled-timer-fires",
        "tracing:Tracing",
        CancelForgotten,
        "OP-S1",
        "safety",
        "The layer sets a timer of its own for each of the program's, and cancels the program's: "
        "it fires all the same.",
    ),
    _mutant(
        "spans-of-every-life",
        "tracing:Tracing",
        SpansOfEveryLife,
        "OP-S1",
        "safety",
        "Spans are numbered from 1 in every life of a node: after a crash their names are given a "
        "second time.",
    ),
    _mutant(
        "logs-afterwards",
        "tracing:Tracing",
        LogsAfterwards,
        "OP-S1",
        "safety",
        "A span enters the log when its work is done: whatever it led to stands before it, and what "
        "failed in between is not there at all.",
        "access logs, which are written when the answer has been sent",
    ),
    _mutant(
        "timers-unspoken",
        "tracing:Tracing",
        TimersUnspoken,
        "OP-S2",
        "safety",
        "No line says that a timer is set, however closely the operator looks.",
    ),
    _mutant(
        "keeps-who-set",
        "tracing:Tracing",
        KeepsWhoSet,
        "RPC-L3",
        "cost",
        "What is kept for a timer stays when the timer is cancelled: a leak, one line per request.",
    ),
    _mutant(
        "one-timer-per-kind",
        "tracing:Tracing",
        OneTimerPerKind,
        "RPC-L3",
        "liveness",
        "Timers are known by their class: the retry of one request cancels that of another.",
    ),
    _mutant(
        "drops-repeated-requests",
        "tracing:Tracing",
        DropsRepeatedRequests,
        "RPC-L3",
        "liveness",
        "A request that has been seen is not passed on: retries never arrive.",
    ),
    _mutant(
        "sends-plain-too",
        "tracing:Tracing",
        SendsPlainToo,
        "RPC-S6",
        "cost",
        "Sends each message traced and plain: twice the traffic, and half of it belongs to nobody.",
    ),
)
