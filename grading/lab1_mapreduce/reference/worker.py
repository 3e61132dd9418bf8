"""A worker: asks for a task, does it, reports, asks again; and hands out what its map tasks made.

(Part 1B; §3.1.) Theory of operation. The worker is in one of these states, and leaves each by one
event; all that it says is repeated until that event comes.

=========  ======================================  ====================================================
state      says, again and again                   until
=========  ======================================  ====================================================
wishing    ``Ask``                                 ``RunMap``, ``RunReduce``, or ``Idle`` (then it rests)
resting    nothing                                 the poll timer
mapping    nothing, beside its heartbeat           the job ends, or ``Abandon``
fetching   ``Fetch``                               all inputs are here, one cannot be had, ``Abandon``
reducing   nothing                                 the job ends, or ``Abandon``
reporting  ``MapDone``, ``ReduceDone``, ...        ``Noted``
=========  ======================================  ====================================================

It has no wish for a master that has not noted its last report: otherwise the wish could overtake the
report, and the master would think the work lost. Where there are two masters it turns to the other
one meanwhile. A request that was answered is over: a second answer to it is an echo.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Failed, Finished, JobOutcome, Message, Node, Timer
from labs.lab1_mapreduce import shuffle, skipping
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
    Noted,
    OutputLost,
    Piece,
    ReduceDone,
    Request,
    RunMap,
    RunReduce,
    WorkerConfig,
)


class Poll(Timer, frozen=True):
    """Rest is over."""


class Retry(Timer, frozen=True):
    """Time to say again what has not been answered."""


class Beat(Timer, frozen=True):
    """Time for a heartbeat."""


class Incarnation(Struct, frozen=True):
    """A record for each start of the worker."""

    number: int


class Worker(Node):
    config: WorkerConfig
    incarnation: int
    """How many times this worker has been started."""
    wishes: int
    """Number of the newest request."""
    wish: Request | None
    """The request that has not been answered."""
    unanswered: int
    """How many times it has been repeated."""
    idle: int
    """How many masters in a row had nothing to do."""
    master: int
    """Index of the master we turn to."""
    order: RunMap | RunReduce | None
    """What we work on."""
    job: MapAttempt | ReduceAttempt | None
    """The job that does it; None while inputs are being fetched."""
    fetching: shuffle.Shuffle | None
    """The inputs of the reduce task that we work on, until they are complete."""
    reports: dict[Attempt, Message]
    """What has not been noted."""

    def on_start(self) -> None:
        # BEGIN SOLUTION 1B: count this start, on disk; forget all else; ask for work
        starts = self.disk.recover("incarnations", Incarnation)
        self.incarnation = 1 + max((start.number for start in starts), default=0)
        self.disk.append("incarnations", Incarnation(self.incarnation))
        self.disk.sync("incarnations", "/")
        self.wishes = self.unanswered = self.idle = self.master = 0
        self.wish = self.order = self.job = self.fetching = None
        self.reports = {}
        self.set_timer(Retry(), self.config.retry)
        self.ask()
        # END SOLUTION
        self.on_beat(Beat())

    # -- asking ---------------------------------------------------------------------------------------

    # BEGIN SOLUTION 1B: your own helpers
    def ask(self) -> None:
        """Wish for work, unless the master whose turn it is has to note a report first."""
        self.wish = None
        masters = self.config.masters
        busy = {attempt.master for attempt in self.reports}
        for _ in masters:
            if masters[self.master] not in busy:
                break
            self.master = (self.master + 1) % len(masters)
        else:
            return
        self.wishes += 1
        self.unanswered = 0
        self.wish = (self.incarnation, self.wishes)
        self.send(Address(masters[self.master]), Ask(self.wish))

    def turn_to_next_master(self) -> None:
        self.master = (self.master + 1) % len(self.config.masters)

    # END SOLUTION

    def on_retry(self, _: Retry) -> None:
        """Say again what has not been answered."""
        # BEGIN SOLUTION 1B: reports, the wish for work, requests for pieces
        self.set_timer(Retry(), self.config.retry)
        for attempt, report in self.reports.items():
            self.send(Address(attempt.master), report)
        if self.fetching is not None:
            self.fetch_more(self.fetching)
        elif self.wish is not None:
            self.unanswered += 1
            if self.unanswered > self.config.patience and len(self.config.masters) > 1:
                self.turn_to_next_master()
                self.ask()
            else:
                self.send(Address(self.config.masters[self.master]), Ask(self.wish))
        # END SOLUTION

    def on_idle(self, idle: Idle, master: Address) -> None:
        """Nothing to do: rest a while, or ask the next master. Delete what no job of this one needs."""
        # BEGIN SOLUTION 1B: take the answer, tidy up, ask elsewhere or later
        if idle.request != self.wish:
            return
        self.wish = None
        for path in self.disk.files():
            job, _, rest = path.partition("/")
            if job not in idle.jobs and f"/{master}." in rest:
                self.disk.delete(path)
        self.idle += 1
        if self.idle < len(self.config.masters):
            self.turn_to_next_master()
            self.ask()
        else:
            self.set_timer(Poll(), self.config.poll)
        # END SOLUTION

    def on_poll(self, _: Poll) -> None:
        # BEGIN SOLUTION 1B: ask again
        self.idle = 0
        if self.wish is None and self.order is None:
            self.ask()
        # END SOLUTION

    # -- working --------------------------------------------------------------------------------------

    def on_run_map(self, order: RunMap, master: Address) -> None:
        """Run a map attempt, if this answers our wish."""
        # BEGIN SOLUTION 1B: take the answer, run the job
        if order.request == self.wish:
            self.take(order)
            self.work(MapAttempt(order, self.limits()))
        # END SOLUTION

    def on_run_reduce(self, order: RunReduce, master: Address) -> None:
        """Fetch the inputs of a reduce attempt, if this answers our wish."""
        # BEGIN SOLUTION 1B: take the answer, begin to fetch
        if order.request == self.wish:
            self.take(order)
            self.fetching = shuffle.begin(order, self.address, self.disk)
            self.fetch_more(self.fetching)
        # END SOLUTION

    def on_map_attempt(self, job: MapAttempt, outcome: JobOutcome) -> None:
        """Report how it went."""
        # BEGIN SOLUTION 1B: MapDone, or AttemptFailed with the record that it died of
        attempt = job.order.attempt
        match outcome:
            case Finished(result):
                self.report(MapDone(attempt, result.sizes, result.counters))
            case Failed(error):
                record = skipping.last_gasp(job.order, outcome)
                self.report(AttemptFailed(attempt, error, record))
        # END SOLUTION

    def on_reduce_attempt(self, job: ReduceAttempt, outcome: JobOutcome) -> None:
        """Report how it went."""
        # BEGIN SOLUTION 1B: ReduceDone, or AttemptFailed
        match outcome:
            case Finished():
                self.report(ReduceDone(job.attempt))
            case Failed(error):
                self.report(AttemptFailed(job.attempt, error, None))
        # END SOLUTION

    # BEGIN SOLUTION 1B: your own helpers
    def take(self, order: RunMap | RunReduce) -> None:
        """The wish is granted."""
        self.wish, self.order = None, order
        self.idle = 0

    def work(self, job: MapAttempt | ReduceAttempt) -> None:
        self.job = job
        self.run_job(job)

    def limits(self) -> Limits:
        return Limits(self.config.batch, self.config.memory, self.config.ways)

    def fetch_more(self, fetching: shuffle.Shuffle) -> None:
        """Ask for pieces; begin to reduce where none is missing, give up where one cannot be had."""
        now = self.monotonic()
        patience = self.config.fetch_patience
        lost = shuffle.given_up(fetching, patience, now) if patience is not None else None
        if lost is not None:
            self.report(OutputLost(fetching.order.attempt, lost))
        elif fetching.is_complete:
            order, self.fetching = fetching.order, None
            files = tuple(fetching.files)
            self.work(ReduceAttempt(order.attempt, order.spec, files, self.limits()))
        else:
            fetches, piece, retry = self.config.fetches, self.config.piece, self.config.retry
            for holder, fetch in shuffle.wanted(fetching, fetches, piece, retry, now):
                self.send(holder, fetch)

    def report(self, report: MapDone | ReduceDone | AttemptFailed | OutputLost) -> None:
        """The attempt is over, whatever came of it."""
        self.let_go(keep=isinstance(report, MapDone))
        self.reports[report.attempt] = report
        self.send(Address(report.attempt.master), report)
        self.ask()

    def let_go(self, keep: bool = False) -> None:
        """Work on nothing; delete the attempt's files, unless others will come for them."""
        if self.order is not None and not keep:
            for path in self.disk.files(f"{self.order.attempt.path}/"):
                self.disk.delete(path)
        self.order = self.job = self.fetching = None

    # END SOLUTION

    def on_noted(self, noted: Noted, master: Address) -> None:
        """The master has heard our report."""
        # BEGIN SOLUTION 1B: stop repeating it, go on
        self.reports.pop(noted.attempt, None)
        if self.wish is None and self.order is None:
            self.ask()
        # END SOLUTION

    # -- being alive ----------------------------------------------------------------------------------

    def on_beat(self, _: Beat) -> None:
        """Tell every master that we live, and what we work on."""
        if self.config.heartbeat is not None:
            # BEGIN SOLUTION 1C: a Heartbeat to each master, and another one later
            self.set_timer(Beat(), self.config.heartbeat)
            for master in self.config.masters:
                self.send(Address(master), Heartbeat(self.order.attempt if self.order else None))
            # END SOLUTION

    def on_abandon(self, abandon: Abandon, master: Address) -> None:
        """Nobody needs what we do: stop it, and ask for something else."""
        # BEGIN SOLUTION 1C: cancel the job, ask
        if self.order is None or self.order.attempt != abandon.attempt:
            return
        if self.job is not None:
            self.cancel_job(self.job)
        self.let_go()
        self.ask()
        # END SOLUTION

    # -- serving --------------------------------------------------------------------------------------

    def on_fetch(self, fetch: Fetch, reader: Address) -> None:
        """Hand out a piece of a map output."""
        # BEGIN SOLUTION 1B: read it from the file, or say that there is none
        path = f"{fetch.output.path}/{fetch.part}"
        if self.disk.exists(path):
            data = self.disk.read(path, fetch.start, fetch.length)
            self.send(reader, Piece(fetch.output, fetch.part, fetch.start, data))
        else:
            self.send(reader, Gone(fetch.output, fetch.part))
        # END SOLUTION

    def on_piece(self, piece: Piece, holder: Address) -> None:
        """A piece of a map output has come."""
        # BEGIN SOLUTION 1B: add it to our copy, ask for the next one
        if self.fetching is not None:
            shuffle.take(self.fetching, piece, self.disk, self.monotonic())
            self.fetch_more(self.fetching)
        # END SOLUTION

    def on_gone(self, gone: Gone, holder: Address) -> None:
        """A map output that we need is not where it should be."""
        # BEGIN SOLUTION 1C: give the reduce attempt up
        if self.fetching is not None and shuffle.source_of(self.fetching, gone) is not None:
            self.report(OutputLost(self.fetching.order.attempt, gone.output))
        # END SOLUTION
