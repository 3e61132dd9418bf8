"""A reduce attempt that commits small outputs in one put, and writes aside only what is large."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.core import Steps
from distlab.core.context import JobContext
from labs.lab1_mapreduce.apps import find
from labs.lab1_mapreduce.protocol import (
    NO_RECORD,
    Attempt,
    JobSpec,
    Limits,
    part_key,
    private_key,
)
from labs.lab1_mapreduce.runs import merge_all


def run(
    attempt: Attempt, spec: JobSpec, files: Sequence[str], limits: Limits, io: JobContext
) -> Steps:
    """Merge, reduce, and either put the output there if none is, or rename what was written aside."""
    target, aside = part_key(attempt.job, attempt.task), private_key(attempt)
    app = find(spec.app)(spec.params, io.random)
    output = bytearray()
    is_large = False
    for groups in merge_all(io.disk, list(files), limits.ways, limits.block, attempt.path):
        yield NO_RECORD
        for line in app.reduce_batch(groups or []):
            output += line + b"\n"
        if len(output) > limits.batch:
            io.store.append(aside, bytes(output))
            output.clear()
            is_large = True
    if not is_large:
        io.store.put_if_absent(target, bytes(output))
        return
    io.store.append(aside, bytes(output))
    yield NO_RECORD
    if not io.store.rename(aside, target):
        io.store.delete(aside)
