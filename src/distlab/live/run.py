"""A cluster as processes of this machine: start it, ask its clients, break it, read what happened."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from distlab.core.cluster import Cluster
from distlab.core.errors import DistlabError, HarnessBug, ScenarioError
from distlab.core.values import SECOND, Address, Operation, Outcome, Ticket
from distlab.faults import QUIET, Noise, Plan
from distlab.live import control as say
from distlab.live.briefing import Briefing
from distlab.live.looks import Roles
from distlab.live.portable import class_path, to_json
from distlab.live.recorder import Recorder, merged
from distlab.live.seat import Failure, Seat
from distlab.live.sockets import socket_folder
from distlab.live.status import Row, table
from distlab.live.store import FolderStore
from distlab.live.supervisor import Supervisor
from distlab.live.support import needs_proxy, unsupported
from distlab.trace import NOTICED, Trace

_START_LIMIT: Final = 60 * SECOND
_GLANCE: Final = 0.02
"""Seconds after which a waiting condition is looked at again though nothing was heard."""


class ProgramError(DistlabError):
    """A node's program raised. The text is the report; ``failure`` says who and when."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.address}: {failure.report}")
        self.failure = failure


class Call:
    """An operation that a client was asked to do."""

    def __init__(self, outcomes: Mapping[int, Outcome], ticket: Ticket) -> None:
        self.ticket = ticket
        self._outcomes = outcomes

    @property
    def outcome(self) -> Outcome | None:
        """None while it is under way."""
        return self._outcomes.get(self.ticket)


class Live:
    """One run. Use it in a ``with`` statement: however that is left, no process remains.

    ``folder`` keeps files and events; without one they live in a temporary folder that goes with the run. ``bind`` is
    where sockets are bound: by default a folder of Unix sockets that only this user can enter; ``"127.0.0.1"`` for TCP
    on this machine; any other address is guarded by CURVE with keys of the run's own. ``mounts`` shows files under
    keys of the store (:mod:`distlab.live.store`). ``proxied`` forces the fault proxy in, or out, where None leaves it
    to the plan. ``status`` is called twice a second with a screen of text. Programs are imported by name in each
    process, through the overlays and the search path of this one. An error of the program ends every wait with
    :class:`ProgramError`, unless ``keep_going``.
    """

    def __init__(
        self,
        cluster: Cluster,
        plan: Plan | None = None,
        noise: Noise = QUIET,
        *,
        folder: Path | None = None,
        record: frozenset[str] = NOTICED,
        roles: Roles | None = None,
        mounts: Mapping[str, Path] | None = None,
        bind: str = "",
        proxied: bool | None = None,
        status: Callable[[str], None] | None = None,
        keep_going: bool = False,
    ) -> None:
        self.cluster = cluster
        self.plan = plan or Plan()
        if reasons := unsupported(self.plan):
            raise ScenarioError("\n".join(reasons))
        for member in cluster.members.values():
            class_path(member.program)  # says so if another process could not find it
        self.noise = noise
        self.record = record
        self._roles = roles
        self._mounts = {at: Path(path).resolve() for at, path in (mounts or {}).items()}
        self._bind = bind
        self._proxied = needs_proxy(self.plan, noise) if proxied is None else proxied
        self._status = status
        self._keep_going = keep_going
        self._kept = folder
        self._tickets = count(1)
        self._trace: Trace | None = None
        self._closing = contextlib.ExitStack()
        self._rows: dict[Address, Row] = {}
        self.seen: Mapping[Address, Any] = {}
        """What each running node said of itself when last asked: by ``status``, or by :meth:`probes`."""

    # -- beginning and end ----------------------------------------------------------------------------------------

    def __enter__(self) -> Live:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    def planned(self) -> Plan:
        """What the fault proxy is to do by itself: faults of single messages, addresses in place of roles."""
        return self._supervisor.injector.planned()

    def close(self) -> None:
        """Kill every process; the trace stays."""
        self._closing.close()

    def _open(self) -> None:
        defer = self._closing.callback
        self.folder = self._kept or Path(tempfile.mkdtemp(prefix="distlab-"))
        if self._kept is None:
            defer(shutil.rmtree, self.folder, ignore_errors=True)
        events = self.folder / "events"
        if events.exists():
            shutil.rmtree(events)
        events.mkdir(parents=True)
        sockets = self._closing.enter_context(socket_folder())
        self._store = FolderStore(self.folder / "store", self._mounts)
        for key, content in self.cluster.store.items():
            self._store.put_if_absent(key, content)
        held, lifeline = os.pipe()
        defer(os.close, lifeline)
        defer(os.close, held)
        self._briefing = Briefing(self, sockets, os.urandom(8), self._mounts, self._bind)
        recorder = Recorder(events / "supervisor.jsonl", 0, "", 0, self.record, time.monotonic_ns())
        if self._kept is None:
            defer(self._keep_trace)
        defer(recorder.close)
        self._supervisor = Supervisor(
            self.cluster,
            self.plan,
            recorder,
            self._briefing,
            self.folder / "errors",
            held,
            self._roles,
        )
        defer(self._supervisor.end)
        self._start()

    def _start(self) -> None:
        supervisor = self._supervisor
        if self._proxied:
            supervisor.post(supervisor.start_proxy)
            self._wait_for_start(lambda: bool(supervisor.proxy_endpoint), "the fault proxy")
        for seat in supervisor.seats.values():
            seat.incarnation = self._briefing.last_incarnation(seat.address)
            supervisor.post(lambda seat=seat: supervisor.start(seat))  # type: ignore[misc]
        self._wait_for_start(lambda: supervisor.has_begun, "the nodes")
        if self._status is not None:
            supervisor.post(self._report)

    def _wait_for_start(self, there: Callable[[], bool], what: str) -> None:
        if not self.wait(there, _START_LIMIT):
            raise HarnessBug(
                f"{what} did not start within {_START_LIMIT // SECOND} s; see {self.folder}"
            )

    def _keep_trace(self) -> None:
        self._trace = merged(self.folder / "events")

    # -- asking, waiting --------------------------------------------------------------------------------------------

    def call(self, address: str, operation: Operation) -> Call:
        """Ask a client to do something."""
        seat = self._seat(address)
        word = say.Ask(next(self._tickets), to_json(operation))
        self._supervisor.post(lambda: self._supervisor.ask(seat, word))
        return Call(self._supervisor.outcomes, Ticket(word.ticket))

    def wait(self, until: Callable[[], bool], timeout: int = 30 * SECOND) -> bool:
        """Return as soon as ``until`` holds, True, or after ``timeout`` microseconds, False."""
        deadline = time.monotonic() + timeout / 1e6
        supervisor = self._supervisor
        while True:
            turns = supervisor.turns
            if supervisor.bug is not None:
                raise HarnessBug(f"the supervisor failed: {supervisor.bug!r}") from supervisor.bug
            if supervisor.failures and not self._keep_going:
                raise ProgramError(supervisor.failures[0])
            if until():
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            supervisor.wait_for_turn(turns, min(left, _GLANCE))

    def run_for(self, duration: int) -> None:
        """Let so many microseconds pass."""
        self.wait(lambda: False, duration)

    # -- breaking by hand -------------------------------------------------------------------------------------------

    def kill(self, address: str) -> None:
        """``kill -9``; it stays down until :meth:`start`."""
        seat = self._seat(address)
        self._supervisor.post(lambda: self._supervisor.kill(seat, "killed by hand"))

    def start(self, address: str) -> None:
        """Start a node that is down."""
        seat = self._seat(address)
        self._supervisor.post(lambda: self._supervisor.start(seat))

    def start_after(self, address: str, duration: int) -> None:
        """Start a node that is down, or about to be, so many microseconds from now; if nobody has done so by then."""
        seat, supervisor = self._seat(address), self._supervisor
        crashed = seat.incarnation
        supervisor.post(
            lambda: supervisor.after(duration, lambda: supervisor.restart(seat, crashed))
        )

    def pause(self, address: str, duration: int) -> None:
        """SIGSTOP, and SIGCONT after so many microseconds."""
        seat = self._seat(address)
        self._supervisor.post(lambda: self._supervisor.pause(seat, duration))

    # -- looking ----------------------------------------------------------------------------------------------------

    def is_up(self, address: str) -> bool:
        return self._seat(address).is_up

    def incarnation(self, address: str) -> int:
        """The number of the newest incarnation, from 0."""
        return self._seat(address).incarnation

    def pid(self, address: str) -> int | None:
        """Its process, and the number of its process group; None if it is down."""
        child = self._seat(address).child
        return None if child is None else child.pid

    def probes(self, patience: int = SECOND) -> dict[Address, Any]:
        """What each running node says of itself; those that do not answer in time are left out."""
        answers: list[dict[Address, Any]] = []
        self._supervisor.post(lambda: self._supervisor.looks.look(answers.append, patience))
        self.wait(lambda: bool(answers), patience + SECOND)
        if answers:
            self.seen = answers[0]
        return answers[0] if answers else {}

    @property
    def failures(self) -> Sequence[Failure]:
        """Errors of the program so far."""
        return self._supervisor.failures

    @property
    def tally(self) -> Counter[str]:
        """Why frames were dropped, and what the proxy did to them, as of the last look; :meth:`probes` looks."""
        counts = Counter(self._supervisor.proxy_figures.drops)
        for seat in self._supervisor.seats.values():
            counts.update(seat.figures.drops)
        return counts

    @property
    def trace(self) -> Trace:
        """What has happened so far, in order."""
        return self._trace if self._trace is not None else merged(self.folder / "events")

    @property
    def store(self) -> Mapping[str, bytes]:
        """What is in the shared store."""
        return _Contents(self._store)

    def log(self, address: str) -> str:
        """What a node has logged and printed."""
        path = self._briefing.node_folder(Address(address)) / "log"
        return path.read_text() if path.exists() else ""

    def rows(self) -> list[Row]:
        """Who is up, and how much they carry, as they said when last asked: by ``status``, or by :meth:`probes`."""
        rows = [
            Row.of(seat, self._rows.get(seat.address)) for seat in self._supervisor.seats.values()
        ]
        self._rows = {row.address: row for row in rows}
        return rows

    def status(self) -> str:
        """The same as a screen of text."""
        return table(self.rows(), self.tally)

    def _report(self) -> None:
        def looked(probes: dict[Address, Any]) -> None:
            self.seen = probes
            if self._status is not None:
                self._status(self.status())
            self._supervisor.after(SECOND // 2, self._report)

        self._supervisor.looks.look(looked, SECOND // 2)

    def _seat(self, address: str) -> Seat:
        if address not in self.cluster.members:
            raise ScenarioError(f"there is no node {address!r}")
        return self._supervisor.seats[Address(address)]


class _Contents(Mapping[str, bytes]):
    """The store as a mapping that reads when it is asked."""

    def __init__(self, store: FolderStore) -> None:
        self._store = store

    def __getitem__(self, key: str) -> bytes:
        if not self._store.exists(key):
            raise KeyError(key)
        return self._store.get(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._store.keys())

    def __len__(self) -> int:
        return len(self._store.keys())
