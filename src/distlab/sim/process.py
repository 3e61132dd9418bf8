"""One incarnation of a node in the simulator: the other side of its effects.

Theory of operation. Effects leave in program order. While no sync is pending they leave at once; otherwise they line up
in the outbox behind it, and each completed sync releases what stands between it and the next. An outbox entry is
``[done, action, arguments]``; a sync's entry is a barrier that has no action and becomes done by itself.

A handler takes no time, but may leave the process busy (a slow node, a slow disk) or paused; until ``held_until``
events line up in the inbox. Both are first in, first out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from distlab.core.codec import decoder, encode
from distlab.core.errors import BadValue, Halt, UnhandledValue
from distlab.core.files import Mark
from distlab.core.log import Log, LogLine
from distlab.core.node import Node
from distlab.core.values import Address, Job, Message, Operation, Outcome, Ticket, Timer
from distlab.sim.disk import Device, SimDisk
from distlab.sim.jobs import Running
from distlab.sim.store import SimStore
from distlab.sim.streams import stream
from distlab.trace import Kind

if TYPE_CHECKING:
    from distlab.sim.simulation import Simulation

_DONE, _ACTION, _ARGUMENTS = range(3)


class Process:
    """Implements :class:`~distlab.core.context.Context`."""

    def __init__(
        self, sim: Simulation, address: Address, program: type[Node], config: Any, incarnation: int
    ) -> None:
        self.sim = sim
        self.address = address
        self.config = config
        self.incarnation = incarnation
        self.alive = True
        self.node = program()
        self.handlers: dict[type, tuple[Callable[..., None], int, Callable[[bytes], Any]]] = {
            cls: (getattr(self.node, name), count, decoder(cls).decode)
            for cls, (name, count) in program.handlers.items()
        }
        self.device: Device = sim.devices[address]
        self.disk = SimDisk(self, self.device)
        self.store = SimStore(self, sim.objects)
        self.log = Log(self._write_line)
        self.timers: dict[Timer, int] = {}
        """Timers that are set -> the number of the heap entry that counts; older entries of the same timer do not."""
        self.jobs: dict[Job, Running] = {}
        self.held_until = 0
        self.paused_until = 0
        self.inbox: deque[tuple[Callable[[Any], None], Any]] = deque()
        self.cost = 0
        """What each event costs on a slow node."""
        self.factor = 1
        """How many times as long jobs take."""
        self._outbox: deque[list[Any]] = deque()
        self._random: Random | None = None
        self._width = len(program.state_fields) + 2  # and config, _context
        self.node.attach(self)

    # -- events ---------------------------------------------------------------------------------------------------

    def handle(self, event: int, handler: Callable[..., None], *arguments: Any) -> None:
        """Run a handler to its end, or to the end of the process."""
        sim = self.sim
        sim.acting = self
        sim.cause = event
        try:
            handler(*arguments)
        except Halt:
            return
        except Exception as error:
            sim.handler_raised(self, error, arguments)
            return
        if self.cost:
            self.charge(self.cost)
        if len(vars(self.node)) > self._width:
            self.node.state()  # says what is undeclared

    def is_held(self) -> bool:
        """Whether events must wait: the process is busy, paused, or has others to take first."""
        return bool(self.inbox) or self.held_until > self.sim.time

    def hold(self, action: Callable[[Any], None], argument: Any) -> None:
        """Take this event as soon as those before it are done with."""
        self.inbox.append((action, argument))
        if len(self.inbox) == 1:
            self.sim.at(self.held_until, self._wake, None)

    def _wake(self, _: None) -> None:
        while self.alive and self.inbox:
            if self.held_until > self.sim.time:
                self.sim.at(self.held_until, self._wake, None)
                return
            action, argument = self.inbox[0]
            rest, self.inbox = self.inbox, deque()  # so that the action does not find itself held
            action(argument)
            rest.popleft()
            rest.extend(self.inbox)
            self.inbox = rest

    def charge(self, cost: int) -> None:
        """The process is busy for so long, on top of what it is busy with."""
        self.held_until = max(self.held_until, self.sim.time) + cost

    def must_live(self) -> None:
        if not self.alive:
            raise Halt("this process has ended")

    def about_to(self, verb: str, what: str) -> None:
        if self.sim.watchers:
            self.sim.watch(self, verb, what)

    def note(self, kind: str, what: Any, cause: int | None = None, peer: str = "") -> int:
        """Write an event of this process into the trace; returns its id."""
        return self.sim.note(self, kind, what, self.sim.cause if cause is None else cause, peer)

    # -- order of effects -----------------------------------------------------------------------------------------

    def sync(self, paths: tuple[str, ...], mark: Mark) -> None:
        """Begin a sync that everything after it waits for."""
        entry: list[Any] = [False, None, (paths, mark)]
        self._outbox.append(entry)
        asked = self.note(Kind.SYNC, paths)
        self.device.sync(mark, lambda worked: self._synced(entry, asked, worked))

    def _synced(self, entry: list[Any], asked: int, worked: bool) -> None:
        if not self.alive or entry[_DONE]:
            return
        paths = entry[_ARGUMENTS][0]
        self.sim.cause = asked
        if worked:
            entry[_DONE] = True
            self.note(Kind.SYNCED, paths, cause=asked)
            self._release()
        else:
            while self._outbox and self._outbox[-1] is not entry:
                self._outbox.pop()
            self._outbox.pop()
            self.take_sync_failure((asked, paths))

    def take_sync_failure(self, what: tuple[int, tuple[str, ...]]) -> None:
        if self.is_held():
            self.hold(self.take_sync_failure, what)
            return
        asked, paths = what
        event = self.note(Kind.SYNC_FAILED, paths, cause=asked)
        self.handle(
            event, self.node.on_sync_failed, ", ".join(paths), "the device reports an error"
        )

    def flush(self) -> None:
        """Wait for all syncs under way, here and now: what a store call in a handler does."""
        for entry in list(self._outbox):
            if entry[_ACTION] is None and not entry[_DONE]:
                paths, mark = entry[_ARGUMENTS]
                self.device.settle(mark)
                entry[_DONE] = True
                self.note(Kind.SYNCED, paths)
                self.charge(self.sim.noise.sync[0] * self.device.slow)
        self._release()

    def _in_order(self, action: Callable[..., None], *arguments: Any) -> None:
        if self._outbox:
            self._outbox.append([False, action, arguments])
        else:
            action(*arguments)

    def _release(self) -> None:
        outbox = self._outbox
        while outbox and (outbox[0][_ACTION] is not None or outbox[0][_DONE]):
            _, action, arguments = outbox.popleft()
            if action is not None:
                action(*arguments)

    def pause(self, until: int) -> None:
        """Stand still; what a handler in its midst still sends leaves when the process wakes."""
        self.paused_until = max(self.paused_until, until)
        self.held_until = max(self.held_until, until)
        entry: list[Any] = [False, None, ((), Mark([], [], 0))]
        self._outbox.append(entry)
        self.sim.at(until, self._end_pause, entry)

    def _end_pause(self, entry: list[Any]) -> None:
        entry[_DONE] = True
        if self.alive:
            self._release()

    def speed_up(self) -> None:
        """The node is no longer slow."""
        self.cost, self.factor = 0, 1

    def wake_now(self) -> None:
        """No longer slow, and no longer paused, but for what it has already been promised to wait."""
        self.speed_up()
        self.paused_until = 0
        if self.held_until > self.sim.time:
            self.held_until = self.sim.time
            self.sim.after(0, self._wake, None)

    def die(self) -> None:
        """The process is gone; whatever of it is still queued somewhere finds it not alive."""
        self.alive = False
        self.timers.clear()
        for running in list(self.jobs.values()):
            running.cancel()
        self.jobs.clear()
        self.inbox.clear()
        self._outbox.clear()

    # -- Context --------------------------------------------------------------------------------------------------

    def send(self, to: Address, message: Message) -> None:
        if not isinstance(message, Message):
            raise BadValue(f"send takes a Message, not {message!r}")
        blob = encode(message)
        sim = self.sim
        if sim.watchers:
            sim.watch(self, "send", type(message).__name__)
        if not self.alive:
            raise Halt("this process has ended")
        if self._outbox:
            self._outbox.append([False, sim.network.dispatch, (self, to, message, blob, sim.cause)])
        else:
            sim.network.dispatch(self, to, message, blob, sim.cause)

    def connect(self, peer: Address) -> None:
        self._in_order(self.sim.sessions.connect, self, peer)

    def disconnect(self, peer: Address) -> None:
        self._in_order(self.sim.sessions.disconnect, self, peer)

    def set_timer(self, timer: Timer, after: int) -> None:
        if type(timer) not in self.handlers:
            raise UnhandledValue(
                f"{type(self.node).__name__} sets {timer!r} but has no handler for it"
            )
        if type(after) is not int or after < 0:
            raise BadValue(
                f"set_timer({timer!r}, {after!r}): a duration is a whole number of microseconds, 0 or more"
            )
        expiry: list[Any] = [timer, 0, self.sim.cause]
        self.timers[timer] = expiry[1] = self.sim.after(after, self._expire, expiry)

    def _expire(self, expiry: list[Any]) -> None:
        timer, number, cause = expiry
        if self.timers.get(timer) != number:  # moved or cancelled since
            return
        if self.inbox or self.held_until > self.sim.time:
            self.hold(self._expire, expiry)
            return
        del self.timers[timer]
        self.sim.fire(self, timer, cause)

    def cancel_timer(self, timer: Timer) -> None:
        self.timers.pop(timer, None)

    def run_job(self, job: Job) -> None:
        if type(job) not in self.handlers:
            raise UnhandledValue(
                f"{type(self.node).__name__} runs {job!r} but has no handler for its end"
            )
        self.about_to("job", type(job).__name__)
        if job not in self.jobs:
            self.jobs[job] = Running(self, job)

    def cancel_job(self, job: Job) -> None:
        running = self.jobs.pop(job, None)
        if running is not None:
            running.cancel()

    def begin(self, operation: Operation) -> Ticket:
        return self.sim.begin(self, operation)

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        self.about_to("finish", type(outcome).__name__)
        self.sim.answer(self, ticket, outcome)
        self._in_order(self.sim.finish, self, ticket, outcome, self.sim.cause)

    def stop(self, reason: str) -> None:
        self.sim.stop(self, reason)
        raise Halt(reason)

    def now(self) -> int:
        return self.sim.clock(self.address)

    def monotonic(self) -> int:
        return self.sim.time

    @property
    def random(self) -> Random:
        if self._random is None:
            self._random = stream(self.sim.noise.seed, "node", self.address, self.incarnation)
        return self._random

    def _write_line(self, line: LogLine) -> None:
        self.note(Kind.LOG, line)
