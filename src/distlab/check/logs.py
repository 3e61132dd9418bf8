"""A partitioned log, as its producers and consumers saw it: nothing lost, nothing twice, nothing passed over.

Operations (answers in brackets): ``Send(partition, value)`` [the offset, or None if it is not told]; ``Poll()`` [a
tuple of ``Record``]; ``Assign()``, whenever a consumer may go on from somewhere else, as after a rebalance or a seek;
``Commit(partition, offset)``, the offset being the next to read, for the consumer's ``group``. Each value is sent once.
The phenomena are those of Jepsen's Kafka workload (K. Kingsbury, *Redpanda 21.10.1*, 2022).

Everything rests on one map, partition -> offset -> value: what a send was answered or a poll delivered is *known* to
be there. Offsets may have gaps, which compaction and transaction markers leave; only what is known can be passed over.

A send in doubt may be in the log or not; where it is polled it counts. A send that failed must not be. A poll in doubt
may have read anything: the consumer's next is compared with none before, and a write counts as lost only if somebody
read the whole log after that.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable
from typing import Any

from msgspec import Struct

from distlab.check.history import Entry, History
from distlab.check.verdict import Verdict, broken, kept, unknown
from distlab.core.errors import ScenarioError
from distlab.core.values import Operation


class Record(Struct, frozen=True):
    """One record, where it was found."""

    partition: Hashable
    offset: int
    value: Hashable


class Send(Operation, frozen=True):
    """Append one value. Ok(offset)."""

    partition: str | int
    value: str | int


class Poll(Operation, frozen=True):
    """Take what comes next. Ok(tuple of records)."""

    group: str = ""


class Assign(Operation, frozen=True):
    """From here on the consumer reads from somewhere else."""

    group: str = ""


class Commit(Operation, frozen=True):
    """Whoever takes over in this group begins at this offset."""

    partition: str | int
    offset: int
    group: str = ""


PHENOMENA = {
    "inconsistent offset": "one offset has one value, for ever",
    "duplicate": "a value that was sent once is in the log once",
    "lost write": "an acknowledged write is read by somebody, if anybody reads on behind it",
    "unobserved": "when the log was read to its end, every acknowledged write has been read",
    "garbage read": "only what was sent is read, and not before it was sent",
    "aborted read": "a send that failed is never read",
    "nonmonotonic send": "what one producer sends later has a higher offset",
    "internal nonmonotonic poll": "within a poll, offsets go up",
    "internal poll skip": "within a poll, nothing that is there is passed over",
    "nonmonotonic poll": "a consumer's next poll begins behind its last",
    "poll skip": "between two polls of a consumer nothing that is there is passed over",
    "commit too high": "nothing below a committed offset is left unread by the group",
}
"""What can go wrong, and the promise that it breaks."""


class LogFault(Struct, frozen=True):
    """One thing that went wrong."""

    name: str
    reason: str
    operations: tuple[Entry, ...]
    """The decisive one last."""


class Logged(Struct, frozen=True):
    """What can be said of one history of a log."""

    faults: tuple[LogFault, ...]
    acknowledged: int
    delivered: int
    """Values that were polled by anyone."""

    def verdict(self, *names: str) -> Verdict:
        """Of these phenomena, or of all: kept, broken by the first, unknown where nothing was read."""
        for name in names:
            if name not in PHENOMENA:
                raise ScenarioError(f"{name!r} is no phenomenon of a log: {', '.join(PHENOMENA)}")
        for found in self.faults:
            if not names or found.name in names:
                events = (e for entry in found.operations for e in (entry.call, entry.ret) if e)
                return broken(
                    f"{found.name}: {found.reason}", *events, expected=PHENOMENA[found.name]
                )
        if not self.delivered:
            return unknown("nothing was polled")
        return kept()


def judge_log(history: History, *, drained: bool = False) -> Logged:
    """Judge a history of Send, Poll, Assign and Commit. ``drained``: at its end, somebody read every
    partition from the beginning to the end, and was answered.

    Raises ``ScenarioError`` for other operations or answers, and for a value that is sent twice.
    """
    found = _Log(history, drained)
    return Logged(tuple(found.faults()), found.acknowledged, len(found.readers))


class _Log:
    """All that is known of one log."""

    def __init__(self, history: History, drained: bool) -> None:
        self.history = history
        self.drained = drained
        self.sends: dict[Any, Entry] = {}
        self.places: dict[Any, dict[int, tuple[Any, Entry]]] = {}
        """Partition -> offset -> value, and who told."""
        self.where: dict[Any, set[tuple[Any, int]]] = {}
        """Value -> places."""
        self.readers: dict[Any, Entry] = {}
        """Value -> the first poll that delivered it."""
        self.ends: dict[Any, tuple[int, Entry]] = {}
        """Partition -> the highest offset that was polled, and by which poll."""
        self.wrong: list[LogFault] = []
        self.acknowledged = 0
        self.polls = [entry for entry in history if isinstance(entry.operation, Poll)]
        for entry in history:
            self._learn(entry)

    def _learn(self, entry: Entry) -> None:
        match entry.operation:
            case Send(partition=partition, value=value):
                if value in self.sends:
                    raise ScenarioError(f"value {value!r} is sent twice; each must be sent once")
                self.sends[value] = entry
                if entry.is_ok:
                    self.acknowledged += 1
                    if entry.value is not None:
                        if not _is_offset(entry.value):
                            raise ScenarioError(
                                f"send {entry.ticket} was answered {entry.value!r}, not an offset"
                            )
                        self._place(partition, entry.value, value, entry)
            case Poll():
                for record in records_of(entry):
                    self._place(record.partition, record.offset, record.value, entry)
                    self.readers.setdefault(record.value, entry)
                    if record.offset > self.ends.get(record.partition, (-1, entry))[0]:
                        self.ends[record.partition] = (record.offset, entry)
            case Commit(offset=offset):
                if not _is_offset(offset):
                    raise ScenarioError(
                        f"operation {entry.ticket} commits {offset!r}, not an offset"
                    )
            case Assign():
                pass
            case other:
                raise ScenarioError(
                    f"operation {entry.ticket} is a {type(other).__name__}, not one of a log"
                )

    def _place(self, partition: Any, offset: int, value: Any, entry: Entry) -> None:
        there = self.places.setdefault(partition, {})
        other, told = there.setdefault(offset, (value, entry))
        if other != value:
            place = f"offset {offset} of partition {partition}"
            self._wrong(
                "inconsistent offset",
                f"{_who(told)} has {other!r} at {place}, {_who(entry)} has {value!r}",
                told,
                entry,
            )
        self.where.setdefault(value, set()).add((partition, offset))

    def _wrong(self, name: str, reason: str, *operations: Entry) -> None:
        self.wrong.append(LogFault(name, reason, operations))

    def faults(self) -> list[LogFault]:
        """All that is wrong, in the order of :data:`PHENOMENA`."""
        self.sorted = {partition: sorted(there) for partition, there in self.places.items()}
        self._values()
        self._losses()
        self._producers()
        self._consumers()
        self._commits()
        rank = list(PHENOMENA)
        return sorted(self.wrong, key=lambda found: rank.index(found.name))

    def _values(self) -> None:
        for value, places in self.where.items():
            if len(places) > 1:
                shown = " and at ".join(
                    f"offset {o} of partition {p}" for p, o in sorted(places, key=repr)
                )
                told = [self.places[p][o][1] for p, o in sorted(places, key=repr)]
                self._wrong("duplicate", f"{value!r} is at {shown}", *told)
        for poll in self.polls:
            for record in records_of(poll):
                send = self.sends.get(record.value)
                if send is None:
                    self._wrong(
                        "garbage read",
                        f"{_who(poll)} read {record.value!r}, which nobody sent",
                        poll,
                    )
                elif send.is_failed:
                    self._wrong(
                        "aborted read",
                        f"{_who(poll)} read {record.value!r}, the send of which had failed",
                        send,
                        poll,
                    )
                elif poll.ended is not None and poll.ended < send.began:
                    self._wrong(
                        "garbage read",
                        f"{_who(poll)} read {record.value!r} before it was sent",
                        send,
                        poll,
                    )
                elif record.partition != send.operation.partition:  # type: ignore[attr-defined]
                    self._wrong(
                        "garbage read",
                        f"{_who(poll)} read {record.value!r} in partition {record.partition}, where it was not sent",
                        send,
                        poll,
                    )

    def _losses(self) -> None:
        in_doubt = any(poll.is_open for poll in self.polls)  # one of these may have read it
        for value, send in self.sends.items():
            if not send.is_ok or value in self.readers:
                continue
            partition = send.operation.partition  # type: ignore[attr-defined]
            end, beyond = self.ends.get(partition, (-1, send))
            if send.value is not None and send.value < end and (self.drained or not in_doubt):
                self._wrong(
                    "lost write",
                    f"{value!r} was acknowledged at offset {send.value} of partition {partition}, {_who(beyond)} read "
                    f"offset {end}, and nobody ever read {value!r}",
                    send,
                    beyond,
                )
            elif self.drained:
                self._wrong(
                    "unobserved",
                    f"{value!r} was acknowledged, the log was read to its end, and nobody read it",
                    send,
                )

    def _producers(self) -> None:
        by_producer: dict[tuple[str, Any], list[Entry]] = {}
        for send in self.sends.values():
            if send.is_ok and send.value is not None:
                by_producer.setdefault((send.client, send.operation.partition), []).append(send)  # type: ignore[attr-defined]
        for sends in by_producer.values():
            answered = sorted(sends, key=lambda send: (send.ended, send.ticket))
            highest, done = None, 0
            for send in (
                sends
            ):  # a producer may have several under way: only what was answered comes before
                while answered[done] is not send and answered[done].ended <= send.began:  # type: ignore[operator]
                    if highest is None or answered[done].value > highest.value:
                        highest = answered[done]
                    done += 1
                if highest is not None and send.value <= highest.value:
                    reason = f"{_who(send)} got offset {send.value} after {_who(highest)} had got {highest.value}"
                    self._wrong("nonmonotonic send", reason, highest, send)

    def _consumers(self) -> None:
        at: dict[str, dict[Any, tuple[int, Entry]]] = {}
        """Consumer -> partition -> the last offset it read, and in which poll."""
        busy: dict[str, int] = {}
        for entry in self.history:
            if not isinstance(entry.operation, Poll | Assign):
                continue
            if busy.get(entry.client, -1) > entry.began:
                raise ScenarioError(
                    f"{entry.client} began operation {entry.ticket} while it was polling"
                )
            busy[entry.client] = entry.began if entry.ended is None else entry.ended
            if isinstance(entry.operation, Assign) or entry.is_open:
                at[entry.client] = {}
                continue
            mine = at.setdefault(entry.client, {})
            for record in records_of(entry):
                if record.partition in mine:
                    self._step(record, *mine[record.partition], entry)
                mine[record.partition] = (record.offset, entry)

    def _step(self, record: Record, last: int, before: Entry, poll: Entry) -> None:
        inner = before is poll
        jump = f"went from offset {last} to {record.offset} of partition {record.partition}"
        if record.offset <= last:
            name = "internal nonmonotonic poll" if inner else "nonmonotonic poll"
            self._wrong(name, f"{_who(poll)} {jump}", *((poll,) if inner else (before, poll)))
            return
        between = next(iter(self._known(record.partition, last + 1, record.offset)), None)
        if between is not None:
            value, told = self.places[record.partition][between]
            name = "internal poll skip" if inner else "poll skip"
            self._wrong(
                name,
                f"{_who(poll)} {jump} and passed over {value!r} at {between}",
                told,
                *((poll,) if inner else (before, poll)),
            )

    def _known(self, partition: Any, start: int, end: int) -> list[int]:
        """Offsets from ``start`` up to ``end`` at which a record is known to be."""
        offsets = self.sorted.get(partition, [])
        return offsets[bisect_left(offsets, start) : bisect_left(offsets, end)]

    def _commits(self) -> None:
        """Judge a commit by the known records below it that its group had not polled when it was called.

        A group reads from the beginning. A consumer whose poll is in doubt may have read anything: its commits are
        taken at their word.
        """
        steps: list[tuple[int, int, Entry]] = []
        for entry in self.history:
            if isinstance(entry.operation, Poll):
                steps.append((entry.began if entry.is_open else entry.ended or 0, 0, entry))
            elif isinstance(entry.operation, Commit) and not entry.is_failed:
                steps.append((entry.began, 1, entry))
        steps.sort(key=lambda step: (step[0], step[1], step[2].ticket))
        read: dict[tuple[str, Any], set[int]] = {}
        upto: dict[tuple[str, Any], int] = {}
        trusted: set[tuple[str, str]] = set()
        for _, _, entry in steps:
            match entry.operation:
                case Poll(group=group):
                    if entry.is_open:
                        trusted.add((entry.client, group))
                    for record in records_of(entry):
                        read.setdefault((group, record.partition), set()).add(record.offset)
                case Commit(partition=partition, offset=offset, group=group):
                    start = upto.get((group, partition), 0)
                    upto[group, partition] = max(start, offset)
                    if (entry.client, group) in trusted:
                        continue
                    seen = read.get((group, partition), set())
                    left = [o for o in self._known(partition, start, offset) if o not in seen]
                    if left:
                        value, told = self.places[partition][left[0]]
                        reason = (
                            f"{_who(entry)} put group {group!r} at offset {offset} of partition {partition}, and "
                            f"it had not read {value!r} at {left[0]}"
                        )
                        self._wrong("commit too high", reason, told, entry)


def records_of(poll: Entry) -> tuple[Record, ...]:
    """What a poll delivered. Raises ``ScenarioError`` where its answer is not a sequence of records."""
    if not poll.is_ok:
        return ()
    answer = poll.value
    if not isinstance(answer, tuple | list) or not all(
        isinstance(record, Record) and _is_offset(record.offset) for record in answer
    ):
        raise ScenarioError(f"poll {poll.ticket} was answered {answer!r}, not a tuple of records")
    return tuple(answer)


def _is_offset(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _who(entry: Entry) -> str:
    verb = {Send: "send", Poll: "poll", Commit: "commit"}.get(type(entry.operation), "operation")
    return f"{verb} {entry.ticket} of {entry.client}"
