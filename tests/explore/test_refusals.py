"""A program that cannot be explored is told which field, which line, and why."""

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from distlab.core import (
    MS,
    Address,
    Config,
    Job,
    JobContext,
    Message,
    Node,
    SessionMessage,
    Steps,
    Timer,
)
from distlab.core.cluster import Cluster, Member
from distlab.explore import RAISES, CannotExplore, Finding, Result, Scope, explore


class Go(Timer):
    pass


class Note(Message):
    n: int


class Peer(Config):
    peer: Address


class Basis(Node):
    """Fires once, and receives; what it does then is the case in question."""

    config: Peer

    def on_start(self) -> None:
        self.set_timer(Go(), 1 * MS)

    def on_go(self, go: Go) -> None:
        pass

    def on_note(self, note: Note, sender: Address) -> None:
        pass


def explored(program: type[Node], budget: int = 2_000) -> Result:
    members = {"a": Member(program, Peer(Address("b"))), "b": Member(program, Peer(Address("a")))}
    return explore(Scope(cluster=Cluster(members), invariants={}), budget=budget)


def refusal(program: type[Node]) -> str:
    with pytest.raises(CannotExplore) as caught:
        explored(program)
    return str(caught.value)


def test_state_in_an_undeclared_attribute() -> None:
    class Hides(Basis):
        def on_go(self, go: Go) -> None:
            self.tally = 1

    text = refusal(Hides)
    assert "Hides keeps something in self.tally, which its class body does not declare" in text
    assert "add 'tally: <type>' to the body of Hides" in text


def test_a_global_that_is_changed() -> None:
    numbers = itertools.count()

    class Counts(Basis):
        def on_go(self, go: Go) -> None:
            self.send(self.config.peer, Note(next(numbers)))

    text = refusal(Counts)
    assert (
        "Counts.on_go is not a function of its node's state: from the same state, Go() came to"
        in text
    )
    assert (
        "it sent Note(n=2) to b once and Note(n=3) to b the other time (test_refusals.py:" in text
    )
    assert "a module's or a class's variable" in text


def test_a_class_variable_that_is_changed() -> None:
    class Shares(Basis):
        seen: ClassVar[list[int]] = []
        last: int

        def on_go(self, go: Go) -> None:
            self.last = len(self.seen)
            self.seen.append(1)

    text = refusal(Shares)
    assert "self.last became " in text
    assert "Shares.on_go is not a function" in text


def test_a_global_that_shows_only_later() -> None:
    """The first two times it looks innocent: only running everything again at the end tells."""
    met: set[int] = set()

    class Remembers(Basis):
        def on_go(self, go: Go) -> None:
            self.send(self.config.peer, Note(len(met)))

        def on_note(self, note: Note, sender: Address) -> None:
            met.add(7)

    text = refusal(Remembers)
    assert "Remembers.on_go is not a function of its node's state" in text
    assert "handled again at the end of the search" in text


def test_the_order_of_a_set() -> None:
    class WalksASet(Basis):
        peers: set[str]
        first: str

        def on_start(self) -> None:
            super().on_start()
            self.peers, self.first = {"x", "y", "z"}, ""

        def on_go(self, go: Go) -> None:
            self.first = next(iter(self.peers))

    text = refusal(WalksASet)
    assert "WalksASet.on_go depends on the order of a set (self.peers)" in text
    assert "self.first became " in text
    assert "PYTHONHASHSEED" in text
    assert "sorted(...)" in text


def test_messages_sent_in_the_order_of_a_set() -> None:
    class SendsFromASet(Basis):
        waiting: set[int]

        def on_start(self) -> None:
            super().on_start()
            self.waiting = {1, 2, 3}

        def on_go(self, go: Go) -> None:
            for n in self.waiting:
                self.send(self.config.peer, Note(n))

    text = refusal(SendsFromASet)
    assert (
        "SendsFromASet.on_go depends on the order of a set (self.waiting): it sent Note(n=" in text
    )
    assert "(test_refusals.py:" in text


def test_the_order_of_a_dict_where_it_counts() -> None:
    class FirstIn(Basis):
        queue: dict[str, int]
        served: str

        def on_start(self) -> None:
            super().on_start()
            self.queue, self.served = {"x": 1, "y": 2}, ""

        def on_go(self, go: Go) -> None:
            self.served = next(iter(self.queue))

    text = refusal(FirstIn)
    assert (
        "FirstIn.on_go depends on the order of a dict (self.queue): self.served became 'x' once"
        in text
    )
    assert "keep a list where order counts" in text


def test_the_order_of_a_dict_does_not_count_for_what_is_sent() -> None:
    class SendsFromADict(Basis):
        waiting: dict[int, str]

        def on_start(self) -> None:
            super().on_start()
            self.waiting = {1: "x", 2: "y"}

        def on_go(self, go: Go) -> None:
            for n in self.waiting:
                self.send(self.config.peer, Note(n))

    assert explored(SendsFromADict).finding is Finding.EXHAUSTED


class Odd:
    def __init__(self, n: int) -> None:
        self.n = n


def test_state_that_is_no_value() -> None:
    class KeepsAnObject(Basis):
        odd: Odd

        def on_go(self, go: Go) -> None:
            self.odd = Odd(1)

    text = refusal(KeepsAnObject)
    assert "self.odd holds a Odd, which cannot be compared or copied by value" in text
    assert text.startswith("KeepsAnObject:")


class Forgetful(dict[str, int]):
    """A dict that loses something when it is copied."""

    def copy(self) -> "Forgetful":
        return Forgetful()

    def update(self, *args: Any, **kwargs: Any) -> None:
        pass


def test_state_that_does_not_come_back_the_same() -> None:
    class KeepsAForgetfulDict(Basis):
        table: Forgetful

        def on_go(self, go: Go) -> None:
            self.table = Forgetful(x=1)

    text = refusal(KeepsAForgetfulDict)
    assert (
        "KeepsAForgetfulDict.table does not come back the same when it is copied: {'x': 1} became {}"
        in text
    )


def test_a_draw_among_many_that_decides() -> None:
    class Tosses(Basis):
        def on_go(self, go: Go) -> None:
            if self.random.random() < 0.5:
                self.send(self.config.peer, Note(1))

    text = refusal(Tosses)
    assert "Tosses.on_go (test_refusals.py:" in text
    assert "random.random() is compared" in text
    assert "may add to it and wait that long" in text


def test_a_draw_among_many_that_is_kept() -> None:
    class KeepsADraw(Basis):
        number: int

        def on_go(self, go: Go) -> None:
            self.number = self.random.randrange(1_000)

    text = refusal(KeepsADraw)
    assert "self.number holds a draw among 1,000 values (at most 8 are tried)" in text


def test_a_draw_among_many_that_is_sent() -> None:
    class SendsADraw(Basis):
        def on_go(self, go: Go) -> None:
            self.send(self.config.peer, Note(self.random.randrange(1_000)))

    text = refusal(SendsADraw)
    assert "a draw among 1,000 values (at most 8 are tried) goes into a Note, field 'n'" in text


def test_the_time_that_is_kept() -> None:
    class KeepsTheTime(Basis):
        heard: dict[str, int]

        def on_start(self) -> None:
            super().on_start()
            self.heard = {}

        def on_go(self, go: Go) -> None:
            self.heard["b"] = self.now()

    assert "self.heard['b'] holds now()" in refusal(KeepsTheTime)


def test_the_time_that_decides() -> None:
    class AsksTheTime(Basis):
        def on_go(self, go: Go) -> None:
            if self.now() - 5 > 100:
                self.send(self.config.peer, Note(1))

    text = refusal(AsksTheTime)
    assert "AsksTheTime.on_go (test_refusals.py:" in text
    assert "now() is compared" in text


def test_how_long_ago_something_was_is_a_choice_and_no_state() -> None:
    class Remembers(Basis):
        heard: int
        was_long: bool | None

        def on_start(self) -> None:
            super().on_start()
            self.heard, self.was_long = self.monotonic(), None

        def on_go(self, go: Go) -> None:
            self.was_long = self.monotonic() - self.heard > 5 * MS
            self.heard = self.monotonic()

    assert explored(Remembers).states == 3**2


def test_a_time_that_is_said() -> None:
    class TellsTheTime(Basis):
        def on_go(self, go: Go) -> None:
            self.send(self.config.peer, Note(self.monotonic() + 1))

    assert "monotonic() goes into a Note" in refusal(TellsTheTime)


def test_few_draws_are_all_tried_and_a_long_wait_is_one_case() -> None:
    class Draws(Basis):
        n: int

        def on_go(self, go: Go) -> None:
            self.n = self.random.choice([10, 20, 30])
            self.set_timer(Go(), self.random.randint(200 * MS, 400 * MS) + 5)

        def on_note(self, note: Note, sender: Address) -> None:
            self.log.info("x", "at", now=self.now())

    assert explored(Draws).states == (1 + 3) ** 2


class Dig(Job):
    def run(self, io: JobContext) -> Steps:
        yield


class Line(SessionMessage):
    pass


def test_what_the_explorer_does_not_model() -> None:
    class RunsAJob(Basis):
        def on_go(self, go: Go) -> None:
            self.run_job(Dig())

        def on_dig(self, dig: Dig, outcome: Any) -> None:
            pass

    class Connects(Basis):
        def on_go(self, go: Go) -> None:
            self.connect(self.config.peer)

    class Stores(Basis):
        def on_go(self, go: Go) -> None:
            self.store.put_if_absent("x", b"")

    assert "RunsAJob.on_go (test_refusals.py:" in refusal(RunsAJob)
    assert "runs a job; the explorer does not model work beside the node" in refusal(RunsAJob)
    assert "opens a session; the explorer does not model connections" in refusal(Connects)
    assert (
        "uses the shared store; the explorer does not model state that belongs to no node"
        in refusal(Stores)
    )


def test_a_counter_that_never_repeats_runs_out_of_budget_and_is_named() -> None:
    class Sequence(Basis):
        sequence: int

        def on_start(self) -> None:
            super().on_start()
            self.sequence = 0

        def on_go(self, go: Go) -> None:
            self.sequence += 1
            self.send(self.config.peer, Note(self.sequence % 2))
            self.set_timer(Go(), 1 * MS)

    result = explored(Sequence)
    assert result.finding is Finding.UNKNOWN
    assert result.states >= 2_000
    assert "the budget of 2,000 states is spent" in result.reason
    assert "Sequence.sequence of a took " in result.reason
    assert "prune it" in result.reason


def test_an_exception_in_a_handler_is_a_violation_with_its_trace() -> None:
    class Trips(Basis):
        def on_note(self, note: Note, sender: Address) -> None:
            raise KeyError(note.n)

        def on_go(self, go: Go) -> None:
            self.send(self.config.peer, Note(4))

    result = explored(Trips)
    assert (result.finding, result.invariant, len(result.trace)) == (Finding.VIOLATED, RAISES, 2)
    assert result.reason.startswith("b raises KeyError: 4 (test_refusals.py:")
    assert "while it handles Note(n=4)" in result.reason


def test_a_search_is_the_same_under_every_hash_seed() -> None:
    code = (
        "from tests.examples import small_election as e\n"
        "from distlab.explore import explore\n"
        "for program in (e.Voter, e.VotesTwice):\n"
        "    r = explore(e.scope(program)); print(r, r.transitions, r.handler_runs)\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
            text=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(printed) == 1
