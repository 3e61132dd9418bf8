"""A reduce attempt: merge one partition of all map outputs, reduce each group, commit (part 1A; §3.1).

The partitions lie on the worker's disk when the job begins: fetching them takes messages, and that is
the worker's part (shuffle.py). Output goes out in pieces as it is made, so that an attempt holds a
block of each input and a piece of output, however large they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from distlab.core import Steps
from distlab.core.context import JobContext
from labs.lab1_mapreduce import commit
from labs.lab1_mapreduce.apps import find
from labs.lab1_mapreduce.protocol import NO_RECORD, Attempt, JobSpec, Limits
from labs.lab1_mapreduce.runs import merge_all


def run(
    attempt: Attempt, spec: JobSpec, files: Sequence[str], limits: Limits, io: JobContext
) -> Steps:
    """The job: writes the reduced groups in ascending order of their keys, and commits them.

    Every line of output ends in a line end. Does nothing where the task is committed already.
    """
    # BEGIN SOLUTION 1A: merge the files, reduce the groups, write the lines, commit
    if commit.is_committed(io.store, attempt):
        return
    app = find(spec.app)(spec.params, io.random)
    lines: list[bytes] = []
    size = 0
    for groups in merge_all(io.disk, list(files), limits.ways, limits.block, attempt.path):
        yield NO_RECORD
        if groups is not None:
            reduced = app.reduce_batch(groups)
            lines += reduced
            size += sum(map(len, reduced))
        if size > limits.batch:
            commit.write(io.store, attempt, b"\n".join([*lines, b""]))
            lines.clear()
            size = 0
    # Also where no line is left: an output may be empty, but it is there.
    commit.write(io.store, attempt, b"\n".join([*lines, b""]))
    commit.commit(io.store, attempt)
    # END SOLUTION
