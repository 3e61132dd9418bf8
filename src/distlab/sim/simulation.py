"""The simulator's loop: one heap of events in virtual time, and the nodes, disks and links that they concern.

Theory of operation. An event is ``(time, number, action, argument)``; equal times keep the order in which they were
scheduled, so a run is a function of the cluster, the calls, the plan and the noise, and of nothing else. Handlers take
no virtual time. Everything random is drawn from named streams (:mod:`distlab.sim.streams`).

Two speeds: a rolling digest of what was delivered, fired and stored is kept always; of the trace, only the kinds asked
for (:data:`~distlab.trace.NOTICED` for a sweep, :data:`~distlab.trace.EVERYTHING` for a replay). Event numbers are
the same either way.
"""

from __future__ import annotations

import contextlib
import io
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Any

import msgspec

from distlab.core.cluster import Cluster
from distlab.core.codec import encode
from distlab.core.errors import BadValue, EnvironmentFault, Halt, ScenarioError, UnhandledValue
from distlab.core.log import Level, LogLine
from distlab.core.objects import Objects
from distlab.core.values import Address, Fail, Info, Message, Ok, Operation, Outcome, Ticket, Timer
from distlab.faults import QUIET, Action, Noise, Plan, Survival
from distlab.sim.disk import Device
from distlab.sim.injector import Injector
from distlab.sim.network import Network
from distlab.sim.process import Process
from distlab.sim.sessions import Sessions
from distlab.trace import NOTICED, Kind, Trace

EVENT_LIMIT = 200_000
"""Events after which a run is given up: far more than any sane program needs."""


class ProgramError(Exception):
    """A handler raised: what, and where in the run. ``__cause__`` is the exception itself."""

    def __init__(
        self, address: Address, handling: str, event: int, time: int, error: BaseException
    ) -> None:
        super().__init__(
            f"{address} raised {type(error).__name__}: {error} - while handling {handling} "
            f"(event {event}, {time / 1000:.1f} ms)"
        )
        self.address = address
        self.handling = handling
        self.event = event
        self.time = time


class Runaway(Exception):
    """The event limit was reached: the program keeps itself busy without end."""


class Simulation:
    """One run of a cluster. Make it, add calls, :meth:`run` it, read what happened."""

    def __init__(
        self,
        cluster: Cluster,
        plan: Plan | None = None,
        noise: Noise = QUIET,
        *,
        record: frozenset[str] = NOTICED,
        roles: Callable[[Simulation, str], list[Address]] | None = None,
        event_limit: int = EVENT_LIMIT,
    ) -> None:
        self.cluster = cluster
        self.noise = noise
        self.record = record
        self.time = 0
        self.trace = Trace()
        self.digest = 0
        self.tally: Counter[str] = Counter()
        """What faults and noise really did, by name."""
        self.objects = Objects()
        for key, content in cluster.store.items():
            self.objects.put_if_absent(key, content)
        self.devices = {a: Device(self, a, m.disk_capacity) for a, m in cluster.members.items()}
        self.up: dict[Address, Process] = {}
        """The newest incarnation of each node that is running."""
        self.incarnations: Counter[Address] = Counter()
        """How many there have been of each node."""
        self.acting: Process | None = None
        """Whose handler runs, or ran last."""
        self.watch: Callable[[Process, str, str], None] | None = None
        """To be called before an effect takes place, while any fault waits for one."""
        self.cause = 0
        """The event whose handler runs: what its effects are caused by."""
        self.processed = 0
        """Events taken off the heap."""
        self.locate: Callable[[], tuple[str, int, str] | None] | None = None
        """Where in the program the running effect stands: for a replay, which keeps it in ``lines`` by event."""
        self.lines: dict[int, tuple[str, int, str] | None] = {}
        self._asked_at: tuple[str, int, str] | None = None
        """Where the effect was asked for that takes place now, later than it was asked for."""
        self._roles = roles
        self._event_limit = event_limit
        self._heap: list[tuple[int, int, Callable[[Any], None], Any]] = []
        self._number = 0
        self._event = 0
        self._tickets = 0
        self._calls_to_come = 0
        self._open_calls: dict[int, _OpenCall] = {}
        """By ticket, until the answer is out."""
        self._until = 0
        self._settle: int | None = None
        self._outdated: list[Process] = []
        """Those that live on beside a newer one of their node."""
        self._clocks: dict[Address, tuple[int, int, int]] = {}
        """Address -> (offset, drift in millionths, since when), where a clock is not right."""
        self.network = Network(self)
        self.sessions = Sessions(self)
        for address in cluster.members:
            self.at(0, self.start, address)
        self.injector = Injector(self, plan or Plan())

    # -- for whoever runs it --------------------------------------------------------------------------------------

    def call(self, time: int, address: str, operation: Operation) -> None:
        """At ``time``, ask client ``address`` to do ``operation``; it never happens if the client is down then."""
        if address not in self.cluster.members:
            raise ScenarioError(f"there is no client {address!r}")
        self._calls_to_come += 1
        self.at(time, self._call, (Address(address), operation))

    def run(self, until: int, *, settle: int | None = None) -> None:
        """Handle events up to virtual time ``until``.

        With ``settle``, end so long after the last client operation has returned and the plan has healed, if that is
        earlier. Raises ``ProgramError`` when a handler raised, and ``Runaway`` at the event limit.
        """
        self._until, self._settle = until, settle
        heap, limit = self._heap, self._event_limit
        processed = self.processed
        prints = _Prints(self)
        with contextlib.redirect_stdout(prints):
            try:
                while heap and heap[0][0] <= self._until:
                    self.time, _, action, argument = heappop(heap)
                    action(argument)
                    processed += 1
                    if processed >= limit:
                        raise Runaway(
                            f"{limit:,} events in {self.time / 1000:.0f} ms of virtual time"
                        )
                self.time = max(self.time, self._until)
            finally:
                self.processed = processed
                prints.end_line()

    def _end_if_done(self) -> None:
        """Once no client waits for anything, the run needs only settle."""
        if self._settle is not None and not self._calls_to_come and not self._open_calls:
            over = self.injector.over_at
            self._until = min(self._until, max(self.time, over) + self._settle)

    def probes(self) -> dict[Address, Any]:
        """What each running node says of itself."""
        return {address: process.node.probe() for address, process in self.up.items()}

    def holders(self, role: str) -> list[Address]:
        """Who has the role now: as the lab says, or as the cluster was laid out."""
        return self._roles(self, role) if self._roles is not None else self.cluster.with_role(role)

    # -- for the parts of the simulator -----------------------------------------------------------------------------

    def at(self, time: int, action: Callable[[Any], None], argument: Any) -> None:
        """Schedule an event."""
        self._number = number = self._number + 1
        heappush(self._heap, (time, number, action, argument))

    def after(self, duration: int, action: Callable[[Any], None], argument: Any) -> None:
        """Schedule an event ``duration`` from now."""
        self._number = number = self._number + 1
        heappush(self._heap, (self.time + duration, number, action, argument))

    def next_place(self) -> int:
        """A place among the events of one time, for :meth:`put`: behind all that were scheduled before."""
        self._number += 1
        return self._number

    def put(self, time: int, place: int, action: Callable[[Any], None], argument: Any) -> None:
        """Schedule an event at a place that was kept for it."""
        heappush(self._heap, (time, place, action, argument))

    def note(self, process: Process, kind: str, what: Any, cause: int, peer: str = "") -> int:
        """Write an event of a process into the trace, if its kind is recorded; returns its id."""
        self._event = event = self._event + 1
        if kind in self.record:
            if self.locate is not None:
                self.lines[event] = self._asked_at or self.locate()
            self.trace.append(
                (event, self.time, process.address, process.incarnation, kind, cause, peer, what)
            )
        return event

    def located(self, action: Callable[..., None]) -> Callable[..., None]:
        """The effect, which will take place later: with the line that asks for it now, where lines are kept."""
        if self.locate is None:
            return action
        line = self._asked_at or self.locate()

        def later(*arguments: Any) -> None:
            before, self._asked_at = self._asked_at, line
            try:
                action(*arguments)
            finally:
                self._asked_at = before

        return later

    def remark(self, kind: str, node: str, what: Any, cause: int = 0, peer: str = "") -> None:
        """Write an event of the world into the trace, if its kind is recorded."""
        self._event = event = self._event + 1
        if kind in self.record:
            self.trace.append((event, self.time, node, 0, kind, cause, peer, what))

    def struck(self, action: Action, node: str) -> None:
        """A fault was applied."""
        self.tally[type(action).__name__.lower()] += 1
        self.remark(Kind.FAULT, node, action)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """What happens within does so in the midst of a handler, which goes on afterwards."""
        before = self.cause, self.acting
        yield
        self.cause, self.acting = before

    # -- life of a process ------------------------------------------------------------------------------------------

    def start(self, address: Address) -> None:
        """Start the node, unless it is up."""
        if address in self.up:
            return
        member = self.cluster.members[address]
        incarnation = self.incarnations[address]
        self.incarnations[address] += 1
        process = self.up[address] = Process(
            self, address, member.program, member.config, incarnation
        )
        event = self.note(process, Kind.START, self.cluster.role(address), 0)
        self.cause, self.acting = event, process
        with contextlib.suppress(Halt):
            process.about_to("start", "")
        if process.alive:
            process.handle(event, process.node.on_start, 0)

    def restart(self, what: tuple[Address, int]) -> None:
        """Start the node after a crash, unless it has been started since."""
        address, incarnations = what
        if self.incarnations[address] == incarnations:
            self.start(address)

    def crash(self, address: Address, why: str, unsynced: Survival) -> bool:
        """End what runs of the node, and let its disk lose what the survival rule takes. False if nothing runs."""
        running = [process for process in self._outdated if process.address == address]
        if address in self.up:
            running.append(self.up[address])
        for process in running:
            self.note(process, Kind.CRASH, why, 0)
            self.end(process)
        if running:
            self.devices[address].crash(unsynced)
        return bool(running)

    def outdate(self, address: Address) -> Process | None:
        """The node's process goes on, but is not who messages go to any more: a newer one can start."""
        process = self.up.pop(address, None)
        if process is not None:
            self._outdated.append(process)
        return process

    def end_twin(self, process: Process) -> None:
        """The older of two incarnations ends at last."""
        if process.alive:
            self.note(process, Kind.CRASH, "fault: its twin stays", 0)
            self.end(process)

    def stop(self, process: Process, reason: str) -> None:
        """The process ends itself; the machine lives on, so nothing unsynced is lost."""
        self.note(process, Kind.STOP, reason, self.cause)
        self.end(process)

    def end(self, process: Process) -> None:
        """The process is no more. Its peers learn of it from their sessions."""
        if not process.alive:
            return
        self._calls_to_come -= sum(action == self._begin_call for action, _ in process.inbox)
        process.die()
        if self.up.get(process.address) is process:
            del self.up[process.address]
        else:
            self._outdated.remove(process)
        self._open_calls = {t: c for t, c in self._open_calls.items() if c.client is not process}
        self._end_if_done()
        self.sessions.ended(process)

    def handler_raised(self, process: Process, error: BaseException, handling: str) -> None:
        """An environment fault that nobody caught stops the node; anything else ends the run."""
        if isinstance(error, EnvironmentFault):
            self.stop(process, f"{type(error).__name__}: {error}")
            return
        raise ProgramError(process.address, handling, self.cause, self.time, error) from error

    # -- events -----------------------------------------------------------------------------------------------------

    def deliver(
        self, process: Process, sender: Address, cls: type[Message], blob: bytes, sent: int
    ) -> None:
        """Hand a message to its handler."""
        entry = process.handlers.get(cls)
        if entry is None:
            error = UnhandledValue(
                f"{type(process.node).__name__} has no handler for {cls.__name__} (from {sender})"
            )
            self.handler_raised(process, error, cls.__name__)
            return
        handler, count, decode = entry
        try:
            message = decode(blob)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._undecodable(process, sender, cls, blob, sent, error)
            return
        self.digest = zlib.crc32(blob, self.digest ^ self.time & 0xFFFFFFFF ^ process.salt)
        event = self.note(process, Kind.DELIVER, message, sent, sender)
        process.handle(event, handler, count, message, sender)

    def _undecodable(
        self,
        process: Process,
        sender: Address,
        cls: type[Message],
        blob: bytes,
        sent: int,
        error: Exception,
    ) -> None:
        """A flipped bit is dropped, as any stack would; a message that never fitted its class is its sender's fault."""
        if self.network.was_flipped(sent):
            self.network.drop(
                (self.network.link(sender, process.address), cls, blob, sent), "garbled"
            )
            return
        blame = BadValue(
            f"{sender} sent a {cls.__name__} whose fields do not fit its class: {error}"
        )
        self.handler_raised(process, blame, cls.__name__)

    def fire(self, process: Process, timer: Timer, cause: int) -> None:
        """Hand a timer to its handler."""
        handler, count, _ = process.handlers[type(timer)]
        self.digest = zlib.crc32(encode(timer), self.digest ^ self.time & 0xFFFFFFFF ^ process.salt)
        event = self.note(process, Kind.TIMER, timer, cause)
        process.handle(event, handler, count, timer)

    def _call(self, what: tuple[Address, Operation]) -> None:
        address, operation = what
        process = self.up.get(address)
        if process is not None:
            process.take(self._begin_call, (process, operation))
        else:
            self._calls_to_come -= 1
            self._end_if_done()

    def _begin_call(self, what: tuple[Process, Operation]) -> None:
        process, operation = what
        self._calls_to_come -= 1
        entry = process.handlers.get(type(operation))
        if entry is None:
            raise ScenarioError(
                f"{type(process.node).__name__} does not handle {type(operation).__name__}"
            )
        handler, count, _ = entry
        self.cause = 0
        ticket = self.begin(process, operation)
        process.handle(self._event, handler, count, operation, ticket)

    def begin(self, process: Process, operation: Operation) -> Ticket:
        self._tickets += 1
        self._open_calls[self._tickets] = _OpenCall(process)
        self.note(process, Kind.CALL, (self._tickets, operation), self.cause)
        return Ticket(self._tickets)

    def answer(self, process: Process, ticket: Ticket, outcome: Outcome) -> None:
        """``process`` has its answer to an operation; raises ``BadValue`` if it is not its to give."""
        call = self._open_calls.get(ticket)
        if call is None or call.client is not process or call.answered:
            raise BadValue(
                f"finish({ticket!r}, ...): this client has no open operation of that ticket"
            )
        if not isinstance(outcome, (Ok, Fail, Info)):
            raise BadValue(
                f"finish({ticket!r}, {outcome!r}): an outcome is Ok(...), Fail(...) or Info(...)"
            )
        encode(outcome)
        call.answered = True

    def finish(self, process: Process, ticket: Ticket, outcome: Outcome, cause: int) -> None:
        """The answer is out."""
        del self._open_calls[ticket]
        self.digest = zlib.crc32(encode(outcome), self.digest ^ ticket)
        self.note(process, Kind.RETURN, (ticket, outcome), cause)
        self._end_if_done()

    # -- clocks -----------------------------------------------------------------------------------------------------

    def clock(self, address: Address) -> int:
        """What the node's clock shows now."""
        if address not in self._clocks:
            return self.time
        offset, drift, since = self._clocks[address]
        return self.time + offset + (self.time - since) * drift // 1_000_000

    def move_clock(self, address: Address, by: int, drift: int) -> None:
        """The node's clock jumps, and from now on gains ``drift`` millionths."""
        self._clocks[address] = (self.clock(address) - self.time + by, drift, self.time)

    # -- store ------------------------------------------------------------------------------------------------------

    @property
    def store(self) -> Mapping[str, bytes]:
        """What is in the shared store."""
        return {key: self.objects.get(key) for key in self.objects.keys("")}


class _OpenCall:
    """An operation under way."""

    __slots__ = ("answered", "client")

    def __init__(self, client: Process) -> None:
        self.client = client
        self.answered = False
        """The client has its answer, but a sync may still hold it back."""


class _Prints(io.TextIOBase):
    """Where ``print`` in a handler goes: into the node's log."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._line = ""
        self._owner: Process | None = None

    def write(self, text: str) -> int:
        if self._owner is not self._sim.acting:
            self.end_line()
            self._owner = self._sim.acting
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._note(line)
        return len(text)

    def end_line(self) -> None:
        """What was printed without a newline is a line too."""
        if self._line:
            self._note(self._line)
            self._line = ""

    def _note(self, line: str) -> None:
        if self._owner is not None:
            entry = LogLine("print", Level.INFO, line, {})
            self._sim.note(self._owner, Kind.LOG, entry, self._sim.cause)
