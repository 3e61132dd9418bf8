"""What a search says: how many worlds, which trace, and how its scope's bounds and choices count."""

import msgspec
import pytest

from distlab.core import MS, Address, Message, Node, Ok, Operation, Ticket, Timer
from distlab.core.cluster import Cluster, Member
from distlab.core.errors import ScenarioError
from distlab.explore import Alarms, Expire, Finding, Network, Scope, World, explore
from distlab.faults import Survival
from tests.examples import raft_scopes, small_election, two_phase_commit_small
from tests.examples.two_phase_commit_small import HastyManager, Stage

# -- known figures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("resources", "states"), [(3, 288), (5, 8_832)])
def test_two_phase_commit_has_as_many_states_as_in_other_checkers(
    resources: int, states: int
) -> None:
    result = explore(two_phase_commit_small.scope(resources))
    assert (result.finding, result.states, result.unseen) == (Finding.EXHAUSTED, states, ())
    assert result.is_proof


def test_the_election_is_exhausted_up_to_term_2_with_a_crash() -> None:
    result = explore(small_election.scope(terms=2, crashes=1))
    assert (result.is_proof, result.states, result.depth) == (True, 11_994, 11)
    assert result.handler_runs < result.transitions / 10


def test_the_full_election_is_exhausted_for_one_term_with_a_crash() -> None:
    result = explore(raft_scopes.scope(terms=1, crashes=1))
    assert (result.is_proof, result.states) == (True, 7_975)


@pytest.mark.parametrize(
    ("program", "steps"),
    [
        (small_election.VotesTwice, 6),
        (small_election.ForgetsItsVote, 8),
        (small_election.SpeaksTooEarly, 7),
    ],
)
def test_the_shortest_way_to_two_leaders(program: type[Node], steps: int) -> None:
    result = explore(small_election.scope(program))
    assert (result.invariant, len(result.trace)) == ("no term has two leaders", steps)
    assert result.depth == steps
    assert result.seconds < 5


# -- small worlds, counted by hand ------------------------------------------------------------------


class Ping(Message):
    n: int


class Tick(Timer):
    n: int


class Say(Operation):
    n: int


class Talker(Node):
    """Says what it is asked to, and remembers what it hears, in order."""

    heard: list[int]

    def on_start(self) -> None:
        self.heard = []

    def on_say(self, say: Say, ticket: Ticket) -> None:
        self.send(Address("b"), Ping(say.n))
        self.finish(ticket, Ok(say.n))

    def on_ping(self, ping: Ping) -> None:
        if len(self.heard) < 3:
            self.heard.append(ping.n)


def talkers(**options: object) -> Scope:
    cluster = Cluster({"a": Member(Talker), "b": Member(Talker)})
    return Scope(**{"cluster": cluster, "invariants": {}, **options})  # type: ignore[arg-type]


def test_a_set_delivers_again_and_again_and_a_bag_once() -> None:
    calls = {"a": (Say(1),)}
    assert explore(talkers(calls=calls)).states == 1 + 4  # not said; then heard 0 to 3 times
    assert explore(talkers(calls=calls, network=Network.BAG)).states == 3


def test_a_bag_counts_copies() -> None:
    scope = talkers(calls={"a": (Say(1), Say(1))}, network=Network.BAG)
    assert explore(scope).states == 1 + 2 + 3  # said 0, 1, 2 times; heard up to as often


def test_a_crash_takes_what_was_not_written_and_costs_its_budget() -> None:
    scope = talkers(calls={"a": (Say(1),)}, crashes=1, may_crash=("b",))
    # Left alone 5. One crash is spent: b is down, said or not, or b is up again and on its way anew.
    assert explore(scope).states == 5 + 2 + 5


class Setter(Node):
    """Two timers, the one set first due first."""

    fired: list[int]

    def on_start(self) -> None:
        self.fired = []
        self.set_timer(Tick(1), 10 * MS)
        self.set_timer(Tick(2), 20 * MS)

    def on_tick(self, tick: Tick) -> None:
        self.fired.append(tick.n)


def test_timers_in_any_order_or_as_they_are_due() -> None:
    scope = Scope(cluster=Cluster({"a": Member(Setter)}), invariants={})
    assert explore(scope).states == 5
    ordered = msgspec.structs.replace(scope, alarms=Alarms.ORDERED)
    assert explore(ordered).states == 3


class Asker(Node):
    """Asks, and asks again when it is not answered in time."""

    asked: int

    def on_start(self) -> None:
        self.asked = 0
        self.on_tick(Tick(0))

    def on_tick(self, tick: Tick) -> None:
        if self.asked < 2:
            self.asked += 1
            self.send(Address("b"), Ping(self.asked))
            self.set_timer(Tick(0), 10 * MS)


def test_patient_alarms_fire_only_when_nothing_is_under_way() -> None:
    cluster = Cluster({"a": Member(Asker), "b": Member(Talker)})
    scope = Scope(
        cluster=cluster,
        invariants={"no answer is missed": lambda w: w["b"].heard[:1] != [2]},
        network=Network.BAG,
    )
    assert explore(scope).finding is Finding.VIOLATED  # the timer beats the first message
    patient = msgspec.structs.replace(scope, alarms=Alarms.PATIENT)
    assert explore(patient).finding is Finding.EXHAUSTED
    lossy = msgspec.structs.replace(patient, drops=1)
    result = explore(lossy)
    assert [type(step.what).__name__ for step in result.trace] == ["Lose", "Expire", "Deliver"]


# -- goals, prunes, situations ----------------------------------------------------------------------


def test_a_search_to_a_goal_and_on_from_there() -> None:
    scope = two_phase_commit_small.scope(3, HastyManager)
    decided = msgspec.structs.replace(
        scope, invariants={}, goal=lambda world: world["tm"].stage == Stage.COMMITTED
    )
    first = explore(decided)
    assert (first.finding, len(first.trace)) == (Finding.REACHED, 5)
    on = explore(scope, after=first)
    assert on.finding is Finding.VIOLATED
    assert on.trace[:5] == first.trace
    assert len(on.trace) == 7


def test_going_on_from_a_trace_of_another_program_is_refused() -> None:
    goal = lambda world: world["tm"].stage == Stage.COMMITTED  # noqa: E731
    hasty = two_phase_commit_small.scope(3, HastyManager)
    first = explore(msgspec.structs.replace(hasty, goal=goal, invariants={}))
    with pytest.raises(ScenarioError, match="not one of this scope"):
        explore(two_phase_commit_small.scope(3), after=first)


def test_pruned_worlds_are_judged_and_not_gone_on_from() -> None:
    scope = msgspec.structs.replace(
        talkers(calls={"a": (Say(1),)}), prune=lambda world: len(world["b"].heard) == 1
    )
    assert explore(scope).states == 3
    judged = msgspec.structs.replace(
        scope, invariants={"silence": lambda world: not world["b"].heard}
    )
    assert explore(judged).finding is Finding.VIOLATED


def test_what_never_occurred_is_said_and_is_no_proof() -> None:
    scope = msgspec.structs.replace(
        talkers(), seen={"b has heard something": lambda w: bool(w["b"].heard)}
    )
    result = explore(scope)
    assert (result.finding, result.unseen) == (Finding.EXHAUSTED, ("b has heard something",))
    assert not result.is_proof
    assert str(result).startswith("unknown: ")


def test_out_of_budget_is_unknown() -> None:
    result = explore(two_phase_commit_small.scope(5), budget=1_000)
    assert result.finding is Finding.UNKNOWN
    assert 1_000 <= result.states < 1_100
    assert str(result).startswith("unknown: the budget of 1,000 states is spent")


# -- what predicates see ----------------------------------------------------------------------------


def test_messages_and_histories_can_be_asked_about() -> None:
    def silent(world: World) -> bool:
        return not world.messages(Ping)

    def unanswered(world: World) -> bool:
        return all(outcome is None for _, _, outcome in world.history())

    for name, ask in (("silent", silent), ("unanswered", unanswered)):
        result = explore(talkers(calls={"a": (Say(1),)}, invariants={name: ask}))
        assert (result.invariant, len(result.trace)) == (name, 1)


def test_a_predicate_that_looks_here_and_there_is_asked_again_where_it_matters() -> None:
    """What it looked at the first time is not all that it ever looks at."""

    def ask(world: World) -> bool:
        return world["b"].heard != [1, 2] or not world.messages(Ping) or len(world["a"].heard) > 0

    result = explore(talkers(calls={"a": (Say(1), Say(2))}, invariants={"not 1 then 2": ask}))
    assert (result.finding, len(result.trace)) == (Finding.VIOLATED, 4)


def test_a_node_that_is_down_has_no_state_to_ask_about() -> None:
    scope = talkers(crashes=1, invariants={"b heard nothing": lambda w: not w["b"].heard})
    with pytest.raises(ScenarioError, match="heard of b was asked for while it is down"):
        explore(scope)


def test_timers_can_be_asked_about() -> None:
    scope = Scope(
        cluster=Cluster({"a": Member(Setter)}),
        invariants={"1 is set": lambda world: Tick(1) in world.timers("a")},
    )
    assert explore(scope).trace[-1].what == Expire(Address("a"), Tick(1))


# -- scopes that make no sense ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"calls": {"z": (Say(1),)}}, "'z' is no member; there are a, b"),
        ({"unsynced": (Survival.SOME,)}, "what survives is drawn by chance"),
        ({"unsynced": ()}, "a crash must leave something"),
        ({"alarms": Alarms.PATIENT}, "patient alarms need network=BAG"),
        ({"crashes": 300}, "0 to 255"),
        ({"calls": {"a": (Tick(1),)}, "network": Network.SET}, "is no operation|does not handle"),
    ],
)
def test_a_scope_that_makes_no_sense_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        explore(talkers(**options))
