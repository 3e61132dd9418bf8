"""One node with no world round it: for unit tests, a rule at a time.

::

    store = Solo(Store)
    store.deliver(Put(id=1), sender="c")        # -> [Written("append", "wal"), Synced("wal"), Sent("c", Stored(1))]
    store.crash(); store.start()                # what was not synced is gone

No time passes but by :meth:`Solo.advance`, no message goes anywhere, and syncs are done at once. :class:`Pair` joins
two of them by a perfect link. To meet delays, losses and torn writes, use the simulator.
"""

from __future__ import annotations

import contextlib
from random import Random
from typing import Any

from distlab.core import effects as fx
from distlab.core.codec import crossed, decoder, encode
from distlab.core.effects import Effect
from distlab.core.errors import (
    BadValue,
    Halt,
    NotConnected,
    ScenarioError,
    StudentError,
    UnhandledValue,
)
from distlab.core.files import Files, FilesDisk
from distlab.core.log import Level, Log, LogLine
from distlab.core.node import Node
from distlab.core.objects import Objects
from distlab.core.values import (
    Address,
    Failed,
    Finished,
    Job,
    JobOutcome,
    Message,
    Operation,
    Outcome,
    SessionMessage,
    Ticket,
    Timer,
)


class Solo:
    """A started node, its files, its timers, and everything it asked for."""

    def __init__(
        self,
        program: type[Node],
        config: Any = None,
        address: str = "node",
        *,
        store: Objects | None = None,
        seed: int = 0,
    ) -> None:
        self.program = program
        self.address = Address(address)
        self.config = config
        self.random = Random(seed)
        self.effects: list[Effect] = []
        self.files = Files()
        self.objects = Objects() if store is None else store
        self.disk = _SoloDisk(self)
        self.store = _SoloStore(self)
        self.lines: list[LogLine] = []
        self.log = Log(self.lines.append, Level.DEBUG)
        self.timers: dict[Timer, int] = {}
        """Timers that are set -> when they are due."""
        self.jobs: list[Job] = []
        """Jobs that were started and have not ended; :meth:`finish_job` runs one."""
        self.sessions: set[Address] = set()
        """Peers with which a session is open."""
        self.time = 0
        self._tickets = 0
        self.start()

    # -- what a test does -----------------------------------------------------------------------------------------

    def start(self) -> list[Effect]:
        """Start the node afresh over the files it has; also after :meth:`crash`."""
        self.node = self.program()
        self._forget()
        self.node.attach(self)
        return self._run("on_start")

    def deliver(self, message: Message, sender: str = "peer") -> list[Effect]:
        """Hand the node a message, as if from a wire; returns what it asked for."""
        copy = decoder(type(message)).decode(encode(message))
        return self._handle(copy, Address(sender))

    def call(self, operation: Operation) -> tuple[Ticket, list[Effect]]:
        """Ask the client to do something."""
        ticket = self._next_ticket()
        return ticket, self._handle(operation, ticket)

    def fire(self, timer: Timer) -> list[Effect]:
        """Let a timer expire now. Raises ``ScenarioError`` if it is not set."""
        if timer not in self.timers:
            raise ScenarioError(f"{timer} is not set; set are {list(self.timers)}")
        self.time = max(self.time, self.timers.pop(timer))
        return self._handle(timer)

    def advance(self, duration: int) -> list[Effect]:
        """Let time pass, firing the timers that fall due, in order."""
        until, asked = self.time + duration, []
        while due := [(at, i, t) for i, (t, at) in enumerate(self.timers.items()) if at <= until]:
            asked += self.fire(min(due)[2])
        self.time = until
        return asked

    def finish_job(self, job: Job) -> list[Effect]:
        """Run a started job to its end, and tell the node."""
        self.jobs.remove(job)
        return self._handle(job, run_to_end(job, self))

    def crash(self) -> None:
        """End the process: state, timers and jobs are gone, and so is all that was not synced."""
        self.files.crash(lambda size, last: 0, lambda count: 0)
        self._forget()

    def open_session(self, peer: str = "peer") -> list[Effect]:
        """A session with ``peer`` is open now, whoever asked for it."""
        self.sessions.add(Address(peer))
        return self._run("on_connect", Address(peer))

    def close_session(self, peer: str = "peer") -> list[Effect]:
        """The session is over, or could not be opened."""
        self.sessions.discard(Address(peer))
        return self._run("on_disconnect", Address(peer))

    def _forget(self) -> None:
        self.timers.clear()
        self.jobs.clear()
        self.sessions.clear()

    def _handle(self, value: Any, *extra: Any) -> list[Effect]:
        entry = self.program.handlers.get(type(value))
        if entry is None:
            raise UnhandledValue(
                f"{self.program.__name__} has no handler for {type(value).__name__}"
            )
        name, count = entry
        return self._run(name, *(value, *extra)[:count])

    def _run(self, handler: str, *arguments: Any) -> list[Effect]:
        before = len(self.effects)
        with contextlib.suppress(Halt):
            getattr(self.node, handler)(*arguments)
        self.node.state()  # names what is undeclared
        return self.effects[before:]

    def _next_ticket(self) -> Ticket:
        self._tickets += 1
        return Ticket(self._tickets)

    # -- what the node does (Context) -------------------------------------------------------------------------------

    def send(self, to: Address, message: Message) -> None:
        if not isinstance(message, Message):
            raise BadValue(f"send takes a Message, not {message!r}")
        encode(message)
        if isinstance(message, SessionMessage) and to not in self.sessions:
            raise NotConnected(f"{type(message).__name__} to {to} needs a session: connect first")
        self.effects.append(fx.Sent(to, message))

    def connect(self, peer: Address) -> None:
        self.effects.append(fx.Connecting(peer))

    def disconnect(self, peer: Address) -> None:
        self.sessions.discard(peer)
        self.effects.append(fx.Disconnecting(peer))

    def set_timer(self, timer: Timer, after: int) -> None:
        if not isinstance(timer, Timer) or type(timer) not in self.program.handlers:
            raise UnhandledValue(f"{self.program.__name__} sets {timer} but has no handler for it")
        self.timers.pop(
            timer, None
        )  # of those due at one time, the one that was set first fires first
        self.timers[timer] = self.time + after
        self.effects.append(fx.TimerSet(timer, after))

    def cancel_timer(self, timer: Timer) -> None:
        self.timers.pop(timer, None)
        self.effects.append(fx.TimerCancelled(timer))

    def run_job(self, job: Job) -> None:
        if not isinstance(job, Job) or type(job) not in self.program.handlers:
            raise UnhandledValue(
                f"{self.program.__name__} runs {job} but has no handler for its end"
            )
        if job not in self.jobs:
            self.jobs.append(job)
            self.effects.append(fx.JobStarted(job))

    def cancel_job(self, job: Job) -> None:
        if job in self.jobs:
            self.jobs.remove(job)
            self.effects.append(fx.JobCancelled(job))

    def begin(self, operation: Operation) -> Ticket:
        ticket = self._next_ticket()
        self.effects.append(fx.Began(ticket, operation))
        return ticket

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        self.effects.append(fx.Done(ticket, outcome))

    def now(self) -> int:
        return self.time

    def monotonic(self) -> int:
        return self.time

    def stop(self, reason: str) -> None:
        self.effects.append(fx.Stopped(reason))
        raise Halt(reason)


class _SoloDisk(FilesDisk):
    """Files that note what is done to them, and whose syncs are done at once."""

    def __init__(self, solo: Solo) -> None:
        super().__init__(solo.files)
        self._note = solo.effects.append

    def append_bytes(self, path: str, data: bytes) -> None:
        self._files.append(path, data)
        self._note(fx.Written("append", path))

    def truncate(self, path: str, size: int) -> None:
        self._files.truncate(path, size)
        self._note(fx.Written("truncate", path))

    def replace(self, source: str, target: str) -> None:
        self._files.replace(source, target)
        self._note(fx.Written("replace", target))

    def delete(self, path: str) -> None:
        self._files.delete(path)
        self._note(fx.Written("delete", path))

    def sync(self, *paths: str) -> None:
        self._files.settle(self._files.mark(*paths))
        for path in paths:
            self._note(fx.Synced(path))


class _SoloStore(Objects):
    """A view of the shared store that notes what is done to it."""

    def __init__(self, solo: Solo) -> None:
        self._objects = solo.objects._objects
        self._note = solo.effects.append

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self._note(fx.Stored("put_if_absent", key))
        return super().put_if_absent(key, data)

    def append(self, key: str, data: bytes) -> None:
        self._note(fx.Stored("append", key))
        super().append(key, data)

    def rename(self, source: str, target: str) -> bool:
        self._note(fx.Stored("rename", target))
        return super().rename(source, target)

    def delete(self, key: str) -> None:
        self._note(fx.Stored("delete", key))
        super().delete(key)


def run_to_end(job: Job, io: Any) -> JobOutcome:
    """Run a job in one go; its exception becomes ``Failed``."""
    steps, progress = job.run(io), None
    try:
        while True:
            reported = next(steps)
            progress = progress if reported is None else reported
    except StopIteration as end:
        return Finished(crossed(end.value, type(job).Result))
    except (StudentError, NotImplementedError):  # the job is wrong, not what it works on
        raise
    except Exception as error:
        return Failed(f"{type(error).__name__}: {error}", progress)


class Pair:
    """Two nodes and a perfect link: what they send each other arrives, in order, when :meth:`settle` is called.

    A session that one of them asks for is opened, and one that it ends is over, on both sides.
    """

    def __init__(self, left: Solo, right: Solo) -> None:
        self._nodes = {left.address: left, right.address: right}
        self._read = dict.fromkeys(self._nodes, 0)
        """How much of each node's transcript has been carried over."""

    def settle(self, limit: int = 1000) -> int:
        """Carry what they ask for to and fro until both are quiet; returns how many messages that were.

        Raises ``ScenarioError`` at the limit.
        """
        carried = 0
        while pending := [
            (sender, effect) for sender in self._nodes for effect in self._unread(sender)
        ]:
            for sender, effect in pending:
                match effect:
                    case fx.Sent(to, message):
                        if carried == limit:
                            raise ScenarioError(
                                f"still talking after {limit} messages; the last was {message}"
                            )
                        carried += 1
                        self._nodes[to].deliver(message, sender)
                    case fx.Connecting(peer):
                        self._nodes[sender].open_session(peer)
                        self._nodes[peer].open_session(sender)
                    case fx.Disconnecting(peer):
                        self._nodes[sender].close_session(peer)
                        self._nodes[peer].close_session(sender)
        return carried

    def _unread(self, sender: Address) -> list[fx.Sent | fx.Connecting | fx.Disconnecting]:
        """What a node asked for since the last look that concerns the other one."""
        effects = self._nodes[sender].effects
        unread: list[fx.Sent | fx.Connecting | fx.Disconnecting] = []
        for effect in effects[self._read[sender] :]:
            match effect:
                case fx.Sent(to) | fx.Connecting(to) | fx.Disconnecting(to) if to in self._nodes:
                    unread.append(effect)
        self._read[sender] = len(effects)
        return unread
