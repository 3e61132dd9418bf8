"""Reading committed data: what of a fetched piece of log is handed out (part 4F1).

Rule: functions of values only.

Theory (KIP-98). A broker does not leave aborted batches out: it sends its log as it is, up to the LSO, and beside it
which transactions in there were aborted, each by its producer id and first offset. A producer id may abort one
transaction and commit the next in the same piece, so an id alone says nothing: it is aborted from that first offset
on, up to its next marker. Markers are never handed out, but they take up offsets: so a position is not a count, and it
moves on even where there was nothing to hand out.
"""

from __future__ import annotations

from labs.lab4_transactions.logtx import Fetched, Record


def read_committed(fetched: Fetched, position: int) -> tuple[list[Record], int]:
    """The records from ``position`` on that a consumer may hand out, and the position behind all that was fetched.

    The first batch may begin before ``position``.
    """
    # BEGIN SOLUTION 4F1: leave out markers, and what lies between an aborted transaction's first offset and its marker
    records: list[Record] = []
    to_come = list(fetched.aborted)
    aborting: set[int] = set()
    for batch in fetched.batches:
        while to_come and to_come[0].first_offset <= batch.offset:
            aborting.add(to_come.pop(0).producer_id)
        position_behind = max(position, batch.next_offset)
        if batch.control:
            assert batch.producer is not None
            aborting.discard(batch.producer.id)
        elif batch.producer is None or batch.producer.id not in aborting:
            records += [
                Record(offset, value)
                for offset, value in enumerate(batch.values, batch.offset)
                if offset >= position
            ]
        position = position_behind
    return records, position
    # END SOLUTION


def lag(fetched: Fetched, position: int) -> int:
    """How far a consumer at ``position`` is behind, as offsets that it could read now; never below 0."""
    # BEGIN SOLUTION 4F1: up to where may it read?
    return max(0, fetched.last_stable_offset - position)
    # END SOLUTION
