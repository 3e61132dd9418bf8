"""Brings the members of groups what they read: they ask one broker for many partitions, and this asks their leaders.

Members of part 2G know nothing of leaders, batches and bytes: their part is about something else. So here their
questions become fetches, one for each partition, and what comes becomes records again. What is in a record crosses as
text (``requests.packed``).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import Struct

from distlab.core import MS, Address, Fail, Ok, Timer
from grading.lab2_log.serving.client import LogClient
from grading.lab2_log.serving.requests import FROM_END, List, Take, packed
from grading.lab2_log.serving.topics import topic_of
from labs.lab2_log.brokers import OFFSET_OUT_OF_RANGE
from labs.lab2_log.groups import (
    OUT_OF_RANGE,
    FetchRecords,
    Found,
    Metadata,
    MetadataIs,
    Record,
    RecordsFetched,
    TopicSize,
    Want,
)

TOGETHER = 5 * MS
"""When one partition has something, so long the others are waited for."""
PATIENCE = 1000 * MS


class ServeNow(Timer, frozen=True):
    """Somebody has waited long enough for the rest."""

    number: int


class Reading(Struct):
    """A member's question, and what there is so far."""

    client: str
    ask: FetchRecords
    answered: int = 0
    found: dict[int, Found] = {}
    """Number of the want -> what came."""


class Shelf(LogClient):
    """All topics, as members see them."""

    readings: dict[int, Reading]
    count: int

    def on_start(self) -> None:
        super().on_start()
        self.readings, self.count = {}, 0

    def on_metadata(self, ask: Metadata, sender: Address) -> None:
        self.submit(List(), (sender, ask))

    def on_fetch_records(self, ask: FetchRecords, sender: Address) -> None:
        if any((r.client, r.ask) == (sender, ask) for r in self.readings.values()):
            return  # it has lost patience; we have not
        for number, reading in list(self.readings.items()):
            if reading.client == sender and reading.ask.id >= ask.id:
                del self.readings[number]  # of another life: ids rise
        self.count += 1
        self.readings[self.count] = Reading(sender, ask)
        for place, want in enumerate(ask.wants):
            self.submit(take_of(want, ask), (self.count, place))

    def settled(self, about: Any, outcome: Ok | Fail) -> None:
        match about, outcome:
            case (sender, Metadata() as ask), Ok(states):
                counts = Counter(topic_of(state.partition) for state in states)
                sizes = tuple(TopicSize(t, counts[t]) for t in ask.topics if counts[t])
                self.send(Address(sender), MetadataIs(ask.id, sizes))
            case (_, Metadata()), _:
                pass  # it asks again
            case (number, place), _ if number in self.readings:
                self.note(number, place, outcome)

    def note(self, number: int, place: int, outcome: Ok | Fail) -> None:
        """One partition has answered."""
        reading = self.readings[number]
        reading.answered += 1
        found = found_of(reading.ask.wants[place], outcome, reading.ask.max_records)
        if found is not None:
            reading.found[place] = found
        if reading.answered == len(reading.ask.wants):
            self.on_serve_now(ServeNow(number))
        elif found is not None and (found.records or found.error):
            self.set_timer(ServeNow(number), TOGETHER)

    def on_serve_now(self, timer: ServeNow) -> None:
        self.cancel_timer(timer)
        reading = self.readings.pop(timer.number, None)
        if reading is not None:
            found = tuple(reading.found[place] for place in sorted(reading.found))
            self.send(Address(reading.client), RecordsFetched(reading.ask.id, found))


def take_of(want: Want, ask: FetchRecords) -> Take:
    """The same question, to one leader. With offset -1 it is where the partition begins and ends."""
    if want.offset < 0:
        return Take(str(want.partition), FROM_END, max_bytes=1, patience=PATIENCE)
    return Take(str(want.partition), want.offset, max_wait=ask.max_wait, patience=PATIENCE)


def found_of(want: Want, outcome: Ok | Fail, most: int) -> Found | None:
    """What came, in a member's words. None: nobody has answered, and it asks again."""
    if isinstance(outcome, Fail):
        is_gone = outcome.reason == OFFSET_OUT_OF_RANGE
        return Found(want.partition, OUT_OF_RANGE) if is_gone else None
    log_start, high_watermark, _, records = outcome.value
    if want.offset < 0:
        return Found(want.partition, log_start=log_start, high_watermark=high_watermark)
    some = tuple(
        Record(want.partition, offset, packed(timestamp, key, value))
        for offset, timestamp, key, value in records[:most]
    )
    return Found(want.partition, "", some, log_start, high_watermark)
