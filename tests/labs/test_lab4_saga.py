"""Sagas: one orchestrator, a rule at a time."""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.core.solo import Solo
from tests.labs.lab4_patterns import Modules, lab, sent

__all__ = ["lab"]

SERVICES = ("a", "b", "c")


def orchestrator(lab: Modules) -> Solo:
    config = lab.saga.OrchestratorConfig(SERVICES)
    return Solo(lab.saga_orchestrator.Orchestrator, config, "orchestrator")


def begin(lab: Modules, pivot: int = 99, name: str = "trip", subject: str = "order") -> Any:
    steps = tuple(lab.saga.Step(service, "seat", 1) for service in SERVICES)
    return lab.saga.Begin(1, name, subject, steps, pivot)


def asked(lab: Modules, effects: list[Any]) -> list[tuple[str, int]]:
    """What it wants: ("Do", 0), in order, repeats left out."""
    wanted = [m for m in sent(effects) if isinstance(m, (lab.saga.Do, lab.saga.Undo))]
    return list(dict.fromkeys((type(m).__name__, m.step) for m in wanted))


def test_a_declined_step_is_not_undone(lab: Modules) -> None:
    saga, solo = lab.saga, orchestrator(lab)
    assert asked(lab, solo.deliver(begin(lab), "client")) == [("Do", 0)]
    assert asked(lab, solo.deliver(saga.Done("trip", 0), "a")) == [("Do", 1)]
    assert asked(lab, solo.deliver(saga.Done("trip", 1), "b")) == [("Do", 2)]
    assert asked(lab, solo.deliver(saga.Declined("trip", 2, "full"), "c")) == [("Undo", 1)]
    assert asked(lab, solo.deliver(saga.Undone("trip", 1), "b")) == [("Undo", 0)]
    effects = solo.deliver(saga.Undone("trip", 0), "a")
    assert not sent(effects, saga.Ended)[0].completed


def test_a_step_with_unknown_outcome_is_undone_first(lab: Modules) -> None:
    saga, solo = lab.saga, orchestrator(lab)
    solo.deliver(begin(lab), "client")
    solo.deliver(saga.Done("trip", 0), "a")
    assert asked(lab, solo.advance(500 * MS))[:2] == [("Do", 1), ("Undo", 1)]


def test_the_pivot_is_asked_for_until_it_answers(lab: Modules) -> None:
    saga, solo = lab.saga, orchestrator(lab)
    solo.deliver(begin(lab, pivot=1), "client")
    solo.deliver(saga.Done("trip", 0), "a")
    assert asked(lab, solo.advance(5000 * MS)) == [("Do", 1)]
    solo.crash()
    assert asked(lab, [*solo.start(), *solo.advance(5000 * MS)]) == [("Do", 1)]


def test_it_goes_on_going_back_after_a_crash(lab: Modules) -> None:
    saga, solo = lab.saga, orchestrator(lab)
    solo.deliver(begin(lab), "client")
    solo.deliver(saga.Done("trip", 0), "a")
    solo.deliver(saga.Declined("trip", 1, "full"), "b")
    solo.crash()
    assert asked(lab, [*solo.start(), *solo.advance(500 * MS)]) == [("Undo", 0)]


def test_a_subject_is_locked_over_a_crash(lab: Modules) -> None:
    solo = orchestrator(lab)
    solo.deliver(begin(lab), "client")
    solo.crash()
    solo.start()
    assert asked(lab, solo.deliver(begin(lab, name="other"), "client")) == []
    assert asked(lab, solo.deliver(begin(lab, name="third", subject="else"), "client")) == [
        ("Do", 0)
    ]


def test_what_a_service_declined_it_never_does(lab: Modules) -> None:
    """Another saga gives its seat back, and then a copy of the declined Do arrives."""
    saga = lab.saga
    solo = Solo(lab.saga_service.Service, saga.ServiceConfig((("seat", 1),)), "hotel")
    solo.deliver(saga.Do("first", 0, "seat", 1), "orchestrator")
    late = saga.Do("second", 0, "seat", 1)
    assert sent(solo.deliver(late, "orchestrator"), saga.Declined)
    solo.deliver(saga.Undo("first", 0), "orchestrator")
    solo.crash()
    solo.start()
    assert sent(solo.deliver(late, "orchestrator"), saga.Declined)
    assert sent(solo.deliver(saga.Undo("second", 0), "orchestrator"), saga.Undone)
    assert [stock.left for stock in solo.node.probe().stock] == [1]
