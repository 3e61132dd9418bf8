"""What the tests of lab 4's two-phase commit share: a solution's modules, and one node alone among names."""

from __future__ import annotations

from typing import Any

from distlab.core import effects as fx
from distlab.core.solo import Solo
from tests.labs.solutions import Modules as Modules
from tests.labs.solutions import fixtures
from tests.labs.solutions import sent as sent

lab, reference = fixtures("4", "A")


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
