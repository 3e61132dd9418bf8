"""The two kinds of attempt, as jobs beside the worker. Given: each calls what you write in part 1A.

A job's fields are its whole input. It sees its worker's disk and the shared store, and nothing else
of its worker.

(What is given does not import what you write but at the moment it is called, so that one solution can
be exchanged for another.)
"""

from __future__ import annotations

from distlab.core import Job, Steps
from distlab.core.context import JobContext
from labs.lab1_mapreduce.protocol import Attempt, JobSpec, Limits, MapResult, RunMap


class MapAttempt(Job, frozen=True):
    """Read a split, map it, sort and partition what comes; leave R files on the worker's disk."""

    Result = MapResult

    order: RunMap
    limits: Limits

    def run(self, io: JobContext) -> Steps:
        from labs.lab1_mapreduce import map_side

        return map_side.run(self.order, self.limits, io)


class ReduceAttempt(Job, frozen=True):
    """Merge one partition of every map output, reduce each group, commit the output."""

    Result = None

    attempt: Attempt
    spec: JobSpec
    files: tuple[str, ...]
    """The partition of each map task, on the worker's own disk by now, in the order of the tasks."""
    limits: Limits

    def run(self, io: JobContext) -> Steps:
        from labs.lab1_mapreduce import reduce_side

        return reduce_side.run(self.attempt, self.spec, self.files, self.limits, io)
