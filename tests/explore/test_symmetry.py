"""Symmetry takes as one exactly the worlds that a renaming makes equal, and refuses whoever tells names apart."""

from itertools import permutations

import msgspec
import pytest

from distlab.core import MS, Address, Config, Message, Node, Timer
from distlab.core.cluster import Cluster, Member
from distlab.core.errors import ScenarioError
from distlab.explore import CannotExplore, Finding, Network, Scope, explore
from distlab.explore.renaming import Renaming
from distlab.explore.search import Search
from tests.examples import raft_scopes, small_election, two_phase_commit_small
from tests.examples.small_election import ForgetsItsVote
from tests.examples.two_phase_commit_small import HastyManager


def orbits(scope: Scope) -> int:
    """How many classes the worlds of a whole search fall into, by trying every renaming on each."""
    search = Search(msgspec.structs.replace(scope, symmetry=()), 100_000, lambda n, d: None)
    assert search.run().finding is Finding.EXHAUSTED
    (group,) = scope.symmetry
    renamings = [
        Renaming(search.space, dict(zip(group, way, strict=True))) for way in permutations(group)
    ]
    return len({min(renaming.world(world) for renaming in renamings) for world in search.parents})


SCOPES = {
    "two-phase commit": two_phase_commit_small.scope(3, symmetry=True),
    "two-phase commit, four": two_phase_commit_small.scope(4, symmetry=True),
    "votes on disk, crashes": small_election.scope(terms=1, symmetry=True),
    "votes, copies counted": msgspec.structs.replace(
        small_election.scope(terms=1, crashes=0, symmetry=True), network=Network.BAG
    ),
    "the full election": raft_scopes.scope(terms=1, crashes=0, symmetry=True),
}


@pytest.mark.parametrize("name", SCOPES)
def test_worlds_that_differ_in_names_only_are_one(name: str) -> None:
    result = explore(SCOPES[name])
    assert result.is_proof
    assert result.states == orbits(SCOPES[name])


def test_known_figures() -> None:
    assert explore(two_phase_commit_small.scope(5, symmetry=True)).states == 314


@pytest.mark.parametrize(
    ("scope", "whole"),
    [
        [two_phase_commit_small.scope(4, HastyManager, symmetry=names) for names in (True, False)],
        [small_election.scope(ForgetsItsVote, symmetry=names) for names in (True, False)],
    ],
)
def test_a_trace_is_as_short_and_as_real_as_without(scope: Scope, whole: Scope) -> None:
    ours, other = explore(scope), explore(whole)
    assert len(ours.trace) == len(other.trace)
    assert ours.states < other.states / 3
    again = explore(
        msgspec.structs.replace(whole, goal=lambda world: True, invariants={}), after=ours
    )
    assert again.finding is Finding.REACHED  # the trace is one of the whole search, step by step
    broken = explore(whole, after=ours)
    assert (broken.finding, broken.reason, len(broken.trace)) == (
        Finding.VIOLATED,
        ours.reason,
        len(ours.trace),
    )


def test_a_search_goes_on_from_a_goal_under_the_names_of_its_trace() -> None:
    scope = small_election.scope(small_election.VotesTwice, symmetry=True)
    goal = msgspec.structs.replace(
        scope, invariants={}, goal=lambda world: any(node.leads for node in world.up())
    )
    first = explore(goal)
    on = explore(scope, after=first)
    assert on.trace[: len(first.trace)] == first.trace
    whole = msgspec.structs.replace(scope, symmetry=())
    again = explore(whole, after=on)
    assert (again.finding, again.trace, again.reason) == (Finding.VIOLATED, on.trace, on.reason)


# -- who is not interchangeable ----------------------------------------------------------------------------------------


class Go(Timer):
    pass


class Hello(Message):
    pass


class Peers(Config):
    peers: tuple[Address, ...]


class Basis(Node):
    config: Peers
    heard: list[str]

    def on_start(self) -> None:
        self.heard = []
        self.set_timer(Go(), 1 * MS)

    def on_go(self, go: Go) -> None:
        for peer in self.config.peers:
            if peer != self.address:
                self.send(peer, Hello())

    def on_hello(self, hello: Hello, sender: Address) -> None:
        if sender not in self.heard:
            self.heard.append(sender)


NAMES = (Address("a"), Address("b"), Address("c"))


def scope_of(program: type[Node], **options: object) -> Scope:
    cluster = Cluster({name: Member(program, Peers(NAMES)) for name in NAMES})
    settings = {"cluster": cluster, "invariants": {}, "symmetry": (NAMES,), **options}
    return Scope(**settings)  # type: ignore[arg-type]


def refusal(program: type[Node], **options: object) -> str:
    with pytest.raises(CannotExplore) as caught:
        explore(scope_of(program, **options))
    return str(caught.value)


def test_a_program_that_treats_all_alike_is_accepted() -> None:
    assert explore(scope_of(Basis)).is_proof


def test_the_least_address_is_somebody() -> None:
    class Picks(Basis):
        def on_go(self, go: Go) -> None:
            self.heard.append(min(self.config.peers))

    text = refusal(Picks)
    assert "a and b are not interchangeable: Picks.on_go, handling Go() on " in text
    assert "self.heard should be ['b'] with the names exchanged, and is ['a']" in text


def test_the_first_in_the_list_is_somebody() -> None:
    class SendsToTheFirst(Basis):
        def on_go(self, go: Go) -> None:
            self.send(self.config.peers[0], Hello())

    text = refusal(SendsToTheFirst)
    assert "SendsToTheFirst.on_go" in text
    assert "other messages are sent" in text


def test_an_address_within_a_string() -> None:
    class Labels(Basis):
        def on_go(self, go: Go) -> None:
            self.heard.append(f"{self.address}-1")

    assert "self.heard should be ['a-1'] with the names exchanged, and is ['b-1']" in refusal(
        Labels
    )


def test_an_address_in_bare_bytes_on_disk() -> None:
    class Writes(Basis):
        def on_go(self, go: Go) -> None:
            self.disk.append("name", self.address.encode())
            self.disk.sync("name", "/")

    assert "a file holds their names in bytes that are no record" in refusal(Writes)


def test_a_predicate_that_names_somebody() -> None:
    first = {"a hears b first": lambda world: world["a"].heard[:1] != ["c"]}
    text = refusal(Basis, invariants=first)
    assert (
        "'a hears b first' says one thing of a world, and another when their names are exchanged"
        in text
    )


def test_who_is_asked_something_is_somebody() -> None:
    from tests.explore.tables import Ask

    class Asked(Basis):
        def on_ask(self, ask: Ask, ticket: int) -> None:
            pass

    with pytest.raises(ScenarioError, match="a has calls to make"):
        explore(scope_of(Asked, calls={"a": (Ask(1),)}))
