"""One incarnation of a node in a process of its own: the other side of its effects.

:class:`LiveContext` carries out what the node asks for; what comes to the node is the business of
:mod:`distlab.live.node`, whose loop owns this. Every handler runs in that loop's thread, and nothing here blocks, but a
store call behind a sync, a cancelled job's end, and an effect that a fault plan wants to be asked about first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

from distlab.core.codec import encode
from distlab.core.errors import (
    BadValue,
    DiskError,
    Halt,
    UnhandledValue,
)
from distlab.core.node import Node
from distlab.core.values import (
    Address,
    Fail,
    Info,
    Job,
    Message,
    Ok,
    Operation,
    Outcome,
    SessionMessage,
    Ticket,
    Timer,
)
from distlab.live.ailments import Ailments
from distlab.live.control import About, BeNode, Channel, Ended, Proceed, Returned
from distlab.live.disk import LiveDisk, Mark
from distlab.live.envelope import DATAGRAM, STREAM
from distlab.live.jobhost import Board
from distlab.live.jobs import Jobs
from distlab.live.outbox import Outbox
from distlab.live.portable import class_path, to_json
from distlab.live.recorder import Recorder
from distlab.live.scene import log_to, stream
from distlab.live.sessions import Session, Sessions
from distlab.live.store import FolderStore
from distlab.live.syncer import Completed, Syncer
from distlab.live.timers import Timers
from distlab.live.wires import Wires
from distlab.trace import Kind

_TICKETS: Final = 1 << 32
"""Tickets below are the supervisor's; each process has as many of its own."""


class LiveContext:
    """Implements :class:`~distlab.core.context.Context`, and owns the node's disk."""

    def __init__(
        self, who: BeNode, config: Any, program: type[Node], channel: Channel, board: Board
    ) -> None:
        self.address = Address(who.address)
        self.config = config
        self.who = who
        self.program = program
        self.channel = channel
        self.wires = Wires(who.wiring, self.address, who.incarnation)
        self.sessions = Sessions(self.address, self._reply, self._tell)
        self.timers = Timers()
        self.syncer = Syncer()
        self.outbox = Outbox()
        self.jobs: Jobs | None = None
        """None where the program has none."""
        self.ailments = Ailments(self.syncer, board, self._kill_job)
        self.news: deque[tuple[str, Any]] = deque()
        """What the loop has to tell the node when the handler that runs is done: kind of event, and what of it."""
        self.event = 0
        """Id of the event whose handler runs: what its effects are caused by."""
        self.unanswered: set[int] = set()
        """Tickets of operations that this client has begun and not finished."""
        self.watched = list(who.watched)
        self.hear: Callable[[Any], None] = lambda word: None
        """Takes a word of the supervisor that comes while we wait for another one."""
        self._names: dict[type, tuple[bytes, str]] = {}
        self._random: Random | None = None
        self._tickets = who.process * _TICKETS

    def begin_run(self, epoch: int) -> None:
        """Everybody is there: open the books."""
        who, folder = self.who, Path(self.who.folder)
        self.recorder = Recorder(
            Path(who.events) / f"{who.address}.{who.incarnation}.jsonl",
            who.process << 16,
            who.address,
            who.incarnation,
            who.record,
            epoch,
        )
        self.log = log_to(folder / "log", self.recorder, lambda: self.event)
        self.disk = LiveDisk(folder / "disk", self, who.capacity, shared=self.jobs is not None)
        mounts = {at: Path(path) for at, path in who.mounts.items()}
        self.store = FolderStore(Path(who.store), mounts, self._before_store, self._stored)

    # -- messages -------------------------------------------------------------------------------------------------

    def send(self, to: Address, message: Message) -> None:
        if not isinstance(message, Message):
            raise BadValue(f"send takes a Message, not {message!r}")
        blob = encode(message)
        cls = type(message)
        if not self.wires.is_member(to):
            raise BadValue(f"there is no node {to!r}; there are {', '.join(self.wires.newest)}")
        if isinstance(message, SessionMessage):
            session, number = self.sessions.take_place(to, len(blob), cls.__name__)
            self.outbox.in_order(self._stream, session, number, cls, blob, self.event)
        elif self.outbox.is_clear:
            self._dispatch(to, cls, blob, self.event)
        else:
            self.outbox.in_order(self._dispatch, to, cls, blob, self.event)

    def _dispatch(self, to: Address, cls: type, blob: bytes, cause: int) -> None:
        if self.watched:
            self.about_to("send", cls.__name__)
        name, path = self._names.get(cls) or self._name(cls)
        sent = self.recorder.note_message(Kind.SEND, path, blob, cause, to)
        if why := self.wires.send(DATAGRAM, to, blob, name, sent):
            self.recorder.note_drop(path, blob, why, sent, self.address, to)

    def _stream(self, session: Session, number: int, cls: type, blob: bytes, cause: int) -> None:
        if self.watched:
            self.about_to("send", cls.__name__)
        peer = session.peer
        name, path = self._names.get(cls) or self._name(cls)
        sent = self.recorder.note_message(Kind.SEND, path, blob, cause, peer)
        if self.sessions.is_current(session):
            self.wires.send(STREAM, peer, blob, name, sent, session.id, number)
        else:
            self.recorder.note_drop(path, blob, "disconnected", sent, self.address, peer)

    def _name(self, cls: type) -> tuple[bytes, str]:
        tag = str(cls.__struct_config__.tag)  # type: ignore[attr-defined]
        self._names[cls] = tag.encode(), class_path(cls)
        return self._names[cls]

    # -- sessions -------------------------------------------------------------------------------------------------

    def connect(self, peer: Address) -> None:
        if not self.wires.is_member(peer):
            raise BadValue(f"there is no node {peer!r}; there are {', '.join(self.wires.newest)}")
        if peer == self.address:
            raise BadValue(f"{peer} asks for a session with itself")
        self.outbox.in_order(self._connect, peer)

    def _connect(self, peer: Address) -> None:
        self.sessions.connect(peer, self.wires.incarnation_of(peer))

    def disconnect(self, peer: Address) -> None:
        self.outbox.in_order(self.sessions.disconnect, peer)

    def _reply(self, kind: int, peer: Address, session: int, sequence: int = 0) -> None:
        self.wires.send(kind, peer, b"", session=session, sequence=sequence)

    def _tell(self, kind: str, peer: Address, session: Session | None) -> None:
        self.news.append((kind, (peer, session)))

    # -- timers and jobs ------------------------------------------------------------------------------------------

    def set_timer(self, timer: Timer, after: int) -> None:
        self._must_handle(timer, Timer, "sets {!r} as a timer but has no handler for it")
        if type(after) is not int or after < 0:
            raise BadValue(
                f"set_timer({timer!r}, {after!r}): a duration is a whole number of microseconds, 0 or more"
            )
        self.timers.set(timer, self.recorder.now() + after, self.event)

    def cancel_timer(self, timer: Timer) -> None:
        self.timers.cancel(timer)

    def run_job(self, job: Job) -> None:
        self._must_handle(job, Job, "runs {!r} as a job but has no handler for its end")
        self.about_to("job", type(job).__name__)
        if self.jobs is not None and job not in self.jobs:
            started = self.recorder.note(Kind.JOB, job, self.event)
            self.jobs.start(job, started, self.recorder.epoch, self.watched)

    def cancel_job(self, job: Job) -> None:
        if self.jobs is not None:
            self.jobs.cancel(job)

    def _kill_job(self) -> None:
        if self.jobs is not None:
            self.jobs.kill_oldest()

    def _must_handle(self, value: Any, kind: type, else_it: str) -> None:
        if not isinstance(value, kind) or type(value) not in self.program.handlers:
            raise UnhandledValue(f"{self.program.__name__} {else_it.format(value)}")

    # -- operations, clocks, the end ------------------------------------------------------------------------------

    def begin(self, operation: Operation) -> Ticket:
        if not isinstance(operation, Operation):
            raise BadValue(f"begin takes an Operation, not {operation!r}")
        self._tickets += 1
        self.recorder.note(Kind.CALL, (self._tickets, operation), self.event)
        self.unanswered.add(self._tickets)
        return Ticket(self._tickets)

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        if ticket not in self.unanswered:
            raise BadValue(
                f"finish({ticket!r}, ...): this client has no open operation of that ticket"
            )
        if not isinstance(outcome, (Ok, Fail, Info)):
            raise BadValue(
                f"finish({ticket!r}, {outcome!r}): an outcome is Ok(...), Fail(...) or Info(...)"
            )
        encode(outcome)
        self.unanswered.discard(ticket)
        self.outbox.in_order(self._finish, ticket, outcome, self.event)

    def _finish(self, ticket: Ticket, outcome: Outcome, cause: int) -> None:
        self.about_to("finish", type(outcome).__name__)
        self.recorder.note(Kind.RETURN, (ticket, outcome), cause)
        self.channel.say(Returned(ticket, to_json(outcome)))

    def now(self) -> int:
        return self.ailments.now()

    def monotonic(self) -> int:
        return self.recorder.now()

    @property
    def random(self) -> Random:
        if self._random is None:
            self._random = stream(self.who.seed, "node", self.address, self.who.incarnation)
        return self._random

    def stop(self, reason: str) -> None:
        self.recorder.note(Kind.STOP, reason, self.event)
        self.channel.say(Ended(reason))
        raise Halt(reason)

    # -- faults that wait for somebody's doing --------------------------------------------------------------------

    def about_to(self, verb: str, what: str) -> None:
        """An effect comes next: where it is watched, wait for the supervisor's word."""
        if any(v == verb and what.startswith(prefix) for v, prefix in self.watched):
            self.wires.flush()  # what came before it has happened
            self.channel.say(About(verb, what, 0))
            while not self._hear_proceed():
                self.channel.receive()
                if self.channel.is_over:
                    raise Halt("the supervisor is gone")

    def _hear_proceed(self) -> bool:
        for word in self.channel.words():
            if isinstance(word, Proceed) and word.token == 0:
                return True
            self.hear(word)
        return False

    # -- Owner of the disk ----------------------------------------------------------------------------------------

    def before_read(self, path: str) -> None:
        self.ailments.before_read(path)

    def before_append(self, path: str) -> None:
        self.ailments.before_append(path)

    def before_sync(self, path: str) -> None:
        self.about_to("sync", path)

    def wrote(self, verb: str, path: str, size: int) -> None:
        self.recorder.note(Kind.WRITE, (verb, path, size), self.event)

    def sync(self, paths: tuple[str, ...], marks: list[Mark]) -> None:
        asked = self.recorder.note(Kind.SYNC, paths, self.event)
        self.outbox.barrier(self.syncer.ask(paths, marks, asked))

    def take_syncs(self) -> list[Completed]:
        """Release what waited for syncs that are done; returns those that failed."""
        failed = []
        for done in self.syncer.completed():
            number, paths, marks, asked = done.request
            if done.error:
                self.news.append((Kind.SYNC_FAILED, done))
                for dropped in self.outbox.failed(number):
                    if isinstance(dropped[0], Session):  # nothing may come after what never left
                        self.sessions.give_up(dropped[0])
                failed.append(done)
            else:
                self.disk.synced(marks)
                self.recorder.note(Kind.SYNCED, paths, asked)
                self.outbox.done(number)
        return failed

    # -- the shared store -----------------------------------------------------------------------------------------

    def _before_store(self, key: str) -> None:
        self.about_to("store", key)
        if not self.outbox.is_clear:
            self.syncer.wait()
            if failed := self.take_syncs():
                paths = ", ".join(failed[0].request.paths)
                raise DiskError(f"sync of {paths} failed before this call: {failed[0].error}")

    def _stored(self, verb: str, key: str, result: bool) -> None:
        self.recorder.note(Kind.STORE, (verb, key, result), self.event)
