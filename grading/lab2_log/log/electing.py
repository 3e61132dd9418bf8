"""Directed schedules of part 2C: leaders that come and go."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import At, Crash, Cut, Delay, Drop, Duplicate, Noise, Partition, Pause, Survival
from grading.lab2_log.log.following import cut_off, nth, schedule
from grading.lab2_log.log.replicas import append, drain, elect, poll

END = (append(1900, "last", timeout=400 * MS), drain(2560))
BOTH = ("b1", "b2")

PART_C = (
    schedule(
        "all is well", "one leader, nothing happens", append(100, 1), append(120, 2), poll(200)
    ),
    schedule(
        "another leader",
        "the others follow it",
        append(100, 1),
        poll(150),
        elect(200, "b2"),
        append(300, 2),
        poll(400),
        *END,
        heal_at=800,
    ),
    *(
        schedule(
            f"the leader dies {n} ms after a batch came",
            "what was acknowledged is in the next leader's log",
            append(100, 1),
            append(200, 2, timeout=300 * MS),
            append(201, 3, 1),
            append(500, 4),
            poll(520),
            *END,
            faults=((At((200 + n) * MS), Crash("b1", 300 * MS, Survival.NOTHING)),),
            heal_at=800,
            auto=True,
        )
        for n in (1, 3, 5, 7, 9, 30)
    ),
    *(
        schedule(
            f"followers restart, and then the leader dies, {n} ms later",
            "KIP-101: a log that is cut to the high watermark may lose what is committed",
            append(100, 1),
            append(200, 2),
            poll(230),
            append(800, 3),
            poll(820),
            *END,
            faults=(
                (At(208 * MS), Crash("b2", 10 * MS, Survival.NOTHING)),
                (At(208 * MS), Crash("b3", 10 * MS, Survival.NOTHING)),
                (At((208 + n) * MS), Crash("b1", 300 * MS, Survival.NOTHING)),
            ),
            heal_at=900,
            auto=True,
        )
        for n in (3, 11, 16, 22)
    ),
    schedule(
        "power fails everywhere",
        "what was acknowledged had been on every disk",
        append(100, 1),
        append(200, 2),
        append(203, 3, 1),
        *END,
        faults=tuple(
            (At(212 * MS), Crash(b, 50 * MS, Survival.NOTHING)) for b in ("b1", "b2", "b3")
        ),
        heal_at=800,
        auto=True,
    ),
    *(
        schedule(
            f"a leader stands still for {length} ms",
            "it wakes, and takes itself for the leader; its followers have left it",
            append(100, 1),
            append(190, 2, 1, to="b1"),
            append(450, 3),
            *(append(560 + 10 * n, f"zombie {n}", 1, to="b1") for n in range(3)),
            append(565, "zombie", to="b1", timeout=300 * MS),
            poll(700),
            append(800, 4),
            *END,
            faults=((At(200 * MS), Pause("b1", length * MS)),),
            heal_at=1000,
            auto=True,
        )
        for length in (300, 365, 420)
    ),
    *(
        schedule(
            f"a leader is cut off from {whom}",
            "what it appends alone is not committed, and goes when it comes back",
            append(100, 1),
            *(
                append(220 + 40 * n, f"alone {n}", n % 2 or -1, to="b1", timeout=200 * MS)
                for n in range(6)
            ),
            *(append(500 + 20 * n, f"new {n}") for n in range(4)),
            poll(600),
            *END,
            faults=(cut_off(200, "b1", 600, *others),),
            heal_at=900,
            auto=True,
        )
        for whom, others in (
            ("all", ("b2", "b3", "controller")),
            ("the controller", ("controller",)),
        )
    ),
    *(
        schedule(
            f"leaders in turn, {n}",
            "each appends something that nobody else gets: epochs that others never had (KIP-279)",
            append(100, "common"),
            elect(200, "b1", *BOTH),
            append(225, "a", 1, to="b1"),
            append(230, "a more", 1, to="b1"),
            elect(260, "b2", *BOTH),
            append(300, "b", 1, to="b2"),
            append(305, "b more", 1, to="b2"),
            append(307, "b still more", 1, to="b2"),
            elect(340, "b1", *BOTH),
            append(400, "c", 1, to="b1"),
            elect(440 + 40 * n, "b2", *BOTH),
            append(600 + 40 * n, "d"),
            poll(700),
            *END,
            faults=(
                (At(210 * MS), Partition((("b1",), ("b2",)), (260 + 40 * n) * MS)),
                (At(210 * MS), Partition((("b1", "b2"), ("b3",)), 500 * MS)),
            ),
            heal_at=800,
            min_insync=1,
        )
        for n in range(3)
    ),
    schedule(
        "two records at one offset",
        "what the old leader appended alone goes; what the new one appended comes",
        append(100, 1),
        append(215, "x", 1, to="b1"),
        elect(230, "b2", "b1", "b2"),
        append(260, "y", 1, to="b2"),
        append(262, "y more", 1, to="b2"),
        append(600, "z"),
        poll(700),
        *END,
        faults=((At(205 * MS), Partition((("b1",), ("b2", "b3")), 300 * MS)),),
        heal_at=800,
    ),
    *(
        schedule(
            f"an echo of LeaderAndIsr to {to}, after {late} ms",
            "an older epoch is no news",
            append(100, 1),
            elect(200, "b2"),
            append(300, 2),
            elect(400, "b3"),
            append(500, 3),
            poll(600),
            *END,
            faults=(
                (nth("controller", to, "LeaderAndIsr", 1), Duplicate(late * MS)),
                (nth("controller", to, "LeaderAndIsr", 2), Duplicate(late * MS)),
            ),
            heal_at=800,
        )
        for to in ("b1", "b2")
        for late in (260, 450)
    ),
    *(
        schedule(
            f"{message} to {to} is lost when an epoch begins",
            "whoever waits must ask again",
            append(100, 1),
            append(110, 2),
            elect(200, "b2"),
            append(300, 3),
            poll(400),
            *END,
            faults=((nth(source, to, message, n), Drop()),),
            heal_at=800,
        )
        for source, to, message, n in (
            ("b1", "b2", "OffsetForEpoch", 1),
            ("b2", "b1", "EpochOffset", 1),
            ("b1", "b2", "Fetch", 1),
            ("b2", "b1", "Fetched", 1),
            ("controller", "b2", "LeaderAndIsr", 2),
            ("controller", "b1", "LeaderAndIsr", 2),
        )
    ),
    schedule(
        "a follower hears of the new epoch late",
        "who is in an older epoch is fenced, and what it has does not count",
        append(100, 1),
        elect(200, "b2"),
        *(append(230 + 20 * n, f"late {n}", timeout=700 * MS) for n in range(4)),
        poll(500, min_bytes=0, max_wait=0),
        poll(560, min_bytes=0, max_wait=0),
        *END,
        faults=((At(195 * MS), Cut("controller", "b3", 500 * MS)),),
        heal_at=800,
    ),
    schedule(
        "followers hear of the new epoch before their leader does",
        "who is in an older epoch must not answer those who are in a newer one",
        append(100, 1),
        elect(200, "b1"),
        append(300, 2, timeout=500 * MS),
        poll(500),
        *END,
        faults=((At(195 * MS), Cut("controller", "b1", 180 * MS)),),
        heal_at=800,
    ),
    schedule(
        "a question of the epoch before",
        "a leader that is one epoch further does not say where to cut",
        append(100, 1),
        elect(200, "b1"),
        elect(230, "b1"),
        append(300, 2),
        poll(500),
        *END,
        faults=((nth("b3", "b1", "OffsetForEpoch"), Delay(60 * MS)),),
        heal_at=800,
    ),
    schedule(
        "a leader that has more than is committed",
        "it was in sync, and so is the next one, which has less",
        append(100, 1),
        append(170, "x", 1, to="b1"),
        poll(130),
        *(poll(330 + 25 * n, min_bytes=0, max_wait=0) for n in range(9)),
        append(1000, 2),
        *END,
        faults=(
            (At(160 * MS), Partition((("b3",), ("b1", "b2")), 700 * MS)),
            (At(190 * MS), Crash("b1", 600 * MS, Survival.NOTHING)),
            (At(560 * MS), Crash("b2", 300 * MS, Survival.NOTHING)),
        ),
        heal_at=900,
        auto=True,
    ),
    schedule(
        "elected again, at once",
        "a leader of a new epoch knows nothing of its followers",
        append(100, 1),
        elect(200, "b1"),
        append(206, 2),
        elect(212, "b1"),
        append(218, 3),
        elect(300, "b2"),
        append(306, 4),
        elect(320, "b1"),
        append(330, 5),
        poll(400),
        *END,
        heal_at=800,
    ),
    schedule(
        "a follower returns that was away for long",
        "old segments have gone; it begins where the leader's log begins",
        append(100, 1),
        *(
            append(200 + 15 * n, n, values=[f"{n}" + "x" * 120], timeout=700 * MS)
            for n in range(2, 14)
        ),
        append(600, 14),
        *END,
        faults=((At(150 * MS), Crash("b3", 550 * MS, Survival.NOTHING)),),
        heal_at=800,
        log={"segment_bytes": 300, "retention_bytes": 500},
        noise=Noise(),
        auto=True,
    ),
    *(
        schedule(
            f"a follower that is not there yet, and two leaders that die, {n} ms",
            "more is committed than the new leader has heard of: in sync is who has all that it began with",
            append(100, 1),
            *(
                append(400 + n, n, values=[f"{n}.{k}" + "x" * 280 for k in range(3)])
                for n in range(10)
            ),
            append(1900, "last", timeout=400 * MS),
            drain(2960),
            faults=(
                cut_off(150, "b3", 570, "b1", "b2"),
                (At(600 * MS), Crash("b1", 700 * MS, Survival.NOTHING)),
                (At(600 * MS), Crash("b2", 10 * MS, Survival.NOTHING)),
                (At((787 + n) * MS), Crash("b2", 400 * MS, Survival.NOTHING)),
            ),
            heal_at=1310,
            auto=True,
            min_insync=1,
            lag=150,
        )
        for n in (1, 6, 12, 20)
    ),
    *(
        schedule(
            f"what was asked for in an epoch that is over, {n}",
            "whom a leader wanted in the ISR then, it knows nothing of now",
            append(100, 1),
            append(200, 2, timeout=500 * MS),
            elect(600, "b2", *BOTH),
            append(640, 3),
            append(650, 4),
            elect(740, "b1", *BOTH),
            append(1900, "last", timeout=400 * MS),
            drain(2960),
            faults=(
                cut_off(150, "b3", 250, "b1", "b2"),
                *((nth("b1", "controller", "AlterPartition", k), Drop()) for k in range(2, 8)),
                cut_off(590, "b3", 700, "b1", "b2"),
                (At((810 + n) * MS), Crash("b1", 400 * MS, Survival.NOTHING)),
                (At((810 + n) * MS), Crash("b2", 400 * MS, Survival.NOTHING)),
            ),
            heal_at=1310,
            auto=True,
            min_insync=1,
            lag=150,
        )
        for n in (0, 30)
    ),
)
