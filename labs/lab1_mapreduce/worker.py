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
        raise NotImplementedError("1B: count this start, on disk; forget all else; ask for work")
        self.on_beat(Beat())

    # -- asking ---------------------------------------------------------------------------------------

    # TODO 1B: your own helpers

    def on_retry(self, _: Retry) -> None:
        """Say again what has not been answered."""
        raise NotImplementedError("1B: reports, the wish for work, requests for pieces")

    def on_idle(self, idle: Idle, master: Address) -> None:
        """Nothing to do: rest a while, or ask the next master. Delete what no job of this one needs."""
        raise NotImplementedError("1B: take the answer, tidy up, ask elsewhere or later")

    def on_poll(self, _: Poll) -> None:
        raise NotImplementedError("1B: ask again")

    # -- working --------------------------------------------------------------------------------------

    def on_run_map(self, order: RunMap, master: Address) -> None:
        """Run a map attempt, if this answers our wish."""
        raise NotImplementedError("1B: take the answer, run the job")

    def on_run_reduce(self, order: RunReduce, master: Address) -> None:
        """Fetch the inputs of a reduce attempt, if this answers our wish."""
        raise NotImplementedError("1B: take the answer, begin to fetch")

    def on_map_attempt(self, job: MapAttempt, outcome: JobOutcome) -> None:
        """Report how it went."""
        raise NotImplementedError("1B: MapDone, or AttemptFailed with the record that it died of")

    def on_reduce_attempt(self, job: ReduceAttempt, outcome: JobOutcome) -> None:
        """Report how it went."""
        raise NotImplementedError("1B: ReduceDone, or AttemptFailed")

    # TODO 1B: your own helpers

    def on_noted(self, noted: Noted, master: Address) -> None:
        """The master has heard our report."""
        raise NotImplementedError("1B: stop repeating it, go on")

    # -- being alive ----------------------------------------------------------------------------------

    def on_beat(self, _: Beat) -> None:
        """Tell every master that we live, and what we work on."""
        if self.config.heartbeat is not None:
            raise NotImplementedError("1C: a Heartbeat to each master, and another one later")

    def on_abandon(self, abandon: Abandon, master: Address) -> None:
        """Nobody needs what we do: stop it, and ask for something else."""
        raise NotImplementedError("1C: cancel the job, ask")

    # -- serving --------------------------------------------------------------------------------------

    def on_fetch(self, fetch: Fetch, reader: Address) -> None:
        """Hand out a piece of a map output."""
        raise NotImplementedError("1B: read it from the file, or say that there is none")

    def on_piece(self, piece: Piece, holder: Address) -> None:
        """A piece of a map output has come."""
        raise NotImplementedError("1B: add it to our copy, ask for the next one")

    def on_gone(self, gone: Gone, holder: Address) -> None:
        """A map output that we need is not where it should be."""
        raise NotImplementedError("1C: give the reduce attempt up")
