"""What a fault plan may ask of real processes, and what it may not."""

from __future__ import annotations

from distlab.faults import STEPS, Clog, Crash, Cut, Noise, Nth, Partition, Plan, Survival


def unsupported(plan: Plan) -> list[str]:
    """Why this plan cannot be carried out live, one line per reason; empty where it can.

    All kinds of faults can. What cannot be had is the loss of what was written and not synced: ``kill -9`` ends a
    process, but the system keeps its writes, so a crash leaves ``ALL`` of them, which is also one of the ways in which
    ``SOME`` can turn out.

    Carried out with the system's means: ``Crash`` and ``Twin`` (SIGKILL, a new process), ``Pause`` (SIGSTOP),
    ``KillJob`` (SIGKILL), ``Rot`` (a bit of the file); in the proxy: ``Drop``, ``Delay``, ``Duplicate``, ``Flip``,
    ``Partition``, ``Cut``, ``Clog``; by the node's own process, as it acts: ``SlowNode``, ``JumpClock``,
    ``SlowDisk``, ``FailSync``, ``FailRead``, ``FillDisk``. The faults of the last line's disks strike what handlers
    do, not what jobs do.
    """
    plan.check()
    steps = [fault for fault in plan.faults if isinstance(fault.do, STEPS)]
    if steps:
        return [
            f"{type(steps[0].do).__name__}: only the simulator can choose every message and timer one by one"
        ]
    return [
        f"{fault.do.node} cannot lose what it wrote and did not sync ({fault.do.unsynced.value}): "
        "the operating system keeps it"
        for fault in plan.faults
        if isinstance(fault.do, Crash) and fault.do.unsynced in (Survival.NOTHING, Survival.TORN)
    ]


def needs_proxy(plan: Plan, noise: Noise) -> bool:
    """Whether something is to happen between the nodes, so that they cannot talk directly."""
    return bool(noise.loss or noise.duplicate or noise.straggle) or any(
        isinstance(fault.when, Nth) or isinstance(fault.do, (Partition, Cut, Clog))
        for fault in plan.faults
    )
