"""Directed schedules of part 4A, one for each known danger: who dies, what is lost or late, and when."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import (
    At,
    Clog,
    Crash,
    Cut,
    Delay,
    Doing,
    Drop,
    Duplicate,
    FailSync,
    FillDisk,
    Noise,
    Survival,
)
from grading.lab4_transactions.twophase.scenarios import audit, transact, transfer
from grading.lab4_transactions.twophase.schedules.common import GONE, ONE, TWO, directed, nth

LATER = (transfer(600 * MS, "rm2/b", "rm1/a", 7), audit(2_500 * MS, TWO))
RIVAL = (transfer(60 * MS, "rm2/b", "rm1/b", 7, "ap2"), audit(2_500 * MS, TWO))

DANGERS = (
    *(
        directed(
            f"blocked: the coordinator dies with all votes in ({down} ms)",
            "participants in doubt can do nothing but ask; who wants their accounts waits, or is refused",
            (*ONE, *RIVAL),
            (Doing("rm2", "send", "Vote"), Crash("tm1", down * MS, GONE)),
            aps=2,
            tms=2,
            heal_at=2_000 * MS,
        )
        for down in (100, 300, 1_500)
    ),
    *(
        directed(
            f"committed, and nobody was told ({down} ms)",
            "the record is on disk, the coordinator is not: its next life must tell",
            (*ONE, *RIVAL),
            (Doing("tm1", "send", "Outcome"), Crash("tm1", down * MS, GONE)),
            aps=2,
            tms=2,
            heal_at=2_000 * MS,
        )
        for down in (5, 300, 1_500)
    ),
    *(
        directed(
            f"one was told, and the coordinator dies ({down} ms)",
            "one participant has committed, so the other one must",
            (*ONE, *LATER),
            (Doing("tm1", "send", "Decision", 2), Crash("tm1", down * MS, GONE)),
            heal_at=2_000 * MS,
        )
        for down in (5, 900)
    ),
    *(
        directed(
            f"{rm} dies before {verb} {what}{n} of its own ({down} ms down)",
            "a yes is for life, and no yes is none",
            (*ONE, *LATER),
            (Doing(rm, verb, what, n), Crash(rm, down * MS, GONE)),
            heal_at=2_000 * MS,
        )
        for rm in ("rm1", "rm2")
        for verb, what, n in (
            ("send", "Vote", 1),
            ("send", "Ack", 1),
            ("sync", "", 3),
            ("sync", "", 4),
        )
        for down in (5, 700)
    ),
    *(
        directed(
            f"{rm} dies in doubt, and somebody else wants its account",
            "its locks are there again before anybody can ask",
            (*ONE, *RIVAL),
            (nth("tm1", rm, "Decision"), Drop()),
            (nth("tm1", rm, "Decision", 2), Drop()),
            (nth("tm1", rm, "Decision", 3), Drop()),
            (At(40 * MS), Crash(rm, 5 * MS, GONE)),
            (nth("tm1", rm, "Decision", 4), Delay(200 * MS)),
            aps=2,
            tms=2,
        )
        for rm in ("rm1", "rm2")
    ),
    *(
        directed(
            f"the decision reaches {rm} late ({ms} ms)",
            "in doubt for longer than any time-out",
            (*ONE, *RIVAL),
            (nth("tm1", rm, "Vote") if ms < 0 else At(20 * MS), Cut("tm1", rm, ms * MS)),
            aps=2,
            tms=2,
            heal_at=2_000 * MS,
        )
        for rm in ("rm1", "rm2")
        for ms in (300, 1_400)
    ),
    *(
        directed(
            f"{rm} is away in phase 2 ({ms} ms)",
            "a commit is told until everybody has acknowledged it (dble #1077)",
            (*ONE, *LATER),
            (Doing("tm1", "send", "Decision"), Crash(rm, ms * MS, GONE)),
            heal_at=2_000 * MS,
        )
        for rm in ("rm1", "rm2")
        for ms in (400, 1_400)
    ),
    *(
        directed(
            f"{rm} acknowledges, the coordinator dies, {other} asks",
            "what not all have acknowledged must be known for ever",
            (*ONE, *LATER),
            (nth("tm1", other, "Decision"), Drop()),
            (nth("tm1", other, "Decision", 2), Drop()),
            (At(80 * MS), Crash("tm1", 5 * MS, Survival.ALL)),
            (nth("tm1", other, "Decision", 3), Drop()),
        )
        for rm, other in (("rm1", "rm2"), ("rm2", "rm1"))
    ),
    *(
        directed(
            f"everything that {rm} hears comes twice, {ms} ms later",
            "what has been done is not done again",
            (*ONE, *LATER),
            *(
                (nth("tm1", rm, message, n), Duplicate(ms * MS))
                for message in ("Work", "Prepare", "Decision")
                for n in (1, 2)
            ),
        )
        for rm in ("rm1", "rm2")
        for ms in (8, 60, 900)
    ),
    directed(
        "everything that the coordinator hears comes twice",
        "an old vote is no new vote",
        (*ONE, *LATER),
        *(
            (nth("rm1", "tm1", message), Duplicate(ms * MS))
            for ms, message in ((7, "Worked"), (5, "Vote"), (500, "Ack"))
        ),
        (nth("ap1", "tm1", "Execute"), Duplicate(50 * MS)),
        (nth("ap1", "tm1", "Begin"), Duplicate(1 * MS)),
    ),
    *(
        directed(
            f"an old request comes when the coordinator has forgotten ({ms} ms)",
            "what was aborted, or lost in a crash, is not begun again",
            (transfer(10 * MS, "rm1/a", "rm2/b", 30), *LATER),
            (nth("ap1", "tm1", "Execute"), Duplicate(ms * MS)),
            (Doing("tm1", "send", "Work"), Crash("tm1", 30 * MS, GONE)),
        )
        for ms in (60, 200)
    ),
    *(
        directed(
            f"a vote for an old transaction meets a new one ({lives} lives)",
            "no name is used twice, whatever a crash took",
            (
                transfer(10 * MS, "rm1/a", "rm2/b", 30),
                transfer(150 * MS, "rm1/a", "rm2/b", 7),
                audit(2_500 * MS, TWO),
            ),
            (nth("rm1", "tm1", "Vote"), Duplicate(145 * MS)),
            (nth("rm1", "tm1", "Vote"), Delay(140 * MS)),
            (Doing("rm2", "send", "Vote"), Crash("tm1", 10 * MS, GONE)),
            *(((At(120 * MS), Crash("tm1", 5 * MS, GONE)),) if lives == 3 else ()),
        )
        for lives in (2, 3)
    ),
    directed(
        "a look, a crash, and another look",
        "a crash took the lock: what was seen before it does not belong to what is seen now",
        (
            transact(10 * MS, "rm1/a", ("rm2/a", -5), ("rm2/b", 5)),
            transfer(32 * MS, "rm1/a", "rm2/b", 30, "ap2"),
            audit(2_500 * MS, TWO),
        ),
        (nth("tm1", "rm2", "Work"), Drop()),
        (nth("tm1", "rm1", "Work"), Duplicate(45 * MS)),
        (At(20 * MS), Crash("rm1", 5 * MS, GONE)),
        aps=2,
        tms=2,
    ),
    *(
        directed(
            f"the yes of {rm} is lost, and then {rm} crashes",
            "asked again in its next life, it says yes again: a yes is for life",
            (*ONE, *LATER),
            (nth(rm, "tm1", "Vote"), Drop()),
            (At(30 * MS), Crash(rm, 5 * MS, GONE)),
        )
        for rm in ("rm1", "rm2")
    ),
    directed(
        "the coordinator is asked while it is voting",
        "no record means aborted, but not while there may still be one",
        (*ONE, *LATER),
        *((nth("tm1", "rm2", "Prepare", n), Drop()) for n in (1, 2, 3)),
    ),
    directed(
        "one votes twice, the other one not at all",
        "votes are counted by who gave them",
        (*ONE, *LATER),
        (nth("rm1", "tm1", "Vote"), Duplicate(1 * MS)),
        *((nth("rm2", "tm1", "Vote", n), Drop()) for n in (1, 2, 3)),
    ),
    directed(
        "an old request comes after the abort",
        "the client was told that it is aborted, and so it is for ever",
        (*ONE, *LATER),
        (At(0), Crash("rm2", 450 * MS, GONE)),
        (nth("ap1", "tm1", "Execute"), Duplicate(900 * MS)),
        (At(500 * MS), Crash("rm1", 5 * MS, GONE)),
    ),
    *(
        directed(
            f"{message} from {source} to {to} is lost",
            "what is not answered is said again: it costs time, and not the transaction",
            (*ONE, audit(1_500 * MS, TWO)),
            (nth(source, to, message), Drop()),
            despite=["ok", "ok"],
        )
        for source, to, message in (
            ("tm1", "rm1", "Work"),
            ("rm1", "tm1", "Worked"),
            ("tm1", "rm1", "Prepare"),
            ("rm1", "tm1", "Vote"),
            ("tm1", "rm1", "Decision"),
            ("rm1", "tm1", "Ack"),
        )
    ),
    *(
        directed(
            f"the look of {ap} is over before the work elsewhere is ({late} ms)",
            "locks go when all are held everywhere, and not before",
            (
                transact(10 * MS, "rm1/a", "rm2/a", ap=ap),
                transfer(20 * MS, "rm1/a", "rm2/a", 30, ap),
                audit(2_500 * MS, TWO),
            ),
            (nth(tm, "rm2", "Work"), Delay(late * MS)),
            aps=2,
            tms=2,
        )
        for ap, tm in (("ap1", "tm1"), ("ap2", "tm2"))
        for late in (40, 120)
    ),
    *(
        directed(
            f"a participant is away for long ({ms} ms)",
            "nothing is promised yet: the coordinator does not wait for it for ever",
            (*ONE, audit(2_500 * MS, TWO)),
            (At(ms * MS), Crash("rm2", 1_800 * MS, GONE)),
            heal_at=2_000 * MS,
            patience=700 * MS,
        )
        for ms in (0, 12)
    ),
    directed(
        "the coordinator forgets a transaction that has worked",
        "its locks are not for ever",
        (*ONE, transfer(1_000 * MS, "rm1/a", "rm2/b", 5), audit(2_500 * MS, TWO)),
        (Doing("tm1", "send", "Prepare"), Crash("tm1", 30 * MS, GONE)),
        ends=["fail", "ok", "ok"],
    ),
    *(
        directed(
            f"a sync of {node} fails ({n})",
            "what it covered may never be on disk, though a second sync succeeds: stop, and say nothing",
            (*ONE, *LATER),
            (Doing(node, "sync", n=n), FailSync(node)),
            heal_at=300 * MS,
        )
        for node, n in (("tm1", 3), ("rm1", 3), ("rm2", 3), ("rm1", 4))
    ),
    *(
        directed(
            f"the disk of {node} is full before it sends {message}{n}",
            "what could not be written was not said: stop, and say nothing",
            (*ONE, *LATER),
            (Doing(node, "send", message, n=n), FillDisk(node, 60 * MS)),
            (At(80 * MS), Crash(node, 40 * MS, GONE)),
            heal_at=300 * MS,
        )
        for node, message, n in (
            ("tm1", "Began", 1),
            ("rm1", "Worked", 1),
            ("rm2", "Worked", 1),
            ("rm1", "Vote", 1),
            ("rm2", "Vote", 1),
        )
    ),
    directed(
        "the coordinator's disk is full at the commit point, and it dies",
        "what could not be written was not decided",
        (*ONE, *LATER),
        (Doing("tm1", "send", "Prepare"), FillDisk("tm1", 60 * MS)),
        (nth("tm1", "rm2", "Decision"), Drop()),
        (At(40 * MS), Crash("tm1", 40 * MS, GONE)),
        heal_at=300 * MS,
    ),
    directed(
        "the answer is lost, and the client is cut off for long",
        "what was committed is committed whenever it asks",
        (*ONE, *LATER),
        (nth("tm1", "ap1", "Outcome"), Drop()),
        (At(14 * MS), Cut("tm1", "ap1", 1_500 * MS)),
        heal_at=2_000 * MS,
    ),
    directed(
        "the answer is lost",
        "the client asks again, and hears the same",
        (*ONE, *LATER),
        (nth("tm1", "ap1", "Outcome"), Drop()),
        (nth("tm1", "ap1", "Outcome", 2), Drop()),
    ),
    directed(
        "the answer is lost, and the coordinator dies",
        "the client asks the next life, and hears the same",
        (*ONE, *LATER),
        (nth("tm1", "ap1", "Outcome"), Drop()),
        (At(50 * MS), Crash("tm1", 30 * MS, GONE)),
    ),
    *(
        directed(
            f"a cut log comes back ({node}, {seed})",
            "what recovery cuts off is off for good, also after the next crash",
            (
                *ONE,
                transfer(100 * MS, "rm1/a", "rm2/b", 3),
                transfer(180 * MS, "rm1/b", "rm2/a", 4),
                *LATER,
            ),
            *((Doing(node, "sync", n=n), Crash(node, 6 * MS, Survival.SOME)) for n in (3, 4, 5, 6)),
            noise=Noise(seed=seed),
            heal_at=1_000 * MS,
        )
        for node in ("tm1", "rm1")
        for seed in range(3)
    ),
    directed(
        "slow answers",
        "a clog on the way back: everything is repeated, and counts once",
        (*ONE, *LATER),
        (At(5 * MS), Clog("rm1", "tm1", 180 * MS)),
        (At(5 * MS), Clog("rm2", "tm1", 150 * MS)),
    ),
)
