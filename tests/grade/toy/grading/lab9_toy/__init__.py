"""The smallest lab there can be: for the tests of the grading machinery."""

from random import Random

from distlab.check import Verdict, each_effect_once
from distlab.core import MS, SECOND
from distlab.core.cluster import Cluster, Member
from distlab.explore import Scope, World
from distlab.faults import At, Crash, Drop, Fault, Nth, Plan, Survival
from distlab.grade import draw
from distlab.grade.lab import (
    Directed,
    Exhaustive,
    Lab,
    Mutant,
    Part,
    Promise,
    Run,
    Situation,
    Stage,
)
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from grading.lab9_toy.client import Client
from labs.lab9_toy.protocol import ClientConfig, Keep

SWARM = draw.Swarm(
    nodes=("client", "server"),
    targets=("server",),
    kinds=(draw.crash, draw.pause, draw.partition),
    horizon=1 * SECOND,
)


def stage(solution: Solution, scenario: Scenario) -> Stage:
    members = {
        "client": Member(Client, ClientConfig("server")),
        "server": Member(solution.module("keeper").Keeper),
    }
    return Stage(cluster=Cluster(members), operations=(Keep,))


def scenario_of(random: Random) -> Scenario:
    calls = tuple(
        Call(random.randrange(1000) * MS, "client", "Keep", {"id": n})
        for n in range(random.randrange(1, 6))
    )
    return Scenario(calls, draw.draw_plan(random, SWARM), draw.draw_noise(random, SWARM))


def once(run: Run) -> Verdict:
    return each_effect_once(run.history, run.probes["server"], lambda entry: entry.operation.id)


def mutants() -> list[Mutant]:
    from grading.lab9_toy.mutants import mutants as listed

    return listed()


def scope(cluster: Cluster) -> Scope:
    return Scope(
        cluster=cluster,
        calls={"client": (Keep(7),)},
        invariants={"what was answered is kept, once": answered_is_kept},
        crashes=1,
        may_crash=("server",),
        prune=lambda world: any(tries > 2 for _, tries in world["client"].open.values()),
        seen={
            "the put was answered": lambda world: any(
                outcome is not None for _, _, outcome in world.history()
            )
        },
    )


def answered_is_kept(world: World) -> str | None:
    kept = world["server"].probe()
    if kept is None:
        return None
    if len(kept) > 1:
        return f"7 is kept {len(kept)} times"
    was_answered = any(outcome is not None for _, _, outcome in world.history())
    return "7 was answered, and is not kept" if was_answered and not kept else None


SMALL = Exhaustive(
    name="one put, one crash",
    about="The server may crash at any moment; whatever is sent may get lost or come twice.",
    promise="TOY-S1",
    scope=scope,
    budget=5_000,
)
"""For the tests of searching: the part itself does without."""

ONE = (Call(0, "client", "Keep", {"id": 7}),)

LAB = Lab(
    number=9,
    name="lab9_toy",
    title="Toy",
    parts=(
        Part(
            code="A",
            title="Keeping",
            modules=("keeper",),
            stage=stage,
            draw=scenario_of,
            runs=100,
            directed=(
                Directed("no fault", "all is well", Scenario(ONE, Plan())),
                Directed(
                    "the answer is lost",
                    "the client asks again",
                    Scenario(
                        ONE, Plan((Fault(Nth("server", "client", 1), Drop()),), heal_at=100 * MS)
                    ),
                ),
                Directed(
                    "the server crashes once it has answered",
                    "what it promised must be on disk",
                    Scenario(
                        ONE,
                        Plan(
                            (Fault(At(50 * MS), Crash("server", 10 * MS, Survival.NOTHING)),),
                            heal_at=100 * MS,
                        ),
                    ),
                ),
            ),
            promises=(
                Promise(
                    code="TOY-S1",
                    title="each put is kept exactly once",
                    points=10,
                    judge=once,
                    needs=(
                        Situation("the server crashed", lambda run: run.tally.get("crash", 0) > 0),
                    ),
                ),
            ),
        ),
    ),
    mutants=mutants,
)
