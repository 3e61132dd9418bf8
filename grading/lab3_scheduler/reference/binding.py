"""Late binding: which task runs with a lease is decided when the lease is here (part 3A).

The AM asked for room near its data, and got some room, later, perhaps elsewhere. By now other tasks
may wait to which it is of more use. Which ask it answered means nothing any more; where it is, how large
it is and which label it has is all that counts. No clock, no network, no state.

A task takes a lease of just its size, never a larger one: else, while a small task sits in the large
place, a small lease is under way that nobody can use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import structs

from labs.lab3_scheduler.cluster import Lease, Task
from labs.lab3_scheduler.scheduling import Ask


def choose(waiting: Iterable[Task], lease: Lease) -> Task | None:
    """Which of the waiting tasks, in their order, to run with the lease; None if it is of no use for any.

    It must be of the lease's size and label. Of those the most urgent counts; of several, one that prefers
    that node; of several, the first.
    """
    # BEGIN SOLUTION 3A: filter, then take the best
    able = [
        task for task in waiting if task.label == lease.label and task.capability == lease.resources
    ]
    return min(able, key=lambda task: (task.priority, task.prefers != lease.node), default=None)
    # END SOLUTION


def asks_for(waiting: Collection[Task]) -> tuple[Ask, ...]:
    """What to ask for, so that each waiting task gets a container: one ask for tasks that want the same."""
    # BEGIN SOLUTION 3A: count alike ones
    counts: dict[Ask, int] = {}
    for task in waiting:
        ask = Ask(task.capability, priority=task.priority, location=task.prefers, label=task.label)
        counts[ask] = counts.get(ask, 0) + 1
    return tuple(structs.replace(ask, count=count) for ask, count in counts.items())
    # END SOLUTION
