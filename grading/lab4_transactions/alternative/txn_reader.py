"""Another reader: first the ranges that are left out are worked out, then everything else is taken."""

from __future__ import annotations

from labs.lab4_transactions.logtx import Batch, Fetched, Record


def left_out(fetched: Fetched) -> set[int]:
    """Offsets of the batches that belong to aborted transactions."""
    out: set[int] = set()
    for aborted in fetched.aborted:
        for batch in fetched.batches:
            if batch.producer is None or batch.producer.id != aborted.producer_id:
                continue
            if batch.offset >= aborted.first_offset:
                if batch.control:
                    break
                out.add(batch.offset)
    return out


def read_committed(fetched: Fetched, position: int) -> tuple[list[Record], int]:
    out = left_out(fetched)

    def is_wanted(batch: Batch) -> bool:
        return not batch.control and batch.offset not in out

    records = [
        Record(batch.offset + at, value)
        for batch in filter(is_wanted, fetched.batches)
        for at, value in enumerate(batch.values)
        if batch.offset + at >= position
    ]
    behind = fetched.batches[-1].next_offset if fetched.batches else position
    return records, max(position, behind)


def lag(fetched: Fetched, position: int) -> int:
    behind = fetched.last_stable_offset - position
    return behind if behind > 0 else 0
