"""Who must go, so that others get what they are owed: claims, warnings, ends (part 3C).

Theory of operation. A queue is *owed* while its dominant share is smaller than that of its min. For each container that
an owed queue waits for there is a *claim*: room on one node, kept for it until it is there. Where free room is enough,
the claim has no victims. Where it is not, containers of other queues have to go; and these are the rules.

1. Only what is preemptible goes, and only as much as the claim needs.
2. Nobody becomes owed by it: when all victims have gone, each of their queues still has its min. This is why two queues
   cannot throw each other out in turn, whatever else this module does.
3. Who has to go is warned; it is ended a grace later, if the claim still needs it then.

Each look makes the plan anew, but what the last plan claimed is looked at first, and stays where it is for as long as
it can: a claim that moved about would warn many and serve nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from labs.lab3_scheduler.reclaiming import GRACE, Claim, Plan, Running, View, Wish
from labs.lab3_scheduler.scheduling import NOTHING, Resources


class Reclaimer:
    """Makes plans. Between two looks it remembers its claims, and when whom it warned."""

    def __init__(self) -> None:
        self.claims: tuple[Claim, ...] = ()
        self.warned: dict[int, int] = {}
        """Container -> when it was first named, without a break since."""

    def plan(self, view: View) -> Plan:
        """What is kept for whom from now on, and who ends now."""
        raise NotImplementedError(
            "3C: old claims first, then new ones; those warned a grace ago end"
        )


# TODO 3C: helpers of your own
