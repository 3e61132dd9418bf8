"""What the explorer finds, the simulator shows: each counterexample replays, and breaks there too."""

import pytest

from distlab.core import Address
from distlab.explore import RAISES, Finding, Result, Scope, explore
from distlab.explore.schedule import NOISE, as_schedule
from distlab.faults import Plan
from distlab.sim import ProgramError, Simulation
from distlab.trace import EVERYTHING
from tests.examples import raft_scopes, small_election, two_phase_commit_small
from tests.explore.tables import scope_of


class AsWorld:
    """The simulator's nodes, for a predicate that was written for the explorer's."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim

    def __getitem__(self, name: str):
        process = self.sim.up.get(Address(name))
        return Down() if process is None else Up(process)

    def nodes(self, role: str = ""):
        return [self[a] for a in self.sim.cluster.members if not role or self.sim.cluster.role(a) == role]  # fmt: skip

    def up(self, role: str = ""):
        return [node for node in self.nodes(role) if node.is_up]


class Down:
    is_up = False


class Up:
    is_up = True

    def __init__(self, process) -> None:
        self._process = process

    def __getattr__(self, name: str):
        return getattr(self._process.node, name)


def replayed(scope: Scope, result: Result) -> Simulation:
    """The simulator at the end of the trace; each step of the plan has had its effect."""
    schedule = as_schedule(scope, result)
    plan = Plan.from_json(schedule.plan.to_json())  # as it comes from a file
    sim = Simulation(scope.cluster, plan, NOISE, record=EVERYTHING)
    for at, client, operation in schedule.calls:
        sim.call(at, client, operation)
    sim.run(schedule.until)
    assert [fault.do for fault in sim.injector.applied if fault not in plan.faults] == []
    assert len(sim.injector.applied) == len(plan.faults)
    return sim


SCOPES = {
    "two-phase commit decides too early": two_phase_commit_small.scope(
        4, two_phase_commit_small.HastyManager
    ),
    "a vote is given twice": small_election.scope(small_election.VotesTwice),
    "a vote is lost in a crash": small_election.scope(small_election.ForgetsItsVote),
    "a vote leaves between two syncs": small_election.scope(small_election.SpeaksTooEarly),
    "the full election: a vote is given twice": raft_scopes.scope(raft_scopes.VotesTwice),
    "the full election: a vote is lost in a crash": raft_scopes.scope(raft_scopes.ForgetsItsVote),
    "the full election: a vote is counted twice": raft_scopes.scope(
        raft_scopes.CountsTwice, 4, crashes=0, terms=1
    ),
}


@pytest.mark.parametrize("name", SCOPES)
def test_the_simulator_breaks_the_same_invariant(name: str) -> None:
    scope = SCOPES[name]
    result = explore(scope)
    assert result.finding is Finding.VIOLATED
    holds = scope.invariants[result.invariant]
    assert holds(AsWorld(replayed(scope, result))) == result.reason  # type: ignore[arg-type]


def test_so_do_random_programs() -> None:
    broken = raised = 0
    for seed in range(400):
        scope = scope_of(seed)
        result = explore(scope, budget=2_000)
        if result.finding is not Finding.VIOLATED:
            continue
        if result.invariant == RAISES:
            with pytest.raises(ProgramError) as caught:
                replayed(scope, result)
            assert str(caught.value.__cause__) in result.reason, seed
            raised += 1
            continue
        reason = scope.invariants["not both"](AsWorld(replayed(scope, result)))  # type: ignore[arg-type]
        assert reason == result.reason, seed
        broken += 1
    assert broken >= 20, (broken, raised)
    assert raised >= 10
