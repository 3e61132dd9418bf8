"""Directed schedules of part 4A: one for each known danger, and a crash at every step.

The first is free of faults.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    FailSync,
    Fault,
    Noise,
    Nth,
    Pause,
    Plan,
    Survival,
    Trigger,
)
from distlab.grade.lab import Directed
from distlab.grade.scenario import Call, Scenario
from grading.lab4_transactions.twophase.scenarios import audit, transact, transfer
from labs.lab4_transactions.twophase import LARGEST

TWO: dict[str, Any] = {"rms": 2}
THREE: dict[str, Any] = {"rms": 3}
GONE = Survival.NOTHING
MORE = 6
"""Messages that we grant beyond what it takes: for clocks that tick coarsely."""
SLOW = Noise(delay=(5 * MS, 5 * MS))


def directed(
    name: str,
    about: str,
    calls: tuple[Call, ...],
    *faults: tuple[Trigger, AnyAction],
    heal_at: int | None = None,
    noise: Noise | None = None,
    **shape: Any,
) -> Directed:
    plan = Plan(tuple(Fault(when, do) for when, do in faults), heal_at)
    return Directed(name, about, Scenario(calls, plan, noise or Noise(), {**TWO, **shape}))


def nth(source: str, to: str, message: str, n: int = 1) -> Nth:
    return Nth(source, to, n, message)


# -- nothing goes wrong -----------------------------------------------------------------------------------------------

ONE = (transfer(10 * MS, "rm1/a", "rm2/b", 30),)


def cheap(
    name: str, what: str, call: Call, syncs: dict[str, int], messages: int, end: str = "ok"
) -> Directed:
    """One transaction, and what it may cost."""
    return directed(
        name,
        "each sync and each message is there for a reason",
        (call,),
        rms=3,
        ends=[end],
        cost={"what": what, "syncs": syncs, "messages": messages},
    )


CALM = (
    directed(
        "all is well",
        "a transfer, and then a look at everything",
        (*ONE, audit(300 * MS, TWO)),
        ends=["ok", "ok"],
    ),
    directed(
        "all is well, with many",
        "transactions of two applications, one after the other and side by side",
        tuple(
            call
            for n in range(5)
            for call in (
                transfer(n * 100 * MS + 10 * MS, "rm1/a", "rm2/b", 1),
                transfer(n * 100 * MS + 10 * MS, "rm3/a", "rm2/a", 2, ap="ap2"),
                transact(n * 100 * MS + 60 * MS, ("rm1/a", -2), ("rm2/b", 1), ("rm3/b", 1), "rm1/b"),
            )
        )
        + (audit(900 * MS, THREE),),
        rms=3,
        aps=2,
        ends=["ok"] * 16,
    ),
    directed(
        "within one participant",
        "a transaction like any other",
        (transfer(10 * MS, "rm1/a", "rm1/b", 30), audit(300 * MS, TWO)),
        ends=["ok", "ok"],
    ),
    cheap(
        "cost of a commit",
        "a transfer between two participants",
        ONE[0],
        {"tm1": 1, "rm1": 2, "rm2": 2, "rm3": 0},
        12 + MORE,
    ),
    cheap(
        "cost of a commit with a look",
        "a transfer, and a look elsewhere",
        transact(10 * MS, ("rm1/a", -5), ("rm2/a", 5), "rm3/a"),
        {"tm1": 1, "rm1": 2, "rm2": 2, "rm3": 0},
        16 + MORE,
    ),
    cheap(
        "cost of looking",
        "a transaction that only looks",
        audit(10 * MS, THREE),
        {"tm1": 0, "rm1": 0, "rm2": 0, "rm3": 0},
        12 + MORE,
    ),
    cheap(
        "cost of an abort",
        "a transfer of more than there is",
        transfer(10 * MS, "rm1/a", "rm2/b", 1000),
        {"tm1": 0, "rm1": 0, "rm2": 0, "rm3": 0},
        7 + MORE,
        end="refused",
    ),
    directed(
        "cost of an abort after a yes",
        "who has said yes has forced that; the abort itself is forced nowhere",
        ONE,
        (nth("tm1", "rm2", "Prepare"), Delay(450 * MS)),
        *((nth("tm1", "rm2", "Prepare", n), Drop()) for n in range(2, 20)),
        cost={
            "what": "a transfer that is aborted after one yes",
            "syncs": {"tm1": 0, "rm1": 1, "rm2": 1},
            "messages": 40,
        },
    ),
)


# -- waiting for locks ------------------------------------------------------------------------------------------------

LOCKS = (
    directed(
        "ten want one account",
        "one after the other gets it, and all are committed",
        tuple(transfer(10 * MS + n * MS, "rm1/a", "rm2/a", 1, f"ap{n % 2 + 1}") for n in range(10)),
        aps=2,
        ends=["ok"] * 10,
        wait=True,
        within=600 * MS,
    ),
    directed(
        "two accounts, one of them taken",
        "who has one of its locks waits for the other",
        (
            transfer(10 * MS, "rm1/a", "rm2/a", 5),
            transfer(12 * MS, "rm1/b", "rm1/a", 7, "ap2"),
            transfer(13 * MS, "rm1/a", "rm1/b", 9, "ap2"),
            audit(400 * MS, TWO),
        ),
        aps=2,
        ends=["ok"] * 4,
        wait=True,
        within=200 * MS,
    ),
    directed(
        "a crowd, and then others without a pause",
        "who came first is not passed by those who come later",
        (
            *(transfer((10 + n) * MS, "rm1/a", "rm2/a", 1) for n in range(6)),
            *(transfer((20 + 9 * n) * MS, "rm1/a", "rm2/a", 1, "ap2") for n in range(40)),
        ),
        aps=2,
        ends=["ok"] * 46,
        wait=True,
        within=200 * MS,
    ),
    directed(
        "looks are shared",
        "who only looks does not wait for others who only look",
        tuple(audit(10 * MS + n * MS, TWO) for n in range(20)),
        noise=SLOW,
        ends=["ok"] * 20,
        wait=True,
        within=80 * MS,
    ),
    directed(
        "a writer among readers",
        "readers come without a pause, and the writer gets its turn",
        (
            *(transact((10 + 3 * n) * MS, "rm1/a", "rm2/a") for n in range(100)),
            transfer(50 * MS, "rm1/a", "rm2/a", 5, "ap2"),
        ),
        noise=SLOW,
        aps=2,
        ends=["ok"] * 101,
        wait=True,
        within=200 * MS,
    ),
    *(
        directed(
            f"a deadlock ({ms} ms apart)",
            "each has what the other one wants, at different participants",
            (
                transfer(10 * MS, "rm1/a", "rm2/a", 5),
                transfer((10 + ms) * MS, "rm2/a", "rm1/a", 7, "ap2"),
                audit(1_500 * MS, TWO),
            ),
            (nth("tm1", "rm2", "Work"), Delay(10 * MS)),
            (nth("tm2", "rm1", "Work"), Delay(10 * MS)),
            aps=2,
            tms=2,
            within=350 * MS,
        )
        for ms in (0, 1, 5)
    ),
    directed(
        "three in a ring",
        "a deadlock of three",
        (
            transfer(10 * MS, "rm1/a", "rm2/a", 5),
            transfer(10 * MS, "rm2/a", "rm3/a", 5, "ap2"),
            transfer(10 * MS, "rm3/a", "rm1/a", 5, "ap3"),
            audit(1_500 * MS, THREE),
        ),
        (nth("tm1", "rm2", "Work"), Delay(15 * MS)),
        (nth("tm1", "rm3", "Work"), Delay(15 * MS)),
        (nth("tm1", "rm1", "Work", 2), Delay(15 * MS)),
        rms=3,
        aps=3,
        within=350 * MS,
    ),
)


# -- nonsense ---------------------------------------------------------------------------------------------------------


def _steps(*steps: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"account": account, "amount": amount} for account, amount in steps]


def _forged(at: int, after: int, amount: int, *, made_up: bool = False) -> Call:
    arguments = {
        "steps": _steps(("rm1/a", -amount), ("rm2/a", amount)),
        "other": _steps(("rm1/b", -50), ("rm2/b", 50)),
        "after": after,
        "made_up": made_up,
    }
    return Call(at, "forger", "Forge", arguments)


NONSENSE = (
    directed(
        "nonsense",
        "each of these is refused, and nothing moves",
        tuple(
            transact((10 + 40 * n) * MS, *steps)
            for n, steps in enumerate(
                (
                    (("rm1/a", 30), ("rm2/a", 30)),
                    (("rm1/a", -30),),
                    (("rm1/a", -LARGEST - 1), ("rm2/a", LARGEST + 1)),
                    (("rm1/z", -30), ("rm2/a", 30)),
                    (("rm9/a", -30), ("rm2/a", 30)),
                    (("rm1/a", -30), ("rm1/a", 30)),
                    (("rm1/a", -101), ("rm2/a", 101)),
                    (("rm2/a", 60), ("rm1/a", -60), ("rm1/a", -60), ("rm2/b", 60)),
                    ("rm1/z",),
                    (),
                )
            )
        )
        + (audit(900 * MS, TWO), transfer(1_000 * MS, "rm1/a", "rm2/a", 100)),
        ends=["refused"] * 10 + ["ok"] * 2,
    ),
    *(
        directed(
            f"two transactions under one name ({after // MS} ms apart, {amount})",
            "the first one counts; the other is rejected, whether or not the first is over",
            (_forged(10 * MS, after, amount), audit(900 * MS, TWO)),
            ends=["unsaid", "ok"],
        )
        for after in (1 * MS, 6 * MS, 100 * MS)
        for amount in (20, 200)
    ),
    directed(
        "under a name that nobody gave",
        "what the coordinator does not know is aborted",
        (_forged(10 * MS, 0, 20, made_up=True), audit(900 * MS, TWO)),
        ends=["unsaid", "ok"],
    ),
)


# -- known dangers ----------------------------------------------------------------------------------------------------

LATER = (transfer(600 * MS, "rm2/b", "rm1/a", 7), audit(2_500 * MS, TWO))
RIVAL = (transfer(60 * MS, "rm2/b", "rm1/b", 7, "ap2"), audit(2_500 * MS, TWO))

DANGERS = (
    *(
        directed(
            f"blocked: the coordinator dies with all votes in ({down} ms)",
            "participants in doubt can do nothing but ask; who wants their accounts waits, or is refused",
            (*ONE, *RIVAL),
            (Doing("tm1", "sync", n=2), Crash("tm1", down * MS, GONE)),
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
        for verb, what, n in (("send", "Vote", 1), ("send", "Ack", 1), ("sync", "", 3))
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
            (Doing("tm1", "sync", n=2), Crash("tm1", 10 * MS, GONE)),
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
        for node, n in (("tm1", 2), ("rm1", 2), ("rm2", 2), ("rm1", 3))
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
            *(
                (Doing(node, "sync", n=n), Crash(node, 6 * MS, Survival.SOME))
                for n in (2, 3, 4, 5)
            ),
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


# -- a crash at every step, and at every pair of steps ----------------------------------------------------------------

TOUR = (
    transact(10 * MS, ("rm1/a", -30), ("rm1/b", -5), ("rm2/b", 35), "rm3/a"),
    transfer(450 * MS, "rm2/b", "rm1/a", 7),
    audit(1_700 * MS, THREE),
)
"""A transaction with two writers and a reader, another one on the same accounts, and a look at everything."""

SENDS = {"tm1": 14, "rm1": 4, "rm2": 4, "rm3": 3}
SYNCS = {"tm1": 3, "rm1": 4, "rm2": 4}
"""How many sends and syncs of each node come before the second transfer is over, and some more."""


def _points(node: str) -> list[Doing]:
    return [
        *(Doing(node, "send", n=n + 1) for n in range(SENDS.get(node, 0))),
        *(Doing(node, "sync", n=n + 1) for n in range(1, SYNCS.get(node, 0))),
    ]


def _tour(*crashes: tuple[Doing, int]) -> Directed:
    where = " and ".join(f"{at.node} dies before its {at.verb} {at.n}" for at, _ in crashes)
    return directed(
        f"{where} ({', '.join(str(down) for _, down in crashes)} ms)",
        "a crash at every step, and at pairs of steps",
        TOUR,
        *((at, Crash(at.node, down * MS, GONE)) for at, down in crashes),
        heal_at=1_200 * MS,
        rms=3,
    )


def every_step() -> Iterator[Directed]:
    """Every node, before every send and every sync."""
    for node in SENDS:
        for at in _points(node):
            yield _tour((at, 30))


def every_pair() -> Iterator[Directed]:
    """The coordinator and a participant; both participants; and the coordinator twice."""
    tm = [at for at in _points("tm1") if at.n > 1]
    rm1, rm2 = _points("rm1")[:3] + _points("rm1")[4:], _points("rm2")[:3] + _points("rm2")[4:]
    for first in tm:
        for second in rm1:
            yield _tour((first, 20), (second, 150))
    for first in rm1:
        for second in rm2:
            yield _tour((first, 150), (second, 20))
    for index, first in enumerate(tm):
        for second in tm[index + 2 :: 2]:
            yield _tour((first, 20), (second, 20))


PART_A = (*CALM, *LOCKS, *NONSENSE, *DANGERS, *every_step(), *every_pair())
