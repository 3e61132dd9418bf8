"""What runs in a container: a job beside the NodeManager, live a process of its own. Given.

A task works step by step and leaves nothing behind but its end: what it computes, a chain of SHA-256,
is there to take time. Its process can be killed from outside; then it has ``Failed``.
"""

from __future__ import annotations

import hashlib

from distlab.core import Job, Steps
from distlab.core.context import JobContext
from labs.lab3_scheduler.cluster import Lease, Task


class RunContainer(Job, frozen=True):
    """One container, with the task that was started in it."""

    Result = bytes

    lease: Lease
    task: Task

    def run(self, io: JobContext) -> Steps:
        state = self.task.name.encode()
        for step in range(self.task.steps):
            for _ in range(self.task.effort):
                state = hashlib.sha256(state).digest()
            yield step
        return state
