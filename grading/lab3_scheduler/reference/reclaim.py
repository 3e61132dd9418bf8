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
        # BEGIN SOLUTION 3C: old claims first, then new ones; those warned a grace ago end
        draft = Draft(view)
        for claim in self.claims:
            draft.keep(claim)
        for wish in view.wishes:
            while draft.is_wanted(wish.queue, wish.app, wish.capability) and draft.claim(wish):
                pass
        self.claims = tuple(draft.claims)
        victims = [container for claim in self.claims for container in claim.victims]
        self.warned = {container: self.warned.get(container, view.now) for container in victims}
        kills = tuple(c for c in victims if view.now - self.warned[c] >= GRACE)
        return Plan(self.claims, kills)
        # END SOLUTION


# BEGIN SOLUTION 3C: helpers of your own
class Draft:
    """A plan that is being made: each claim changes what the next ones find."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.claims: list[Claim] = []
        self.free = {room.node: room.free for room in view.nodes}
        """Less what is claimed; below zero where victims have yet to go."""
        self.used = {owner.name: owner.used for owner in view.queues}
        """When all victims have gone."""
        self.claimed = {owner.name: NOTHING for owner in view.queues}
        self.least = {owner.name: owner.min for owner in view.queues}
        self.there = {running.container: running for running in view.running}
        """Who has not been named yet."""

    def share(self, used: Resources) -> int:
        total = self.view.total
        return max(used.memory * total.vcores, used.vcores * total.memory)

    def is_wanted(self, queue: str, app: str, capability: Resources) -> bool:
        """Whether one more claim of that kind is called for: it is waited for, its queue is owed, claims and all."""
        will_have = self.used[queue].plus(self.claimed[queue])
        if self.share(will_have) >= self.share(self.least[queue]):
            return False
        mine = [c for c in self.claims if (c.app, c.capability) == (app, capability)]
        waiting = [w.count for w in self.view.wishes if (w.app, w.capability) == (app, capability)]
        return sum(waiting) > len(mine)

    def keep(self, claim: Claim) -> None:
        """An old claim stays on its node, with those of its victims that it still needs, or moves to free room."""
        if not self.is_wanted(claim.queue, claim.app, claim.capability):
            return
        victims = None
        if claim.node in self.free:
            old = [self.there[c] for c in claim.victims if c in self.there]
            victims = self.victims(claim.node, claim.capability, old)
        if victims or victims is None:
            self.claim(Wish(claim.app, claim.queue, claim.capability, 1), claim.node, victims)
        else:
            self.add(structs.replace(claim, victims=()))

    def claim(self, wish: Wish, last: str = "", old: list[Running] | None = None) -> bool:
        """Claim room for one container: where there is room; else where it was, else where the fewest must go.

        False: nowhere. ``old`` are victims on node ``last`` that are still enough.
        """
        choices: list[tuple[bool, bool, int, int, str, list[Running]]] = []
        for node in self.free:
            is_old = node == last and old is not None
            victims = old if is_old else self.victims(node, wish.capability, self.candidates(node))
            if victims is not None:
                choices.append(
                    (bool(victims), not is_old, len(victims), len(choices), node, victims)
                )
        if not choices:
            return False
        *_, node, victims = min(choices)
        numbers = tuple(victim.container for victim in victims)
        self.add(Claim(wish.app, wish.queue, wish.capability, node, numbers))
        return True

    def add(self, claim: Claim) -> None:
        self.claims.append(claim)
        self.claimed[claim.queue] = self.claimed[claim.queue].plus(claim.capability)
        self.free[claim.node] = self.free[claim.node].minus(claim.capability)
        for container in claim.victims:
            victim = self.there.pop(container)
            self.used[victim.queue] = self.used[victim.queue].minus(victim.capability)
            self.free[victim.node] = self.free[victim.node].plus(victim.capability)

    def candidates(self, node: str) -> list[Running]:
        """Who could go from there, the youngest first: it has the least to lose."""
        mine = [r for r in self.there.values() if r.node == node and r.preemptible]
        return sorted(mine, key=lambda running: -running.container)

    def victims(self, node: str, need: Resources, among: Iterable[Running]) -> list[Running] | None:
        """Of these, whom a claim there needs to go: none where there is room; None where all would not be enough."""
        free = self.free[node]
        if need.fits(free):
            return []
        among = list(among)
        for one in among:  # one that is enough is better than several that are
            if need.fits(free.plus(one.capability)) and self.may_go([one]):
                return [one]
        chosen: list[Running] = []
        for one in among:
            if self.may_go([*chosen, one]):
                chosen.append(one)
                free = free.plus(one.capability)
        if not need.fits(free):
            return None
        for one in list(chosen):
            if need.fits(free.minus(one.capability)):
                chosen.remove(one)
                free = free.minus(one.capability)
        return chosen

    def may_go(self, victims: list[Running]) -> bool:
        """Whether each of their queues still has its min without them."""
        for queue in {victim.queue for victim in victims}:
            left = self.used[queue]
            for victim in victims:
                if victim.queue == queue:
                    left = left.minus(victim.capability)
            if self.share(left) < self.share(self.least[queue]):
                return False
        return True


# END SOLUTION
