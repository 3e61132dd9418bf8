"""What the judges of part 2E share: which runs are of the small model, what is said of an ISR, what is in the logs."""

from __future__ import annotations

from distlab.grade.lab import Run
from grading.lab2_log.control.scene import PARTITION
from labs.lab2_log.brokers import BrokerProbe, PartitionState, Replica


def is_model(run: Run) -> bool:
    """Whether the run follows a trace through the small model: only RL-S9 has something to say of it."""
    return "model" in run.scenario.shape


def isr_of(state: PartitionState) -> str:
    return ", ".join(state.isr) or "nobody"


def elr_of(state: PartitionState) -> str:
    return ", ".join(state.elr) or "nobody"


def views(run: Run) -> dict[str, Replica]:
    """What each broker that is up says of the partition."""
    return {
        str(name): view
        for name, probe in run.probes.items()
        if isinstance(probe, BrokerProbe) and (view := probe.of(PARTITION)) is not None
    }
