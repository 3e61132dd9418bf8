"""One incarnation of a node in the simulator: the other side of its effects.

Theory of operation. Effects leave in program order. While no sync is pending they leave at once; otherwise they line up
in the outbox behind it, and each completed sync releases what stands between it and the next. The outbox holds
``(action, arguments)`` for an effect, and a :class:`_Barrier` for a sync. A fault that waits for an effect strikes when
the effect takes place, which may be long after the handler that asked for it.

A handler takes no time, but may leave the process busy (a slow node, a slow disk) until ``held_until``, or paused until
somebody wakes it; meanwhile events line up in the inbox, and a paused process sends nothing either. Both queues are
first in, first out.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from distlab.core.codec import decoder, encode
from distlab.core.errors import BadValue, DiskError, Halt, UnhandledValue
from distlab.core.log import Log, LogLine
from distlab.core.node import Node
from distlab.core.values import (
    Address,
    Job,
    Message,
    Operation,
    Outcome,
    SessionMessage,
    Ticket,
    Timer,
)
from distlab.sim.disk import Device, Request, SimDisk
from distlab.sim.jobs import Running
from distlab.sim.network import Link
from distlab.sim.sessions import Half
from distlab.sim.store import SimStore
from distlab.sim.streams import Steered, stream
from distlab.trace import Kind

if TYPE_CHECKING:
    from distlab.sim.simulation import Simulation

_FOREVER = 1 << 62


class _Barrier:
    """A sync in the outbox: what stands behind it waits."""

    __slots__ = ("asked", "asked_by", "is_open", "paths", "request")

    def __init__(self, paths: tuple[str, ...], asked: int, asked_by: int) -> None:
        self.paths = paths
        self.asked = asked
        """The event of the sync."""
        self.asked_by = asked_by
        """The event in whose handler it was asked for."""
        self.is_open = False
        self.request: Request | None = None


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
        self.salt = zlib.crc32(address.encode())
        """Makes the digest of an event on this node differ from the same event's on another."""
        self.node = program()
        self.handlers: dict[type, tuple[Callable[..., None], int, Callable[[bytes], Any]]] = {
            cls: (getattr(self.node, name), count, decoder(cls).decode)
            for cls, (name, count) in program.handlers.items()
        }
        self.device: Device = sim.devices[address]
        self.disk = SimDisk(self, self.device)
        self.store = SimStore(self, sim.objects)
        self.log = Log(self._write_line)
        self.timers: dict[Timer, tuple[int, int, int]] = {}
        """Timers that are set -> when they are due, their place among the events of that time, and their cause."""
        self._alarms: dict[Timer, tuple[int, int]] = {}
        """Timers of which an event stands in the heap -> its time and place, perhaps before the timer is due."""
        self.jobs: dict[Job, Running] = {}
        self.peers: dict[Address, Half | None] = {}
        """Sessions as this process knows them; None: asked for."""
        self.inbox: deque[tuple[Callable[[Any], None], Any]] = deque()
        self.held_until = 0
        """Until then, or until it is woken, the process takes no event."""
        self.is_paused = False
        self._busy_until = 0
        self._pauses = 0
        self._waking_at = -1
        """When the event comes that is to empty the inbox; -1: there is none."""
        self._when_awake: list[Callable[[None], None]] = []
        self._outbox: deque[tuple[Callable[..., None], tuple[Any, ...]] | _Barrier] = deque()
        self._links: dict[Address, Link] = {}
        self._random: Random | None = None
        self.node.attach(self)
        self._attributes = vars(self.node)
        self._known_attributes = len(self._attributes)

    # -- events ---------------------------------------------------------------------------------------------------

    def handle(
        self,
        event: int,
        handler: Callable[..., None],
        count: int,
        value: Any = None,
        extra: Any = None,
    ) -> None:
        """Run a handler, with ``count`` of the two arguments, to its end, or to the end of the process."""
        sim = self.sim
        sim.acting = self
        sim.cause = event
        try:
            if count == 2:
                handler(value, extra)
            elif count:
                handler(value)
            else:
                handler()
            if len(self._attributes) != self._known_attributes:
                self.node.state()  # says what is undeclared
                self._known_attributes = len(self._attributes)
        except Halt:
            return
        except (Exception, SystemExit) as error:
            if self.alive:  # else it caught its own end, and what it did then never happened
                sim.handler_raised(self, error, _handling(handler, value))
            return
        if self.device.event_cost:
            self.charge(self.device.event_cost)

    def take(self, action: Callable[[Any], None], argument: Any) -> None:
        """Take this event, now or as soon as the process is free and those before it are done with."""
        if self.inbox or self.held_until > self.sim.time:
            self.inbox.append((action, argument))
            self._wake_later()
        else:
            action(argument)

    def _wake_later(self) -> None:
        """See to it that the inbox is emptied once the process is free."""
        at = max(self.held_until, self.sim.time)
        if self.inbox and not self.is_paused and not self.sim.time <= self._waking_at <= at:
            self._waking_at = at
            self.sim.at(at, self._wake, at)

    def _wake(self, at: int) -> None:
        if at != self._waking_at:  # another one was called for since
            return
        while self.alive and self.inbox and self.held_until <= self.sim.time:
            action, argument = self.inbox.popleft()
            action(argument)
        self._waking_at = -1
        if self.alive:
            self._wake_later()

    def charge(self, cost: int) -> None:
        """The process is busy for so long, on top of what it is busy with."""
        self._busy_until = max(self._busy_until, self.sim.time) + cost
        if not self.is_paused:
            self.held_until = self._busy_until

    def pause(self) -> None:
        """Stand still until :meth:`wake` is called as often; what a handler in its midst still does leaves then."""
        self._pauses += 1
        self.is_paused = True
        self.held_until = _FOREVER

    def wake(self) -> None:
        """Go on, unless another pause is under way."""
        self._pauses -= 1
        if self._pauses or not self.alive:
            return
        self.is_paused = False
        self.held_until = self._busy_until
        self._release()
        self._wake_later()
        steps, self._when_awake = self._when_awake, []
        for step in steps:
            self.sim.after(0, step, None)

    def once_awake(self, step: Callable[[None], None]) -> None:
        """Call ``step`` when the pause is over."""
        self._when_awake.append(step)

    def must_live(self) -> None:
        if not self.alive:
            raise Halt("this process has ended")

    def about_to(self, verb: str, what: str) -> None:
        if self.sim.watch is not None:
            self.sim.watch(self, verb, what)

    def note(self, kind: str, what: Any, cause: int | None = None, peer: str = "") -> int:
        """Write an event of this process into the trace; returns its id."""
        return self.sim.note(self, kind, what, self.sim.cause if cause is None else cause, peer)

    def die(self) -> None:
        """The process is gone; whatever of it is still queued somewhere finds it not alive."""
        self.alive = False
        self.timers.clear()
        jobs = list(self.jobs.values())
        self.jobs.clear()
        self.inbox.clear()
        self._outbox.clear()
        for running in jobs:
            running.cancel()

    # -- order of effects -----------------------------------------------------------------------------------------

    def sync(self, paths: tuple[str, ...]) -> None:
        """Begin a sync that everything after it waits for.

        It waits for those that this handler has asked for before, and so does a fault that waits for it.
        """
        about_to = None
        if self.sim.watch is not None:
            about_to = partial(self._about_to_sync, paths)
            if not self._is_chained():
                about_to()
                about_to = None
        mark = self.device.files.mark(*paths)
        barrier = _Barrier(paths, self.note(Kind.SYNC, paths), self.sim.cause)
        self._outbox.append(barrier)
        barrier.request = Request(mark, partial(self._synced, barrier), about_to)
        self.device.sync(barrier.request)

    def _about_to_sync(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            self.about_to("sync", path)

    def _is_chained(self) -> bool:
        """Whether this handler has asked for a sync already that is not done."""
        return any(
            isinstance(entry, _Barrier) and not entry.is_open and entry.asked_by == self.sim.cause
            for entry in self._outbox
        )

    def _synced(self, barrier: _Barrier, worked: bool) -> None:
        barrier.request = None  # each knows the other: leave no cycle behind
        if not self.alive:
            return
        if worked:
            barrier.is_open = True
            self.note(Kind.SYNCED, barrier.paths, cause=barrier.asked)
            self._release()
        else:
            self._discard_behind(barrier)
            self._take_sync_failure((barrier.asked, barrier.paths))

    def _take_sync_failure(self, what: tuple[int, tuple[str, ...]]) -> None:
        if self.alive:
            self.take(self._tell_sync_failed, what)

    def _discard_behind(self, failed: _Barrier) -> None:
        """What waits behind a failed sync never leaves, but for the syncs that were asked for since."""
        kept: deque[tuple[Callable[..., None], tuple[Any, ...]] | _Barrier] = deque()
        is_behind = False
        for entry in self._outbox:
            if entry is failed:
                is_behind = True
            elif not is_behind or isinstance(entry, _Barrier):
                kept.append(entry)
            else:
                for half in entry[1]:
                    if isinstance(half, Half):
                        self.sim.sessions.give_up(half)
        self._outbox = kept

    def _tell_sync_failed(self, what: tuple[int, tuple[str, ...]]) -> None:
        asked, paths = what
        event = self.note(Kind.SYNC_FAILED, paths, cause=asked)
        names, reason = ", ".join(paths), "the device reports an error"
        self.handle(event, self.node.on_sync_failed, 2, names, reason)

    def flush(self) -> None:
        """Wait for all syncs under way, here and now: what a store call in a handler does."""
        for barrier in [entry for entry in self._outbox if isinstance(entry, _Barrier)]:
            request = barrier.request
            if request is None or request.is_settled:
                continue
            request.begin()
            self.charge(self.device.sync_time() * self.device.slow)
            if not self.device.settle(request):
                self._discard_behind(barrier)
                self.sim.after(0, self._take_sync_failure, (barrier.asked, barrier.paths))
                raise DiskError(f"sync of {', '.join(barrier.paths)} failed before this call")
            barrier.is_open = True
            self.note(Kind.SYNCED, barrier.paths, cause=barrier.asked)
        self._release()
        self.must_live()  # a fault may have waited for what was let go

    def _in_order(self, action: Callable[..., None], *arguments: Any) -> None:
        if not self.alive:
            raise Halt("this process has ended")
        if self._outbox or self.is_paused:
            self._outbox.append((self.sim.located(action), arguments))
        else:
            action(*arguments)

    def _release(self) -> None:
        """Let go of what no sync stands before any more. A fault that one of these effects sets off may end it all."""
        outbox = self._outbox
        try:
            while outbox and not self.is_paused:
                entry = outbox[0]
                if isinstance(entry, _Barrier):
                    if not entry.is_open:
                        return
                    outbox.popleft()
                else:
                    outbox.popleft()
                    entry[0](*entry[1])
        except Halt:
            return

    def _watched(self, verb: str, what: str, action: Callable[..., None], *arguments: Any) -> None:
        """Let an effect take place, but first the faults that wait for it."""
        if self.sim.watch is not None:
            self.sim.watch(self, verb, what)
        if self.is_paused:
            self._outbox.appendleft((self.sim.located(action), arguments))
        else:
            action(*arguments)

    # -- Context --------------------------------------------------------------------------------------------------

    def send(self, to: Address, message: Message) -> None:
        if not isinstance(message, Message):
            raise BadValue(f"send takes a Message, not {message!r}")
        if not self.alive:
            raise Halt("this process has ended")
        blob = encode(message)
        sim = self.sim
        link = self._links.get(to)
        if link is None:
            link = self._links[to] = sim.network.link(self.address, to)
        if isinstance(message, SessionMessage):
            half = sim.sessions.book(self, to, message)
            self._send(sim.sessions.dispatch, half, message, blob)
        elif self._outbox or self.is_paused or sim.watch is not None:
            self._send(sim.network.dispatch, link, message, blob)
        else:
            sim.network.dispatch(self, link, message, blob, sim.cause)

    def _send(
        self, dispatch: Callable[..., None], route: Link | Half, message: Message, blob: bytes
    ) -> None:
        """Have ``dispatch`` put the message on its route, in its turn."""
        name = type(message).__name__
        arguments = (self, route, message, blob, self.sim.cause)
        if self.sim.watch is not None:
            self._in_order(self._watched, "send", name, dispatch, *arguments)
        else:
            self._in_order(dispatch, *arguments)

    def connect(self, peer: Address) -> None:
        self.sim.sessions.check_peer(self, peer)
        self._in_order(self.sim.sessions.connect, self, peer)

    def disconnect(self, peer: Address) -> None:
        self._in_order(self.sim.sessions.disconnect, self, peer)

    def set_timer(self, timer: Timer, after: int) -> None:
        if not self.alive:
            raise Halt("this process has ended")
        if not isinstance(timer, Timer) or type(timer) not in self.handlers:
            raise UnhandledValue(
                f"{type(self.node).__name__} sets {timer!r} as a timer but has no handler for it"
            )
        if type(after) is not int or after < 0:
            raise BadValue(
                f"set_timer({timer!r}, {after!r}): a duration is a whole number of microseconds, 0 or more"
            )
        sim = self.sim
        due, place = sim.time + after, sim.next_place()
        self.timers[timer] = (due, place, sim.cause)
        alarm = self._alarms.get(timer)
        if alarm is None or due < alarm[0]:
            self._alarms[timer] = (due, place)
            sim.put(due, place, self._expire, (timer, place))

    def _expire(self, alarm: tuple[Timer, int]) -> None:
        """A timer may be due. One that was moved since, as most are in most programs, costs one more event only now."""
        timer, place = alarm
        if not self.alive or self._alarms.get(timer, (0, 0))[1] != place:
            return
        del self._alarms[timer]
        if (current := self.timers.get(timer)) is None or self.sim.network.holds:
            return
        due, latest, _ = current
        if latest == place:
            self.take(self._fire, alarm)
        else:
            self._alarms[timer] = (due, latest)
            self.sim.put(due, latest, self._expire, (timer, latest))

    def _fire(self, alarm: tuple[Timer, int]) -> None:
        timer, place = alarm
        current = self.timers.get(timer)
        if current is not None and current[1] == place:  # not moved or cancelled since
            del self.timers[timer]
            self.sim.fire(self, timer, current[2])

    def fire_now(self, name: str) -> bool:
        """Let the timer of that ``repr`` fire now. False if none such is set, or the process takes no event."""
        if self.inbox or self.held_until > self.sim.time:
            return False
        for timer, (_, _, cause) in self.timers.items():
            if repr(timer) == name:
                del self.timers[timer]
                self.sim.fire(self, timer, cause)
                return True
        return False

    def wind_up(self) -> None:
        """A hold is over: every timer that is set will fire when it is due, or now if that is past."""
        for timer, (due, place, _) in self.timers.items():
            if timer not in self._alarms:
                due = max(due, self.sim.time)
                self._alarms[timer] = (due, place)
                self.sim.put(due, place, self._expire, (timer, place))

    def cancel_timer(self, timer: Timer) -> None:
        self.timers.pop(timer, None)

    def run_job(self, job: Job) -> None:
        self.must_live()
        if not isinstance(job, Job) or type(job) not in self.handlers:
            raise UnhandledValue(
                f"{type(self.node).__name__} runs {job!r} as a job but has no handler for its end"
            )
        self.about_to("job", type(job).__name__)
        if job not in self.jobs:
            self.jobs[job] = Running(self, job)

    def cancel_job(self, job: Job) -> None:
        running = self.jobs.pop(job, None)
        if running is not None:
            running.cancel()

    def begin(self, operation: Operation) -> Ticket:
        self.must_live()
        if not isinstance(operation, Operation):
            raise BadValue(f"begin takes an Operation, not {operation!r}")
        return self.sim.begin(self, operation)

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        self.must_live()
        self.sim.answer(self, ticket, outcome)
        name = type(outcome).__name__
        arguments = (self, ticket, outcome, self.sim.cause)
        self._in_order(self._watched, "finish", name, self.sim.finish, *arguments)

    def stop(self, reason: str) -> None:
        self.must_live()
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
            if (draws := self.sim.injector.draws.get(self.address)) is not None:
                self._random = Steered(self._random, draws)
        return self._random

    def _write_line(self, line: LogLine) -> None:
        self.note(Kind.LOG, line)


def _handling(handler: Callable[..., None], value: Any) -> str:
    """What a process was at when it raised."""
    if isinstance(value, Struct):
        return repr(value)
    name: str = handler.__name__
    return "its start" if name == "on_start" else f"{name}({value!r})"
