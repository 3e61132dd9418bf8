"""The scenario generator as a Hypothesis strategy: for our own tests, and for properties that students write.

Fixed length with "nothing" as the first kind: a fault is dropped by becoming nothing, which moves none of the others,
and so examples shrink well. Never a draw per message: noise comes from a seed. Import this module only where it is
used; Hypothesis takes half a second to load.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st

from distlab.core.values import MS
from distlab.faults import At, Fault, Plan
from distlab.grade.draw import Swarm
from distlab.grade.scenario import Scenario

_SEEDS = st.integers(0, 2**16 - 1)


class _Drawn(Random):
    """A ``Random`` whose choices Hypothesis makes, so that one generator of faults serves both."""

    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__(0)
        self._draw = draw

    def getrandbits(self, k: int, /) -> int:
        return self._draw(st.integers(0, 2**k - 1))

    def random(self) -> float:
        return self._draw(st.integers(0, 2**20 - 1)) / 2**20

    def __reduce__(self) -> Any:
        raise TypeError("not to be copied: it draws from a running example")


@st.composite
def plans(draw: st.DrawFn, swarm: Swarm) -> Plan:
    """Fault plans of the swarm: ``swarm.most`` slots, each nothing or a fault; heals at the horizon."""
    source = _Drawn(draw)
    faults = []
    for _ in range(swarm.most):
        kind = draw(st.integers(0, len(swarm.kinds)))
        if kind:
            time = draw(st.integers(0, swarm.horizon // MS - 1)) * MS
            faults.append(Fault(At(time), swarm.kinds[kind - 1](source, swarm)))
    faults.sort(key=lambda fault: fault.when.time)  # type: ignore[union-attr]  # all are At
    return Plan(tuple(faults), heal_at=swarm.horizon)


@st.composite
def scenarios(draw: st.DrawFn, base: Callable[[Random], Scenario], swarm: Swarm) -> Scenario:
    """Scenarios with the calls, noise and shape that ``base`` draws from a seed, and a plan that Hypothesis draws."""
    scenario = base(Random(draw(_SEEDS)))
    return msgspec.structs.replace(scenario, plan=draw(plans(swarm)))
