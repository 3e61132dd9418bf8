"""Directed schedules of part 5B: the first of each list is free of faults, and of surprises."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import At, Clog, Fault, JumpClock, Noise, Pause
from distlab.grade.lab import Directed
from grading.lab5_streaming.eventtime.time_world import of

STEADY = [(10 * n, 3 * n) for n in range(12)]
SPEC = list(zip(range(0, 60, 10), (1000, 4000, 2000, 7000, 8000, 3999), strict=True))

WATERMARKS = (
    Directed("one partition, all in order", "all is well", of(feeds=[[STEADY]])),
    Directed(
        "two sources, two partitions each",
        "the slowest one counts",
        of(
            feeds=[
                [[(10 * n, 3 * n) for n in range(12)], [(10 * n + 4, 2 * n) for n in range(12)]],
                [[(10 * n + 7, n) for n in range(12)], [(10 * n + 2, 5 * n) for n in range(12)]],
            ],
            relay=True,
        ),
    ),
    Directed(
        "out of order within the bound",
        "the greatest time counts, not the last one",
        of(feeds=[[SPEC]], bound=3000, size=5000),
    ),
    Directed(
        "event times before zero",
        "time does not begin in 1970",
        of(feeds=[[[(10 * n, 3 * n - 40) for n in range(12)]]], bound=2),
    ),
    Directed(
        "one of two partitions is empty",
        "it says nothing, ever, and everybody waits for it",
        of(feeds=[[[(10 * n, 3 * n) for n in range(40)], []]]),
    ),
    Directed(
        "one of two sources is empty",
        "it has nothing to say, and has to say so",
        of(feeds=[[[(10 * n, 3 * n) for n in range(40)]], [[]]], until=600, relay=True),
    ),
    Directed(
        "one falls silent, and comes back behind",
        "it must not pull the watermark back, nor hold it",
        of(
            feeds=[
                [
                    [(10 * n, 3 * n) for n in range(60)],
                    [
                        *((10 * n, 3 * n) for n in range(8)),
                        *((300 + 10 * n, 30 + 9 * n) for n in range(25)),
                    ],
                ]
            ]
        ),
    ),
    Directed(
        "a source falls silent, and comes back behind",
        "the same, one station further",
        of(
            feeds=[
                [[(10 * n, 3 * n) for n in range(60)]],
                [
                    [
                        *((10 * n, 3 * n) for n in range(8)),
                        *((300 + 10 * n, 30 + 9 * n) for n in range(25)),
                    ]
                ],
            ],
            relay=True,
        ),
    ),
    Directed(
        "all fall silent, the furthest one first",
        "nothing more is expected of any of them",
        of(feeds=[[[(0, 5), (10, 9)], [(40, 4), (50, 6)]]], until=500),
    ),
    Directed(
        "all fall silent, the furthest one last",
        "the order in which they do must not matter",
        of(feeds=[[[(40, 5), (50, 9)], [(0, 4), (10, 6)]]], until=500),
    ),
    Directed(
        "all sources fall silent, and all come back",
        "who comes back says so before all else",
        of(
            feeds=[
                [[(0, 5), (10, 9), (400, 40), (410, 50)]],
                [[(40, 4), (50, 6), (450, 45), (460, 60)]],
            ],
            until=700,
            relay=True,
        ),
    ),
    Directed(
        "one is silent for a little less than allowed, again and again",
        "silence is counted from the last word",
        of(
            feeds=[[[(10 * n, 3 * n) for n in range(60)], [(85 * n, 20 * n) for n in range(7)]]],
        ),
    ),
    Directed(
        "the wall clock jumps",
        "nobody has been silent because of that",
        of(
            Fault(At(150 * MS), JumpClock("feed-0", 5000 * MS)),
            feeds=[[[(10 * n, 3 * n) for n in range(40)], [(30 * n, 8 * n) for n in range(14)]]],
        ),
    ),
    Directed(
        "a slow link between two that are fast",
        "per channel, and not whatever came last",
        of(
            Fault(At(120 * MS), Clog("feed-1", "window-0", 200 * MS)),
            feeds=[[[(10 * n, 3 * n) for n in range(30)]], [[(10 * n, 2 * n) for n in range(30)]]],
        ),
    ),
    Directed(
        "messages are slow by turns",
        "two inputs, a delay of their own for each",
        of(
            feeds=[[[(10 * n, 3 * n) for n in range(30)]], [[(10 * n, 2 * n) for n in range(30)]]],
            noise=Noise(seed=2, delay=(1 * MS, 30 * MS)),
            relay=True,
            windows=2,
        ),
    ),
)

WINDOWS = (
    Directed(
        "one partition, one key, in order",
        "all is well",
        of(feeds=[[[(0, 1), (10, 5), (20, 9), (30, 13)]]], size=4, lateness=1),
    ),
    Directed(
        "the spec's example: late at the sixth",
        "window [0, 5000) fires at watermark 4999, and then 3999 is late",
        of(feeds=[[SPEC]], bound=3000, size=5000),
    ),
    Directed(
        "the same with an allowed lateness",
        "the window is still there, and fires again",
        of(feeds=[[SPEC]], bound=3000, size=5000, lateness=100),
    ),
    Directed(
        "windows before zero, with an offset",
        "floorMod, not the remainder of C and Java",
        of(feeds=[[[(10 * n, 4 * n - 33) for n in range(14)]]], size=7, offset=3),
    ),
    Directed(
        "sliding windows",
        "an element is in two of them, and late for one is not late for both",
        of(
            feeds=[[[(0, 3), (10, 12), (20, 14), (30, 8), (40, 9), (50, 30), (60, 16), (70, 50)]]],
            kind="sliding",
            size=10,
            slide=5,
        ),
    ),
    Directed(
        "sliding windows that leave gaps",
        "an element may belong to no window; then it is late for all of them",
        of(feeds=[[[(10 * n, 3 * n) for n in range(12)]]], kind="sliding", size=5, slide=5),
    ),
    Directed(
        "sessions that grow together",
        "the element between two sessions makes them one",
        of(
            feeds=[[[(0, 0), (10, 12), (20, 30), (30, 6), (40, 42), (50, 36), (60, 90)]]],
            kind="session",
            size=8,
            bound=40,
        ),
    ),
    Directed(
        "a session that ends where the next one begins",
        "end and start are the same, and no event is in both",
        of(feeds=[[[(0, 0), (10, 8), (20, 16), (30, 17), (40, 60)]]], kind="session", size=8),
    ),
    Directed(
        "a late element joins a session that is still open",
        "by itself it would be too late",
        of(
            feeds=[[[(0, 0), (10, 20), (20, 26), (30, 19), (40, 14), (50, 3), (60, 80)]]],
            kind="session",
            size=8,
        ),
    ),
    Directed(
        "a fired session grows, within its lateness",
        "it fires again, longer, and its old self is gone",
        of(
            feeds=[[[(0, 0), (10, 5), (20, 22), (30, 10), (40, 40), (50, 14), (60, 90)]]],
            kind="session",
            size=8,
            lateness=30,
        ),
    ),
    Directed(
        "late, later, too late",
        "once for its lateness, and not a moment longer",
        of(
            feeds=[
                [
                    [
                        (0, 1),
                        (10, 9),
                        (20, 13),
                        (30, 5),
                        (40, 16),
                        (50, 6),
                        (60, 19),
                        (70, 7),
                        (80, 40),
                    ]
                ]
            ],
            lateness=6,
        ),
    ),
    Directed(
        "one watermark, many windows",
        "in the order of their ends, whatever the keys",
        of(
            feeds=[
                [
                    [(n, "cabdb"[n % 5], (7 * n) % 40) for n in range(12)],
                    [(0, "z", 0), (200, "z", 100)],
                ]
            ],
            size=5,
            bound=40,
        ),
    ),
    Directed(
        "many keys on two tasks",
        "a key's windows are its own",
        of(
            feeds=[[[(5 * n, "abcdef"[n % 6], 2 * n) for n in range(30)]] for _ in range(2)],
            windows=2,
            lateness=4,
        ),
    ),
    Directed(
        "the end of the input, with windows open",
        "MAX_TIME completes everything",
        of(feeds=[[[(0, 1), (10, 3), (20, 5)]]], size=1000, kind="sliding", slide=400),
    ),
    Directed(
        "exactly at the edge",
        "the last moment of a window completes it, and the next element is late",
        of(feeds=[[[(0, 9), (10, 10), (20, 9), (30, 11), (40, 0), (50, 20)]]], size=10),
    ),
    Directed(
        "the window task stands still",
        "all comes at once, in order",
        of(
            Fault(At(130 * MS), Pause("window-0", 250 * MS)),
            feeds=[[[(10 * n, "ab"[n % 2], 4 * n - 2 * (n % 3)) for n in range(20)]]],
            bound=3,
            lateness=2,
        ),
    ),
)
