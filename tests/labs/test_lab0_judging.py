"""The judgement of lab 0: it accepts what is right, however it is built, and its scenarios are what they should be."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from distlab.core import MS, Message, Ticket
from distlab.grade.grading import Grading
from distlab.grade.lab import Lab, Mutant
from distlab.grade.result import State
from distlab.grade.scenario import Scenario
from distlab.grade.solution import load_lab, load_solution, patch
from distlab.sim import stream


@pytest.fixture(scope="module")
def lab() -> Lab:
    return load_lab("lab0")


def handled(program: Any, name: str) -> type:
    """The class of message or operation that the program handles under this name."""
    return next(cls for cls in program.handlers if cls.__name__ == name)


# -- unusual, and right ---------------------------------------------------------------------------


def full_jitter(base: Any) -> Any:
    """Waits are drawn from all of the interval, and from the longer of two intervals."""

    class Client(base):  # type: ignore[misc]
        def wait_after(self, attempts: int) -> int:
            wait = min(self.config.first_wait << attempts - 1, self.config.longest_wait)
            return 5 * MS + int(self.random.random() * (wait - 5 * MS))

    return Client


def lives_with_a_date(base: Any) -> Any:
    """A life's number ends in the time at which it began; its first digits count the lives, as no clock can."""

    class Client(base):  # type: ignore[misc]
        def on_start(self) -> None:
            super().on_start()
            self.incarnation = (self.incarnation << 50) + self.now() % (1 << 50)

    return Client


def finishes_before_it_forgets(base: Any) -> Any:
    """The outcome first, the timers afterwards: nobody can see the difference."""

    class Client(base):  # type: ignore[misc]
        def settle(self, asked: Any, outcome: Any) -> None:
            self.finish(asked.ticket, outcome)
            ticket, asked.ticket = asked.ticket, Ticket(0)
            finish = type(self).finish
            type(self).finish = lambda *_: None
            try:
                super().settle(asked, outcome)
            finally:
                type(self).finish = finish
                asked.ticket = ticket

    return Client


def syncs_again(base: Any) -> Any:
    """A repeated call is synced once more before it is answered: needless, and not wrong."""
    Call = handled(base, "Call")  # noqa: N806

    class Server(base):  # type: ignore[misc]
        def on_call(self, call: Call, sender: Any) -> None:
            if self.disk.exists("ledger"):
                self.disk.sync("ledger", "/")
            super().on_call(call, sender)

    return Server


def remembers_calls_too(base: Any) -> Any:
    """Keeps the whole call beside its answer: more than it needs, but no more than the window."""
    Call = handled(base, "Call")  # noqa: N806

    class Server(base):  # type: ignore[misc]
        calls: dict[tuple[str, int], Any]

        def on_start(self) -> None:
            self.calls = {}
            super().on_start()

        def on_call(self, call: Call, sender: Any) -> None:
            self.calls[call.id.client, call.id.number] = call
            super().on_call(call, sender)
            known = {(name, n) for name, s in self.sessions.items() for n in s.answers}
            self.calls = {key: call for key, call in self.calls.items() if key in known}

    return Server


def great_ids(base: Any) -> Any:
    """Ids run down from the greatest there is."""
    Ask = handled(base, "Ask")  # noqa: N806

    class Asker(base):  # type: ignore[misc]
        def on_start(self) -> None:
            super().on_start()
            self.last_id = 2**64 - 2

        def on_ask(self, ask: Ask, ticket: Any) -> None:
            super().on_ask(ask, ticket)
            self.last_id -= 2

    return Asker


def talkative(base: Any) -> Any:
    """Logs more than it must."""
    Traced = handled(base, "Traced")  # noqa: N806

    class Tracing(base):  # type: ignore[misc]
        def on_traced(self, traced: Traced, sender: Any) -> None:
            self.log.info("mine", "something came", sender=sender)
            super().on_traced(traced, sender)
            self.log.debug("net", "handled")

    return Tracing


def ticks_for_timers(base: Any) -> Any:
    """Whatever a node asks of its world is an event, a timer too."""

    class Clocked(base):  # type: ignore[misc]
        def set_timer(self, timer: Any, after: int) -> None:
            clock, name = self.clock, self.address
            counts = {**dict(clock.vector), name: dict(clock.vector).get(name, 0) + 1}
            self.clock = type(clock)(clock.lamport + 1, tuple(sorted(counts.items())))
            super().set_timer(timer, after)

    return Clocked


def hybrid(base: Any) -> Any:
    """A hybrid logical clock: never behind the wall clock, never going back with it."""

    class Clocked(base):  # type: ignore[misc]
        def send(self, to: Any, message: Message) -> None:
            clock = self.clock
            self.clock = type(clock)(max(clock.lamport, self.now()), clock.vector)
            super().send(to, message)

    return Clocked


UNUSUAL = [
    ("A", "echo:Asker", great_ids),
    ("B", "client:Client", full_jitter),
    ("B", "client:Client", lives_with_a_date),
    ("B", "client:Client", finishes_before_it_forgets),
    ("B", "server:Server", syncs_again),
    ("B", "server:Server", remembers_calls_too),
    ("C", "tracing:Tracing", talkative),
    ("D", "clocks:Clocked", ticks_for_timers),
    ("D", "clocks:Clocked", hybrid),
]


@pytest.mark.parametrize(
    ("code", "replaces", "made"), UNUSUAL, ids=lambda it: getattr(it, "__name__", "")
)
def test_an_unusual_program_that_is_right_passes(
    lab: Lab, code: str, replaces: str, made: Any
) -> None:
    part = lab.part(code)
    solution = load_solution(lab, part, "reference")
    module, _, name = replaces.partition(":")
    variant = made(getattr(solution.module(module), name))
    patch(
        lab,
        Mutant(
            name="unusual",
            code="",
            part=code,
            replaces=replaces,
            by=variant,
            story="",
            source="",
            breaks="",
        ),
    )
    result = Grading(lab, part, solution, keep=False, runs=150).grade()
    assert [
        (p.code, p.broken and (p.broken.found, p.broken.reason), p.unseen)
        for p in result.promises
        if p.state is not State.PASSED
    ] == []


# -- scenarios ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", "ABCD")
def test_what_is_drawn_can_be_saved_and_is_healed(lab: Lab, code: str) -> None:
    part = lab.part(code)
    assert part.draw is not None
    for number in range(100):
        scenario = part.draw(stream(1, "test", number))
        assert Scenario.from_json(scenario.to_json()) == scenario
        assert code == "A" or scenario.plan.heal_at is not None


@pytest.mark.parametrize("code", "ABCD")
def test_the_same_draw_gives_the_same_scenario(lab: Lab, code: str) -> None:
    draw = lab.part(code).draw
    assert draw is not None
    assert draw(Random(7)) == draw(Random(7))


def test_simpler_shapes_have_less_damage_and_fewer_nodes(lab: Lab) -> None:
    for code, size in (("A", lambda s: len(str(s.shape))), ("B", lambda s: sum(s.shape.values()))):
        part = lab.part(code)
        assert part.draw is not None
        assert part.simpler is not None
        for number in range(50):
            scenario = part.draw(stream(1, "test", number))
            assert all(size(smaller) < size(scenario) for smaller in part.simpler(scenario))


def test_every_part_opens_with_a_schedule_without_faults(lab: Lab) -> None:
    for part in lab.parts:
        first = part.directed[0].scenario
        assert first.plan.faults == ()
        assert not any(first.shape.get(way) for way in ("queries", "responses"))


def test_the_names_of_directed_schedules_are_told_apart(lab: Lab) -> None:
    for part in lab.parts:
        names = [directed.name for directed in part.directed]
        assert len(set(names)) == len(names)


def test_points_are_those_of_the_curriculum(lab: Lab) -> None:
    assert [part.points for part in lab.parts] == [15, 15, 10, 10]
