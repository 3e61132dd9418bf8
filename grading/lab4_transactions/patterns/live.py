"""What the live runs of parts 4C to 4E have in common: real processes, a network that loses and repeats, real kills.

The cluster is the simulator's. Real machines are slower than simulated ones, and busier: whoever waits is given more
patience. What a run is held to are the promises that name no time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from distlab.core import MS, Operation
from distlab.core.cluster import Cluster, Member
from distlab.faults import Crash, Doing, Fault, Noise, Pause, Plan, Survival
from distlab.grade.ended import Operations, judged_by
from distlab.grade.lab import RECORD_MESSAGES, Promise, Run
from distlab.grade.live import BadInput, LiveStage
from distlab.trace import NOTICED

NOISE: Final = Noise(seed=1, delay=(1 * MS, 5 * MS), loss=0.03, duplicate=0.05)

Rounds = Sequence[Sequence[tuple[str, Operation]]]


def killed(node: str, message: str, n: int, back_after: int) -> Fault:
    """``kill -9`` when the node is about to say that for the n-th time."""
    return Fault(Doing(node, "send", message, n=n), Crash(node, back_after, Survival.ALL))


def stopped(node: str, message: str, n: int, duration: int) -> Fault:
    """The same, with SIGSTOP, for so long."""
    return Fault(Doing(node, "send", message, n=n), Pause(node, duration))


def patient(cluster: Cluster, **changes: Any) -> Cluster:
    """The cluster whose members have these values in their configs, where they have such a field."""

    def changed(member: Member) -> Member:
        config: Any = member.config
        if config is None:
            return member
        fitting = {name: value for name, value in changes.items() if hasattr(config, name)}
        return structs.replace(member, config=structs.replace(config, **fitting))

    return Cluster({address: changed(member) for address, member in cluster.members.items()})


def live_stage(
    about: Sequence[str],
    folder: Path | None,
    cluster: Cluster,
    rounds: Rounds,
    faults: Sequence[Fault],
    promises: Sequence[Promise],
    codes: Collection[str],
    *,
    progress: Operations | None = None,
    table: Callable[[Mapping[Any, Any]], Sequence[str]] = lambda probes: (),
    keep: Callable[[Run], Sequence[str]] = lambda run: (),
    shape: Mapping[str, Any] | None = None,
) -> LiveStage:
    """Operations in rounds, faults meanwhile; judged by the promises of those codes."""
    if folder is not None:
        raise BadInput("lab 4 reads no INPUT")
    victims = [fault.do.node for fault in faults if isinstance(fault.do, Crash)]
    return LiveStage(
        about=[
            *about,
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            f"{', '.join(dict.fromkeys(victims))} will be killed (-9), each at its worst moment",
        ],
        cluster=cluster,
        plan=Plan(tuple(faults)),
        noise=NOISE,
        rounds=rounds,
        progress=progress or Operations(rounds),
        judge=judged_by(promises, codes),
        table=table,
        keep=keep,
        shape=dict(shape or {}),
        record=NOTICED | RECORD_MESSAGES,
    )
