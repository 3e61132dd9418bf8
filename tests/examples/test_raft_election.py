"""Raft's leader election, on its own and under every fault that it claims to survive."""

import random
from collections import Counter, defaultdict
from functools import cache

import pytest

from distlab.core import MS, SECOND, Address
from distlab.core.cluster import Cluster, Member
from distlab.core.solo import Solo
from distlab.faults import (
    At,
    Clog,
    Crash,
    Doing,
    Fault,
    Noise,
    Partition,
    Pause,
    Plan,
    Survival,
)
from distlab.sim import Simulation
from distlab.trace import EVERYTHING
from tests.examples.raft_election import (
    Beat,
    Election,
    Heartbeat,
    HeartbeatReply,
    RequestVote,
    Role,
    Voter,
    VoterConfig,
    VoteReply,
)

MEMBERS = tuple(Address(f"n{i}") for i in range(5))
CONFIG = VoterConfig(members=MEMBERS)
SEEDS = range(60)
TROUBLE = 3 * SECOND  # this long everything goes wrong
PEACE = 2 * SECOND  # this soon afterwards all agree


# One node on its own.


def voter() -> Solo:
    return Solo(Voter, CONFIG, address=MEMBERS[0])


def replies(effects: list) -> list:
    return [effect.message for effect in effects if type(effect).__name__ == "Sent"]


def test_a_vote_is_on_the_disk_before_it_is_sent():
    effects = [type(effect).__name__ for effect in voter().deliver(RequestVote(1), sender="n1")]
    assert effects[-1] == "Sent"
    last_write = len(effects) - 1 - effects[::-1].index("Written")
    assert "Synced" in effects[last_write:]


def test_a_vote_is_given_once_per_term_even_if_the_voter_crashes_in_between():
    node = voter()
    assert replies(node.deliver(RequestVote(1), sender="n1")) == [VoteReply(1, granted=True)]
    node.crash()
    node.start()
    assert replies(node.deliver(RequestVote(1), sender="n2")) == [VoteReply(1, granted=False)]
    assert replies(node.deliver(RequestVote(1), sender="n1")) == [
        VoteReply(1, granted=True)
    ]  # the same vote again
    assert replies(node.deliver(RequestVote(2), sender="n2")) == [VoteReply(2, granted=True)]


def test_a_majority_of_different_voters_makes_a_leader():
    node = voter()
    node.fire(Election())
    node.deliver(VoteReply(1, granted=True), sender="n1")
    node.deliver(VoteReply(1, granted=True), sender="n1")
    assert node.node.role == Role.CANDIDATE
    node.deliver(VoteReply(1, granted=True), sender="n2")
    assert node.node.role == Role.LEADER
    assert replies(node.fire(Beat())) == [Heartbeat(1)] * 4


def test_a_leader_steps_down_when_it_hears_of_a_higher_term():
    node = voter()
    node.fire(Election())
    for sender in MEMBERS[1:3]:
        node.deliver(VoteReply(1, granted=True), sender=sender)
    node.deliver(HeartbeatReply(4), sender="n3")
    assert (node.node.role, node.node.term, node.node.leader) == (Role.FOLLOWER, 4, None)
    assert replies(node.deliver(Heartbeat(1), sender="n1")) == [HeartbeatReply(4)]
    assert node.node.leader is None


# All of them, in bad weather.


def trouble(seed: int) -> Plan:
    """Partitions, pauses, slow links and crashes, mostly while votes are asked for and given."""
    dice = random.Random(seed)

    def reboot(node: Address) -> Crash:
        return Crash(node, dice.randint(1 * MS, 30 * MS), dice.choice(list(Survival)))

    faults = []
    for _ in range(10):
        # The first one is now and then a bridge: it hears two sides that do not hear each other,
        # and both want its vote. That is when it had better not forget whom it gave it to.
        one, *others = dice.sample(MEMBERS, len(MEMBERS))
        duration = dice.randint(100 * MS, 800 * MS)
        action = dice.choice(
            (
                Partition(((one, *others[:2]), tuple(others[2:])), duration),
                Partition(((one, *others[:2]), (one, *others[2:])), duration),
                Pause(one, duration),
                Clog(one, others[0], duration),
                reboot(one),
            )
        )
        faults.append(Fault(At(dice.randint(0, TROUBLE)), action))
        for _ in range(2):
            verb, what = dice.choice((("send", "VoteReply"), ("send", "RequestVote"), ("sync", "")))
            faults.append(Fault(Doing(one, verb, what, dice.randint(2, 8)), reboot(one)))
    return Plan(tuple(faults), heal_at=TROUBLE)


def wanted_by_two(seed: int) -> Plan:
    """A bridge between two sides crashes soon after it has voted for one, and the other asks."""
    dice = random.Random(seed)
    bridge, a, b, c, d = MEMBERS
    loses_power = Crash(bridge, dice.randint(1 * MS, 30 * MS), Survival.NOTHING)
    apart = Partition(((bridge, a, b), (bridge, c, d)), TROUBLE)
    crashes = (
        Fault(Doing(bridge, "send", "VoteReply", n), loses_power) for n in (2, 3, 5, 8, 13, 21)
    )
    return Plan((Fault(At(0), apart), *crashes), heal_at=TROUBLE)


@cache
def run(seed: int) -> Simulation:
    plan = trouble(seed) if seed % 3 else wanted_by_two(seed)
    cluster = Cluster({member: Member(Voter, CONFIG) for member in MEMBERS})
    noise = Noise(
        seed=seed,
        delay=(1 * MS, 30 * MS),
        loss=0.1,
        duplicate=0.1,
        straggle=0.05,
        straggle_by=100 * MS,
    )
    sim = Simulation(cluster, plan, noise, record=EVERYTHING)
    sim.run(until=TROUBLE + PEACE)
    return sim


def leaders(sim: Simulation) -> dict[int, set[str]]:
    """Who led in each term, by what it did.

    History only grows: who is alone in a term at the end was alone in it at every moment before.
    """
    seen: dict[int, set[str]] = defaultdict(set)
    for event in sim.trace.events:
        if event.kind == "send" and isinstance(event.what, Heartbeat):
            seen[event.what.term].add(event.node)
    return seen


@pytest.mark.parametrize("seed", SEEDS)
def test_no_term_has_two_leaders(seed):
    assert {term: nodes for term, nodes in leaders(run(seed)).items() if len(nodes) > 1} == {}


@pytest.mark.parametrize("seed", SEEDS)
def test_soon_after_all_has_healed_all_agree_on_one_leader(seed):
    sim = run(seed)
    assert set(sim.up) == set(MEMBERS)
    nodes = [process.node for process in sim.up.values()]
    (leader,) = (node for node in nodes if node.role == Role.LEADER)
    assert {(node.term, node.leader) for node in nodes} == {(leader.term, leader.address)}


def test_the_runs_were_hard():
    happened: Counter[str] = Counter()
    for sim in map(run, SEEDS):
        happened.update(sim.tally)
        newest = 0
        asked: dict[int, set[str]] = defaultdict(set)
        voted: dict[tuple[str, int], int] = {}  # voter and term -> in which of its lives
        for event in sim.trace.events:
            if event.kind != "send":
                continue
            match event.what:
                case RequestVote(term):
                    asked[term].add(event.node)
                case VoteReply(term, granted=True):
                    voted.setdefault((event.node, term), event.incarnation)
                case VoteReply(term, granted=False):
                    before = voted.get((event.node, term), event.incarnation)
                    happened["votes remembered in a later life"] += before < event.incarnation
                case Heartbeat(term):
                    happened["leaders of the past speaking"] += term < newest
                    newest = max(newest, term)
        happened["contested terms"] += sum(len(nodes) > 1 for nodes in asked.values())
        happened["terms without a leader"] += len(asked.keys() - leaders(sim).keys())
    for situation in (
        "votes remembered in a later life",
        "leaders of the past speaking",
        "contested terms",
        "terms without a leader",
        "loss",
        "duplicate",
        "partition",
        "pause",
        "unsynced bytes lost",
    ):
        assert happened[situation] >= 20, (situation, happened)
