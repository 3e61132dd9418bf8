"""Jobs in the simulator: generators whose steps interleave with everything else.

A step runs at one instant and then takes its time: what the noise says, times the node's slowness, plus what its file
and store calls cost. Between two steps anything may happen: the node crashes, pauses, or cancels the job.

A job that has ended stays among its process's jobs until the process has been told, so that one that is cancelled
meanwhile (the process was busy) reports nothing.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Generator
from random import Random
from typing import TYPE_CHECKING, Any

from distlab.core.codec import crossed, encode
from distlab.core.errors import BadValue, DiskError, Halt, HarnessBug, ScenarioError, StudentError
from distlab.core.values import Failed, Finished, Job, JobOutcome
from distlab.sim.disk import Request, SimDisk
from distlab.sim.store import SimStore
from distlab.sim.streams import stream
from distlab.trace import Kind

if TYPE_CHECKING:
    from distlab.sim.process import Process

_NOT_THE_JOBS_FAULT = (NotImplementedError, StudentError, ScenarioError, HarnessBug)
"""These end the run instead of becoming ``Failed``: a job fails when what it works on is bad, not when it is."""


class Running:
    """A job under way: the :class:`~distlab.core.context.JobContext` it gets, over its process's files and store."""

    def __init__(self, process: Process, job: Job) -> None:
        self.sim = process.sim
        self.address = process.address
        self.disk = SimDisk(self, process.device)
        self.store = SimStore(self, process.sim.objects)
        self.log = process.log
        self.job = job
        self.is_over = False
        self._process = process
        self._name = f"{type(job).__name__}-{zlib.crc32(encode(job))}"
        self._started = process.note(Kind.JOB, job)
        self._progress: int | None = None
        self._cost = 0
        self._random: Random | None = None
        self._pace: Random | None = None
        self._steps = job.run(self)
        if not isinstance(self._steps, Generator):
            raise BadValue(f"{type(job).__name__}.run must be a generator: yield between its steps")
        self._next()

    @property
    def random(self) -> Random:
        """The job's own stream; another in each incarnation of its node."""
        if self._random is None:
            self._random = stream(
                self.sim.noise.seed, "job", self.address, self._process.incarnation, self._name
            )
        return self._random

    def cancel(self) -> None:
        """End it without a word, as SIGKILL would: its ``finally`` blocks run, but can touch nothing any more."""
        self.is_over = True
        with contextlib.suppress(
            Halt, Exception
        ):  # whatever a dying job still raises, nobody hears
            self._steps.close()

    def kill(self) -> None:
        """Its process is killed from outside; the node is told, though not in the midst of a handler."""
        self.cancel()
        outcome = Failed("killed by signal 9", self._progress)
        ended = self._process.note(Kind.JOB_END, (self.job, outcome), cause=self._started)
        self.sim.after(0, self._report, (ended, outcome))

    # -- Actor ----------------------------------------------------------------------------------------------------

    def must_live(self) -> None:
        if self.is_over:
            raise Halt("this job has ended")

    def about_to(self, verb: str, what: str) -> None:
        self._process.about_to(verb, what)
        self.must_live()

    def note(self, kind: str, what: Any, cause: int | None = None) -> int:
        return self._process.note(kind, what, self._started if cause is None else cause)

    def charge(self, cost: int) -> None:
        self._cost += cost

    def sync(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            self.about_to("sync", path)
        device = self._process.device
        mark = device.files.mark(*paths)
        asked = self.note(Kind.SYNC, paths)
        worked = device.settle(Request(mark, lambda worked: None))
        self.charge(device.sync_time() * device.slow)
        self.note(Kind.SYNCED if worked else Kind.SYNC_FAILED, paths, asked)
        if not worked:
            raise DiskError(f"sync of {', '.join(paths)} failed")

    def flush(self) -> None:
        """A job's own syncs are done when they return, and it does not wait for its node's."""

    # -- steps ----------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        least, most = self.sim.noise.job_step
        took = least
        if least != most:
            if self._pace is None:
                self._pace = stream(self.sim.noise.seed, "pace", self.address, self._name)
            took += int(self._pace.random() * (most - least))
        self.sim.after(took * self._process.device.job_factor + self._cost, self._step, None)
        self._cost = 0

    def _step(self, _: None) -> None:
        process, sim = self._process, self.sim
        if self.is_over:
            return
        if process.is_paused:
            process.once_awake(self._step)
            return
        sim.acting = process
        sim.cause = self._started
        try:
            reported = next(self._steps)
        except Halt:
            return
        except StopIteration as end:
            self._finish(end.value)
        except (*_NOT_THE_JOBS_FAULT, SystemExit) as error:
            sim.handler_raised(process, error, repr(self.job))
        except Exception as error:
            self._end(Failed(f"{type(error).__name__}: {error}", self._progress))
        else:
            self._progress = self._progress if reported is None else reported
            self._next()

    def _finish(self, value: object) -> None:
        try:
            self._end(Finished(crossed(value, type(self.job).Result)))
        except BadValue as error:
            self.sim.handler_raised(self._process, error, repr(self.job))

    def _end(self, outcome: JobOutcome) -> None:
        if self.is_over:  # it caught its own end, and went on
            return
        self.is_over = True
        ended = self._process.note(Kind.JOB_END, (self.job, outcome), cause=self._started)
        self._report((ended, outcome))

    def _report(self, what: tuple[int, JobOutcome]) -> None:
        if self._process.alive:
            self._process.take(self._tell, what)

    def _tell(self, what: tuple[int, JobOutcome]) -> None:
        process = self._process
        if process.jobs.get(self.job) is not self:  # cancelled since
            return
        del process.jobs[self.job]
        ended, outcome = what
        handler, count, _ = process.handlers[type(self.job)]
        process.handle(ended, handler, count, self.job, outcome)
