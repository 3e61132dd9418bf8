"""A node's process: its loop, and how it begins and ends.

Theory of operation. The process is started with one inherited socket, the channel to its supervisor, over which it
learns who it is (:class:`~distlab.live.control.BeNode`). It imports its program, forks the host of its jobs while it
is still allowed to fork, opens its sockets, reports where it can be reached, and waits for the word to begin.

The loop then hands the node one event at a time, to the end of its handler, and what those of one turn sent and synced
leaves together, and is synced together. Words of the supervisor come first (who is up must be known before what he
sends), then syncs that are done, jobs, timers that are due, and messages, in batches.

Whatever a handler raises ends the process: a fault of the environment as a stop, anything else as an error of the
program, with a report that shows the program's own lines.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec
import zmq

from distlab.core.codec import decoder
from distlab.core.errors import BadValue, EnvironmentFault, Halt, ScenarioError, UnhandledValue
from distlab.core.node import Node
from distlab.core.overlay import overlay
from distlab.core.values import MS, Address, Job, Message
from distlab.live import control as say
from distlab.live.blame import headline, report
from distlab.live.context import LiveContext
from distlab.live.envelope import (
    ACCEPT,
    CLOSE,
    CONNECT,
    CREDIT,
    DATAGRAM,
    FLIPPED,
    STREAM,
    Envelope,
)
from distlab.live.jobhost import Board, start_host
from distlab.live.jobs import JobBlamed, Jobs, Running
from distlab.live.machine import hold_memory, offer
from distlab.live.portable import class_path, found, from_json, to_json
from distlab.live.scene import Prints
from distlab.trace import Kind

_BATCH: Final = 256
"""Messages handled before everything else is looked at again."""
_FRESH: Final = 1 * MS
"""How long a message waits for others that leave with it, while messages are handled."""
_LINGER_MS: Final = 100
"""How long the last messages of a node that stops itself may take to leave."""


def main(fileno: int) -> NoReturn:
    """Be a node, on the channel that was inherited under this number."""
    channel = say.Channel(socket.socket(fileno=fileno), say.ToChild)
    who = _next_word(channel)
    if isinstance(who, say.BeProxy):
        from distlab.live.proxy import run_proxy

        run_proxy(who, channel)
    _Loop(who, channel).run()


def _next_word(channel: say.Channel) -> Any:
    while True:
        for word in channel.words():
            return word
        channel.receive()
        if channel.is_over:
            os._exit(0)


def _program(who: say.BeNode) -> type[Node]:
    offer()
    sys.path[:] = who.program.search
    os.chdir(who.program.cwd)
    for package, layers in who.program.overlays.items():
        pins = {name: Path(path) for name, path in layers.pins.items()}
        overlay(package, [Path(folder) for folder in layers.folders], pins)
    program = found(who.program.path)
    if not (isinstance(program, type) and issubclass(program, Node)):
        raise ScenarioError(f"{who.program.path} is no Node")
    return program


class _Loop:
    """One incarnation of a node, alive."""

    def __init__(self, who: say.BeNode, channel: say.Channel) -> None:
        self._who = who
        self._channel = channel
        self._asks: deque[say.Ask] = deque()
        self._handling: Any = "its import"
        self._has_started = False
        board = Board()
        try:
            program = _program(who)
            config = who.config and decoder(found(who.config_class)).decode(who.config)
            host = None
            if any(issubclass(cls, Job) for cls in program.handlers):
                host = start_host(who, board)
            self._context = LiveContext(who, config, program, channel, board)
            self._context.hear = self._hear
            self._node = program()
        except Exception as error:
            self._raised(error)
        self._poller = zmq.Poller()
        for source in (
            self._context.wires.incoming,
            channel.fileno(),
            self._context.syncer.fileno(),
        ):
            self._poller.register(source, zmq.POLLIN)
        if host is not None:
            self._context.jobs = Jobs(host, board, self._poller, self._job_ended, self._job_about)
        self._handlers: dict[type, tuple[Callable[..., None], int]] = {
            cls: (getattr(self._node, name), count)
            for cls, (name, count) in program.handlers.items()
        }
        self._messages = {
            str(cls.__struct_config__.tag).encode(): (
                *self._handlers[cls], decoder(cls).decode, class_path(cls)
            )
            for cls in program.handlers
            if issubclass(cls, Message)
        }  # fmt: skip
        self._width = len(program.state_fields) + 2  # and config, _context

    # -- life -----------------------------------------------------------------------------------------------------

    def run(self) -> NoReturn:
        """Live until the end."""
        channel, context = self._channel, self._context
        channel.say(say.Ready(context.wires.endpoint))
        while not isinstance(word := _next_word(channel), say.Begin):
            self._hear(word)
        context.begin_run(word.epoch)
        self._recorder = context.recorder
        sys.stdout = Prints(context.log)
        hold_memory()
        gc.collect()
        gc.freeze()
        try:
            self._node.attach(context)
            event = self._recorder.note(Kind.START, self._who.role)
            context.event = event
            context.about_to("start", "")
            self._handling = "its start"
            self._handle(event, self._node.on_start)
            self._has_started = True
            while True:
                self._turn()
        except Halt:
            context.wires.close(_LINGER_MS)
        except (Exception, SystemExit) as error:
            self._raised(error)
        os._exit(0)

    def _turn(self) -> None:
        context = self._context
        wires = context.wires
        wires.flush()
        context.syncer.begin()
        self._hear_all()  # what came together with a word that was waited for: no poll tells of it
        ready = dict(self._poller.poll(self._patience()))
        if self._channel.fileno() in ready:
            self._listen()
        if context.syncer.fileno() in ready:
            context.take_syncs()
        if context.jobs is not None:
            context.jobs.listen(ready)
        self._tell_news()
        self._fire()
        while self._asks:
            self._ask(self._asks.popleft())
        if wires.incoming in ready or wires.rest:
            self._receive()
        if wires.is_backed_up:
            wires.send_backlog()
        context.sessions.give_credit()

    def _patience(self) -> int:
        """Milliseconds until something is due by itself; -1 for never."""
        if self._context.news or self._asks or self._context.wires.rest:
            return 0
        if self._context.wires.is_backed_up:
            return 1
        due = self._context.timers.next_due()
        return -1 if due is None else max(0, -((self._recorder.now() - due) // 1000))

    # -- events ---------------------------------------------------------------------------------------------------

    def _handle(self, event: int, handler: Callable[..., None], *arguments: Any) -> None:
        """Run a handler to its end."""
        self._context.event = event
        handler(*arguments)
        if len(vars(self._node)) > self._width:
            self._node.state()  # says what is undeclared
        self._context.ailments.after_event()

    def _receive(self) -> None:
        context = self._context
        timers, recorder = context.timers, self._recorder
        stale = recorder.now() + _FRESH
        for _ in range(_BATCH):
            received = context.wires.receive()
            if received is None:
                return
            envelope, blob = received
            sender = context.wires.address_of(envelope)
            if envelope.source_incarnation > context.wires.newest[sender]:
                self._catch_up(sender, envelope.source_incarnation)
            if envelope.kind == DATAGRAM:
                self._deliver(sender, envelope, blob)
            else:
                self._take_session_frame(sender, envelope, blob)
            self._tell_news()
            now, due = recorder.now(), timers.next_due()
            if due is not None and due <= now:
                self._fire()
            if now >= stale:
                context.wires.flush()
                stale = now + _FRESH

    def _take_session_frame(self, sender: Address, envelope: Envelope, blob: memoryview) -> None:
        sessions, session = self._context.sessions, envelope.session
        if envelope.kind == STREAM:
            ours = sessions.arrived(sender, session, envelope.sequence)
            if ours is None:
                self._context.wires.drops["session over"] += 1
            else:
                self._deliver(sender, envelope, blob)
                sessions.handled(ours)
        elif envelope.kind == CREDIT:
            sessions.credited(sender, session, envelope.sequence)
        elif envelope.kind == CONNECT:
            sessions.asked(sender, envelope.source_incarnation, session)
        elif envelope.kind == ACCEPT:
            sessions.accepted(sender, session)
        elif envelope.kind == CLOSE and session:
            sessions.closed(sender, session)
        elif envelope.kind == CLOSE:
            sessions.lost(sender, envelope.source_incarnation)

    def _deliver(self, sender: Address, envelope: Envelope, blob: memoryview) -> None:
        entry = self._messages.get(envelope.name)
        if entry is None:
            name = envelope.name.decode(errors="replace")
            self._handling = f"a {name} from {sender}"
            raise UnhandledValue(
                f"{self._context.program.__name__} has no handler for {name} (from {sender})"
            )
        handler, count, decode, path = entry
        try:
            message = decode(blob)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._undecodable(sender, envelope, blob, error)
            return
        event = self._recorder.note_message(Kind.DELIVER, path, blob, envelope.cause, sender)
        self._handling = message
        self._handle(event, handler, *(message, sender)[:count])

    def _undecodable(
        self, sender: Address, envelope: Envelope, blob: memoryview, error: Exception
    ) -> None:
        """A flipped bit is dropped, as any stack would; a message that never fitted its class is its sender's fault."""
        name = envelope.name.decode(errors="replace")
        if not envelope.flags & FLIPPED:
            self._handling = f"a {name} from {sender}"
            raise BadValue(f"{sender} sent a {name} whose fields do not fit its class: {error}")
        self._context.wires.drops["garbled"] += 1
        self._recorder.note(Kind.DROP, (bytes(blob), "garbled"), envelope.cause, sender)

    def _fire(self) -> None:
        timers = self._context.timers
        for _ in range(_BATCH):
            due = timers.pop_due(self._recorder.now())
            if due is None:
                return
            timer, cause = due
            event = self._recorder.note(Kind.TIMER, timer, cause)
            handler, count = self._handlers[type(timer)]
            self._handling = timer
            self._handle(event, handler, *(timer,)[:count])
            self._tell_news()

    def _tell_news(self) -> None:
        news, node, note = self._context.news, self._node, self._recorder.note
        while news:
            kind, what = news.popleft()
            if kind in (Kind.CONNECT, Kind.DISCONNECT):
                peer, session = what
                self._context.sessions.learned(kind, peer, session)
                handler = node.on_connect if kind == Kind.CONNECT else node.on_disconnect
                self._handling = f"{handler.__name__}({peer!r})"
                self._handle(note(kind, None, 0, peer), handler, peer)
            elif kind == Kind.SYNC_FAILED:
                paths = what.request.paths
                self._handling = f"on_sync_failed({', '.join(paths)!r})"
                event = note(kind, paths, what.request.event)
                self._handle(event, node.on_sync_failed, ", ".join(paths), what.error)
            elif kind == Kind.JOB_END:
                job, outcome, started = what
                self._handling = job
                event = note(kind, (job, outcome), started)
                handler, count = self._handlers[type(job)]
                self._handle(event, handler, *(job, outcome)[:count])

    def _ask(self, word: say.Ask) -> None:
        operation = from_json(word.operation)
        self._handling = operation
        entry = self._handlers.get(type(operation))
        if entry is None:
            raise ScenarioError(
                f"{self._context.program.__name__} does not handle {type(operation).__name__}"
            )
        handler, count = entry
        event = self._recorder.note(Kind.CALL, (word.ticket, operation))
        self._context.unanswered.add(word.ticket)
        self._handle(event, handler, *(operation, word.ticket)[:count])
        self._tell_news()

    # -- jobs -----------------------------------------------------------------------------------------------------

    def _job_ended(self, running: Running, outcome: Any) -> None:
        self._context.news.append((Kind.JOB_END, (running.job, outcome, running.started)))

    def _job_about(self, running: Running, verb: str, what: str) -> None:
        self._channel.say(say.About(verb, what, running.slot + 1))

    # -- the supervisor -------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._channel.receive()
        self._hear_all()
        if self._channel.is_over:
            os._exit(0)

    def _hear_all(self) -> None:
        for word in self._channel.words():
            self._hear(word)

    def _catch_up(self, peer: Address, incarnation: int) -> None:
        """A message overtook the news of its sender's start: those have been on their way for longer."""
        self._hear_all()
        while self._context.wires.newest[peer] < incarnation:
            self._listen()

    def _hear(self, word: Any) -> None:
        context = self._context
        match word:
            case say.PeerUp(address, incarnation, endpoint):
                context.wires.peer_up(Address(address), incarnation, endpoint)
            case say.PeerDown(address, incarnation):
                context.wires.peer_down(Address(address), incarnation)
                if not self._who.wiring.proxy:  # else the news takes the way of all else
                    context.sessions.lost(Address(address), incarnation)
            case say.Ask():
                self._asks.append(word)
            case say.Look(number):
                self._look(number)
            case say.Watch(watched):
                context.watched = watched
            case say.Proceed(token) if token and context.jobs is not None:
                context.jobs.proceed(token - 1)
            case say.Suffer(action, over):
                context.ailments.suffer(action, over)
            case say.Mend():
                context.ailments.mend()

    def _look(self, number: int) -> None:
        context = self._context
        value = self._node.probe() if self._has_started else None  # in its start it may wait for us
        if value is not None:
            self._recorder.note(Kind.PROBE, value)
        wires = context.wires
        figures = say.Figures(
            wires.messages_in, wires.messages_out, wires.bytes_in, wires.bytes_out, dict(wires.drops),
            len(context.jobs or ()), len(context.outbox),
        )  # fmt: skip
        self._channel.say(say.Looked(number, to_json(value), figures))

    # -- the end --------------------------------------------------------------------------------------------------

    def _raised(self, error: BaseException) -> NoReturn:
        """The program raised, and nobody caught it."""
        if isinstance(error, EnvironmentFault):
            self._recorder.note(Kind.STOP, headline(error), self._context.event)
            self._channel.say(say.Ended(headline(error)))
        elif isinstance(error, JobBlamed):
            self._channel.say(say.Ended(str(error), error.report, error.error))
        else:
            text = report(error, str(self._handling)[:300])
            self._channel.say(say.Ended(headline(error), text, type(error).__name__))
        os._exit(1)
