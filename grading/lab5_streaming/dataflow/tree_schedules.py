"""Directed schedules of part 5A2. The first one is free of faults."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import At, Clog, Crash, Delay, Doing, Drop, Duplicate, Fault, Noise, Nth, Pause
from distlab.grade.lab import Directed
from grading.lab5_streaming.dataflow.tree_world import emit, of

SPOUT, ACKER = "spout", "acker-0"

SCHEDULES = (
    Directed("one message, one tuple", "all is well", of([emit(5 * MS, 0, 1)], bolts=1)),
    Directed(
        "trees of many shapes",
        "all is well, and everything is done as soon as it can be",
        of(
            [
                emit((5 + 10 * n) * MS, n, *fan)
                for n, fan in enumerate(((2,), (1, 3), (3, 2), (1, 0), (2, 2, 2), (1, 1, 1, 1)))
            ],
            ackers=2,
        ),
    ),
    Directed(
        "three children of one",
        "ids must not cancel out",
        of([emit(5 * MS, 0, 1, 3), emit(30 * MS, 1, 3), emit(60 * MS, 2, 1, 1, 3)], bolts=1),
    ),
    Directed(
        "twelve at once, all is well",
        "each has a tree of its own",
        of([emit(5 * MS, n, 2, 2) for n in range(12)], ackers=2, bolts=2),
    ),
    Directed(
        "slow bolts, all is well",
        "what takes long has not failed",
        of([emit(5 * MS, 0, 4), emit(6 * MS, 1, 1, 1, 1, 1)], bolts=1, pace=15 * MS),
    ),
    *(
        Directed(
            f"tuple {n} to bolt 0 is lost",
            "its message is emitted again",
            of(
                [emit(5 * MS, 0, 2, 2), emit(8 * MS, 1, 3, 1)],
                Fault(Nth(who, "bolt-0", n, "Tuple"), Drop()),
                bolts=1,
            ),
        )
        for who, n in ((SPOUT, 1), (SPOUT, 2), (SPOUT, 4))
    ),
    *(
        Directed(
            f"tuple {n} from bolt to bolt is lost",
            "what was made of a tuple belongs to the tree before it is done",
            of(
                [emit((5 + 3 * m) * MS, m, 2, 2) for m in range(4)],
                Fault(Nth("bolt-0", "bolt-1", n, "Tuple"), Drop()),
                Fault(Nth("bolt-1", "bolt-0", n, "Tuple"), Drop()),
                bolts=2,
            ),
        )
        for n in (1, 2, 3)
    ),
    Directed(
        "the Init is late",
        "acks come first",
        of([emit(5 * MS, 0, 1, 2)], Fault(Nth(SPOUT, ACKER, 1, "Init"), Delay(60 * MS))),
    ),
    Directed(
        "the Init comes twice, and a tuple never",
        "what is XORed in twice is gone",
        of(
            [emit(5 * MS, 0, 1), emit(6 * MS, 1, 2)],
            Fault(Nth(SPOUT, ACKER, 1, "Init"), Duplicate(5 * MS)),
            Fault(Nth(SPOUT, ACKER, 2, "Init"), Duplicate(0)),
            Fault(Nth(SPOUT, "bolt-0", 1), Drop()),
            Fault(Nth(SPOUT, "bolt-0", 2), Drop()),
            bolts=1,
        ),
    ),
    Directed(
        "the Init is lost",
        "nobody will say that it failed",
        of([emit(5 * MS, 0, 1, 2)], Fault(Nth(SPOUT, ACKER, 1, "Init"), Drop())),
    ),
    Directed(
        "Done is lost, Failed is lost",
        "the spout's patience runs out",
        of(
            [emit(5 * MS, 0, 1), emit(6 * MS, 1, 2)],
            Fault(Nth(ACKER, SPOUT, 1), Drop()),
            Fault(Nth(ACKER, SPOUT, 2), Drop()),
            Fault(Nth("bolt-0", ACKER, 1), Drop()),
        ),
    ),
    Directed(
        "every Ack comes twice",
        "an Ack that comes twice undoes itself: safe, if slow",
        of(
            [emit(5 * MS, 0, 2, 1)],
            *(
                Fault(Nth(bolt, ACKER, n), Duplicate(2 * MS))
                for bolt in ("bolt-0", "bolt-1")
                for n in range(1, 5)
            ),
            bolts=2,
        ),
    ),
    Directed(
        "one Ack comes twice and another one never",
        "who counts has counted right, and is wrong",
        of(
            [emit(5 * MS, 0, 4)],
            Fault(Nth("bolt-0", ACKER, 1), Duplicate(1 * MS)),
            Fault(Nth(SPOUT, "bolt-0", 3), Drop()),
            bolts=1,
        ),
    ),
    Directed(
        "a tuple comes twice, and one is lost",
        "two that were worked off for one, and one not at all",
        of(
            [emit(5 * MS, 0, 2, 1)],
            Fault(Nth(SPOUT, "bolt-0", 1), Duplicate(3 * MS)),
            Fault(Nth(SPOUT, "bolt-0", 2), Drop()),
            bolts=1,
        ),
    ),
    *(
        Directed(
            f"a bolt dies with work in its hands, at {time} ms",
            "what it had received was not done",
            of(
                [emit(5 * MS, 0, 3, 1), emit(6 * MS, 1, 1, 2)],
                Fault(At(time * MS), Crash("bolt-0", 20 * MS)),
                bolts=1,
                pace=10 * MS,
            ),
        )
        for time in (10, 20, 35)
    ),
    *(
        Directed(
            f"the acker dies at {time} ms",
            "it forgets all trees, and never says that they failed",
            of(
                [emit((5 + n) * MS, n, 2, 2) for n in range(4)],
                Fault(At(time * MS), Crash(ACKER, 30 * MS)),
                pace=6 * MS,
            ),
        )
        for time in (8, 15, 40)
    ),
    Directed(
        "the acker dies before it says Done",
        "the tree is done, and nobody knows",
        of([emit(5 * MS, 0, 1)], Fault(Doing(ACKER, "send", "Done"), Crash(ACKER, 10 * MS))),
    ),
    Directed(
        "an old tree comes to its end late",
        "its acks are not the new tree's",
        of(
            [emit(5 * MS, 0, 2, 1), emit(7 * MS, 1, 1)],
            Fault(At(4 * MS), Clog("bolt-0", ACKER, 420 * MS)),
            bolts=2,
        ),
    ),
    Directed(
        "a bolt stands still for long",
        "its message is emitted again, and then done twice",
        of([emit(5 * MS, 0, 3)], Fault(At(6 * MS), Pause("bolt-0", 450 * MS)), bolts=2),
    ),
    Directed(
        "much is lost",
        "again and again, until it is done",
        of(
            [emit((5 + 20 * n) * MS, n, 2, 2) for n in range(10)],
            noise=Noise(seed=3, loss=0.2, duplicate=0.1, delay=(1 * MS, 9 * MS)),
        ),
    ),
)
