"""What directed schedules are written with: small worlds, the n-th message on a link, plans of faults."""

from __future__ import annotations

from typing import Any

from distlab.core import MS
from distlab.faults import AnyAction, Noise, Nth, Plan, Survival, Trigger
from distlab.grade.lab import Directed
from distlab.grade.scenario import Call, Scenario
from grading.lab4_transactions.twophase.scenarios import transfer
from grading.lab4_transactions.twophase.written import signed

TWO: dict[str, Any] = {"rms": 2}
THREE: dict[str, Any] = {"rms": 3}
GONE = Survival.NOTHING
MORE = 6
"""Messages that we grant beyond what it takes: for clocks that tick coarsely."""
SLOW = Noise(delay=(5 * MS, 5 * MS))


def directed(
    name: str,
    about: str,
    calls: tuple[Call, ...],
    *faults: tuple[Trigger, AnyAction],
    heal_at: int | None = None,
    noise: Noise | None = None,
    **shape: Any,
) -> Directed:
    plan = Plan.of(*faults, heal_at=heal_at)
    scenario = Scenario(calls, plan, noise or Noise(), {**TWO, **shape})
    return Directed(name, about, signed(scenario))


def nth(source: str, to: str, message: str, n: int = 1) -> Nth:
    return Nth(source, to, n, message)


ONE = (transfer(10 * MS, "rm1/a", "rm2/b", 30),)
"""What most schedules are about."""
