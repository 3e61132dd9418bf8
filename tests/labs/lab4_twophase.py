"""What the tests of lab 4's two-phase commit share: a solution's modules, and one node alone among names."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from distlab.core import effects as fx
from distlab.core.solo import Solo
from distlab.grade.solution import load_lab, load_solution


class Modules:
    """``modules.coordinator.Coordinator``, of the solution that is under test."""

    def __init__(self, solution: str) -> None:
        lab = load_lab("4")
        self._solution = load_solution(lab, lab.part("A"), solution)

    def __getattr__(self, name: str) -> ModuleType:
        return self._solution.module(name)


@pytest.fixture(params=["reference", "alternative"])
def lab(request: pytest.FixtureRequest) -> Modules:
    """Every test runs on both solutions: what it claims must not depend on how they are built."""
    return Modules(request.param)


@pytest.fixture
def reference() -> Modules:
    """For tests of what only the reference has."""
    return Modules("reference")


def coordinator(lab: Modules) -> Solo:
    config = lab.twophase.CoordinatorConfig(("rm1", "rm2", "rm3"))
    return Solo(lab.coordinator.Coordinator, config, "tm1")


def participant(lab: Modules, **balances: int) -> Solo:
    accounts = tuple((f"rm1/{name}", balance) for name, balance in balances.items())
    return Solo(lab.participant.Participant, lab.twophase.ParticipantConfig(accounts), "rm1")


def steps(lab: Modules, **amounts: int) -> tuple[Any, ...]:
    """``rm1_a=-5`` is a step on ``rm1/a``."""
    return tuple(
        lab.twophase.Step(name.replace("_", "/"), amount) for name, amount in amounts.items()
    )


def sent(effects: list[Any], kind: type | None = None) -> list[Any]:
    """The messages among the effects."""
    messages = [effect.message for effect in effects if isinstance(effect, fx.Sent)]
    return [message for message in messages if kind is None or isinstance(message, kind)]


def voted(lab: Modules, solo: Solo, txn: Any, *votes: str, **amounts: int) -> list[Any]:
    """Lead the coordinator through a transaction up to these votes of rm1, rm2, ...; what came of the last."""
    m = lab.twophase
    effects = solo.deliver(m.Execute(txn, steps(lab, **amounts)), "ap1")
    works = [effect for effect in effects if isinstance(effect, fx.Sent)]
    for work in works:
        seen = tuple(m.Seen(step.account, 100, None) for step in work.message.steps)
        effects = solo.deliver(m.Worked(txn, 1, seen), str(work.to))
    for work, vote in zip(works, votes, strict=False):
        effects = solo.deliver(m.Vote(txn, vote), str(work.to))
    return effects


def begun(lab: Modules, solo: Solo) -> Any:
    """The name of a new transaction."""
    return sent(solo.deliver(lab.twophase.Begin(1), "ap1"))[0].txn
