"""Directed schedules of part 2G: one danger each, the first ones free of faults.

(A long file because it is a table, and nothing else.)
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
    Doing,
    Drop,
    Duplicate,
    Noise,
    Nth,
    Partition,
    Pause,
    Plan,
    Survival,
    Trigger,
)
from distlab.grade.lab import Directed
from distlab.grade.scenario import Call
from grading.lab2_log.groups.scenarios import (
    add_partitions,
    elect,
    produce,
    scenario,
    stall,
    trim,
)

ASSIGNORS = ("range", "roundrobin", "sticky", "cooperative-sticky")


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
    settings = {"members": [{}, {}], "feed": 25, "end": 1_600} | shape
    return Directed(name, about, scenario(*calls, plan=plan, noise=noise, **settings))


def at(time: int, action: AnyAction) -> tuple[Trigger, AnyAction]:
    return At(time * MS), action


def nth(source: str, to: str, message: str, n: int, action: AnyAction) -> tuple[Trigger, AnyAction]:
    return Nth(source, to, n, message), action


def alone(node: str, *others: str, duration: int) -> Partition:
    return Partition(((node,), others), duration * MS)


def comes_and_goes(assignor: str) -> Directed:
    return schedule(
        f"one comes, one goes, {assignor}",
        "a member joins later, another closes; nothing goes wrong",
        members=[{}, {}, {"at": 300}, {"stop": 700}],
        config={"assignor": assignor},
        end=1_800,
    )


CALM = (
    schedule(
        "one member",
        "it owns everything, and has little to do",
        members=[{}],
        config={"auto_commit": False},
        records=0,
        feed=70,
        end=1_100,
    ),
    *map(comes_and_goes, ASSIGNORS),
)

COMMITS = {"auto_commit": False, "commits": True}
"""The program commits after each piece of work."""

ZOMBIES = tuple(
    schedule(
        f"a zombie commits late, {assignor}, {pause}",
        "a member stands still in the midst of its work, is thrown out, wakes up, and commits",
        faults=(at(pause, Pause("m1", duration * MS)),),
        members=[{"work": 30 * MS}, {}],
        config={"assignor": assignor, **COMMITS},
        feed=6,
        heal_at=pause + duration,
        end=pause + duration + 1_250,
    )
    for assignor in ("range", "cooperative-sticky")
    for pause, duration in ((330, 330), (345, 310), (352, 340))
)

COORDINATING = (
    *CALM,
    *(
        schedule(
            f"another coordinates, {assignor}",
            "a fail-over, and nothing else: nobody has to join again",
            elect(500, "k2"),
            config={"assignor": assignor},
            end=1_700,
        )
        for assignor in ("range", "cooperative-sticky")
    ),
    schedule(
        "the coordinator crashes",
        "another one takes over, from the log",
        faults=(at(400, Crash("k1", 300 * MS, Survival.ALL)),),
        heal_at=700,
        end=1_750,
    ),
    schedule(
        "the coordinator crashes and is back at once",
        "it reads the log before it says anything",
        faults=(at(400, Crash("k1", 10 * MS, Survival.ALL)), at(600, Crash("k1", 5 * MS))),
        members=[{}, {}, {"at": 402}, {"at": 603}],
        heal_at=610,
        end=1_700,
    ),
    *(
        schedule(
            f"a commit is not in the log yet, {n}",
            "the answer of the log is lost, and another takes over",
            elect(406 + n, "k2"),
            faults=(
                at(300, Clog("k1", "log", 200 * MS)),
                at(300, Clog("log", "k1", 200 * MS)),
            ),
            members=[{}, {}, {"at": 420}],
            config=COMMITS,
            feed=8,
            heal_at=500,
            end=1_650,
        )
        for n in (0, 13)
    ),
    schedule(
        "an assignment is not in the log yet",
        "the log does not hear of it, and another takes over",
        elect(396, "k2"),
        faults=(at(340, Cut("k1", "log", 70 * MS)),),
        members=[{}, {}, {"at": 330}],
        heal_at=410,
        end=1_650,
    ),
    *ZOMBIES,
    *(
        schedule(
            f"the leader dies before it has synced ({n})",
            "the others wait for its assignment",
            faults=((Doing("m1", "send", "SyncGroup", n), Crash("m1", None, Survival.ALL)),),
            members=[{}, {}, {"at": 300}],
            heal_at=1_300,
            end=2_400,
        )
        for n in (1, 2)
    ),
    schedule(
        "a member dies",
        "the others share what it had",
        faults=(at(300, Crash("m2", None, Survival.ALL)),),
        heal_at=1_000,
        end=2_100,
    ),
    schedule(
        "members die and come back",
        "each life is another member",
        faults=(
            at(250, Crash("m1", 40 * MS)),
            at(420, Crash("m2", 150 * MS)),
        ),
        members=[{}, {}, {}],
        heal_at=600,
        end=1_650,
    ),
    *(
        schedule(
            f"OffsetCommit {n} comes again after {late} ms",
            "an echo puts nothing back",
            elect(430, "k2"),
            faults=(nth("m1", "k1", "OffsetCommit", n, Duplicate(late * MS)),),
            members=[{}, {}, {"at": 400 + n}],
            config=COMMITS,
            feed=8,
            end=1_600,
        )
        for n, late in ((3, 60), (4, 90), (5, 30))
    ),
    *(
        schedule(
            f"{message} {n} from {source} to {to} is lost",
            "whoever asks, asks again, in the same words",
            faults=(nth(source, to, message, n, Drop()),),
            members=[{}, {}, {"at": 300}],
        )
        for source, to, message, n in (
            ("m1", "k1", "JoinGroup", 1),
            ("m2", "k1", "JoinGroup", 2),
            ("k1", "m2", "Joined", 1),
            ("k1", "m1", "Joined", 2),
            ("m1", "k1", "SyncGroup", 1),
            ("k1", "m2", "Synced", 2),
        )
    ),
    schedule(
        "JoinGroup comes again",
        "an echo is no reason to rebalance",
        faults=tuple(
            nth(m, "k1", "JoinGroup", 1, Duplicate(late * MS))
            for m, late in (("m1", 200), ("m2", 320))
        ),
    ),
    schedule(
        "a coordinator stands still",
        "it wakes up, and has not heard that another coordinates",
        faults=(at(300, Pause("k1", 450 * MS)),),
        members=[{}, {}, {"at": 500}],
        heal_at=750,
        end=1_850,
    ),
    schedule(
        "a coordinator is cut off from its log",
        "members still reach it, and it can promise nothing",
        faults=(at(300, alone("k1", "log", "k2", duration=400)),),
        members=[{}, {}, {"at": 350}],
        heal_at=700,
        end=1_800,
    ),
    schedule(
        "all leave, others come",
        "the group remembers its offsets and goes on counting generations",
        members=[{"stop": 300}, {"stop": 350}, {"at": 550}, {"at": 570}],
        end=1_700,
    ),
    *(
        schedule(
            f"a program takes its time, {assignor}",
            "a rebalance waits for those who are late, and not for those who are gone",
            stall(260, "m1", 330),
            members=[{}, {}, {"at": 300}],
            config={"assignor": assignor},
            end=1_700,
        )
        for assignor in ("range", "cooperative-sticky")
    ),
)

CONSUMING = (
    *CALM,
    *(
        schedule(
            f"one comes, one goes, {assignor}, slow programs",
            "nothing is taken away under a program's hands",
            members=[{}, {}, {"at": 300}, {"stop": 650}],
            config={"assignor": assignor, "work": 45 * MS},
            feed=20,
            end=1_900,
        )
        for assignor in ("range", "cooperative-sticky")
    ),
    schedule(
        "the program commits",
        "after each piece of work",
        members=[{}, {}, {"at": 300}],
        config=COMMITS,
    ),
    schedule(
        "programs that lag behind",
        "what is fetched waits for a while until it is processed",
        members=[{}, {}, {"at": 400}],
        config={"work": 70 * MS, "auto_commit_every": 30 * MS},
        records=10,
        topics={"orders": 3},
        feed=60,
        end=2_000,
    ),
    *(
        schedule(
            f"a member dies at work, {time}",
            "what it had not processed is handed out again",
            faults=(at(time, Crash("m1", None, Survival.ALL)),),
            config={"work": 50 * MS, "auto_commit_every": 20 * MS},
            feed=25,
            heal_at=900,
            end=2_000,
        )
        for time in (280, 310, 345)
    ),
    *ZOMBIES,
    *(
        schedule(
            f"a program is stuck, {assignor}",
            "its member leaves, and joins again when it is done",
            stall(300, "m1", 800),
            config={"assignor": assignor, **more},
            feed=15,
            end=2_250,
        )
        for assignor, more in (("range", {}), ("cooperative-sticky", COMMITS))
    ),
    schedule(
        "a topic grows",
        "somebody has to look",
        add_partitions(400, 6),
        produce(500, 5, 7),
        members=[{}, {}],
        config={"assignor": "sticky"},
    ),
    schedule(
        "a topic grows, cooperative",
        "somebody has to look",
        add_partitions(400, 7),
        produce(500, 5, 7),
        members=[{}, {}, {}],
        config={"assignor": "cooperative-sticky"},
    ),
    *(
        schedule(
            f"a new group begins at the end, {time}",
            "what comes after that is read, whoever dies",
            *(produce(time - 40 + 9 * n, n % 3, 2) for n in range(18)),
            *(produce(900, number, 2) for number in range(3)),
            faults=(at(time, Crash("m1", None, Survival.ALL)),),
            members=[{"work": 60 * MS}, {"at": 150, "work": 60 * MS}],
            config={"reset": "latest", "auto_commit_every": 250 * MS},
            topics={"orders": 3},
            feed=0,
            heal_at=800,
            end=1_900,
        )
        for time in (180, 230, 260)
    ),
    schedule(
        "nothing is committed, and nobody says where to begin",
        "the program is told",
        config={"reset": "none"},
        members=[{}],
        end=500,
    ),
    schedule(
        "what was committed is gone",
        "retention was faster than the group",
        *(trim(505, number, 9) for number in range(4)),
        *(produce(500, number, 12) for number in range(4)),
        members=[{"stop": 300}, {"at": 520}],
        records=3,
        feed=0,
    ),
    schedule(
        "another coordinates, while members join",
        "they find out, and begin anew",
        elect(345, "k2"),
        elect(700, "k1"),
        members=[{}, {}, {"at": 310}],
        end=1_800,
    ),
    schedule(
        "the coordinator is gone",
        "members look for another one",
        faults=(at(300, Crash("k1", None, Survival.ALL)),),
        heal_at=1_000,
        end=2_100,
    ),
    *(
        schedule(
            f"{message} {n} for {member} is lost",
            "every question is asked again",
            faults=(nth(source, member, message, n, Drop()),),
            members=[{}, {}, {"at": 300}],
        )
        for source, member, message, n in (
            ("k1", "m1", "CoordinatorFound", 1),
            ("k1", "m2", "Joined", 1),
            ("k1", "m1", "Synced", 1),
            ("k1", "m2", "OffsetsFetched", 1),
            ("k1", "m1", "OffsetCommitted", 1),
            ("broker", "m1", "RecordsFetched", 1),
            ("broker", "m2", "RecordsFetched", 3),
            ("broker", "m1", "MetadataIs", 1),
        )
    ),
    *(
        schedule(
            f"two come, one after the other, {gap}",
            "the group rebalances again before everybody knows its share: what is owned, is owned",
            faults=(nth("m1", "k1", "SyncGroup", 2, Delay(60 * MS)),),
            members=[{}, {}, {"at": 300}, {"at": 340 + gap}],
            config={"assignor": "cooperative-sticky"},
            end=1_700,
        )
        for gap in (0, 20, 40)
    ),
    schedule(
        "a member is away for a while, cooperative",
        "it wakes up, and claims what others own by now",
        faults=(at(330, Pause("m1", 400 * MS)),),
        members=[{"work": 25 * MS}, {}, {"at": 310}],
        config={"assignor": "cooperative-sticky"},
        feed=6,
        heal_at=730,
        end=1_950,
    ),
)
