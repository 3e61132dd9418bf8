"""The fair scheduler behind a desk: what part 3B is graded with. Given."""

from __future__ import annotations

from labs.lab3_scheduler.desk import Desk
from labs.lab3_scheduler.fair import FairScheduler


class FairManager(Desk):
    """A ResourceManager with the scheduler of part 3B."""

    def make_scheduler(self) -> FairScheduler:
        return FairScheduler(self.config.queues)
