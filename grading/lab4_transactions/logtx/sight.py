"""What a run shows: the logs of the partitions as they are in the end, and the coordinator's log as it grew.

A partition's log is read here once more, in the dumbest way: a batch is decided by the next marker of its producer id.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from msgspec import Struct

from distlab.core import Address
from distlab.grade.lab import Run
from distlab.trace import Kind, Trace
from grading.lab4_transactions.logtx.world import COORDINATORS, GROUP, LOG, PARTITIONS
from labs.lab4_transactions.logtx import Batch, Identity, PartitionView, TxnRecord
from labs.lab4_transactions.txn_log import Append, Appended

OPEN = "open"


class Placed(Struct, frozen=True):
    """A batch in a partition, and what has become of it."""

    partition: str
    batch: Batch
    fate: str
    """COMMIT, ABORT or OPEN."""
    index: int
    """Of the batch in its log."""


class Logged(Struct, frozen=True):
    """A record of the coordinator's log."""

    record: TxnRecord
    event: int
    """When the log said that it stands there."""


class Sight(Struct):
    placed: dict[str, list[Placed]] = {}
    """Partition -> its data, in order. Partitions that are down are missing."""
    ends: dict[str, int] = {}
    stable: dict[str, int] = {}
    """Partition -> LSO, as its index says."""
    logged: list[Logged] = []
    lineage: dict[str, list[Identity]] = {}
    """Transactional id -> who might speak for it, one after the other."""

    def everything(self) -> Iterator[Placed]:
        for batches in self.placed.values():
            yield from batches

    def of(self, identity: Identity) -> list[Placed]:
        return [p for p in self.everything() if p.batch.producer == identity]

    def opening(self, partition: str) -> int:
        """Where the oldest open transaction begins; the end if none is open."""
        opened = [p.batch.offset for p in self.placed[partition] if p.fate == OPEN]
        return min(opened, default=self.ends[partition])


_sights: WeakKeyDictionary[Trace, Sight] = WeakKeyDictionary()


def sight(run: Run) -> Sight:
    """Worked out once for all judges of a run."""
    found = _sights.get(run.trace)
    if found is None:
        found = _sights[run.trace] = _look(run)
    return found


def is_all_there(run: Run) -> bool:
    """Whether every partition can be seen in the end."""
    names = [*PARTITIONS, GROUP] if GROUP in run.cluster.members else [*PARTITIONS]
    return all(isinstance(run.probes.get(Address(name)), PartitionView) for name in names)


def _look(run: Run) -> Sight:
    found = Sight()
    for name in (*PARTITIONS, GROUP):
        view = run.probes.get(Address(name))
        if isinstance(view, PartitionView):
            found.placed[name] = list(_fates(name, view.batches))
            found.ends[name] = view.batches[-1].next_offset if view.batches else 0
            found.stable[name] = view.last_stable_offset
    asked: dict[tuple[int, int], Append] = {}
    for event in run.trace.of(Kind.DELIVER, Kind.SEND):
        if event.node != LOG:
            continue
        what = event.what
        if event.kind == Kind.DELIVER and isinstance(what, Append) and event.peer in COORDINATORS:
            asked.setdefault((what.epoch, what.at), what)
        elif event.kind == Kind.SEND and isinstance(what, Appended):
            records = asked[what.epoch, what.at].records
            if what.at == len(found.logged):
                found.logged += [Logged(record, event.id) for record in records]
    for logged in found.logged:
        line = found.lineage.setdefault(logged.record.transactional_id, [])
        if logged.record.producer not in line:
            line.append(logged.record.producer)
    return found


def _fates(name: str, batches: tuple[Batch, ...]) -> Iterator[Placed]:
    fates: dict[int, str] = {}
    """Producer id -> what its next marker says."""
    found = []
    for index in reversed(range(len(batches))):
        batch = batches[index]
        if batch.producer is None:
            found.append(Placed(name, batch, "COMMIT", index))
        elif batch.control:
            fates[batch.producer.id] = batch.control
        else:
            found.append(Placed(name, batch, fates.get(batch.producer.id, OPEN), index))
    return reversed(found)
