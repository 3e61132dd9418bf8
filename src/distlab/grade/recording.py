"""The run of a counterexample with all that pictures need, and the file in which it is kept.

That is every event, what each handler did to its node's state, and the line of the program that asked for each effect.

Theory of operation. For states, a part's stage is made with programs whose handlers are wrapped in ours: they write
down the node's declared state before and after, under the id of the event that they handle. It is only read: the run
stays the same. A sealed solution's states stay where they are, in its own process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from distlab.core.cluster import Cluster, Member
from distlab.core.node import Node
from distlab.grade.counterexample import trace_file
from distlab.grade.guard import RUN_LIMIT
from distlab.grade.lab import Part, Stage
from distlab.grade.perform import Performance, frame_at, perform
from distlab.grade.result import State
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution
from distlab.trace import EVERYTHING, Trace
from distlab.trace.files import write
from distlab.trace.words import plain_state

_States = dict[str, Any]
"""Event id -> ``[before, after]``: the fields of the node that handled it, as text."""

_BUSY = 5_000
"""Events from which on a run that did not end well is not kept whole, and handlers of which states are kept."""


class Recording(Struct):
    """One run, with everything recorded."""

    performance: Performance
    states: _States = {}

    def save(self, name: str, evidence: Sequence[int], file: Path | None = None) -> None:
        """Write it beside the counterexample of that id (``.distlab/runs/<id>.trace.jsonl``), or to a file."""
        run = self.performance.run
        if run is None:
            return
        trace = run.trace
        if self.performance.problem is not None and len(trace.events) > _BUSY:
            # It goes round in a circle; the beginning and some rounds show it as well as all of them.
            trace = Trace([*trace.events[: _BUSY // 10], *trace.events[-_BUSY:]])
        asked = self.performance.lines.items()
        write(
            trace,
            file or trace_file(name),
            nodes=list(run.cluster.addresses()),
            evidence=evidence,
            states=self.states,
            lines={str(event): _place(line) for event, line in asked if line is not None},
        )


def record(
    part: Part, solution: Solution, scenario: Scenario, limit: float = RUN_LIMIT
) -> Recording:
    """Run the scenario."""
    states: _States = {}
    if not solution.is_sealed:
        watched = _with_states(part, states)
        found = perform(watched, solution, scenario, record=EVERYTHING, limit=limit)
        if found.problem is None or found.problem.state is not State.STUCK:
            return Recording(found, states)
    plain = perform(part, solution, scenario, record=EVERYTHING, limit=limit)
    if states and plain.problem is not None:
        return Recording(found, states)
    return Recording(plain)  # it was the writing that took so long: states may be large


def _place(line: tuple[str, int, str]) -> list[str]:
    """Where it is, and what stands there."""
    frame = frame_at(*line)
    return [f"{frame.file}:{frame.line}", frame.code]


def _with_states(part: Part, states: _States) -> Part:
    """The part, with nodes that write down their states."""
    stage = part.stage
    assert stage is not None

    def staged(solution: Solution, scenario: Scenario) -> Stage:
        made = stage(solution, scenario)
        members: dict[str, Member] = {
            address: msgspec.structs.replace(
                member, program=_watched(member.program, states), role=made.cluster.role(address)
            )
            for address, member in made.cluster.members.items()
        }
        return msgspec.structs.replace(made, cluster=Cluster(members, made.cluster.store))

    return msgspec.structs.replace(part, stage=staged)


def _watched(program: type[Node], states: _States) -> type[Node]:
    """A subclass whose handlers also write down states."""
    made: Any = type(program)
    watched = made(program.__name__, (program,), {"__module__": program.__module__})

    def wrapped(name: str) -> Callable[..., None]:
        def handler(self: Any, *arguments: Any) -> None:
            inner = getattr(super(watched, self), name)
            if len(states) >= _BUSY:
                return inner(*arguments)  # type: ignore[no-any-return]
            event, before = self._context.sim.cause, plain_state(self.state())
            try:
                inner(*arguments)
            finally:
                states[str(event)] = [before, plain_state(self.state())]

        return handler

    names = {name for name, _ in program.handlers.values()} | {
        "on_start",
        "on_connect",
        "on_disconnect",
    }
    for name in sorted(names):
        if hasattr(program, name):
            setattr(watched, name, wrapped(name))
    return watched  # type: ignore[no-any-return]
