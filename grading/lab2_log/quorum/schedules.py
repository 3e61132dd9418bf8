"""Directed schedules of part 2D: the plays, and whole clusters in the situations that are known to hurt.

The first one of each part is free of faults.
"""

from __future__ import annotations

from typing import Any

from distlab.core import MS, SECOND
from distlab.faults import (
    AnyAction,
    At,
    Crash,
    Cut,
    Delay,
    Doing,
    Drop,
    Duplicate,
    JumpClock,
    Noise,
    Nth,
    Partition,
    Pause,
    Plan,
    Survival,
    Trigger,
)
from distlab.grade.lab import Directed
from distlab.grade.scenario import Call, Scenario
from grading.lab2_log.quorum.plays import PLAYS
from grading.lab2_log.quorum.wishes import add, append, burst, cas, get, put, remove


def plays(part: str) -> tuple[Directed, ...]:
    """The part's plays, as schedules."""
    return tuple(
        Directed(
            staged.name,
            staged.about,
            Scenario(
                staged.calls,
                staged.plan or Plan(),
                staged.noise or Noise(),
                {"clients": 0, **staged.shape, "play": staged.name},
            ),
        )
        for staged in PLAYS.values()
        if staged.part == part
    )


def cluster(
    name: str,
    about: str,
    calls: tuple[Call, ...],
    *faults: tuple[Trigger, AnyAction],
    heal_at: int | None = None,
    noise: Noise | None = None,
    **shape: Any,
) -> Directed:
    """A whole cluster, with these faults."""
    plan = Plan.of(*faults, heal_at=heal_at)
    return Directed(name, about, Scenario(calls, plan, noise or Noise(), shape))


BOTH = (put(400 * MS, "r1", "v1"), put(500 * MS, "r1", "v2"), get(600 * MS, "r1"))
"""A little work for a leader that should be there by now."""


def _followers_to_leader(servers: int) -> list[tuple[Trigger, AnyAction]]:
    return [
        (At(700 * MS), Cut(f"@follower:{n}", "@leader", 60 * SECOND)) for n in range(servers - 1)
    ]


PART_D1 = (
    cluster("all is well", "a leader is elected, and stays", BOTH, steady=SECOND, until=1_600 * MS),
    *plays("D1"),
    *(
        cluster(
            f"nobody hears the followers ({servers} servers)",
            "a leader that nobody answers keeps the others from electing one that works",
            (*BOTH, append(900 * MS, "l1", "a1")),
            *_followers_to_leader(servers),
            servers=servers,
            well_from=700 * MS,
            brief=True,
        )
        for servers in (3, 5)
    ),
    *(
        cluster(
            f"{what} comes back ({servers} servers)",
            "whoever was away must not depose a leader that a majority hears",
            (*BOTH, put(3_300 * MS, "r1", "v3")),
            (At(1_100 * MS), action),
            servers=servers,
            steady=SECOND,
            brief=True,
        )
        for servers in (3, 5)
        for what, action in (
            (
                "a follower that was cut off",
                Partition(
                    (
                        ("@follower:0",),
                        ("@leader", *(f"@follower:{n}" for n in range(1, servers - 1))),
                    ),
                    2_000 * MS,
                ),
            ),
            ("a follower that heard nobody", Cut("@leader", "@follower:0", 2_000 * MS)),
            ("a follower that stood still", Pause("@follower:0", 2_000 * MS)),
            ("a follower that crashed", Crash("@follower:0", 800 * MS, Survival.NOTHING)),
        )
    ),
    *(
        cluster(
            f"the leader dies ({servers} servers, {delay // MS} ms apart)",
            "there is another one soon, though all wait equally long on average",
            (*BOTH, put(800 * MS, "r1", "v3"), append(1_200 * MS, "l1", "a1")),
            (At(700 * MS), Crash("@leader")),
            servers=servers,
            well_from=700 * MS,
            brief=True,
            noise=Noise(delay=(delay, delay)),
        )
        for servers in (3, 5)
        for delay in (1 * MS, 15 * MS)
    ),
    cluster(
        "one leader after the other dies",
        "and comes back as a follower of the next one",
        (*BOTH, append(2_600 * MS, "l1", "a1"), get(2_900 * MS, "l1")),
        *((At(at * MS), Crash("@leader", 300 * MS, Survival.NOTHING)) for at in (700, 1300, 1900)),
        servers=5,
        heal_at=2_500 * MS,
    ),
    cluster(
        "the leader restarts at once",
        "in its next life it is a follower, and leads no more in that term",
        (*BOTH, append(1_600 * MS, "l1", "a1")),
        *((At(at * MS), Crash("@leader", 1 * MS, Survival.ALL)) for at in (700, 1000, 1300)),
        heal_at=1_500 * MS,
    ),
)

WORK = tuple(
    call
    for n in range(6)
    for call in (
        append(400 * MS + n * 40 * MS, "l1", f"a{n}"),
        put(410 * MS + n * 40 * MS, "r1", f"v{n}", "c2"),
        get(420 * MS + n * 40 * MS, "r1" if n % 2 else "l1"),
    )
)
LAST = (append(1_800 * MS, "l1", "end"), get(2_200 * MS, "l1"), get(2_200 * MS, "r1", "c2"))
SIDES = Partition((("@leader", "c1"), ("@follower:0", "@follower:1", "c2")), 900 * MS)


def paced(name: str, seed: int, loss: float, servers: int) -> Directed:
    """Two hundred writes in a second; a round trip is 10 ms."""
    calls = (put(600 * MS, "r1", "first"), burst(1_000 * MS, "p", 200, 5 * MS))
    return cluster(
        name,
        "with commands enough under way, one is committed per round trip",
        calls,
        noise=Noise(seed=seed, delay=(5 * MS, 5 * MS), loss=loss),
        servers=servers,
        pace={"skip": 1, "rtt": 10 * MS},
    )


PART_D2 = (
    cluster("all is well", "writes and reads, one after the other", BOTH, clients=2),
    *plays("D2"),
    cluster("work for two clients", "at the same time", (*WORK, *LAST), clients=2, servers=5),
    *(
        cluster(
            f"the leader is cut off with a client ({len(order)})",
            "it takes writes that will never be committed, and must not say that they were",
            (*WORK, *order, *LAST),
            (At(450 * MS), SIDES),
            clients=2,
            heal_at=1_600 * MS,
        )
        for order in (
            (),
            (
                put(600 * MS, "r2", "x1"),
                cas(700 * MS, "r2", "x1", "x2"),
                get(1_300 * MS, "r2", "c2"),
            ),
        )
    ),
    *(
        cluster(
            f"the {which} answer is lost",
            "the client asks again: the command is executed once",
            (*WORK, *LAST),
            *((Nth(server, "c1", which, "Reply"), Drop()) for server in ("s1", "s2", "s3")),
            clients=2,
        )
        for which in (1, 3)
    ),
    *(
        cluster(
            f"answers are lost, and the leader dies ({n})",
            "the next leader has the command in its log, and is asked for it again",
            (*WORK, *LAST),
            (Doing("@leader", "send", "Reply", n), Crash("@leader", 400 * MS, Survival.ALL)),
            clients=2,
            heal_at=1_500 * MS,
        )
        for n in (2, 4, 9)
    ),
    cluster(
        "everything comes twice, and in another order",
        "a follower takes nothing back",
        (*WORK, *LAST),
        noise=Noise(seed=3, delay=(1 * MS, 40 * MS), duplicate=0.5),
        clients=2,
    ),
    cluster(
        "late copies",
        "an AppendEntries of long ago comes when its entries are committed",
        (*WORK, *LAST),
        *(
            (Nth(a, b, n, "AppendEntries"), Duplicate(after=n * 30 * MS))
            for a in ("s1", "s2", "s3")
            for b in ("s1", "s2", "s3")
            if a != b
            for n in (3, 5, 8)
        ),
        clients=2,
    ),
    cluster(
        "far behind",
        "a follower that missed a hundred entries gets them from a new leader, though a round trip takes long",
        (put(600 * MS, "r1", "v1"), burst(1_000 * MS, "p", 120, 5 * MS), get(2_000 * MS, "p5")),
        (At(800 * MS), Partition((("@follower:0",), ("@leader", "@follower:1", "c1")), 1_200 * MS)),
        (At(1_950 * MS), Crash("@leader", 400 * MS, Survival.ALL)),
        heal_at=2_400 * MS,
        noise=Noise(delay=(15 * MS, 15 * MS)),
        clients=1,
    ),
    cluster(
        "a long tail to cut",
        "a leader that was alone has ninety entries that nobody else has: they are gone soon",
        (
            put(600 * MS, "r1", "v1"),
            burst(820 * MS, "q", 90, 1 * MS),
            burst(1_600 * MS, "p", 90, 1 * MS, "c2"),
            get(2_500 * MS, "p5", "c2"),
        ),
        (
            At(800 * MS),
            Partition((("@leader", "c1"), ("@follower:0", "@follower:1", "c2")), 1_400 * MS),
        ),
        heal_at=2_200 * MS,
        noise=Noise(delay=(15 * MS, 15 * MS)),
        clients=2,
    ),
    *(
        paced(f"pace, {servers} servers, {loss:.0%} lost, seed {seed}", seed, loss, servers)
        for servers, loss, seed in ((3, 0.2, 1), (5, 0.2, 2), (3, 0.0, 0))
    ),
    cluster(
        "one after the other",
        "a command alone takes two round trips and two syncs, not a heartbeat",
        (
            put(600 * MS, "r1", "v0"),
            *(put((1_000 + 83 * n) * MS, "r1", f"v{n + 1}") for n in range(12)),
        ),
        noise=Noise(delay=(5 * MS, 5 * MS)),
        pace={"alone": 40 * MS},
    ),
    cluster(
        "nothing to do",
        "a leader is heard, and says no more than that",
        BOTH,
        idle=(1_500 * MS, 2_500 * MS, 45),
        until=2_600 * MS,
    ),
)

HARD = (append(300 * MS, "l1", "b0"), *WORK, *LAST)
PART_D3 = (
    cluster("all is well", "writes and reads, one after the other", BOTH, clients=2),
    *plays("D3"),
    *(
        cluster(
            f"power fails everywhere ({kept.value} kept, {at} ms)",
            "what was answered is on disks, and comes back from them",
            (*HARD, get(1_900 * MS, "l1")),
            *((At(at * MS), Crash(f"s{n}", (30 + 10 * n) * MS, kept)) for n in (1, 2, 3)),
            clients=2,
            heal_at=1_500 * MS,
            noise=Noise(sync=(5 * MS, 5 * MS), delay=(1 * MS, 2 * MS)),
        )
        for kept, at in (
            (Survival.NOTHING, 431),
            (Survival.NOTHING, 540),
            (Survival.SOME, 500),
            (Survival.TORN, 470),
            (Survival.ALL, 600),
        )
    ),
    *(
        cluster(
            f"a follower loses power before it says {what} ({n})",
            "it had not answered: nobody counts on it",
            (*HARD,),
            (Doing("@follower", verb, what, n), Crash("@follower:0", 20 * MS, Survival.NOTHING)),
            clients=2,
            heal_at=1_500 * MS,
        )
        for verb, what, n in (("send", "AppendReply", 6), ("sync", "", 3), ("send", "VoteReply", 1))
    ),
    *(
        cluster(
            f"the leader loses power before it syncs ({n})",
            "its own log counts when it is on disk",
            (*HARD,),
            (Doing("@leader", "sync", "", n), Crash("@leader", 30 * MS, Survival.NOTHING)),
            clients=2,
            heal_at=1_500 * MS,
        )
        for n in (2, 5)
    ),
    cluster(
        "again and again",
        "each server loses power three times, one after the other",
        (*HARD, append(2_300 * MS, "l1", "z"), get(2_600 * MS, "l1")),
        *(
            (At((420 + 90 * n) * MS), Crash(f"s{n % 3 + 1}", 40 * MS, Survival.NOTHING))
            for n in range(9)
        ),
        clients=2,
        heal_at=1_800 * MS,
    ),
)

MANY = tuple(
    call
    for n in range(14)
    for call in (
        append(400 * MS + n * 30 * MS, "l1", f"a{n}"),
        put(405 * MS + n * 30 * MS, "r1", f"v{n}", "c2"),
    )
)
PART_D4 = (
    cluster(
        "all is well",
        "writes, and a snapshot now and then",
        (*BOTH[:2], append(600 * MS, "l1", "a1")),
        clients=2,
        snapshot_after=5,
    ),
    *plays("D4"),
    *(
        cluster(
            f"away for long (a snapshot after {after}, {batch} at a time)",
            "what a follower missed is no longer in any log",
            (*MANY, *LAST),
            (
                At(450 * MS),
                Partition((("@follower:0",), ("@leader", "@follower:1", "c1", "c2")), 900 * MS),
            ),
            clients=2,
            snapshot_after=after,
            batch=batch,
            heal_at=1_500 * MS,
        )
        for after, batch in ((1, 64), (4, 2), (10, 64))
    ),
    *(
        cluster(
            f"snapshots, and power fails ({kept.value} kept, {at} ms)",
            "the old snapshot is there or the new one, never half of either",
            (*MANY, *LAST),
            *((At(at * MS), Crash(f"s{n}", 25 * n * MS, kept)) for n in (1, 2, 3)),
            clients=2,
            snapshot_after=3,
            heal_at=1_500 * MS,
            noise=Noise(sync=(5 * MS, 5 * MS)),
        )
        for kept, at in ((Survival.NOTHING, 470), (Survival.SOME, 602), (Survival.TORN, 733))
    ),
    *(
        cluster(
            f"power fails in the midst of a snapshot ({n})",
            "a file that takes another one's place is whole before it does",
            (*MANY, *LAST),
            (Doing("@leader", "sync", "", n), Crash("@leader", 20 * MS, Survival.NOTHING)),
            clients=2,
            snapshot_after=2,
            heal_at=1_500 * MS,
        )
        for n in (6, 7, 8, 9)
    ),
    *(
        cluster(
            f"reads on both sides ({at} ms)",
            "a leader that is cut off must not answer from memory",
            (
                *MANY[:8],
                *(put((at + 5 + 40 * n) * MS, "r1", f"w{n}", "c2") for n in range(12)),
                *(get((at + 20 + 25 * n) * MS, "r1", "c1") for n in range(16)),
                *LAST,
            ),
            (At(at * MS), SIDES),
            clients=2,
            snapshot_after=20,
            heal_at=1_600 * MS,
        )
        for at in (600, 640)
    ),
    *(
        cluster(
            f"a minority is down ({servers} servers)",
            "reads and writes go on",
            (*MANY[:8], *(get((1_000 + 20 * n) * MS, "l1") for n in range(5))),
            *((At(700 * MS), Crash(f"@follower:{n}")) for n in range(servers // 2)),
            servers=servers,
            clients=2,
            well_from=700 * MS,
            brief=True,
        )
        for servers in (3, 5)
    ),
    *(
        cluster(
            f"reads on both sides, and a clock jumps back ({at} ms)",
            "how long ago something was, no wall clock can tell",
            (
                *MANY[:8],
                *(put((at + 5 + 40 * n) * MS, "r1", f"w{n}", "c2") for n in range(12)),
                *(get((at + 20 + 25 * n) * MS, "r1", "c1") for n in range(16)),
                *LAST,
            ),
            (At(at * MS), SIDES),
            (At((at + 10) * MS), JumpClock("@leader", -10 * SECOND)),
            clients=2,
            heal_at=1_600 * MS,
        )
        for at in (600, 640, 690)
    ),
    cluster(
        "the first snapshots are lost",
        "what was sent need not have arrived",
        (*MANY, *LAST),
        (
            At(450 * MS),
            Partition((("@follower:0",), ("@leader", "@follower:1", "c1", "c2")), 900 * MS),
        ),
        *(
            (Nth(a, b, 1, "InstallSnapshot"), Drop())
            for a in ("s1", "s2", "s3")
            for b in ("s1", "s2", "s3")
            if a != b
        ),
        clients=2,
        snapshot_after=3,
        heal_at=1_500 * MS,
    ),
    cluster(
        "only reads",
        "a read leaves no trace in the log",
        (
            put(400 * MS, "r1", "v1"),
            *(get((500 + 10 * n) * MS, "r1", f"c{n % 2 + 1}") for n in range(30)),
        ),
        clients=2,
    ),
    cluster(
        "the answer to a read is lost",
        "it is read again",
        (put(400 * MS, "r1", "v1"), *(get((500 + 10 * n) * MS, "r1") for n in range(5))),
        *((Nth(server, "c1", n, "Reply"), Drop()) for server in ("s1", "s2", "s3") for n in (2, 3)),
    ),
    cluster(
        "a slow round",
        "answers to heartbeats come late, and read rounds overlap",
        (*MANY, *(get((420 + 20 * n) * MS, "l1", "c2") for n in range(20)), *LAST),
        *(
            (Nth(a, b, n, "AppendReply"), Delay(45 * MS))
            for a in ("s1", "s2", "s3")
            for b in ("s1", "s2", "s3")
            if a != b
            for n in (4, 7, 9)
        ),
        clients=2,
    ),
)

MOVING = (
    put(400 * MS, "r1", "v1"),
    add(450 * MS, "s4", "c2"),
    append(500 * MS, "l1", "a1"),
    add(700 * MS, "s5", "c2"),
    append(750 * MS, "l1", "a2"),
    remove(950 * MS, "s2", "c2"),
    append(1_000 * MS, "l1", "a3"),
    remove(1_200 * MS, "s3", "c2"),
    *LAST,
)
"""Three servers become five, and three again."""
ELSEWHERE = Partition((("@leader", "c1"), ("@follower:0", "@follower:1", "c2")), 900 * MS)
PART_D5 = (
    cluster(
        "all is well",
        "one server more",
        (*BOTH, add(700 * MS, "s4"), append(900 * MS, "l1", "a1")),
        servers=4,
        members=3,
        clients=2,
    ),
    *plays("D5"),
    *(
        cluster(
            f"three, five, three{told}",
            "servers come and go while clients write",
            MOVING,
            servers=5,
            members=3,
            clients=2,
            snapshot_after=after,
        )
        for told, after in (("", None), (", with snapshots", 2))
    ),
    *(
        cluster(
            f"{server} goes",
            "the leader, when it is its turn: there is another one soon",
            (
                *BOTH,
                remove(800 * MS, server),
                append(1_200 * MS, "l1", "a1"),
                put(1_700 * MS, "r1", "v3"),
            ),
            servers=4,
            well_from=400 * MS,
            brief=True,
        )
        for server in ("s1", "s2", "s3", "s4")
    ),
    cluster(
        "a server is removed, and does not know",
        "it stands again and again, and disturbs nobody",
        (*BOTH, remove(800 * MS, "s4"), put(2_500 * MS, "r1", "v3")),
        (At(780 * MS), Partition((("s4",), ("s1", "s2", "s3", "c1")), 400 * MS)),
        servers=4,
        brief=True,
        heal_at=1_200 * MS,
    ),
    cluster(
        "a leader that is alone is asked for a server more",
        "it must not say that there is one: the others know nothing of it",
        (
            put(400 * MS, "r1", "v1"),
            add(600 * MS, "s4", "c1"),
            append(700 * MS, "l1", "b", "c2"),
            *LAST,
        ),
        (At(550 * MS), ELSEWHERE),
        servers=4,
        members=3,
        clients=2,
        heal_at=1_600 * MS,
        servers_of={"c1": ["s1", "s2", "s3"], "c2": ["s1", "s2", "s3"]},
    ),
    *(
        cluster(
            f"leaders die while servers come and go ({at} ms)",
            "what was begun is finished, or begun again",
            MOVING,
            (At(at * MS), Crash("@leader", 200 * MS, Survival.NOTHING)),
            (At((at + 300) * MS), Crash("@leader", 200 * MS, Survival.NOTHING)),
            servers=5,
            members=3,
            clients=2,
            heal_at=1_600 * MS,
        )
        for at in (460, 710, 960, 1_210)
    ),
    *(
        cluster(
            f"the {which} is cut off while servers come and go",
            "a change that was begun may be cut",
            MOVING,
            (At(640 * MS), Partition(((who, "c1"), tuple(rest)), 500 * MS)),
            servers=5,
            members=3,
            clients=2,
            heal_at=1_600 * MS,
        )
        for which, who, rest in (
            (
                "leader",
                "@leader",
                ("@follower:0", "@follower:1", "@follower:2", "@follower:3", "c2"),
            ),
            (
                "first follower",
                "@follower:0",
                ("@leader", "@follower:1", "@follower:2", "@follower:3", "c2"),
            ),
        )
    ),
)
