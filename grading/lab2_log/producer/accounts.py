"""What a run says of producing: what was asked, what was sent, what is in the logs in the end. Boundary events only.

A batch is known by its CRC: it covers who made it, its number and its records, and stays the same wherever it is
stored. So what a broker shows of its log (``Stored``) names the message that brought it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from distlab.check import Entry
from distlab.core import Address
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab2_log.log import codec
from grading.lab2_log.producer.controller import Overview
from grading.lab2_log.producer.stage import partitions, producer_config
from labs.lab2_log.brokers import NONE, BrokerProbe, Produce, Produced, crc_of
from labs.lab2_log.producing import Flush, Origin, Send, origin_of

Life = tuple[str, int]
"""(producer, incarnation)."""


@dataclass
class Sealed:
    """A batch that a producer has sent, once or several times."""

    crc: int
    life: Life
    partition: int
    origin: Origin | None
    values: tuple[str, ...]
    size: int
    sent: list[Event] = field(default_factory=list)
    """The attempts."""
    answers: list[Event] = field(default_factory=list)
    """What brokers answered: their sends."""

    @property
    def brokers(self) -> set[str]:
        """To whom it was sent."""
        return {str(event.peer) for event in self.sent}


@dataclass(frozen=True)
class Place:
    """Where a record stands in the end."""

    partition: int
    offset: int
    value: str
    crc: int


class Accounts:
    """All of it, for one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.config = producer_config(run.scenario.shape)
        self.names = partitions(run.scenario.shape)
        self.batches: dict[int, Sealed] = {}
        """CRC -> batch."""
        self.garbage: Event | None = None
        """A producer sent what is no batch."""
        self.starts: dict[str, list[int]] = defaultdict(list)
        """Producer -> events of its starts."""
        self.disturbed: dict[str, list[tuple[int, int]]] = defaultdict(list)
        """Producer -> (from, to) when it was down or stood still; times."""
        self._read(run)
        self.sends = run.history.of_type(Send)
        self.flushes = run.history.of_type(Flush)
        self.by_value = {entry.operation.value: entry for entry in self.sends}  # type: ignore[attr-defined]
        self.homes: dict[str, set[int]] = defaultdict(set)
        """Value -> the partitions to which it was sent."""
        for batch in self.batches.values():
            for value in batch.values:
                self.homes[value].add(batch.partition)
        self.logs = self._logs(run)
        """Partition -> its records in the end; left out where nobody leads it."""
        self.places: dict[str, list[Place]] = defaultdict(list)
        """Value -> where it stands."""
        for places in self.logs.values():
            for place in places:
                self.places[place.value].append(place)

    def _read(self, run: Run) -> None:
        requests: dict[tuple[str, int], Sealed] = {}
        for event in run.trace.events:
            what = event.what
            is_producer = event.node.startswith("p")
            if is_producer and event.kind == Kind.START:
                self.starts[event.node].append(event.id)
            if is_producer and event.kind == Kind.SEND and isinstance(what, Produce):
                sealed = self._sealed(event, what)
                if sealed is not None:
                    sealed.sent.append(event)
                    requests[event.node, what.id] = sealed
            elif event.kind == Kind.SEND and isinstance(what, Produced):
                asked = requests.get((str(event.peer), what.id))
                if asked is not None:
                    asked.answers.append(event)
            elif is_producer and event.kind in (Kind.CRASH, Kind.STOP):
                self.disturbed[event.node].append((event.time, event.time))
            elif event.kind == Kind.FAULT and str(getattr(what, "node", "")).startswith("p"):
                node = str(what.node)
                length = getattr(what, "duration", None) or getattr(what, "restart_after", None)
                until = run.scenario.plan.heal_at if length is None else event.time + length
                self.disturbed[node].append((event.time, until or run.time))

    def _sealed(self, event: Event, request: Produce) -> Sealed | None:
        crc = crc_of(request.records)
        if crc in self.batches:
            return self.batches[crc]
        if not codec.is_sound(request.records) or request.partition not in self.names:
            self.garbage = self.garbage or event
            return None
        values = tuple((r.value or b"").decode() for r in codec.opened(request.records).records)
        self.batches[crc] = Sealed(
            crc,
            (event.node, event.incarnation),
            self.names.index(request.partition),
            origin_of(request.records),
            values,
            len(request.records),
        )
        return self.batches[crc]

    def _logs(self, run: Run) -> dict[int, list[Place]]:
        overview = run.probes.get(Address("controller"))
        found: dict[int, list[Place]] = {}
        for state in overview.partitions if isinstance(overview, Overview) else ():
            probe = run.probes.get(Address(state.leader))
            view = probe.of(state.partition) if isinstance(probe, BrokerProbe) else None
            if view is None or view.leader != state.leader:
                continue
            number = self.names.index(state.partition)
            found[number] = [
                Place(number, stored.base_offset + n, value, stored.crc)
                for stored in view.batches
                if stored.crc in self.batches
                for n, value in enumerate(self.batches[stored.crc].values)
            ]
        return found

    def life_of(self, entry: Entry) -> Life:
        """Which life of the producer was asked for it."""
        return entry.client, sum(start <= entry.call for start in self.starts[entry.client]) - 1

    def was_disturbed(self, client: str, start: int, end: int) -> bool:
        """Whether the producer was down, or stood still, at any time in between."""
        return any(begin <= end and until >= start for begin, until in self.disturbed[client])

    def attempts(self, value: str) -> list[int]:
        """Ids of the sends that carried the value, the last few."""
        found = [e.id for b in self.batches.values() if value in b.values for e in b.sent]
        return sorted(found)[-3:]


def accounts(run: Run) -> Accounts:
    """The run's accounts; made once for all judges."""
    if "accounts" not in run.notes:
        run.notes["accounts"] = Accounts(run)
    found: Accounts = run.notes["accounts"]
    return found


def was_appended(event: Event) -> bool:
    """Whether this answer says that the batch is in the log."""
    return isinstance(event.what, Produced) and event.what.error == NONE
