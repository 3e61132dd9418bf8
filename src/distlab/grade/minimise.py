"""Making a failing scenario small: the fewest operations and faults that still break the same promise.

Theory of operation. Greedy passes over one scenario, cheap and large steps first, until none of them helps or the
budget is spent: take away chunks of faults and of operations (halves, quarters, ... single ones, as in Zeller's
ddmin), quiet the noise, try the lab's own smaller shapes, pull times together and round them. A candidate counts only
if it breaks the
*same* promise (or raises the same exception), so that the story stays the one that was found. Each pass is
deterministic; what it accepts never grows again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from distlab.core.values import MS
from distlab.faults import QUIET, At, Fault
from distlab.grade.scenario import Scenario

StillBroken = Callable[[Scenario], bool]
Simpler = Callable[[Scenario], Iterable[Scenario]]

BUDGET = 400
"""Runs that minimising one scenario may take."""


def minimise(
    scenario: Scenario,
    is_broken: StillBroken,
    *,
    budget: int = BUDGET,
    simpler: Simpler | None = None,
) -> Scenario:
    """The smallest scenario found that ``is_broken`` still accepts. ``scenario`` itself must be one."""
    tries = 0

    def accept(candidate: Scenario) -> bool:
        nonlocal tries
        if tries >= budget or candidate == best:
            return False
        tries += 1
        return is_broken(candidate)

    best = scenario
    passes = [_quieter, simpler or _none, _fewer_faults, _fewer_calls, _earlier, _rounder]
    improved = True
    while improved and tries < budget:
        improved = False
        for candidates in passes:
            # Start the pass anew after each success: what it proposes depends on what is left.
            while (found := next(filter(accept, candidates(best)), None)) is not None:
                best, improved = found, True
    return best


def _none(scenario: Scenario) -> Iterator[Scenario]:
    return iter(())


def _quieter(scenario: Scenario) -> Iterator[Scenario]:
    noise = scenario.noise
    if noise == QUIET:
        return
    yield msgspec.structs.replace(scenario, noise=QUIET)
    yield msgspec.structs.replace(scenario, noise=msgspec.structs.replace(QUIET, seed=noise.seed))
    for field in ("loss", "duplicate", "straggle", "delay", "sync", "job_step"):
        value = getattr(QUIET, field)
        if getattr(noise, field) != value:
            yield msgspec.structs.replace(
                scenario, noise=msgspec.structs.replace(noise, **{field: value})
            )


def _fewer_faults(scenario: Scenario) -> Iterator[Scenario]:
    for faults in _without_chunks(scenario.plan.faults):
        yield scenario.with_faults(faults)


def _fewer_calls(scenario: Scenario) -> Iterator[Scenario]:
    for calls in _without_chunks(scenario.calls):
        yield msgspec.structs.replace(scenario, calls=calls)


def _without_chunks(items: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """``items`` without all, each half, each quarter, ... each single one."""
    size = len(items)
    while size:
        for start in range(0, len(items), size):
            yield items[:start] + items[start + size :]
        size //= 2


def _earlier(scenario: Scenario) -> Iterator[Scenario]:
    """Gaps between what happens, closed: everything after a gap moves up by half of it."""
    times = sorted({*_times(scenario), 0})
    for before, after in pairwise(times):
        if after - before > 2 * MS:
            yield _shifted(scenario, after, (after - before) // 2 // MS * MS)


def _times(scenario: Scenario) -> Sequence[int]:
    return [c.at for c in scenario.calls] + [
        f.when.time for f in scenario.plan.faults if isinstance(f.when, At)
    ]


def _shifted(scenario: Scenario, since: int, by: int) -> Scenario:
    calls = tuple(
        msgspec.structs.replace(c, at=c.at - by) if c.at >= since else c for c in scenario.calls
    )
    faults = tuple(
        Fault(At(f.when.time - by), f.do) if isinstance(f.when, At) and f.when.time >= since else f
        for f in scenario.plan.faults
    )
    return msgspec.structs.replace(scenario, calls=calls).with_faults(faults)


def _rounder(scenario: Scenario) -> Iterator[Scenario]:
    """Times in whole tens of milliseconds, faults and calls one by one."""
    unit = 10 * MS
    for index, fault in enumerate(scenario.plan.faults):
        if isinstance(fault.when, At) and fault.when.time % unit:
            rounded = Fault(At(fault.when.time // unit * unit), fault.do)
            faults = scenario.plan.faults
            yield scenario.with_faults((*faults[:index], rounded, *faults[index + 1 :]))
    for index, call in enumerate(scenario.calls):
        if call.at % unit:
            rounded_call = msgspec.structs.replace(call, at=call.at // unit * unit)
            calls = (*scenario.calls[:index], rounded_call, *scenario.calls[index + 1 :])
            yield msgspec.structs.replace(scenario, calls=calls)
