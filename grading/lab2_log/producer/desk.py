"""Exams of the broker's half: brokers on a table, and a producer that is ourselves.

The brokers are those of part 2C's table (grading/lab2_log/log/table.py): we say who leads and who talks with whom. What
their logs say of producers is asked in the one way there is: by sending them a batch.
"""

from __future__ import annotations

from random import Random
from typing import Any

from msgspec import structs

from distlab.core import MS
from distlab.core.effects import Sent
from distlab.core.solo import Solo
from distlab.grade.solution import Solution
from grading.lab2_log.log import codec
from grading.lab2_log.log.ledger import Wrong
from grading.lab2_log.log.table import NAMES, PARTITION, STEP, Table
from labs.lab2_log.brokers import (
    ALL,
    CORRUPT_MESSAGE,
    NONE,
    BrokerConfig,
    Fetch,
    Fetched,
    Produce,
    Produced,
    crc_of,
)
from labs.lab2_log.producing import (
    INVALID_PRODUCER_EPOCH,
    MAX_SEQUENCE,
    OUT_OF_ORDER_SEQUENCE,
    UNKNOWN_PRODUCER_ID,
)

ONCE, KEPT = "PR-S1", "PR-S2"

Batch = tuple[int, int, int, int]
"""(producer id, epoch, sequence, number of records)."""


class Desk(Table):
    """Three brokers, and what they answer to producers."""

    def __init__(self, solution: Solution, expiry: int = 60_000 * MS) -> None:
        super().__init__(solution)
        config = BrokerConfig(
            min_insync=1, lag_time=10_000_000 * MS, producer_expiry=expiry, tend_every=50 * MS
        )
        broker = solution.module("broker").Broker
        self.solos = {name: Solo(broker, config, name, seed=n) for n, name in enumerate(NAMES, 1)}
        self.answers: dict[int, Produced] = {}

    def _collect(self, name: str, effects: list[Any]) -> None:
        super()._collect(name, effects)
        for effect in effects:
            if isinstance(effect, Sent) and isinstance(effect.message, Produced):
                self.answers[effect.message.id] = effect.message

    def blob(self, batch: Batch, time: int = 0) -> bytes:
        producer, epoch, sequence, count = batch
        values = [f"{producer}.{epoch}.{(sequence + n) & MAX_SEQUENCE}" for n in range(count)]
        made = structs.replace(
            codec.batch_of(values, [], time),
            producer_id=producer,
            producer_epoch=epoch,
            base_sequence=sequence,
        )
        blob = codec.seal(made)
        self.written[crc_of(blob)] = values[0]
        return blob

    def produce(self, leader: str, blob: bytes, acks: int = 1) -> Produced | None:
        """What the broker answers at once."""
        self.requests += 1
        self._hand(leader, Produce(self.requests, PARTITION, acks, blob, 10_000 * MS), "client")
        return self.answers.get(self.requests)

    def ask(self, leader: str, batch: Batch) -> tuple[str, int]:
        """(error, offset) for a batch that the leader alone has to take."""
        answer = self.produce(leader, self.blob(batch, self.solos[leader].time))
        if answer is None:
            raise Wrong(ONCE, f"{leader} did not answer a batch with acks of 1")
        return answer.error, answer.base_offset

    def expect(
        self, leader: str, batch: Batch, error: str, offset: int, why: str, code: str = ONCE
    ) -> None:
        got = self.ask(leader, batch)
        wanted = (error, offset if error == NONE else got[1])
        if got != wanted:
            producer, epoch, sequence, count = batch
            raise Wrong(
                code,
                f"{why}: the batch with sequence {sequence} ({count} records) of epoch {epoch} of producer "
                f"{producer}, to {leader}",
                f"offset {offset}" if error == NONE else error,
                got[0] or f"offset {got[1]}",
            )

    def copy(self, name: str, *batches: Batch) -> None:
        """The broker, a follower, fetches these batches from us: its leader has them at the offsets from 0 on."""
        found = [m for a, _, m in self.pending if a == name and isinstance(m, Fetch)]
        if not found:
            raise Wrong(ONCE, f"{name} follows with an empty log, and does not fetch")
        data, base = b"", 0
        for batch in batches:
            data += codec.place(self.blob(batch), base, self.state.leader_epoch)
            base += batch[3]
        epoch = self.state.leader_epoch
        answer = Fetched(found[-1].id, PARTITION, NONE, base, 0, epoch, None, data)
        self._hand(name, answer, self.state.leader)


def leading(solution: Solution, expiry: int = 60_000 * MS) -> Desk:
    """b1 leads alone."""
    desk = Desk(solution, expiry)
    desk.tell(desk.elect("b1", "b1"), "b1")
    return desk


def pass_on(desk: Desk, leader: str, isr: tuple[str, ...] = ("b1", "b2")) -> None:
    """Another leader, of whom b1 and b2 hear."""
    state = desk.elect(leader, *isr)
    desk.tell(state, leader)
    desk.tell(state, *(name for name in ("b1", "b2") if name != leader))


# -- one leader -------------------------------------------------------------------------------------------------------


def next_repeat_gap(solution: Solution) -> None:
    """The first batch, the next one, one again, one too far."""
    desk = leading(solution)
    desk.expect("b1", (7, 0, 0, 3), NONE, 0, "a producer's first batch")
    desk.expect("b1", (7, 0, 3, 1), NONE, 3, "the next one")
    desk.expect("b1", (7, 0, 3, 1), NONE, 3, "the same again")
    desk.expect("b1", (7, 0, 0, 3), NONE, 0, "the one before, again")
    desk.expect("b1", (7, 0, 5, 1), OUT_OF_ORDER_SEQUENCE, -1, "one is missing before it")
    desk.expect("b1", (7, 0, 4, 2), NONE, 4, "the one that was missing")
    desk.expect("b1", (8, 0, 0, 1), NONE, 6, "another producer's first batch")
    desk.expect("b1", (7, 0, 6, 1), NONE, 7, "the first producer goes on")
    desk.expect("b1", (8, 0, 0, 1), NONE, 6, "the other one's again")


def remembers_five(solution: Solution) -> None:
    """Five may be under way, so any of five may come again."""
    desk = leading(solution)
    for n in range(7):
        desk.expect("b1", (7, 0, 2 * n, 2), NONE, 2 * n, "one batch after the other")
    for n in (2, 6, 4, 3, 5):
        desk.expect("b1", (7, 0, 2 * n, 2), NONE, 2 * n, "one of the last five again")


def epochs(solution: Solution) -> None:
    """A newer epoch begins at 0 and ends the older one."""
    desk = leading(solution)
    desk.expect("b1", (7, 0, 0, 1), NONE, 0, "a producer's first batch")
    desk.expect("b1", (7, 0, 1, 1), NONE, 1, "the next one")
    desk.expect("b1", (7, 1, 2, 1), OUT_OF_ORDER_SEQUENCE, -1, "a new epoch does not begin at 0")
    desk.expect("b1", (7, 0, 2, 1), NONE, 2, "so the old one goes on")
    desk.expect("b1", (7, 1, 0, 1), NONE, 3, "a new epoch begins")
    desk.expect("b1", (7, 0, 3, 1), INVALID_PRODUCER_EPOCH, -1, "the next one of the old epoch")
    desk.expect("b1", (7, 0, 2, 1), INVALID_PRODUCER_EPOCH, -1, "an old one of the old epoch")
    desk.expect("b1", (7, 1, 1, 1), NONE, 4, "the new epoch goes on")
    desk.expect("b1", (7, 4, 0, 1), NONE, 5, "an epoch may be left out")


def unknown(solution: Solution) -> None:
    """Who is not known begins at 0."""
    desk = leading(solution)
    desk.expect("b1", (7, 0, 4, 1), UNKNOWN_PRODUCER_ID, -1, "nobody knows this producer")
    desk.expect("b1", (7, 3, 0, 1), NONE, 0, "its first batch that is known, in whatever epoch")


def checked_first(solution: Solution) -> None:
    """What does not fit its CRC is corrupt, whatever its header says."""
    for flipped in range(43, 57):  # producer id, epoch and sequence
        desk = leading(solution)
        desk.expect("b1", (7, 2, 0, 1), NONE, 0, "a producer's first batch")
        blob = bytearray(desk.blob((7, 2, 1, 1)))
        blob[flipped] ^= 0x55
        answer = desk.produce("b1", bytes(blob))
        got = None if answer is None else answer.error
        if got != CORRUPT_MESSAGE:
            raise Wrong(ONCE, f"byte {flipped} of a batch was damaged", CORRUPT_MESSAGE, got)
        desk.expect("b1", (7, 2, 1, 1), NONE, 1, "the same batch, undamaged")


def wraps(solution: Solution) -> None:
    """Behind 2^31 - 1 comes 0."""
    for last in (MAX_SEQUENCE, MAX_SEQUENCE - 1):
        desk = Desk(solution)
        desk.tell(desk.elect("b2", "b1", "b2"), "b1")
        desk.copy("b1", (7, 0, last - 2, 3))
        desk.tell(desk.elect("b1", "b1"), "b1")
        following = (last + 1) % (MAX_SEQUENCE + 1)
        desk.expect("b1", (7, 0, 1, 1), OUT_OF_ORDER_SEQUENCE, -1, f"behind {last}, 1")
        desk.expect("b1", (7, 0, following, 4), NONE, 3, f"behind {last}, {following}")
        after = (following + 4) % (MAX_SEQUENCE + 1)
        desk.expect("b1", (7, 0, after, 1), NONE, 7, f"behind {following} and 4 records, {after}")
        desk.expect("b1", (7, 0, following, 4), NONE, 3, "the batch across the end, again")
        desk.expect("b1", (7, 0, last - 2, 3), NONE, 0, "the batch before the end, again")


def forgets_in_time(solution: Solution) -> None:
    """A silent producer is forgotten, and not before its time; one that goes on is not."""
    desk = leading(solution, expiry=1_000 * MS)
    desk.expect("b1", (7, 0, 0, 1), NONE, 0, "a producer's first batch")
    desk.expect("b1", (8, 0, 0, 1), NONE, 1, "another one's")
    solo = desk.solos["b1"]
    desk._collect("b1", solo.advance(700 * MS))
    desk.expect("b1", (7, 0, 1, 1), NONE, 2, "a second one, after 700 ms of 1,000")
    desk._collect("b1", solo.advance(700 * MS))
    desk.expect("b1", (7, 0, 1, 1), NONE, 2, "the same again, after 700 ms of 1,000")
    desk.expect("b1", (7, 0, 2, 1), NONE, 3, "a third one")
    desk._collect("b1", solo.advance(100 * MS))
    desk.expect("b1", (8, 0, 1, 1), UNKNOWN_PRODUCER_ID, -1, "silent for 1,500 ms of 1,000")
    desk.expect("b1", (8, 1, 0, 1), NONE, 4, "it begins anew")
    desk.expect("b1", (7, 0, 3, 1), NONE, 5, "the other one goes on")


# -- what the log says, the broker knows -----------------------------------------------------------------------------


def restarts(solution: Solution) -> None:
    """The power fails; what was on disk is in the log, and so known."""
    desk = leading(solution)
    for n in range(4):
        desk.expect("b1", (7, 1, n, 1), NONE, n, "one batch after the other")
    desk.restart("b1")
    desk.tell(desk.elect("b1", "b1"), "b1")
    desk.expect("b1", (7, 1, 2, 1), NONE, 2, "again, after a restart")
    desk.expect("b1", (7, 1, 3, 1), NONE, 3, "again, after a restart")
    desk.expect("b1", (7, 0, 0, 1), INVALID_PRODUCER_EPOCH, -1, "an old epoch, after a restart")
    desk.expect("b1", (7, 1, 5, 1), OUT_OF_ORDER_SEQUENCE, -1, "a gap, after a restart")
    desk.expect("b1", (7, 1, 4, 1), NONE, 4, "the next one, after a restart")


def follows(solution: Solution) -> None:
    """Who copies the log knows what it says."""
    desk = Desk(solution)
    desk.tell(desk.elect("b1", "b1", "b2"), *NAMES)
    desk.talk("b1", "b2")
    for n in range(4):
        desk.ask("b1", (7, 0, n, 1))
    desk.talk("b1", "b2")
    pass_on(desk, "b2")
    for n in (0, 3, 1):
        desk.expect("b2", (7, 0, n, 1), NONE, n, "again, to the new leader")
    desk.expect("b2", (7, 0, 5, 1), OUT_OF_ORDER_SEQUENCE, -1, "a gap, to the new leader")
    desk.expect("b2", (7, 0, 4, 1), NONE, 4, "the next one, to the new leader")


def cut_is_forgotten(solution: Solution) -> None:
    """What was cut off the log is not in it: a retry brings it back."""
    for is_restarted in (False, True):
        desk = Desk(solution)
        desk.tell(desk.elect("b1", "b1", "b2"), *NAMES)
        desk.talk("b1", "b2")
        desk.ask("b1", (7, 0, 0, 1))
        desk.talk("b1", "b2")
        desk.ask("b1", (7, 0, 1, 1))  # b1 alone has this one
        desk.lose()
        pass_on(desk, "b2")
        desk.lose()
        desk.ask("b2", (8, 0, 0, 2))
        desk.tell(desk.state, "b1")
        desk.talk("b1", "b2", 600 * MS)
        if is_restarted:
            desk.restart("b1")
        pass_on(desk, "b1")
        why = "it was cut off, and is sent again"
        desk.expect("b1", (7, 0, 1, 1), NONE, 3, why, KEPT)
        desk.expect("b1", (7, 0, 1, 1), NONE, 3, "and again", KEPT)
        desk.expect("b1", (8, 0, 0, 2), NONE, 1, "what replaced it", KEPT)


def repeats_wait(solution: Solution) -> None:
    """A batch that is in the log and not committed is not acknowledged, however often it comes."""
    desk = Desk(solution)
    desk.tell(desk.elect("b1", "b1", "b2"), *NAMES)
    desk.talk("b1", "b2")
    desk.lose()
    blob = desk.blob((7, 0, 0, 1))
    for n in range(3):
        answer = desk.produce("b1", blob, ALL)
        if answer is not None:
            raise Wrong(
                KEPT,
                f"a batch that b2, which is in the ISR, does not have came {n + 1} times",
                "no answer before it is committed",
                answer.error or f"offset {answer.base_offset}",
            )
        desk._collect("b1", desk.solos["b1"].advance(STEP))
    last = desk.requests
    desk.talk("b1", "b2", 600 * MS)
    got = desk.answers.get(last)
    if got is None or (got.error, got.base_offset) != (NONE, 0):
        raise Wrong(KEPT, "the batch is committed, and had come three times", "offset 0", got)


# -- a law -----------------------------------------------------------------------------------------------------------


def programs(solution: Solution) -> None:
    """Random batches, restarts and changes of leaders, against a list of everything that was appended."""
    for seed in range(12):
        random = Random(seed)
        desk = Desk(solution)
        desk.tell(desk.elect("b1", "b1", "b2"), *NAMES)
        leader, log = "b1", list[tuple[Batch, int]]()
        end = 0
        for _ in range(30):
            kind = random.choice(["batch"] * 12 + ["restart", "pass on"])
            if kind == "batch":
                batch = _some_batch(random, log)
                error, offset = _twin(log, batch, end)
                desk.expect(leader, batch, error, offset, f"program {seed}")
                if error == NONE and offset == end:
                    log.append((batch, end))
                    end += batch[3]
                continue
            desk.talk("b1", "b2", 20 * STEP)
            if kind == "restart":
                desk.restart(leader)
            else:
                leader = "b2" if leader == "b1" else "b1"
            pass_on(desk, leader)
            desk.talk("b1", "b2", 40 * STEP)


def _twin(log: list[tuple[Batch, int]], batch: Batch, end: int) -> tuple[str, int]:
    """What is to be answered, by looking at everything."""
    producer, epoch, sequence, _ = batch
    mine = [(b, at) for b, at in log if b[0] == producer]
    if not mine:
        return (NONE, end) if sequence == 0 else (UNKNOWN_PRODUCER_ID, -1)
    newest = mine[-1][0]
    if epoch < newest[1]:
        return INVALID_PRODUCER_EPOCH, -1
    same = [(b, at) for b, at in mine if b[1] == epoch]
    for known, at in same[-5:]:
        if known == batch:
            return NONE, at
    wanted = newest[2] + newest[3] if same else 0
    return (NONE, end) if sequence == wanted else (OUT_OF_ORDER_SEQUENCE, -1)


def _some_batch(random: Random, log: list[tuple[Batch, int]]) -> Batch:
    """The next batch of a producer, mostly; or one of before, or a wrong one."""
    producer = random.choice([7, 8])
    mine = [batch for batch, _ in log if batch[0] == producer]
    count = random.choice([1, 1, 2, 3])
    if not mine:
        return producer, random.choice([0, 0, 1]), random.choice([0, 0, 0, 3]), count
    _, epoch, sequence, length = mine[-1]
    if (kind := random.random()) < 0.45:
        return producer, epoch, sequence + length, count
    if kind < 0.75:
        return random.choice(mine[-5:])
    if kind < 0.85:
        return producer, epoch + 1, random.choice([0, sequence + length]), count
    return producer, max(0, epoch - 1), sequence + length + random.choice([0, 2]), count
