"""The second solution's view of who is in sync: who goes, who comes, and one question at a time."""

from __future__ import annotations

from labs.lab2_log.brokers import PartitionState
from labs.lab2_log.replicas import Progress


def wanted_isr(
    state: PartitionState, progress: dict[str, Progress], needed: int, now: int, lag_time: int
) -> tuple[str, ...]:
    earliest = now - lag_time
    goes = {b for b in state.isr if b in progress and progress[b].caught_up < earliest}
    comes = {
        b
        for b, known in progress.items()
        if b not in state.isr and known.end >= needed and known.fetched_at >= earliest
    }
    members = (set(state.isr) - goes) | comes | {state.leader}
    return tuple(b for b in state.replicas if b in members)


def proposal_now(
    state: PartitionState, proposal: tuple[str, ...] | None, wanted: tuple[str, ...]
) -> tuple[str, ...] | None:
    is_new = proposal is None and set(wanted) != set(state.isr)
    return wanted if is_new else proposal


def proposal_after(
    proposal: tuple[str, ...] | None, before: PartitionState, heard: PartitionState
) -> tuple[str, ...] | None:
    return proposal if heard.version <= before.version else None
