"""What several judges of members ask of a run: how a member was set up, where partitions end, who is down."""

from __future__ import annotations

from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab2_log.groups.world import Ends
from labs.lab2_log.groups import (
    MemberConfig,
)


def settings(run: Run, member: str) -> MemberConfig:
    config: MemberConfig = run.cluster.members[member].config  # type: ignore[index,assignment]
    return config


def ends_of(run: Run) -> tuple[Ends, ...]:
    ends: tuple[Ends, ...] = run.probes["broker"]  # type: ignore[index]
    return ends


def is_down(run: Run, life: tuple[str, int], event: int) -> bool:
    return any(
        e.node == life[0] and e.incarnation == life[1] and e.id < event
        for kind in (Kind.CRASH, Kind.STOP)
        for e in run.trace.of(kind)
    )
