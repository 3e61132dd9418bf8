"""Judges of safety, PR-S1 to PR-S4: once, not lost, where it belongs, in order."""

from __future__ import annotations

from itertools import pairwise

from distlab.check import Entry, Verdict, broken, kept
from distlab.grade.lab import Run
from grading.lab2_log.producer.accounts import Accounts, Place, Sealed, accounts, was_appended
from grading.lab2_log.producer.hashing import partition_of
from labs.lab2_log.producing import MAX_IN_FLIGHT, MAX_SEQUENCE, OUT_OF_ORDER_SEQUENCE, Send

# -- PR-S1 ------------------------------------------------------------------------------------------------------------


def once_and_in_sequence(run: Run) -> Verdict:
    """PR-S1: in the log of a partition each record is there once, and each producer's batches follow each other."""
    found = accounts(run)
    if not found.config.idempotent:
        return kept()
    for value, places in found.places.items():
        if len(places) > 1:
            one, other = places[0], places[1]
            return broken(
                f"{value} is in the log twice: at offset {one.offset} of partition {one.partition} and at "
                f"{other.offset} of {other.partition}",
                *found.attempts(value),
                expected="once",
                got=f"{len(places)} times",
            )
    for number, places in found.logs.items():
        if (verdict := _in_sequence(found, number, places)).is_broken:
            return verdict
    verdict = _one_name_each(found)
    return verdict if verdict.is_broken else _few_under_way(found)


def _one_name_each(found: Accounts) -> Verdict:
    """A number names one batch for ever: the same records, in the same bytes."""
    named: dict[object, Sealed] = {}
    for batch in found.batches.values():
        if batch.origin is None:
            continue
        origin = batch.origin
        key = batch.partition, origin.producer_id, origin.epoch, origin.sequence
        other = named.setdefault(key, batch)
        if other is not batch:
            return broken(
                f"two batches of partition {batch.partition} have sequence {origin.sequence} in epoch {origin.epoch}",
                other.sent[0].id,
                batch.sent[0].id,
                expected=f"{', '.join(other.values)}, again",
                got=", ".join(batch.values),
            )
    return kept()


def _in_sequence(found: Accounts, number: int, places: list[Place]) -> Verdict:
    newest: dict[int, Sealed] = {}
    for crc in dict.fromkeys(place.crc for place in places):
        batch = found.batches[crc]
        origin = batch.origin
        if origin is None:
            return broken(
                "an idempotent producer sent a batch without a sequence number",
                batch.sent[0].id,
                expected="producer id, epoch, sequence",
                got="none",
            )
        before = newest.get(origin.producer_id)
        newest[origin.producer_id] = batch
        wanted = 0
        if before is not None and before.origin is not None:
            if before.origin.epoch > origin.epoch:
                return broken(
                    f"in partition {number} a batch of epoch {origin.epoch} stands behind one of "
                    f"{before.origin.epoch}",
                    before.sent[0].id,
                    batch.sent[-1].id,
                    expected="epochs go up",
                    got=f"{batch.values[0]} behind {before.values[-1]}",
                )
            if before.origin.epoch == origin.epoch:
                wanted = (before.origin.sequence + before.origin.count) % (MAX_SEQUENCE + 1)
        if origin.sequence != wanted:
            return broken(
                f"in partition {number} the batch of {batch.values[0]} does not follow what stands before it",
                *([before.sent[-1].id] if before else []),
                batch.sent[-1].id,
                expected=f"sequence {wanted} in epoch {origin.epoch}",
                got=origin.sequence,
            )
    return kept()


def _few_under_way(found: Accounts) -> Verdict:
    """A broker remembers five batches; where more may follow one that is in doubt, it does not know what it has."""
    rows: dict[object, list[Sealed]] = {}
    for batch in found.batches.values():
        rows.setdefault((batch.life, batch.partition), []).append(batch)
    for row in rows.values():
        oldest = 0
        row = [batch for n, batch in enumerate(row) if not _is_numbered_anew(row[:n], batch)]
        for n, batch in enumerate(row):
            while oldest < n and _is_settled(found, row[oldest], batch.sent[0].id):
                oldest += 1
            if n - oldest >= MAX_IN_FLIGHT:
                return broken(
                    f"{batch.life[0]} does not know yet what became of {row[oldest].values[0]}, and sends the "
                    f"{n - oldest}th batch behind it",
                    row[oldest].sent[0].id,
                    *[other.sent[0].id for other in row[n - 2 : n]],
                    batch.sent[0].id,
                    expected=f"at most {MAX_IN_FLIGHT} batches of a partition from the oldest on",
                    got=n - oldest + 1,
                )
    return kept()


def _is_settled(found: Accounts, batch: Sealed, at: int) -> bool:
    """Whether the outcome of the batch's records had been reported by event ``at``."""
    entry = found.by_value.get(batch.values[0])
    return entry is None or bool(entry.ret and entry.ret < at)


def _is_numbered_anew(before: list[Sealed], batch: Sealed) -> bool:
    """Whether the records had left in another batch already."""
    return any(other.values[0] == batch.values[0] for other in before)


# -- PR-S2 ------------------------------------------------------------------------------------------------------------


def truly_reported(run: Run) -> Verdict:
    """PR-S2: Ok says where the record stands, and there it stands; what has failed is in no log."""
    found = accounts(run)
    if found.garbage is not None:
        return broken(
            f"{found.garbage.node} sent something that is no batch of one of the partitions",
            found.garbage.id,
        )
    for entry in found.sends:
        value = _value(entry)
        places = [(place.partition, place.offset) for place in found.places[value]]
        if entry.is_ok:
            answer = entry.value
            is_place = isinstance(answer, list | tuple) and len(answer) == 2
            if not is_place or not 0 <= answer[0] < len(found.names):
                return broken(
                    f"{value} was reported as {answer!r}",
                    entry.call,
                    entry.ret,
                    expected="[partition's number, offset]",
                    got=repr(answer),
                )
            if answer[0] not in found.logs or found.config.acks != -1:
                continue
            if tuple(answer) not in places:
                there = next(
                    (p.value for p in found.logs[answer[0]] if p.offset == answer[1]), "nothing"
                )
                return broken(
                    f"{value} was reported to be at offset {answer[1]} of partition {answer[0]}, and there "
                    f"is {there}",
                    entry.call,
                    *found.attempts(value),
                    entry.ret,
                    expected=value,
                    got=f"{there}; {value} is at {places}" if places else f"{there}",
                )
        elif entry.is_failed and places:
            return broken(
                f"{value} was reported as certainly not in the log, and is at offset {places[0][1]} of "
                f"partition {places[0][0]}",
                entry.call,
                *found.attempts(value),
                entry.ret,
                expected="Info: nobody knows",
                got=repr(entry.outcome),
            )
    return kept()


# -- PR-S3 ------------------------------------------------------------------------------------------------------------


def where_it_belongs(run: Run) -> Verdict:
    """PR-S3: a key's records go to the key's partition, and no record ever goes to two."""
    found = accounts(run)
    for value, homes in found.homes.items():
        entry = found.by_value.get(value)
        if entry is None:
            continue
        if len(homes) > 1:
            return broken(
                f"{value} was sent to partitions {' and '.join(map(str, sorted(homes)))}",
                entry.call,
                *found.attempts(value),
                expected="the partition of the first attempt, for ever",
                got=f"{len(homes)} partitions",
            )
        wanted = _home(found, entry)
        if wanted is not None and homes != {wanted}:
            operation = entry.operation
            assert isinstance(operation, Send)
            return broken(
                f"{value}, with key {operation.key!r}, was sent to partition {min(homes)}",
                entry.call,
                *found.attempts(value),
                expected=f"partition {wanted} of {len(found.names)}",
                got=min(homes),
            )
    return kept()


def _home(found: Accounts, entry: Entry) -> int | None:
    """The partition that the record must go to; None if any will do."""
    operation = entry.operation
    assert isinstance(operation, Send)
    if operation.partition >= 0:
        return operation.partition
    if operation.key is None:
        return None
    return partition_of(operation.key.encode(), len(found.names))


# -- PR-S4 ------------------------------------------------------------------------------------------------------------


def in_order(run: Run) -> Verdict:
    """PR-S4: in a partition what was sent later stands behind; and nothing is sent over a hole nobody heard of."""
    found = accounts(run)
    for places in found.logs.values():
        first = {place.value: place for place in reversed(places)}
        ordered = sorted(first.values(), key=lambda place: place.offset)
        by_life: dict[object, list[Entry]] = {}
        for place in ordered:
            if (entry := found.by_value.get(place.value)) is not None:
                by_life.setdefault(found.life_of(entry), []).append(entry)
        for entries in by_life.values():
            for before, after in pairwise(entries):
                if before.call > after.call:
                    early, late = _value(after), _value(before)
                    return broken(
                        f"{early} was sent before {late}, and stands behind it",
                        after.call,
                        before.call,
                        *found.attempts(early)[-1:],
                        expected=f"{early}, then {late}",
                        got=f"{late}, then {early}",
                    )
    return _no_silent_hole(found) if found.config.idempotent else kept()


def _no_silent_hole(found: Accounts) -> Verdict:
    for missing in found.sends:
        value = _value(missing)
        home = next(iter(found.homes.get(value, ())), None)
        home = _home(found, missing) if home is None else home
        if missing.is_ok or found.places[value] or home not in found.logs:
            continue
        for place in found.logs[home]:
            entry = found.by_value.get(place.value)
            if entry is None or entry.call < missing.call:
                continue
            is_reported = bool(missing.ret) and missing.ret < entry.call
            if found.life_of(entry) == found.life_of(missing) and not is_reported:
                return broken(
                    f"{value} is not in the log, and {place.value} is, which was sent after it and before anybody "
                    f"heard of the hole",
                    missing.call,
                    entry.call,
                    *found.attempts(place.value)[-1:],
                    expected=f"{place.value} is given up with {value}",
                    got=f"{place.value} at offset {place.offset}",
                )
    return kept()


def _value(entry: Entry) -> str:
    operation = entry.operation
    assert isinstance(operation, Send)
    return operation.value


# -- what must have been seen -----------------------------------------------------------------------------------------


def came_again(run: Run) -> bool:
    """A batch was sent again that was in the log already."""
    return any(
        sum(map(was_appended, batch.answers)) > 1 and len(batch.sent) > 1
        for batch in accounts(run).batches.values()
    )


def moved(run: Run) -> bool:
    """A batch was sent to one broker, and then to another."""
    return any(len(batch.brokers) > 1 for batch in accounts(run).batches.values())


def overtook(run: Run) -> bool:
    """A batch came before the one that it follows."""
    return any(
        event.what.error == OUT_OF_ORDER_SEQUENCE
        for batch in accounts(run).batches.values()
        for event in batch.answers
    )


def had_a_hole(run: Run) -> bool:
    """A record was given up, and a later one of its partition was delivered."""
    found = accounts(run)
    given_up = [entry for entry in found.sends if entry.outcome is not None and not entry.is_ok]
    return any(
        entry.call > lost.call and entry.client == lost.client
        for lost in given_up
        for entry in found.sends
        if entry.is_ok
    )
