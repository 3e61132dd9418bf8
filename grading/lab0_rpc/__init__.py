"""Lab 0: RPC over an unreliable network."""

from distlab.grade.lab import RECORD_MESSAGES, Lab, Mutant, Part
from distlab.trace import Kind
from grading.lab0_rpc import scenarios, schedules
from grading.lab0_rpc.promises import exactly_once, frames, order, tracing


def _mutants() -> list[Mutant]:
    from grading.lab0_rpc.mutants import mutants

    return list(mutants())


LAB = Lab(
    number=0,
    name="lab0_rpc",
    title="RPC over an unreliable network",
    mutants=_mutants,
    parts=(
        Part(
            code="A",
            title="Frames",
            modules=("framing", "echo"),
            promises=frames.PROMISES,
            stage=scenarios.stage_a,
            draw=scenarios.draw_a,
            directed=schedules.DIRECTED_A,
            runs=400,
            simpler=scenarios.simpler_a,
            record=RECORD_MESSAGES,
        ),
        Part(
            code="B",
            title="Exactly-once effects",
            modules=("client", "server"),
            promises=exactly_once.PROMISES,
            stage=scenarios.stage_b,
            draw=scenarios.draw_b,
            directed=schedules.DIRECTED_B,
            runs=600,
            simpler=scenarios.simpler,
            record=RECORD_MESSAGES,
        ),
        Part(
            code="C",
            title="Tracing",
            modules=("tracing", "traced"),
            promises=tracing.PROMISES,
            stage=scenarios.stage_c,
            draw=scenarios.draw_c,
            directed=schedules.DIRECTED_C,
            runs=300,
            simpler=scenarios.simpler,
            record=RECORD_MESSAGES | {Kind.TIMER, Kind.LOG},
        ),
        Part(
            code="D",
            title="Time and order",
            modules=("clocks", "clocked"),
            promises=order.PROMISES,
            stage=scenarios.stage_d,
            draw=scenarios.draw_d,
            directed=schedules.DIRECTED_D,
            runs=200,
            simpler=scenarios.simpler,
            record=RECORD_MESSAGES | {Kind.TIMER},
        ),
    ),
)
