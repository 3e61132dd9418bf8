"""Whatever the simulator does within a scope, the explorer has seen: every state of a run is a state of the search."""

from random import Random
from typing import Any

import msgspec
import pytest

from distlab.core import MS
from distlab.core.state import freeze
from distlab.explore import Finding, Network, Scope
from distlab.explore.search import Search
from distlab.faults import At, Crash, Fault, Noise, Plan, Survival
from distlab.sim import ProgramError, Simulation
from tests.examples import small_election, two_phase_commit_small
from tests.explore.tables import scope_of, unbroken

HORIZON = 60 * MS


def searched(scope: Scope, budget: int = 60_000) -> set[Any] | None:
    """Every combination of the nodes' states; None where it was not searched whole."""
    search = Search(scope, budget, lambda states, depth: None)
    if search.run().finding is not Finding.EXHAUSTED:
        return None
    space = search.space
    states = set()
    for world in search.parents:
        records = [space.record(world, place) for place in range(len(space.nodes))]
        states.add(
            tuple(None if r.state is None else (r.key[0], frozenset(r.timers)) for r in records)
        )  # type: ignore[index]
    return states


def simulated(scope: Scope, seed: int, horizon: int = HORIZON) -> list[Any]:
    """The same of each moment of a random run, with as many crashes as the scope allows."""
    dice = Random(seed)
    faults = tuple(
        Fault(
            At(dice.randint(0, horizon)),
            Crash(dice.choice(list(scope.cluster.members)), dice.randint(0, 9 * MS), dice.choice(list(scope.unsynced))),
        )
        for _ in range(scope.crashes)
    )  # fmt: skip
    twice = 0.0 if scope.network is Network.BAG else 0.2
    noise = Noise(seed=seed, delay=(1 * MS, 9 * MS), loss=0.1, duplicate=twice, straggle=0.1)
    sim = Simulation(scope.cluster, Plan(faults), noise)
    for client, operations in scope.calls.items():
        at = 0
        for operation in operations:
            at += dice.randint(1, 20 * MS)
            sim.call(at, client, operation)
    moments = []
    try:
        while sim._heap and sim.time < horizon:
            sim.run(sim._heap[0][0])
            moments.append(
                tuple(
                    (freeze_state(sim.up[a].node.state()), frozenset(sim.up[a].timers))
                    if a in sim.up
                    else None
                    for a in scope.cluster.members
                )
            )
    except ProgramError:
        pass  # what came before it counts
    return moments


def freeze_state(state: dict[str, Any]) -> Any:
    return tuple((name, freeze(value)) for name, value in state.items())


def test_what_random_programs_do_in_the_simulator_the_explorer_has_seen() -> None:
    compared, moments = 0, 0
    for seed in range(320):
        scope = unbroken(scope_of(seed))
        known = searched(scope, 4_000)
        if known is None:
            continue
        compared += 1
        for run in range(6):
            for moment in simulated(scope, run):
                assert moment in known, (seed, run, moment)
                moments += 1
    assert compared >= 200
    assert moments >= 10_000


def unjudged(scope: Scope) -> Scope:
    return msgspec.structs.replace(scope, invariants={}, seen={})


ELECTION = unjudged(small_election.scope(terms=2))


@pytest.mark.parametrize(
    "scope",
    [
        unjudged(two_phase_commit_small.scope(3)),
        ELECTION,
        msgspec.structs.replace(ELECTION, unsynced=(Survival.NOTHING, Survival.ALL)),
    ],
)
def test_and_what_the_examples_do(scope: Scope) -> None:
    known = searched(scope)
    assert known is not None
    inside = 0
    for run in range(60):
        for moment in simulated(scope, run, 2_000 * MS):
            if any(node is not None and dict(node[0]).get("term", 0) > 2 for node in moment):
                break  # pruned: the explorer goes no further either
            assert moment in known
            inside += 1
    assert inside > 300
