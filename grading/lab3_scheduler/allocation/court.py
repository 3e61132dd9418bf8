"""The books of part 3C: who is owed what, who was named and when, and whether a plan was right.

Pure. What is granted is up to the given pool; what is judged is each plan, against everything there is when it is made.
Claims are looked at in the order of the plan, each on top of those before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from distlab.core import MS
from grading.lab3_scheduler.allocation.ledger import Ledger, Wrong, share
from labs.lab3_scheduler.desk import Answered, Beat, Deed, Look
from labs.lab3_scheduler.reclaiming import GRACE, Claim, Plan, Wish
from labs.lab3_scheduler.scheduling import NOTHING, Grant, Queue, Resources

CYCLE = 20 * MS
"""Looks further apart are not counted against anybody."""
SERVED = GRACE + 5 * CYCLE
"""So long a claim may wait, where nothing else happens."""


class Court(Ledger):
    """What there is when a plan is made."""

    def __init__(self, queues: Sequence[Queue]) -> None:
        super().__init__(queues)
        self.least = {q.name: q.limits[0].min for q in queues if q.parent}
        self.wishes: tuple[Wish, ...] = ()
        """What is waited for, and no quota is against, when a plan is made."""
        self.named: dict[int, int] = {}
        """Victim -> since when, without a break."""
        self.last_look = 0
        self.last_claims: list[Claim] = []
        self.is_same = False
        """Nothing has happened since the last look."""
        self.beats: set[str] = set()
        """Who has reported since then."""
        self.waiting: dict[str, int] = {}
        """Queue -> since when it has had claims, and nothing else happened."""

    def judge(self, who: str, what: Deed, answer: Answered, now: int) -> None:
        """Somebody told the manager something, and this was the answer. Raises :class:`Wrong`."""
        if isinstance(what, Look):
            assert answer.plan is not None
            self.wishes = answer.wishes
            self.look(answer.plan, now)
            return
        if answer.refused:
            return
        if isinstance(what, Beat):
            self.beats.add(who)
        else:
            self.waiting.clear()
        if not isinstance(what, Beat) or answer.grants:
            self.is_same = False
        self.told(who, what, answer)

    def refusal(self, who: str, what: Deed, container: int) -> str:
        return ""

    def beat(self, node: str, grants: Sequence[Grant]) -> None:
        for grant in grants:
            self.take(grant)
            self.waiting.pop(self.apps[grant.app], None)
            if any(c.app == grant.app and c.node == node and c.victims for c in self.last_claims):
                self.seen["served by preemption"] += 1

    # -- what is owed -------------------------------------------------------------------------------------------------

    def is_owed(self, queue: str, used: Resources) -> bool:
        total = self.total("")
        return share(used, total) < share(self.least[queue], total)

    def waits(self, app: str, size: Resources) -> int:
        """How many containers of that size an application waits for, and may have."""
        mine = (w.count for w in self.wishes if (w.app, w.capability) == (app, size))
        return sum(mine)

    # -- a plan -------------------------------------------------------------------------------------------------------

    def look(self, plan: Plan, now: int) -> None:
        """A plan is made. Raises :class:`Wrong`."""
        claims = [claim for claim in plan.claims if claim.node in self.nodes]
        state = Standing(self)
        for claim in claims:
            state.check(claim)
            state.add(claim)
        state.nobody_is_owed_by_it()
        state.all_who_can_be_served_are()
        if self.is_same and sorted(map(repr, claims)) != sorted(map(repr, self.last_claims)):
            raise Wrong(
                "SC-L2",
                "nothing has happened since the last look, and the plan is another one",
                self.last_claims,
                claims,
            )
        self.name(plan, now)
        self.wait(state, now)
        self.last_look, self.last_claims, self.is_same = now, claims, True
        self.beats.clear()
        for number in plan.kills:
            if self.running.pop(number, None) is not None:
                self.is_same = False
                self.seen["ended"] += 1

    def name(self, plan: Plan, now: int) -> None:
        """Who is named from now on; who has been for long enough may end."""
        victims = [number for claim in plan.claims for number in claim.victims]
        self.seen["withdrawn"] += any(n not in victims and n in self.running for n in self.named)
        self.named = {number: self.named.get(number, now) for number in victims}
        for number in plan.kills:
            if number not in self.running:
                continue
            since = self.named.get(number)
            if since is None:
                raise Wrong(
                    "SC-S12",
                    f"container {number} ends, and no claim needs it",
                    "a claim that names it",
                )
            if now - since < GRACE:
                raise Wrong(
                    "SC-S12",
                    f"container {number} ends",
                    f"{GRACE // MS} ms after it was warned",
                    f"{(now - since) // MS} ms",
                )

    def wait(self, state: Standing, now: int) -> None:
        """Whoever has had a claim for long enough should have been served."""
        is_regular = now - self.last_look <= CYCLE and self.beats >= self.nodes.keys()
        claimants = {claim.queue for claim in state.claims}
        since = self.waiting if is_regular else {}
        self.waiting = {queue: since.get(queue, now) for queue in sorted(claimants)}
        for queue, began in self.waiting.items():
            if now - began > SERVED:
                mine = [claim for claim in state.claims if claim.queue == queue]
                raise Wrong(
                    "SC-L1",
                    f"{queue} is owed, has a claim, and waits",
                    f"at most {SERVED // MS} ms",
                    f"{(now - began) // MS} ms: {mine[0]}",
                )


class Standing:
    """A plan's claims, one after the other."""

    def __init__(self, court: Court) -> None:
        self.court = court
        self.claims: list[Claim] = []
        self.free = {node: court.free(node) for node in court.nodes}
        """Less what is claimed, with what victims leave."""
        self.used = {queue: court.used(queue, "") for queue in court.least}
        """Without victims."""
        self.claimed = dict.fromkeys(court.least, NOTHING)
        self.gone: set[int] = set()

    def is_owed(self, queue: str) -> bool:
        """Counting what is claimed for it."""
        return self.court.is_owed(queue, self.used[queue].plus(self.claimed[queue]))

    def room(self, size: Resources) -> str:
        """A node with room, or nothing."""
        return next((node for node, free in self.free.items() if size.fits(free)), "")

    def check(self, claim: Claim) -> None:
        """One claim, before it is added."""
        court, size = self.court, claim.capability
        what = f"{claim.app} has a claim to {size} on {claim.node}"
        if court.apps.get(claim.app) != claim.queue:
            raise Wrong("SC-S11", what, court.apps.get(claim.app), claim.queue)
        mine = [c for c in self.claims if (c.app, c.capability) == (claim.app, size)]
        if court.waits(claim.app, size) <= len(mine):
            raise Wrong("SC-S11", f"{what}, and does not wait for it", "no claim")
        if not self.is_owed(claim.queue):
            raise Wrong("SC-S11", f"{what}, and {claim.queue} is not owed so much", "no claim")
        free = self.free[claim.node]
        for number in claim.victims:
            self.check_victim(claim, number)
            free = free.plus(court.running[number].ask.capability)
        if not size.fits(free):
            raise Wrong(
                "SC-S11", f"{what}, and it would not fit when its victims have gone", size, free
            )
        if not claim.victims:
            return
        if node := self.room(size):
            raise Wrong(
                "SC-S8",
                f"{what}, and containers must go for it",
                f"none: {node} has room",
                claim.victims,
            )
        for number in claim.victims:
            if size.fits(free.minus(court.running[number].ask.capability)):
                raise Wrong(
                    "SC-S8",
                    f"{what}, and {number} must go for it",
                    "without it there is room enough",
                    claim.victims,
                )

    def check_victim(self, claim: Claim, number: int) -> None:
        victim = self.court.running.get(number)
        if victim is None or victim.node != claim.node:
            raise Wrong("SC-S8", f"{number} must go from {claim.node}", "a container there", victim)
        if number in self.gone or claim.victims.count(number) > 1:
            raise Wrong("SC-S8", f"{number} must go for two claims", "for one")
        if not victim.ask.preemptible:
            raise Wrong("SC-S8", f"{number} must go", "what is preemptible", "what is not")
        queue = self.court.apps[victim.app]
        if self.court.is_owed(queue, self.court.used(queue, "")):
            raise Wrong(
                "SC-S8",
                f"{number} of {queue} must go",
                "somebody above its min",
                f"{queue} is owed something itself",
            )

    def add(self, claim: Claim) -> None:
        self.claims.append(claim)
        self.court.seen["claimed"] += 1
        self.claimed[claim.queue] = self.claimed[claim.queue].plus(claim.capability)
        self.free[claim.node] = self.free[claim.node].minus(claim.capability)
        for number in claim.victims:
            self.court.seen["named"] += 1
            size = self.court.running[number].ask.capability
            queue = self.court.apps[self.court.running[number].app]
            self.gone.add(number)
            self.used[queue] = self.used[queue].minus(size)
            self.free[claim.node] = self.free[claim.node].plus(size)

    def nobody_is_owed_by_it(self) -> None:
        for queue, used in self.used.items():
            before = self.court.used(queue, "")
            if used != before and self.court.is_owed(queue, used):
                raise Wrong(
                    "SC-L2",
                    f"when all have gone who must, {queue} is below its min",
                    f"at least {self.court.least[queue]}",
                    used,
                )

    def all_who_can_be_served_are(self) -> None:
        """Whoever is owed, and waits, has claims; unless there is no room, and nobody who may go."""
        court = self.court
        for wish in court.wishes:
            app, queue, size = wish.app, wish.queue, wish.capability
            mine = [c for c in self.claims if (c.app, c.capability) == (app, size)]
            if court.waits(app, size) <= len(mine) or not self.is_owed(queue):
                continue
            for node in court.nodes:
                if any(claim.node == node for claim in self.claims):
                    continue
                what = f"{queue} is owed, {app} waits for {size}, and has no claim"
                if size.fits(self.free[node]):
                    raise Wrong("SC-S3", what, f"a claim on {node}: there is room")
                if names := self.who_could_go(node, size):
                    raise Wrong("SC-S3", what, f"a claim on {node}: {names} could go")

    def who_could_go(self, node: str, size: Resources) -> list[int]:
        """Containers that may go there and would be enough: one, or all of some queues. Empty: there are none."""
        court = self.court
        there = [g for g in court.running.values() if g.node == node and g.ask.preemptible]
        by_queue: dict[str, list[Grant]] = {}
        for grant in there:
            by_queue.setdefault(court.apps[grant.app], []).append(grant)
            if size.fits(self.free[node].plus(grant.ask.capability)) and self.may_go([grant]):
                return [grant.container]
        able = [grant for grants in by_queue.values() if self.may_go(grants) for grant in grants]
        free = self.free[node]
        for grant in able:
            free = free.plus(grant.ask.capability)
        return [grant.container for grant in able] if size.fits(free) else []

    def may_go(self, grants: list[Grant]) -> bool:
        """Grants of one queue: whether it still has its min without them."""
        queue = self.court.apps[grants[0].app]
        left = self.used[queue]
        for grant in grants:
            left = left.minus(grant.ask.capability)
        return not self.court.is_owed(queue, left)
