"""All of lab 2 together, as `make live LAB=2` runs it, in the simulator; and that its judges can say no."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from distlab.check import History
from distlab.core import MS, SECOND
from distlab.faults import Noise
from distlab.grade.lab import Run
from distlab.grade.scenario import Scenario
from distlab.sim import Simulation
from tests.labs.lab2 import Modules
from tests.labs.lab2 import lab as lab  # a fixture


def performed(lab: Modules, seed: int) -> tuple[Any, Run]:
    """The stage, and a run of it: each round begins when there was time for the one before."""
    for name in [n for n in sys.modules if n.startswith("grading.lab2_log.serving")]:
        del sys.modules[name]  # it has the modules of the solution before
    stage = import_module("grading.lab2_log.live").stage(lab.solution, None, Path())
    simulation = Simulation(
        stage.cluster, stage.plan, structs.replace(stage.noise, seed=seed), record=stage.record
    )
    for number, asked in enumerate(stage.rounds):
        at = 400 * MS + number * 300 * MS + (5 * SECOND if asked is stage.rounds[-1] else 0)
        for client, operation in asked:
            simulation.call(at, client, operation)
    while simulation.time < 60 * SECOND:
        simulation.run(simulation.time + 1 * SECOND)
        if any(
            type(e.operation).__name__ == "CaughtUp" and e.is_ok
            for e in History.of(simulation.trace.events)
        ):
            break
    else:
        raise AssertionError("the group never caught up")
    trace = simulation.trace
    run = Run(
        scenario=Scenario(plan=stage.plan, noise=Noise(seed=seed), shape=dict(stage.shape)),
        trace=trace,
        history=History.of(trace.events),
        store={},
        probes=simulation.probes(),
        tally={},
        time=simulation.time,
        cluster=stage.cluster,
    )
    return stage, run


@pytest.mark.parametrize("seed", range(4))
def test_every_promise_is_kept(lab: Modules, seed: int) -> None:
    stage, run = performed(lab, seed)
    assert [str(j.promise.code) for j in stage.judge(run) if not j.verdict.is_kept] == []
    shown = stage.table(run.probes)
    assert shown[-1].endswith("lag  orders-0 0  orders-1 0")


def test_a_record_that_nobody_read_is_found(lab: Modules) -> None:
    stage, run = performed(lab, 0)
    polls = [e for e in run.history if type(e.operation).__name__ == "Poll" and e.value]
    silent = History([entry for entry in run.history if entry is not polls[len(polls) // 2]])
    verdicts = {
        j.promise.code: j.verdict for j in stage.judge(structs.replace(run, history=silent))
    }
    assert not verdicts["RL-S8"].is_kept
    assert "acknowledged, and the group read something else there" in verdicts["RL-S8"].reason
