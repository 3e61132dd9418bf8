"""A saved counterexample on today's code: still broken, fixed, or no longer what it was.

Theory. A scenario names messages and doings, not instants of one program, so it says something about any program; but
a fault that finds nothing to strike makes it another scenario. So there are three answers. *Broken*: the promise is
broken again. *Fixed*: every fault struck and the promise was kept; then neighbours are tried (the same scenario
with other delays, and everything a little earlier or later), since a change that merely moves a bug is the usual one.
*Void*: a fault never struck, so the run proves nothing.

Runs student code: call it in a grading child only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from random import Random

import msgspec
from msgspec import Struct

from distlab.core.values import MS
from distlab.faults import At, Doing, Fault, Noise, Nth
from distlab.grade.counterexample import Counterexample, folder
from distlab.grade.decisive import decisive_line, shown_by, standing
from distlab.grade.grading import Grading, judge
from distlab.grade.lab import Lab, Part
from distlab.grade.perform import Performance
from distlab.grade.recording import record
from distlab.grade.result import Break, Problem
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from distlab.sim import stream
from distlab.trace import Kind

NEIGHBOURS = 200
SHIFT = 10 * MS
"""How far a neighbour's calls and faults are moved, at most."""


class Outcome(StrEnum):
    """What became of it."""

    BROKEN = "broken"
    FIXED = "fixed"
    MOVED = "moved"
    """The scenario itself passes, a neighbour of it does not."""
    VOID = "void"
    """Some of its faults found nothing to strike."""


class Replayed(Struct, frozen=True, tag=True):
    """The answer."""

    outcome: Outcome
    broken: Break | None = None
    """Where it is still broken, or a neighbour is: how."""
    neighbours: int = 0
    """How many were tried."""
    missed: tuple[str, ...] = ()
    """The faults that struck nothing, in words."""
    trace: str = ""
    """File with today's run and, for each handler, the node's state before and after."""


def replay(
    lab: Lab,
    part: Part,
    solution: Solution,
    saved: Counterexample,
    *,
    neighbours: int = NEIGHBOURS,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Replayed:
    """Run it again, with everything recorded."""
    recording = record(part, solution, saved.scenario)
    performance = recording.performance
    broken, evidence = _judged(part, solution, saved, performance)
    trace = ""
    if performance.run is not None:
        whose = "today" if solution.name == saved.solution else solution.name.replace(":", "-")
        file = folder() / f"{saved.id}.{whose}.trace.jsonl"
        recording.save(saved.id, evidence, file)
        trace = str(file)
    if broken is not None:
        return Replayed(Outcome.BROKEN, broken, trace=trace)
    if missed := _missed(saved.scenario, performance):
        return Replayed(Outcome.VOID, missed=tuple(map(trigger_words, missed)), trace=trace)
    grading = Grading(
        lab,
        part,
        solution,
        seed=saved.seed,
        prior=saved.prior,
        runs=0,
        only=saved.promise or None,
    )
    for number in range(1, neighbours + 1):
        scenario = neighbour(saved.scenario, stream(saved.seed, "neighbour", saved.id, number))
        found = grading.look(f"neighbour {number} of {saved.id}", scenario)
        if found is not None:
            return Replayed(Outcome.MOVED, found, number, trace=trace)
        progress(number, neighbours)
    return Replayed(Outcome.FIXED, neighbours=neighbours, trace=trace)


def _judged(
    part: Part, solution: Solution, saved: Counterexample, performance: Performance
) -> tuple[Break | None, tuple[int, ...]]:
    """What is wrong with today's run, and the events that show it."""
    found = f"replay of {saved.id}"
    size = saved.scenario.size()
    if performance.problem is not None:
        problem: Problem = performance.problem
        broken = Break(problem.text, found, problem=problem, counterexample=saved.id, size=size)
        return broken, (problem.event,) if problem.event else ()
    for promise in part.promises:
        if promise.judge is None or saved.promise not in ("", promise.code):
            continue
        verdict = judge(promise, performance)
        if verdict.is_broken:
            line = decisive_line(performance, verdict)
            shown = Break(
                verdict.reason,
                found,
                verdict.expected,
                verdict.got,
                None,
                saved.id,
                size,
                decisive=line,
                standing=standing(performance, verdict),
            )
            return shown, shown_by(performance, verdict)
    return None, ()


def neighbour(scenario: Scenario, random: Random) -> Scenario:
    """Nearly the same: delays that vary, and each call and timed fault a little earlier or later."""

    def moved(time: int) -> int:
        return max(0, time + random.randint(-SHIFT, SHIFT))

    noise = scenario.noise
    least, most = noise.delay
    replace = msgspec.structs.replace
    calls = tuple(replace(call, at=moved(call.at)) for call in scenario.calls)
    faults = tuple(
        Fault(At(moved(fault.when.time)), fault.do) if isinstance(fault.when, At) else fault
        for fault in scenario.plan.faults
    )
    wider: Noise = replace(noise, seed=random.getrandbits(30), delay=(least, max(most, 5 * least)))
    return replace(scenario, calls=calls, plan=replace(scenario.plan, faults=faults), noise=wider)


def _missed(scenario: Scenario, performance: Performance) -> list[Fault]:
    """The planned faults that struck nothing."""
    assert performance.run is not None
    struck = Counter(repr(event.what) for event in performance.run.trace.of(Kind.FAULT))
    triggers = [fault.when for fault in performance.applied]
    missed = []
    for fault in scenario.plan.faults:
        if isinstance(fault.when, Nth):
            if struck[repr(fault.do)] <= 0:
                missed.append(fault)
            struck[repr(fault.do)] -= 1
        elif fault.when not in triggers:
            missed.append(fault)
    return missed


def trigger_words(fault: Fault) -> str:
    """``Drop, at the 3rd Write from a to b``."""
    what = type(fault.do).__name__
    match fault.when:
        case At(time):
            return f"{what}, at {time / 1000:g} ms"
        case Nth(source, to, n, message):
            return f"{what}, at the {ordinal(n)} {message or 'message'} from {source} to {to}"
        case Doing(node, verb, thing, n):
            return f"{what}, when {node} does its {ordinal(n)} {verb} {thing}".rstrip()


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``11th``."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{({1: 'st', 2: 'nd', 3: 'rd'}).get(number % 10, 'th')}"
