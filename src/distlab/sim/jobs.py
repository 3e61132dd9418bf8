"""Jobs in the simulator: generators whose steps interleave with everything else.

A step runs at one instant and then takes its time: what the noise says, times the node's slowness, plus what its file
and store calls cost. Between two steps anything may happen: the node crashes, pauses, or cancels the job.
"""

from __future__ import annotations

import contextlib
from random import Random
from typing import TYPE_CHECKING, Any

from distlab.core.codec import crossed
from distlab.core.errors import BadValue, DiskError, Halt, HarnessBug, ScenarioError, StudentError
from distlab.core.files import Mark
from distlab.core.values import Failed, Finished, Job, JobOutcome
from distlab.sim.disk import SimDisk
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
        self._process = process
        self._started = process.note(Kind.JOB, job)
        self._progress: int | None = None
        self._cost = 0
        self._over = False
        self._random: Random | None = None
        self._pace = stream(self.sim.noise.seed, "pace", process.address, job)
        self._steps = job.run(self)
        self._next()

    @property
    def random(self) -> Random:
        """The job's own stream; another in each incarnation of its node."""
        if self._random is None:
            self._random = stream(
                self.sim.noise.seed, "job", self.address, self._process.incarnation, self.job
            )
        return self._random

    def cancel(self) -> None:
        """End it without a word, as SIGKILL would: its ``finally`` blocks run, but can touch nothing any more."""
        self._over = True
        with contextlib.suppress(
            Halt, ValueError
        ):  # ValueError: it is the job itself that brought its node down
            self._steps.close()

    def kill(self) -> None:
        """Its process is killed from outside; the node is told."""
        self.cancel()
        self._end(Failed("killed by signal 9", self._progress))

    # -- Actor ----------------------------------------------------------------------------------------------------

    def must_live(self) -> None:
        if self._over:
            raise Halt("this job has ended")

    def about_to(self, verb: str, what: str) -> None:
        self._process.about_to(verb, what)

    def note(self, kind: str, what: Any, cause: int | None = None) -> int:
        return self._process.note(kind, what, self._started if cause is None else cause)

    def charge(self, cost: int) -> None:
        self._cost += cost

    def sync(self, paths: tuple[str, ...], mark: Mark) -> None:
        device = self._process.device
        asked = self.note(Kind.SYNC, paths)
        worked = device.settle(mark)
        self.charge(self.sim.noise.sync[0] * device.slow)
        self.note(Kind.SYNCED if worked else Kind.SYNC_FAILED, paths, asked)
        if not worked:
            raise DiskError(f"sync of {', '.join(paths)} failed")

    def flush(self) -> None:
        """A job's own syncs are done when they return, and it does not wait for its node's."""

    # -- steps ----------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        least, most = self.sim.noise.job_step
        took = least if least == most else least + int(self._pace.random() * (most - least))
        self.sim.after(took * self._process.factor + self._cost, self._step, None)
        self._cost = 0

    def _step(self, _: None) -> None:
        process, sim = self._process, self.sim
        if self._over:
            return
        if process.paused_until > sim.time:
            sim.at(process.paused_until, self._step, None)
            return
        sim.acting = process
        sim.cause = self._started
        try:
            reported = next(self._steps)
        except Halt:
            return
        except StopIteration as end:
            self._finish(end.value)
        except _NOT_THE_JOBS_FAULT as error:
            sim.handler_raised(process, error, (self.job,))
        except Exception as error:
            self._over = True
            self._end(Failed(f"{type(error).__name__}: {error}", self._progress))
        else:
            self._progress = self._progress if reported is None else reported
            self._next()

    def _finish(self, value: object) -> None:
        self._over = True
        try:
            self._end(Finished(crossed(value, type(self.job).Result)))
        except BadValue as error:
            self.sim.handler_raised(self._process, error, (self.job,))

    def _end(self, outcome: JobOutcome) -> None:
        self._process.jobs.pop(self.job, None)
        ended = self._process.note(Kind.JOB_END, (self.job, outcome), cause=self._started)
        self._report((ended, outcome))

    def _report(self, what: tuple[int, JobOutcome]) -> None:
        process = self._process
        if not process.alive:
            return
        if process.is_held():
            process.hold(self._report, what)
            return
        ended, outcome = what
        handler, count, _ = process.handlers[type(self.job)]
        process.handle(ended, handler, *(self.job, outcome)[:count])
