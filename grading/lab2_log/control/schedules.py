"""Directed schedules of part 2E: controllers that come and go, and brokers that come back without a past."""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.faults import (
    AnyAction,
    At,
    Crash,
    Cut,
    Delay,
    Noise,
    Partition,
    Pause,
    Plan,
    SlowDisk,
    Survival,
    Trigger,
)
from distlab.grade.lab import Directed
from distlab.grade.scenario import Call, Scenario
from grading.lab2_log.control.drawing import ending, prefer, shut_down
from grading.lab2_log.control.scene import CONTROLLERS
from grading.lab2_log.log.following import nth
from grading.lab2_log.log.replicas import append, poll

BROKERS = ("b1", "b2", "b3")
CLIENTS = ("client", "consumer")


def schedule(
    name: str,
    about: str,
    *calls: Call,
    faults: tuple[tuple[Trigger, AnyAction], ...] = (),
    noise: Noise | None = None,
    heal_at: int | None = None,
    **shape: Any,
) -> Directed:
    """Times in milliseconds. All is well from ``heal_at`` on, or from ``well_from``."""
    plan = Plan.of(*faults, heal_at=heal_at and heal_at * MS)
    well = shape.setdefault("well_from", heal_at or 0)
    ends = sorted((*calls, *ending(well * MS)), key=lambda call: call.at)
    return Directed(name, about, Scenario(tuple(ends), plan, noise or Noise(), shape))


def dies(at: int, node: str, back: int | None = None, how: Survival = Survival.NOTHING) -> Any:
    """The node loses power, and what was not on disk; it is back so much later."""
    return At(at * MS), Crash(node, None if back is None else back * MS, how)


def divided(at: int, duration: int, *groups: tuple[str, ...]) -> Any:
    return At(at * MS), Partition(groups, duration * MS)


FEW = (append(600, 1), append(620, 2), append(640, 3), poll(700))
LATE = (append(1_000, 4, timeout=300 * MS), append(1_300, 5, timeout=300 * MS))
ALONE = ("@active",), ("@standby:0", "@standby:1")
"""The active controller cannot reach the others. All brokers can reach it."""

DIRECTED = (
    schedule("controllers and brokers", "somebody leads", *FEW, calm=True, until=800),
    schedule("controllers and brokers, and all is well", "and stays well", *FEW, calm=True),
    schedule(
        "a burst of records",
        "whoever keeps up is not thrown out for what it lacks at this moment (KIP-16)",
        *(
            append(at + n // 4, f"{at}.{n}", 1, values=[f"{at}.{n}" + "x" * 150])
            for at in (600, 1_000)
            for n in range(40)
        ),
        calm=True,
        rest=800,
    ),
    schedule(
        "controllers come and go",
        "brokers that are well notice nothing",
        *FEW,
        *LATE,
        faults=(
            dies(800, "@active", 300),
            (At(1_300 * MS), Pause("@active", 500 * MS)),
            dies(1_900, "@active", 200),
        ),
        heal_at=2_300,
        untouched=True,
    ),
    schedule(
        "the leader of a partition dies",
        "the next one comes from the ISR",
        *FEW,
        *LATE,
        faults=(dies(800, "b1", 600),),
        heal_at=1_500,
    ),
    schedule(
        "it dies, and stays away",
        "the others go on",
        *FEW,
        *LATE,
        faults=(dies(800, "b1"),),
        well_from=800,
        rest=700,
    ),
    schedule(
        "the active controller dies, and so does the leader",
        "the next controller knows what was decided, and decides",
        *FEW,
        *LATE,
        faults=(dies(800, "@active"), dies(820, "b1")),
        well_from=820,
        rest=700,
    ),
    schedule(
        "all controllers lose power",
        "what was decided is on their disks",
        *FEW,
        *LATE,
        faults=(dies(700, "b1", 500), *(dies(1_000, k, 100) for k in CONTROLLERS)),
        heal_at=1_500,
    ),
    schedule(
        "the active controller stands still",
        "it wakes, and is not active any more",
        *FEW,
        *LATE,
        faults=((At(800 * MS), Pause("@active", 700 * MS)), dies(900, "b1", 400)),
        heal_at=1_700,
    ),
    schedule(
        "a controller and a leader of yesterday",
        "cut off together, they can decide and commit nothing",
        *FEW,
        *(append(1_000 + 30 * n, f"old {n}", to="b1", timeout=200 * MS) for n in range(4)),
        *LATE,
        faults=(
            divided(
                800,
                700,
                ("@active", "b1", "client"),
                ("@standby:0", "@standby:1", "b2", "b3", "consumer"),
            ),
        ),
        heal_at=1_600,
    ),
    *(
        schedule(
            f"a controller without a quorum, and {who} dies",
            "what is not committed in the quorum is not decided, whoever has computed it",
            *FEW,
            *LATE,
            faults=(divided(800, 800, *ALONE), dies(805, who, 900)),
            heal_at=1_800,
        )
        for who in ("b1", "b3")
    ),
    schedule(
        "no controller can decide, and a follower is cut off",
        "a leader that has asked, and is not answered, waits",
        *FEW,
        *(append(900 + 60 * n, f"waits {n}", timeout=400 * MS) for n in range(6)),
        poll(1_250, min_bytes=0, max_wait=0),
        faults=(
            (At(800 * MS), Crash("@standby:0", 600 * MS, Survival.ALL)),
            (At(800 * MS), Crash("@standby:1", 600 * MS, Survival.ALL)),
            divided(810, 450, ("b3",), ("b1", "b2")),
        ),
        heal_at=1_600,
        lag=150,
    ),
    schedule(
        "the answer to a leader is lost",
        "whom it has asked for may be in the ISR, and counts",
        *FEW,
        *(append(1_000 + 40 * n, f"later {n}", timeout=300 * MS) for n in range(10)),
        faults=(
            divided(700, 350, ("b3",), ("b1", "b2")),
            (At(1_045 * MS), Cut("@active", "b1", 500 * MS)),
            divided(1_120, 400, ("b3",), ("b1", "b2")),
        ),
        heal_at=1_700,
        lag=150,
    ),
    *(
        schedule(
            f"the answer is lost, and the newcomer dies {n} ms later",
            "nothing is committed without it until it is out again",
            *FEW,
            *(append(1_000 + 15 * k, f"meanwhile {k}", timeout=300 * MS) for k in range(14)),
            faults=(
                divided(700, 300, ("b3",), ("b1", "b2")),
                (At(1_000 * MS), Cut("@active", "b1", 400 * MS)),
                dies(1_020 + n, "b3", 700),
            ),
            heal_at=1_800,
            lag=150,
        )
        for n in (10, 60)
    ),
    schedule(
        "the answer comes late",
        "what was so once is no news",
        *FEW,
        *(append(1_265 + 3 * n, f"late {n}", timeout=300 * MS) for n in range(16)),
        faults=(
            divided(700, 300, ("b3",), ("b1", "b2")),
            *((nth(k, "b1", "PartitionAltered"), Delay(420 * MS)) for k in CONTROLLERS),
            divided(1_262, 120, ("b3",), ("b1", "b2")),
        ),
        heal_at=1_700,
        lag=150,
    ),
    schedule(
        "the question is lost",
        "a leader asks again",
        *FEW,
        append(1_300, 4, timeout=300 * MS),
        faults=(
            divided(700, 300, ("b3",), ("b1", "b2")),
            *((At(1_100 * MS), Cut("b1", k, 100 * MS)) for k in CONTROLLERS),
        ),
        heal_at=1_500,
        lag=150,
    ),
    schedule(
        "the word that it leads is lost",
        "a broker is told until it says that it has heard",
        *FEW,
        append(1_400, 4, timeout=300 * MS),
        faults=(dies(800, "b1"), *((At(900 * MS), Cut(k, "b2", 300 * MS)) for k in CONTROLLERS)),
        well_from=1_250,
        rest=700,
    ),
    schedule(
        "an office lost, and won again",
        "what was under way in the first term is nobody's business in the next one",
        *FEW,
        faults=(
            dies(740, "b1"),
            divided(890, 650, *ALONE),
            dies(1_560, "b3", 40),
            (At(2_000 * MS), Crash("@active", None, Survival.ALL)),
            dies(2_100, "b2"),
        ),
        well_from=2_100,
        min_insync=1,
        rest=900,
    ),
    schedule(
        "the last replica is killed",
        "it was the only one in sync, and what it has forgotten nobody knows (KIP-966)",
        *FEW,
        append(1_000, "alone", 1),
        faults=(dies(700, "b1"), dies(700, "b2"), dies(1_200, "b3", 100)),
        well_from=1_300,
        rest=400,
    ),
    schedule(
        "the last replica is killed, and so be it",
        "the operator would rather lose records than wait; the state says so",
        *FEW,
        append(1_000, "alone", 1),
        faults=(dies(700, "b1"), dies(700, "b2"), dies(1_200, "b3", 100)),
        well_from=1_300,
        rest=700,
        unclean=True,
    ),
    schedule(
        "the last replica in sync is down",
        "the others are up, and lack what it has",
        *FEW,
        append(1_000, 4, timeout=400 * MS),
        append(1_200, 5, timeout=200 * MS),
        faults=(
            divided(700, 600, ("b2",), ("b1", "b3")),
            divided(700, 600, ("b3",), ("b1", "b2")),
            dies(1_350, "b1"),
        ),
        well_from=1_350,
        min_insync=1,
        lag=150,
        rest=400,
    ),
    schedule(
        "the last replica shuts down",
        "it ended cleanly, so it may lead when it is back",
        *FEW,
        append(1_000, "alone", 1),
        shut_down(1_200, "b3"),
        faults=(dies(700, "b1"), dies(700, "b2")),
        able=("b3",),
        heal_at=1_500,
    ),
    schedule(
        "all brokers shut down, one after the other",
        "the last one was in sync, and so was the one before it: nothing was committed since",
        *FEW,
        shut_down(800, "b1"),
        append(1_000, 4, timeout=150 * MS),
        shut_down(1_150, "b2"),
        shut_down(1_350, "b3"),
        able=("b2", "b3"),
        heal_at=1_700,
    ),
    *(
        schedule(
            f"the power fails everywhere, {'and so be it' if unclean else 'and nobody leads'}",
            "nobody is left who surely has everything",
            *FEW,
            faults=tuple(dies(900, b, 60) for b in BROKERS),
            heal_at=1_200,
            unclean=unclean,
        )
        for unclean in (False, True)
    ),
    schedule(
        "brokers and controllers do not hear each other",
        "all are fenced, and none has lost anything",
        *FEW,
        *(append(850 + 50 * n, f"meanwhile {n}", timeout=200 * MS) for n in range(8)),
        faults=(divided(800, 600, CONTROLLERS, (*BROKERS, *CLIENTS)),),
        able=BROKERS,
        heal_at=1_500,
    ),
    schedule(
        "back from the dead at the wrong moment",
        "a follower restarts, and its leader dies before it has caught up",
        *FEW,
        append(1_000, 4, timeout=400 * MS),
        faults=(dies(700, "b3"), dies(1_040, "b2", 5), dies(1_047, "b1")),
        well_from=1_060,
        rest=400,
    ),
    schedule(
        "a leader that restarts at once",
        "it has forgotten what it promised: another epoch begins",
        *FEW,
        *LATE,
        faults=(dies(800, "b1", 4), dies(900, "b2", 4)),
        heal_at=1_200,
    ),
    schedule(
        "the first one is preferred",
        "when it is in sync again, it leads, if somebody asks for it",
        *FEW,
        *(prefer(1_700, k) for k in CONTROLLERS),
        append(1_720, 4, timeout=300 * MS),
        faults=(dies(800, "b1", 200),),
        heal_at=1_800,
    ),
    schedule(
        "slow disks under the controllers",
        "what is decided late is decided",
        *FEW,
        *LATE,
        faults=(
            *((At(700 * MS), SlowDisk(k, 600 * MS, 15)) for k in CONTROLLERS),
            dies(800, "b1", 500),
        ),
        heal_at=1_400,
    ),
    schedule(
        "a controller that was away for long",
        "it gets a snapshot, and knows what was decided",
        *FEW,
        faults=(
            (At(600 * MS), Crash("@standby:0", 900 * MS, Survival.ALL)),
            *(dies(at, "b3", 60) for at in (650, 850, 1_050, 1_250)),
            (At(1_560 * MS), Crash("@active", 200 * MS, Survival.ALL)),
        ),
        heal_at=1_700,
        snapshot_after=3,
    ),
)
