"""A worker whose state is one value: what it does now.

``Wishing``, ``Resting``, ``Mapping``, ``Fetching``, ``Reducing``: each knows what it needs to know, and nothing of the
others. One clock ticks for all of them; each tick the present state says what it has to say again. Reports that have
not been noted wait in an outbox beside it.

Fetching goes holder by holder: one request at a time is under way to each, for the next piece of the last output that
is wanted from it; the ways to different holders are busy at the same time.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Failed, JobOutcome, Message, Node, Timer
from labs.lab1_mapreduce import skipping
from labs.lab1_mapreduce.attempts import MapAttempt, ReduceAttempt
from labs.lab1_mapreduce.protocol import (
    Abandon,
    Ask,
    Attempt,
    AttemptFailed,
    Fetch,
    Gone,
    Heartbeat,
    Idle,
    Limits,
    MapDone,
    MapOutput,
    Noted,
    OutputLost,
    Piece,
    ReduceDone,
    Request,
    RunMap,
    RunReduce,
    WorkerConfig,
)


class Tick(Timer, frozen=True):
    """Say again what was not answered."""


class Pulse(Timer, frozen=True):
    """Say that we live."""


class Rested(Timer, frozen=True):
    """Time to ask again."""


class Birth(Struct, frozen=True):
    """One per start, in a file."""


class Resting(Struct):
    pass


class Wishing(Struct):
    request: Request
    master: str
    ticks: int = 0


class Mapping(Struct):
    job: MapAttempt

    @property
    def attempt(self) -> Attempt:
        return self.job.order.attempt


class Reducing(Struct):
    job: ReduceAttempt

    @property
    def attempt(self) -> Attempt:
        return self.job.attempt


class Holder(Struct):
    """What is wanted from one worker, the last of it first."""

    outputs: list[tuple[int, MapOutput]]
    have: int = 0
    """Bytes of the last one."""
    silent: int = 0
    """Ticks since it sent anything new."""
    next_try: int = 1
    """Ticks of silence at which we ask again."""


class Fetching(Struct):
    order: RunReduce
    files: list[str]
    holders: dict[Address, Holder]

    @property
    def attempt(self) -> Attempt:
        return self.order.attempt


Doing = Resting | Wishing | Mapping | Fetching | Reducing


class Worker(Node):
    config: WorkerConfig
    births: int
    requests: int
    declined: list[str]
    """Masters that had nothing to do, one after the other."""
    favourite: str
    """The master that gave us work last."""
    outbox: dict[Attempt, Message]
    doing: Doing

    def on_start(self) -> None:
        self.births = len(self.disk.recover("births", Birth)) + 1
        self.disk.append("births", Birth())
        self.disk.sync("births", "/")
        self.requests = 0
        self.declined = []
        self.favourite = self.config.masters[0]
        self.outbox = {}
        self.doing = Resting()
        self.set_timer(Tick(), self.config.retry)
        if self.config.heartbeat is not None:
            self.set_timer(Pulse(), self.config.heartbeat)
        self.wish()

    # -- wishing ----------------------------------------------------------------------------------------------

    def wish(self) -> None:
        """Ask a master that owes us no Noted: the favourite first, then those that have not declined."""
        waiting = {attempt.master for attempt in self.outbox}
        masters = sorted(self.config.masters, key=lambda master: master != self.favourite)
        masters = [m for m in masters if m not in waiting and m not in self.declined]
        if not masters:
            self.doing = Resting()
            self.declined = []
            self.set_timer(Rested(), self.config.poll)
            return
        self.requests += 1
        self.doing = Wishing((self.births, self.requests), masters[0])
        self.send(Address(masters[0]), Ask(self.doing.request))

    def on_rested(self, _: Rested) -> None:
        if isinstance(self.doing, Resting):
            self.wish()

    def on_idle(self, idle: Idle, master: Address) -> None:
        if isinstance(self.doing, Wishing) and self.doing.request == idle.request:
            for path in self.disk.files():
                job, _, rest = path.partition("/")
                if job not in idle.jobs and f"/{master}." in rest:
                    self.disk.delete(path)
            self.declined.append(master)
            self.wish()

    def on_run_map(self, order: RunMap, master: Address) -> None:
        if isinstance(self.doing, Wishing) and self.doing.request == order.request:
            self.granted(master)
            self.doing = Mapping(MapAttempt(order, self.limits()))
            self.run_job(self.doing.job)

    def on_run_reduce(self, order: RunReduce, master: Address) -> None:
        if isinstance(self.doing, Wishing) and self.doing.request == order.request:
            self.granted(master)
            self.doing = self.plan(order)
            for holder in self.doing.holders:
                self.fetch_from(self.doing, holder)
            self.reduce_if_complete(self.doing)

    def granted(self, master: Address) -> None:
        self.favourite = master
        self.declined = []

    def limits(self) -> Limits:
        return Limits(self.config.batch, self.config.memory, self.config.ways)

    # -- every tick -------------------------------------------------------------------------------------------

    def on_tick(self, _: Tick) -> None:
        self.set_timer(Tick(), self.config.retry)
        for attempt, report in self.outbox.items():
            self.send(Address(attempt.master), report)
        match self.doing:
            case Wishing() as wishing:
                self.wish_again(wishing)
            case Fetching() as fetching:
                self.fetch_again(fetching)

    def wish_again(self, wishing: Wishing) -> None:
        wishing.ticks += 1
        if wishing.ticks > self.config.patience and len(self.config.masters) > 1:
            self.declined.append(wishing.master)
            self.wish()
        else:
            self.send(Address(wishing.master), Ask(wishing.request))

    def on_pulse(self, _: Pulse) -> None:
        if self.config.heartbeat is not None:
            self.set_timer(Pulse(), self.config.heartbeat)
        at_work = (
            self.doing.attempt if isinstance(self.doing, Mapping | Fetching | Reducing) else None
        )
        for master in self.config.masters:
            self.send(Address(master), Heartbeat(at_work))

    # -- reports ----------------------------------------------------------------------------------------------

    def on_map_attempt(self, job: MapAttempt, outcome: JobOutcome) -> None:
        attempt = job.order.attempt
        if isinstance(outcome, Failed):
            record = skipping.last_gasp(job.order, outcome)
            self.report(AttemptFailed(attempt, outcome.error, record), attempt)
        else:
            self.report(MapDone(attempt, outcome.value.sizes, outcome.value.counters), attempt)

    def on_reduce_attempt(self, job: ReduceAttempt, outcome: JobOutcome) -> None:
        if isinstance(outcome, Failed):
            self.report(AttemptFailed(job.attempt, outcome.error, None), job.attempt)
        else:
            self.report(ReduceDone(job.attempt), job.attempt)

    def report(self, report: Message, attempt: Attempt) -> None:
        if not isinstance(report, MapDone):
            self.sweep_out(attempt)
        self.outbox[attempt] = report
        self.send(Address(attempt.master), report)
        self.wish()

    def sweep_out(self, attempt: Attempt) -> None:
        for path in self.disk.files(f"{attempt.path}/"):
            self.disk.delete(path)

    def on_noted(self, noted: Noted, master: Address) -> None:
        if self.outbox.pop(noted.attempt, None) is not None and isinstance(self.doing, Resting):
            self.wish()

    def on_abandon(self, abandon: Abandon, master: Address) -> None:
        match self.doing:
            case Mapping(job) | Reducing(job) if self.doing.attempt == abandon.attempt:
                self.cancel_job(job)
            case Fetching(order) if order.attempt == abandon.attempt:
                pass
            case _:
                return
        self.sweep_out(abandon.attempt)
        self.wish()

    # -- fetching ---------------------------------------------------------------------------------------------

    def plan(self, order: RunReduce) -> Fetching:
        """Which outputs to fetch from whom; what lies here, or is empty, is not fetched."""
        part = order.attempt.task
        fetching = Fetching(order, [], {})
        for task, output in enumerate(order.inputs):
            own, copy = f"{output.attempt.path}/{part}", f"{order.attempt.path}/in-{task}"
            is_here = output.holder == self.address and self.disk.exists(own)
            fetching.files.append(own if is_here else copy)
            if not is_here:
                self.disk.append(copy, b"")
                if output.size:
                    holder = fetching.holders.setdefault(output.holder, Holder([]))
                    holder.outputs.append((task, output))
        return fetching

    def fetch_from(self, fetching: Fetching, address: Address) -> None:
        """Ask for the next piece."""
        holder = fetching.holders[address]
        _, output = holder.outputs[-1]
        length = min(self.config.piece, output.size - holder.have)
        self.send(address, Fetch(output.attempt, fetching.attempt.task, holder.have, length))

    def fetch_again(self, fetching: Fetching) -> None:
        for address, holder in fetching.holders.items():
            holder.silent += 1
            patience = self.config.fetch_patience
            if patience is not None and holder.silent * self.config.retry > patience:
                self.report(
                    OutputLost(fetching.attempt, holder.outputs[-1][1].attempt), fetching.attempt
                )
                return
            if holder.silent >= holder.next_try:
                holder.next_try *= 2
                self.fetch_from(fetching, address)

    def on_piece(self, piece: Piece, address: Address) -> None:
        fetching = self.doing
        if not isinstance(fetching, Fetching) or address not in fetching.holders:
            return
        holder = fetching.holders[address]
        task, output = holder.outputs[-1]
        wanted = (output.attempt, fetching.attempt.task, holder.have)
        if (piece.output, piece.part, piece.start) != wanted or not piece.data:
            return
        self.disk.append(fetching.files[task], piece.data)
        holder.have += len(piece.data)
        holder.silent, holder.next_try = 0, 1
        if holder.have >= output.size:
            holder.outputs.pop()
            holder.have = 0
        if holder.outputs:
            self.fetch_from(fetching, address)
        else:
            del fetching.holders[address]
            self.reduce_if_complete(fetching)

    def reduce_if_complete(self, fetching: Fetching) -> None:
        if not fetching.holders:
            files = tuple(fetching.files)
            spec = fetching.order.spec
            self.doing = Reducing(ReduceAttempt(fetching.attempt, spec, files, self.limits()))
            self.run_job(self.doing.job)

    def on_gone(self, gone: Gone, address: Address) -> None:
        fetching = self.doing
        if isinstance(fetching, Fetching) and address in fetching.holders:
            wanted = [output.attempt for _, output in fetching.holders[address].outputs]
            if gone.output in wanted and gone.part == fetching.attempt.task:
                self.report(OutputLost(fetching.attempt, gone.output), fetching.attempt)

    def on_fetch(self, fetch: Fetch, reader: Address) -> None:
        path = f"{fetch.output.path}/{fetch.part}"
        if not self.disk.exists(path):
            self.send(reader, Gone(fetch.output, fetch.part))
            return
        data = self.disk.read(path, fetch.start, fetch.length)
        self.send(reader, Piece(fetch.output, fetch.part, fetch.start, data))
