"""Directed schedules of part 2F: each one danger for records on their way into the log.

``b1`` leads ``orders-0`` at first, ``b2`` leads ``orders-1``, and so on. (A long file because it is a table, and
nothing else: a row for each danger.)
"""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.faults import (
    AnyAction,
    At,
    Clog,
    Crash,
    Cut,
    Delay,
    Drop,
    Duplicate,
    Noise,
    Nth,
    Partition,
    Pause,
    Plan,
    SlowNode,
    Survival,
    Trigger,
)
from distlab.grade.lab import Directed
from distlab.grade.scenario import Call
from grading.lab2_log.producer.stage import CALM, flush, lead, scenario, send

KEYS = ("", "k1", "k2", "k3")
"""The empty key is a key."""

SMALL = {"batch_size": 100, "linger": 2}
"""A batch for each record, nearly."""


def schedule(
    name: str,
    about: str,
    *calls: Call,
    faults: tuple[tuple[Trigger, AnyAction], ...] = (),
    heal_at: int | None = None,
    noise: Noise | None = None,
    **shape: Any,
) -> Directed:
    plan = Plan.of(*faults, heal_at=heal_at and heal_at * MS)
    shape.setdefault("partitions", 1)
    return Directed(name, about, scenario(*calls, plan=plan, noise=noise, **shape))


def request(n: int, to: str = "b1") -> Nth:
    return Nth("p1", to, n, "Produce")


def answer(n: int, source: str = "b1") -> Nth:
    return Nth(source, "p1", n, "Produced")


def row(start: float, count: int, gap: float = 3, first: int = 0, **more: Any) -> tuple[Call, ...]:
    """So many records, one after the other."""
    return tuple(send(start + gap * n, first + n, **more) for n in range(count))


def keyed(start: float, count: int, gap: float = 3, first: int = 0) -> tuple[Call, ...]:
    return tuple(send(start + gap * n, first + n, KEYS[n % 4]) for n in range(count))


def after(heal_at: int) -> tuple[Call, ...]:
    """When all has been well for long."""
    start = heal_at + CALM // MS
    return (*row(start, 3, first=900), flush(start + 20))


QUIET_WEATHER = (
    schedule(
        "a record now and then",
        "nothing goes wrong",
        *row(60, 4, gap=40),
    ),
    schedule(
        "records go out in batches",
        "nothing goes wrong, and some have keys",
        *keyed(60, 16),
        *row(130, 8, first=100),
        flush(160),
        *keyed(220, 6, first=200),
        partitions=2,
        producer={"linger": 20},
    ),
    schedule(
        "many records at once",
        "they travel together, and no batch is too large",
        *keyed(60, 80, gap=1),
        *row(60, 80, gap=1, first=100),
        *row(200, 30, gap=0, first=300),
        partitions=2,
        producer={"linger": 20},
    ),
    schedule(
        "a few records, far apart",
        "who lingers waits so long, and no longer",
        *row(60, 8, gap=37),
        *row(400, 40, gap=5, first=100),
        producer={"linger": 30, "batch_size": 2000},
    ),
    schedule(
        "flushed again and again",
        "a flush hurries what waits, and returns when it is settled",
        *row(60, 12, gap=9),
        *(flush(64 + 18 * n) for n in range(6)),
        flush(300),
        producer={"linger": 200},
    ),
)

LOST_AND_LATE = (
    schedule(
        "an answer gets lost",
        "the batch is in the log, and comes again",
        *row(60, 3),
        *after(500),
        faults=((answer(1), Drop()),),
        heal_at=500,
        producer=SMALL,
    ),
    *(
        schedule(
            f"the answer to batch {n} of many gets lost",
            "others are answered; it is sent again, and the broker must still remember it",
            *row(60, 30, gap=2),
            *after(900),
            faults=((answer(n), Drop()),),
            heal_at=900,
            producer=SMALL,
        )
        for n in (1, 4)
    ),
    schedule(
        "the answers to five get lost",
        "all five come again, the oldest first",
        *row(60, 12, gap=2),
        *after(900),
        faults=((At(55 * MS), Cut("b1", "p1", 120 * MS)),),
        heal_at=900,
        producer=SMALL,
    ),
    *(
        schedule(
            f"batch {n} is overtaken",
            "the others are refused until it is there",
            *row(60, 10, gap=2),
            *after(900),
            faults=((request(n), Delay(25 * MS)),),
            heal_at=900,
            producer=SMALL,
        )
        for n in (1, 3)
    ),
    schedule(
        "requests come twice",
        "once at once, and once late",
        *row(60, 20, gap=3),
        *after(900),
        faults=tuple((request(n), Duplicate(after=8 * n * MS)) for n in range(1, 7)),
        heal_at=900,
        producer=SMALL,
    ),
    *(
        schedule(
            f"a batch comes twice: {late} ms too early, and in time",
            "the first copy is refused, the second one is appended: who hears of the first only knows nothing",
            send(60, 0),
            send(66, 1),
            *after(900),
            faults=(
                (request(1), Delay(10 * MS)),
                (request(2), Duplicate(after=15 * MS)),
                (answer(1), Delay(late * MS)),
            ),
            heal_at=900,
            brokers=2,
            min_insync=1,
            producer=SMALL,
        )
        for late in (14, 18, 22)
    ),
    schedule(
        "wild weather",
        "messages are lost, repeated, and overtake each other",
        *keyed(60, 40, gap=4),
        *row(80, 30, gap=6, first=100),
        flush(200),
        *after(900),
        noise=Noise(seed=11, delay=(1 * MS, 9 * MS), loss=0.12, duplicate=0.1),
        heal_at=900,
        partitions=2,
        producer={**SMALL, "request_timeout": 60},
    ),
    schedule(
        "a batch is overtaken, and nobody numbers",
        "without idempotence, one at a time keeps the order (as the notes have it)",
        *row(60, 10, gap=2),
        faults=((request(1), Delay(40 * MS)), (request(4), Drop())),
        producer={**SMALL, "idempotent": False, "request_timeout": 90},
    ),
)

LEADERS = (
    *(
        schedule(
            f"its leader dies {n} ms after the first record",
            "what was under way goes to the next leader, which knows what it has",
            *row(60, 14, gap=2),
            *after(800),
            faults=((At((60 + n) * MS), Crash("b1", 350 * MS, Survival.NOTHING)),),
            heal_at=800,
            producer={**SMALL, "request_timeout": 100},
        )
        for n in (5, 7, 9, 12, 18)
    ),
    schedule(
        "its leader dies, and stays dead",
        "nobody answers, so somebody else must be asked who leads",
        *row(60, 6, gap=20),
        *after(600),
        faults=((At(90 * MS), Crash("b1", None, Survival.NOTHING)),),
        well=600,
        producer={**SMALL, "request_timeout": 100, "delivery_timeout": 700},
    ),
    *(
        schedule(
            f"the answers get lost, and {broker} restarts",
            "what it knew of its producers stands in the log",
            *row(60, 6, gap=2),
            *row(140, 3, first=50),
            *after(900),
            faults=(
                (At(55 * MS), Cut("b1", "p1", 90 * MS)),
                (At(90 * MS), Crash(broker, 15 * MS, Survival.NOTHING)),
            ),
            heal_at=900,
            brokers=2,
            min_insync=1,
            producer={**SMALL, "request_timeout": 120},
        )
        for broker in ("b1", "b2")
    ),
    *(
        schedule(
            f"the answers get lost, and {leader} takes over",
            "a follower knows what its log says",
            *row(60, 6, gap=2),
            lead(120, leader),
            *row(150, 3, first=50),
            *after(900),
            faults=((At(55 * MS), Cut("b1", "p1", 70 * MS)),),
            heal_at=900,
            producer={**SMALL, "request_timeout": 120},
        )
        for leader in ("b2", "b3")
    ),
    *(
        schedule(
            f"alone with its leader for {length} ms",
            "what b1 appends alone goes; b1 leads again, and must not take it for there",
            *row(60, 3),
            *row(120, 4, first=50),
            lead(420 + length, "b1"),
            *row(440 + length, 3, first=70),
            *after(1100),
            faults=(
                (At(100 * MS), Partition((("b1", "p1"), ("b2", "b3", "controller")), length * MS)),
            ),
            heal_at=1100,
            producer={**SMALL, "delivery_timeout": 1500, "request_timeout": 150},
        )
        for length in (260, 400)
    ),
    *(
        schedule(
            f"what was cut off comes again, {n} ms later",
            "a leader forgets with its log, and is asked again for what it had",
            *row(60, 2),
            send(110, "x"),
            lead(330, "b2"),
            lead(350 + n, "b1"),
            *after(1100),
            faults=(
                (At(100 * MS), Partition((("b1", "p1"), ("b2", "b3")), 130 * MS)),
                (At(112 * MS), Cut("b1", "b2", 230 * MS)),
                (At(112 * MS), Cut("b1", "b3", 230 * MS)),
                (At(225 * MS), Cut("p1", "b1", 70 * MS)),
                (At(112 * MS), Cut("p1", "b2", 330 * MS)),
                (At(112 * MS), Cut("p1", "b3", 330 * MS)),
            ),
            heal_at=1100,
            producer={**SMALL, "delivery_timeout": 1500, "request_timeout": 100},
        )
        for n in (60, 100, 150)
    ),
    schedule(
        "its leader stands still",
        "it wakes up, and takes itself for the leader",
        *row(60, 20, gap=12),
        *after(900),
        faults=((At(80 * MS), Pause("b1", 420 * MS)),),
        heal_at=900,
        producer={**SMALL, "request_timeout": 100},
    ),
    *(
        schedule(
            f"that nobody leads is heard {late} ms late",
            "who hears that nobody leads asks again",
            lead(200, ""),
            send(202, 0),
            *after(600),
            faults=(
                (At(190 * MS), Cut("controller", "b2", 200 * MS)),
                *((Nth("b1", "p1", n, "MetadataIs"), Delay(late * MS)) for n in range(1, 5)),
            ),
            heal_at=600,
            brokers=2,
            producer=SMALL,
        )
        for late in (160, 250)
    ),
    schedule(
        "two partitions, one loses its leader",
        "the other one goes on",
        *keyed(60, 40, gap=5),
        *row(62, 20, gap=9, first=100),
        flush(120),
        *after(900),
        faults=((At(90 * MS), Crash("b1", 400 * MS, Survival.SOME)),),
        heal_at=900,
        partitions=2,
        producer={**SMALL, "request_timeout": 100},
    ),
    schedule(
        "the next leader does not answer",
        "what is in doubt is not acknowledged because it came again",
        *row(60, 3, gap=2),
        *row(300, 3, first=50),
        *after(1100),
        faults=(
            (At(58 * MS), Cut("b1", "b2", 200 * MS)),
            (At(58 * MS), Cut("b1", "b3", 200 * MS)),
            (At(200 * MS), Crash("b1", 300 * MS, Survival.ALL)),
        ),
        heal_at=1100,
        producer={**SMALL, "request_timeout": 60, "delivery_timeout": 1500},
    ),
)

HOLES = (
    *(
        schedule(
            f"given up, with {more} more behind it",
            "the hole is reported before anything is sent over it",
            *row(60, 3),
            *row(110, 1 + more, gap=4, first=50),
            *row(520, 4, first=100),
            *after(900),
            faults=((At(100 * MS), Cut("p1", "b1", 380 * MS)),),
            heal_at=900,
            brokers=2,
            producer={**SMALL, "delivery_timeout": 350, "request_timeout": 100},
        )
        for more in (0, 3, 12)
    ),
    *(
        schedule(
            f"given up, and it comes after all, {n}",
            "a batch of an old epoch is refused",
            *row(60, 3),
            *row(110, 3, gap=2, first=50),
            *row(500, 4, first=100),
            *after(1000),
            faults=(
                *((request(k), Delay(500 * MS)) for k in range(4, 4 + n)),
                (At(106 * MS), Cut("p1", "b1", 350 * MS)),
            ),
            heal_at=1000,
            brokers=2,
            producer={**SMALL, "delivery_timeout": 300, "request_timeout": 100},
        )
        for n in (1, 3)
    ),
    schedule(
        "given up, and the answer was lost",
        "it is in the log; nobody knows",
        *row(60, 3),
        *row(110, 3, gap=2, first=50),
        *row(560, 4, first=100),
        *after(1000),
        faults=((At(100 * MS), Cut("b1", "p1", 430 * MS)),),
        heal_at=1000,
        brokers=2,
        producer={**SMALL, "delivery_timeout": 350, "request_timeout": 100},
    ),
    schedule(
        "a hole in one partition of two",
        "batches of the other one keep their numbers",
        *(send(60 + 4 * n, n, partition=n % 2) for n in range(6)),
        *(send(110 + 4 * n, 50 + n, partition=n % 2) for n in range(16)),
        *(send(520 + 4 * n, 100 + n, partition=n % 2) for n in range(6)),
        *after(1000),
        faults=(
            (At(100 * MS), Cut("p1", "b1", 380 * MS)),
            (At(380 * MS), Cut("b2", "p1", 150 * MS)),
            *((At((100 + 90 * n) * MS), Clog("b2", "p1", 50 * MS)) for n in range(3)),
        ),
        heal_at=1000,
        brokers=2,
        partitions=2,
        producer={**SMALL, "delivery_timeout": 350, "request_timeout": 100},
    ),
    schedule(
        "nobody leads for long",
        "the flush returns, and says nothing good",
        *row(60, 3),
        *row(260, 3, first=50),
        flush(280),
        *after(1200),
        faults=(
            (At(100 * MS), Crash("b1", None, Survival.ALL)),
            (At(100 * MS), Crash("b2", None, Survival.ALL)),
        ),
        heal_at=1200,
        brokers=2,
        producer={**SMALL, "delivery_timeout": 350},
    ),
)

MEMORY = (
    schedule(
        "silent for long",
        "the broker has forgotten the producer; it begins anew (KIP-360)",
        *row(60, 4),
        *row(900, 4, first=50),
        *after(1300),
        heal_at=1300,
        expiry=300,
        producer={**SMALL, "delivery_timeout": 250},
    ),
    schedule(
        "a copy of a forgotten producer's batch",
        "who is not known begins at 0, and this one does not",
        *row(60, 3, gap=8),
        *after(1000),
        faults=((request(2), Duplicate(after=700 * MS)),),
        heal_at=1000,
        expiry=300,
        producer={**SMALL, "delivery_timeout": 250},
    ),
    *(
        schedule(
            f"another life, {n}",
            "an answer to the life before is none to this one",
            *row(70, 6, gap=2),
            *row(130, 8, gap=2, first=50),
            *after(900),
            faults=(
                (At(71 * MS), Clog("b1", "p1", (80 + 7 * n) * MS)),
                (At(90 * MS), Crash("p1", 10 * MS)),
            ),
            heal_at=900,
            producer={**SMALL, "request_timeout": 150},
        )
        for n in range(3)
    ),
)

SLOW = (
    *(
        schedule(
            f"one broker is slow, {partitioner}",
            "its partition does not get more for it (KIP-794)",
            *(send(60 + 0.9 * n, f"{n}" + "y" * 30) for n in range(420)),
            faults=((At(30 * MS), SlowNode("b3", 900 * MS, cost=12 * MS)),),
            partitions=3,
            brokers=3,
            min_insync=1,
            producer={"linger": 2, "batch_size": 600, "partitioner": partitioner},
        )
        for partitioner in ("sticky", "round-robin")
    ),
)

DIRECTED = (*QUIET_WEATHER, *LOST_AND_LATE, *LEADERS, *HOLES, *MEMORY, *SLOW)
