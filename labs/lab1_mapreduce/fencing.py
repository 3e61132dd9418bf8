"""The end of a job: said once, by one master (part 1E).

A master that was paused does not know that it was, nor that the client has gone to another one. Both
may reach the end. Neither can ask the other, so a third party decides, that can refuse: the store
keeps one record per job, and puts it there only where none is. Whoever comes second finds how the job
has ended, and says just that. (Hadoop met this as "AM split brain", MAPREDUCE-4832.)
"""

from __future__ import annotations

from distlab.core import NoSuchFile, Store
from labs.lab1_mapreduce.protocol import JobRecord, outcome_key


def outcome(store: Store, job: str) -> JobRecord | None:
    """How the job ended; None while it has not."""
    raise NotImplementedError("1E: read the job's record, if there is one")


def settle(store: Store, record: JobRecord) -> JobRecord:
    """End the job as the record says, unless it has ended; how it did end."""
    raise NotImplementedError("1E: put the record if absent; the one that stands there counts")
