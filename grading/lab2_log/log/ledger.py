"""The oracle of part 2A: what one broker's log must be, by all that was asked of it and all that it answered.

It watches the boundary: requests that reach the broker, answers that leave it, its deaths. Batches get the offsets that
a log must give them, one after the other. A death leaves a prefix, nobody knows which, but for what had been
promised to
be on disk; the next answer tells. What is wrong is found at the answer that shows it, with the code of the promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grading.lab2_log.log import codec
from labs.lab2_log.batches import Record
from labs.lab2_log.brokers import (
    ALL,
    CORRUPT_MESSAGE,
    NONE,
    OFFSET_OUT_OF_RANGE,
    STORAGE_ERROR,
    Fetch,
    Fetched,
    ListedOffset,
    ListOffsets,
    LogConfig,
    Produce,
    Produced,
)

SHOWN = 8
"""So many steps fit into two or three lines of a report."""


class Wrong(Exception):
    """An answer that no correct log gives."""

    def __init__(
        self,
        code: str,
        reason: str,
        expected: object = "",
        got: object = "",
        steps: Sequence[str] = (),
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.expected = expected
        self.got = got
        self.steps = steps
        """What was done before, oldest first."""

    @property
    def story(self) -> str:
        """The reason, and the last steps that led there."""
        if not self.steps:
            return self.reason
        more = "... " if len(self.steps) > SHOWN else ""
        return f"{self.reason}. Before it: {more}{'; '.join(self.steps[-SHOWN:])}"


@dataclass
class Kept:
    """A batch of the log as it must be."""

    base: int
    next: int
    blob: bytes
    """As it was stored."""
    records: tuple[Record, ...]
    life: int
    """How often the broker had crashed when it was appended."""


class Ledger:
    """What must be in the log."""

    def __init__(self, config: LogConfig) -> None:
        self.config = config
        self.batches: list[Kept] = []
        self.least_end = 0
        """Everything before it is there for certain: it was promised, or seen."""
        self.safe = 0
        """Everything before it survives any crash."""
        self.start = 0
        self.is_ill = False
        """Whether the disk has misbehaved."""
        self.rotten = False
        """Whether a bit of the files has flipped."""
        self.now = 0
        self._asked: dict[tuple[str, int], Produce | Fetch | ListOffsets] = {}
        self._places: dict[tuple[str, int], Kept] = {}
        self.is_settled = True
        """Whether the end of the log is known: an answer has shown it since the last crash."""
        self.is_blind = False
        """Two crashes, and nothing between them that says what the first one took: no more can be said."""
        self.crashes = 0
        self.lost = 0
        """Batches that a crash really took."""
        self.reads = 0

    @property
    def end(self) -> int:
        """The end of the log, if no crash took anything."""
        return self.batches[-1].next if self.batches else 0

    # -- what happens -----------------------------------------------------------------------------------------------

    def crash(self) -> None:
        """The broker died."""
        if not self.is_settled and self._places:
            self.is_blind = True
        self.is_settled = False
        self.crashes += 1
        self.least_end = self.safe
        self._asked.clear()
        self._places.clear()

    def kill(self) -> None:
        """The broker's process died, and the machine did not: nothing is lost but what it was about to append."""
        certain = self.least_end
        self.crash()
        self.least_end = certain

    def asked(self, sender: str, request: Produce | Fetch | ListOffsets, now: int) -> None:
        """A request reached the broker."""
        self.now = now
        self._asked[sender, request.id] = request
        if isinstance(request, Produce) and codec.is_sound(request.records):
            count = len(codec.opened(request.records).records)
            base = self.end
            blob = codec.place(request.records, base, 0)
            batch = Kept(base, base + count, blob, codec.opened(blob).records, self.crashes)
            # After a crash that may have taken something, the answer says where the batch went.
            self.batches.append(batch)
            self._places[sender, request.id] = batch

    def answered(self, to: str, answer: Produced | Fetched | ListedOffset, now: int) -> None:
        """An answer left the broker. Raises :class:`Wrong`."""
        self.now = now
        request = None if self.is_blind else self._asked.get((to, answer.id))
        match answer, request:
            case Produced(), Produce():
                self._produced(answer, request, self._places.get((to, answer.id)))
            case Fetched(), Fetch():
                self._fetched(answer, request)
            case ListedOffset(), ListOffsets():
                self._listed(answer, request)

    # -- answers ------------------------------------------------------------------------------------------------------

    def _produced(self, answer: Produced, request: Produce, batch: Kept | None) -> None:
        if not codec.is_sound(request.records):
            if answer.error != CORRUPT_MESSAGE:
                raise Wrong(
                    "LOG-S8",
                    "a batch that does not fit its CRC was appended",
                    CORRUPT_MESSAGE,
                    answer.error or f"offset {answer.base_offset}",
                )
            return
        if batch is None:
            return
        if answer.error == STORAGE_ERROR and self.is_ill:
            self.is_blind = True
            return
        if answer.error != NONE:
            raise Wrong("LOG-S8", "a sound batch was refused", "an offset", answer.error)
        self._settle(batch, answer.base_offset, "was appended")
        self.least_end = max(self.least_end, batch.next)
        if request.acks == ALL:
            self.safe = max(self.safe, batch.next)

    def _settle(self, batch: Kept, base: int, what: str) -> None:
        """``batch`` stands at ``base``: if that is not where it was expected, a crash must explain it."""
        self.is_settled = True
        if base == batch.base:
            return
        if not self.crashes or batch.base < self.least_end or base > batch.base:
            raise Wrong("LOG-S1", f"a batch {what} at {base}", f"offset {batch.base}", base)
        if base < self.safe:
            raise Wrong(
                "LOG-S3",
                f"a batch {what} at {base}: of what was on disk, something is gone",
                f"an offset from {self.safe} on",
                base,
            )
        mine = next(n for n, kept in enumerate(self.batches) if kept.life == self.crashes)
        since = self.batches.index(batch)
        left = base - sum(kept.next - kept.base for kept in self.batches[mine:since])
        before = [kept for kept in self.batches[:mine] if kept.next <= left]
        if left != (before[-1].next if before else 0):
            raise Wrong("LOG-S3", f"a crash left half a batch: the next {what} at {base}")
        self._cut(len(before), mine)

    def _cut(self, first: int, last: int) -> None:
        """The crash took these; what was appended since moves up."""
        self.lost += last - first
        del self.batches[first:last]
        end = self.batches[first - 1].next if first else 0
        for kept in self.batches[first:]:
            count = kept.next - kept.base
            kept.base, kept.next = end, end + count
            kept.blob = codec.place(kept.blob, end, 0)
            kept.records = codec.opened(kept.blob).records
            end = kept.next

    def _fetched(self, answer: Fetched, request: Fetch) -> None:
        self.reads += 1
        offset = request.offset
        self._starts_at(answer.log_start)
        if answer.error == OFFSET_OUT_OF_RANGE:
            if answer.log_start <= offset <= self.least_end:
                raise Wrong(
                    "LOG-S3" if self.crashes and offset <= self.safe else "LOG-S7",
                    f"there is nothing at offset {offset}, it says",
                    f"offsets {answer.log_start} to {self.least_end}",
                    answer.error,
                )
            return
        if answer.error != NONE:
            raise Wrong("LOG-S7", f"a read at {offset} was refused", "records", answer.error)
        if offset < answer.log_start or offset > self.end:
            raise Wrong(
                "LOG-S7",
                f"a read at {offset} was answered as if there was something",
                OFFSET_OUT_OF_RANGE,
                f"log from {answer.log_start} to {self.end}",
            )
        self._read(offset, answer, request.max_bytes)

    def _starts_at(self, start: int) -> None:
        """The log begins at ``start`` now: was that allowed?"""
        if start < self.start:
            raise Wrong("LOG-S5", f"the log began at {self.start}, and begins at {start} again")
        if start == self.start:
            return
        gone = [kept for kept in self.batches if kept.next <= start]
        left = [kept for kept in self.batches if kept.next > start]
        size, time = self.config.retention_bytes, self.config.retention_time
        if self.batches and not left:
            raise Wrong("LOG-S5", f"the log begins at {start}: all of it is gone")
        is_spare = size is not None and sum(len(kept.blob) for kept in left) >= size
        is_old = time is not None and all(
            record.timestamp < self.now - time for kept in gone for record in kept.records
        )
        if not is_spare and not is_old:
            raise Wrong(
                "LOG-S5",
                f"the log begins at {start}: records are gone that are neither old nor too many",
                self.start,
                start,
            )
        self.start = start

    def _read(self, offset: int, answer: Fetched, max_bytes: int) -> None:
        blobs = list(codec.split(answer.records))
        if len(blobs) > 1 and len(answer.records) > max_bytes:
            raise Wrong(
                "LOG-S4", f"more than {max_bytes} bytes came", max_bytes, len(answer.records)
            )
        at = offset
        for blob in blobs:
            if not codec.is_sound(blob):
                if self.rotten:
                    return
                code = "LOG-S3" if self.crashes else "LOG-S8"
                raise Wrong(code, f"what was read at {at} does not fit its CRC")
            at = self._batch(blob, at, offset)
        if not blobs and not self._may_be_missing(offset, self.least_end):
            if offset < self.safe and self.crashes:
                raise Wrong("LOG-S3", f"nothing is at {offset}, which was on disk")
            raise Wrong("LOG-S4", f"a read at {offset} brought nothing", f"end {self.end}", "empty")
        self.least_end = max(self.least_end, at)
        if not blobs:  # the log ends here: what may have been lost is lost
            self._ends_at(offset)

    def _ends_at(self, offset: int) -> None:
        if self.config.compact:
            return
        self.is_settled = True
        first = next((n for n, kept in enumerate(self.batches) if kept.base >= offset), None)
        if first is not None:
            last = first
            while last < len(self.batches) and self.batches[last].life != self.crashes:
                last += 1
            self._cut(first, last)

    def _batch(self, blob: bytes, at: int, offset: int) -> int:
        """One batch of an answer; the next should hold ``at``. Returns the offset behind it."""
        batch = codec.opened(blob)
        if not self.is_settled:
            of_this_life = (k for k in self.batches if k.life == self.crashes)
            mine = next((k for k in of_this_life if k.blob[21:] == blob[21:]), None)
            if mine is not None:
                self._settle(mine, batch.base_offset, "is")
        kept = next((k for k in self.batches if k.base <= batch.base_offset < k.next), None)
        if kept is None or batch.base_offset != kept.base or batch.next_offset != kept.next:
            raise Wrong(
                "LOG-S3" if self.crashes else "LOG-S2",
                f"a batch of offsets {batch.base_offset} to {batch.last_offset} was never appended",
            )
        if kept.next <= at:
            raise Wrong(
                "LOG-S4", f"a read at {offset} brought offset {kept.base} again or too early"
            )
        if kept.base > at and not self._may_be_missing(at, kept.base):
            raise Wrong(
                "LOG-S4" if not self.config.compact else "LOG-S6",
                f"a read at {offset} passed over offset {at}",
                at,
                kept.base,
            )
        if blob != kept.blob:
            if not self.config.compact:
                code = "LOG-S3" if self.crashes and kept.next > self.safe else "LOG-S2"
                raise Wrong(code, f"the batch at {kept.base} is not what was appended there")
            self._compacted(batch.records, kept)
        return kept.next

    def _compacted(self, records: tuple[Record, ...], kept: Kept) -> None:
        if not set(records) <= set(kept.records):
            code = "LOG-S8" if self.rotten else "LOG-S6"
            raise Wrong(code, f"cleaning changed records of the batch at {kept.base}")
        if list(records) != sorted(records, key=lambda record: record.offset):
            raise Wrong("LOG-S6", f"cleaning changed the order in the batch at {kept.base}")
        for record in kept.records:
            if record not in records:
                self._must_be_outdated(record)

    def _may_be_missing(self, first: int, last: int) -> bool:
        """Whether all records from ``first`` up to ``last`` may be gone."""
        if not self.config.compact:
            return first >= last
        for kept in self.batches:
            for record in kept.records:
                if first <= record.offset < last:
                    self._must_be_outdated(record)
        return True

    def _must_be_outdated(self, gone: Record) -> None:
        """Cleaning took the record: a newer one of its key was there, or it is an old tombstone."""
        if gone.key is not None:
            for kept in self.batches:
                for record in kept.records:
                    if record.key == gone.key and record.offset > gone.offset:
                        return
            if gone.value is None and gone.timestamp < self.now - self.config.delete_retention:
                return
        raise Wrong(
            "LOG-S6",
            f"cleaning took the record at {gone.offset}, the newest of key {gone.key!r}",
            "the newest value of each key stays; a tombstone for so long as is promised",
        )

    def _listed(self, answer: ListedOffset, request: ListOffsets) -> None:
        if self.config.compact:
            return
        # What is certainly there decides; retention may have taken it since.
        certain = (
            record.offset
            for kept in self.batches
            for record in kept.records
            if self.start <= record.offset < self.least_end
            and record.timestamp >= request.timestamp
        )
        first = next(certain, -1)
        is_gone = answer.offset > first and (
            self.config.retention_bytes is not None or self.config.retention_time is not None
        )
        if first >= 0 and answer.offset != first and not is_gone:
            raise Wrong(
                "LOG-S4",
                f"the first record from {request.timestamp} on is not at {answer.offset}",
                first,
                answer.offset,
            )
