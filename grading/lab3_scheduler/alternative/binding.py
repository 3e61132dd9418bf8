"""Late binding, by sorting; asks, by counting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from labs.lab3_scheduler.cluster import Lease, Task
from labs.lab3_scheduler.scheduling import Ask


def choose(waiting: Iterable[Task], lease: Lease) -> Task | None:
    fitting = [t for t in waiting if (t.label, t.capability) == (lease.label, lease.resources)]
    fitting.sort(key=lambda t: 0 if t.prefers == lease.node else 1)
    fitting.sort(key=lambda t: t.priority)
    return fitting[0] if fitting else None


def asks_for(waiting: Collection[Task]) -> tuple[Ask, ...]:
    kinds = Counter((t.priority, t.prefers, t.label, t.capability) for t in waiting)
    return tuple(
        Ask(capability, count, priority, location, label=label)
        for (priority, location, label, capability), count in kinds.items()
    )
