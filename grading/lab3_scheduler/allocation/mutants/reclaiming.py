"""Bugs of part 3C: who is thrown out without need, who is never served, and who steals what was freed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import structs

from distlab.grade.lab import Mutant, bug
from labs.lab3_scheduler.reclaim import Draft, Reclaimer
from labs.lab3_scheduler.reclaiming import Claim, Plan, Running, View, Wish
from labs.lab3_scheduler.scheduling import NOTHING, Resources


class NobodyMustGo(Draft):
    """Waits for room to come by itself: a queue below its min starves behind long containers of others."""

    def victims(self, node: str, need: Resources, among: Iterable[Running]) -> list[Running] | None:
        return [] if need.fits(self.free[node]) else None


class AddsUnits(Draft):
    """Compares MiB plus vcores with MiB plus vcores. Where one resource counts in thousands, the other one is nothing:
    preemption never fires for it."""

    def share(self, used: Resources) -> int:
        return used.memory + used.vcores


class EitherBelow(Draft):
    """A queue is owed while *any* resource is below its min: one that needs hardly any memory is owed for ever."""

    def is_wanted(self, queue: str, app: str, capability: Resources) -> bool:
        will_have, least = self.used[queue].plus(self.claimed[queue]), self.least[queue]
        if will_have.memory >= least.memory and will_have.vcores >= least.vcores:
            return False
        share, self.share = self.share, lambda used: 0 if used == will_have else 1  # type: ignore[method-assign]
        try:
            return super().is_wanted(queue, app, capability)
        finally:
            self.share = share  # type: ignore[method-assign]


class ForgottenWhenFreed(Reclaimer):
    """Drops a claim as soon as nobody has to go for it any more: there is room now, and others take it."""

    def plan(self, view: View) -> Plan:
        plan = super().plan(view)
        return structs.replace(plan, claims=tuple(c for c in plan.claims if c.victims))


class ClaimsForEverything(Draft):
    """Reserves for whatever is waited for, owed or not: soon every node is reserved, and nothing runs."""

    def is_wanted(self, queue: str, app: str, capability: Resources) -> bool:
        mine = [c for c in self.claims if (c.app, c.capability) == (app, capability)]
        waiting = [w.count for w in self.view.wishes if (w.app, w.capability) == (app, capability)]
        return sum(waiting) > len(mine)


class ClaimsDoNotCount(Draft):
    """Asks what a queue uses, and forgets what is claimed for it already: ten claims where one was owed."""

    def is_wanted(self, queue: str, app: str, capability: Resources) -> bool:
        claimed, self.claimed[queue] = self.claimed[queue], NOTHING
        try:
            return super().is_wanted(queue, app, capability)
        finally:
            self.claimed[queue] = claimed


class WithoutWarning(Reclaimer):
    """Whoever is named ends at once."""

    def plan(self, view: View) -> Plan:
        plan = super().plan(view)
        return structs.replace(plan, kills=tuple(v for c in plan.claims for v in c.victims))


class OnceWarned(Reclaimer):
    """Whoever was warned ends when the time has come, needed or not."""

    doomed: dict[int, int]

    def plan(self, view: View) -> Plan:
        self.doomed = getattr(self, "doomed", {})
        plan = super().plan(view)
        for victim in (v for c in plan.claims for v in c.victims):
            self.doomed.setdefault(victim, view.now)
        there = {running.container for running in view.running}
        late = tuple(v for v, at in self.doomed.items() if v in there and view.now - at >= 50_000)
        return structs.replace(plan, kills=late)


class OnlyWarns(Reclaimer):
    """Warns, and trusts that whoever was warned will go."""

    def plan(self, view: View) -> Plan:
        return structs.replace(super().plan(view), kills=())


class WarnsAgain(Reclaimer):
    """Each look warns anew, and the grace begins anew: nobody ever goes."""

    def plan(self, view: View) -> Plan:
        self.warned = {}
        return super().plan(view)


class NobodyIsSafe(Draft):
    """Throws out whatever is in the way, preemptible or not."""

    def candidates(self, node: str) -> list[Running]:
        mine = [r for r in self.there.values() if r.node == node]
        return sorted(mine, key=lambda running: -running.container)


class TidiesUp(Draft):
    """Throws out everybody who may go from a node, where one of them would have been enough."""

    def victims(self, node: str, need: Resources, among: Iterable[Running]) -> list[Running] | None:
        among = list(among)
        if not (found := super().victims(node, need, among)):
            return found
        chosen: list[Running] = []
        for one in among:
            if self.may_go([*chosen, one]):
                chosen.append(one)
        return chosen


class NotTheLeastOne(Draft):
    """Adds victims up until there is room, and does not look whether the first ones are needed at all."""

    def victims(self, node: str, need: Resources, among: Iterable[Running]) -> list[Running] | None:
        free, chosen = self.free[node], []
        for one in sorted(among, key=lambda r: r.capability.memory + r.capability.vcores):
            if need.fits(free):
                break
            if self.may_go([*chosen, one]):
                chosen.append(one)
                free = free.plus(one.capability)
        return chosen if need.fits(free) else None


class RobsThePoor(Draft):
    """Takes from anybody, also from a queue that has no more than its min: next time it is that one's turn to take."""

    def may_go(self, victims: list[Running]) -> bool:
        return True


class OneByOne(Draft):
    """Asks of each victim whether its queue can spare it, and not whether it can spare all of them."""

    def may_go(self, victims: list[Running]) -> bool:
        return all(super(OneByOne, self).may_go([victim]) for victim in victims)


class WithWhatIsLeft(Draft):
    """Asks what a queue uses now, and forgets who of it is warned already: two claims take more than it can spare."""

    def add(self, claim: Claim) -> None:
        used = dict(self.used)
        super().add(claim)
        self.used = used


class LooksAtOneNode(Draft):
    """Throws somebody out on the first node where that helps, while another node is empty."""

    def claim(self, wish: Wish, last: str = "", old: list[Running] | None = None) -> bool:
        for node in self.free:
            victims = self.victims(node, wish.capability, self.candidates(node))
            if victims is not None:
                numbers = tuple(victim.container for victim in victims)
                self.add(Claim(wish.app, wish.queue, wish.capability, node, numbers))
                return True
        return False


class StaysForGood(Draft):
    """A claim that has victims keeps them, also when there is room elsewhere by now."""

    def keep(self, claim: Claim) -> None:
        there = [self.there[c] for c in claim.victims if c in self.there]
        wanted = self.is_wanted(claim.queue, claim.app, claim.capability)
        if wanted and there and claim.node in self.free:
            self.add(structs.replace(claim, victims=tuple(v.container for v in there)))
        else:
            super().keep(claim)


class NamedTwice(Draft):
    """Two claims on one node count on the same victim."""

    def add(self, claim: Claim) -> None:
        there = dict(self.there)
        super().add(claim)
        self.there = there


class WandersAbout(Reclaimer):
    """Chooses a node by the clock: each look warns somebody else."""

    def plan(self, view: View) -> Plan:
        self.claims = ()
        turn = view.now // 20_000 % max(1, len(view.nodes))
        nodes = view.nodes[turn:] + view.nodes[:turn]
        return super().plan(structs.replace(view, nodes=nodes))


class OneAtATime(Draft):
    """One claim in the whole cluster: all other queues that are owed wait until it is served."""

    def is_wanted(self, queue: str, app: str, capability: Resources) -> bool:
        return not self.claims and super().is_wanted(queue, app, capability)


class FirstInLine(Reclaimer):
    """Stops at the first wish that nothing can be done for: those behind it wait for it."""

    def plan(self, view: View) -> Plan:
        draft = Draft(view)
        for wish in view.wishes:
            wanted = draft.is_wanted(wish.queue, wish.app, wish.capability)
            if wanted and not draft.claim(wish):
                rest = view.wishes[: view.wishes.index(wish)]
                return super().plan(structs.replace(view, wishes=rest))
        return super().plan(view)


class WishesAreForEver(Reclaimer):
    """Keeps a claim although its application does not wait for it any more."""

    def plan(self, view: View) -> Plan:
        old = self.claims
        plan = super().plan(view)
        lost = tuple(
            c for c in old if not any(w.app == c.app for w in view.wishes) and not c.victims
        )
        lost += tuple(c for c in old if c.victims and not any(w.app == c.app for w in view.wishes))
        return structs.replace(plan, claims=(*plan.claims, *lost))


class RoomForHalf(Draft):
    """Looks at memory only: when all have gone who must, there are no processors for whom they went."""

    def victims(self, node: str, need: Resources, among: Iterable[Running]) -> list[Running] | None:
        free, self.free[node] = self.free[node], structs.replace(self.free[node], vcores=1 << 30)
        try:
            return super().victims(node, need, among)
        finally:
            self.free[node] = free


def _of(kind: str, code: str, breaks: str, by: type, source: str = "ours") -> Mutant:
    words = "".join(f"-{c.lower()}" if c.isupper() else c for c in by.__name__).strip("-")
    replaces = f"reclaim:{by.__mro__[1].__name__}"
    more: dict[str, Any] = {"code": code, "kind": kind, "source": source}
    return bug(words, by, part="C", replaces=replaces, breaks=breaks, **more)


RECLAIMING = (
    _of("liveness", "m21", "SC-S3", NobodyMustGo),
    _of("liveness", "m6", "SC-S3", AddsUnits, "YARN-6538"),
    _of("safety", "", "SC-S11", EitherBelow),
    _of("liveness", "m7", "SC-S3", ForgottenWhenFreed, "YARN-5829"),
    _of("liveness", "m9", "SC-S11", ClaimsForEverything, "YARN-10546, YARN-4270"),
    _of("cost", "", "SC-S11", ClaimsDoNotCount),
    _of("safety", "", "SC-S12", WithoutWarning),
    _of("cost", "", "SC-S12", OnceWarned),
    _of("liveness", "", "SC-L1", OnlyWarns),
    _of("liveness", "", "SC-L1", WarnsAgain),
    _of("safety", "", "SC-S8", NobodyIsSafe),
    _of("cost", "", "SC-S8", TidiesUp),
    _of("cost", "", "SC-S8", NotTheLeastOne),
    _of("liveness", "", "SC-L2", RobsThePoor),
    _of("safety", "", "SC-L2", OneByOne),
    _of("safety", "", "SC-L2", WithWhatIsLeft),
    _of("cost", "", "SC-S8", LooksAtOneNode),
    _of("cost", "", "SC-S8", StaysForGood),
    _of("safety", "", "SC-S8", NamedTwice),
    _of("liveness", "", "SC-L2", WandersAbout),
    _of("liveness", "", "SC-S3", OneAtATime),
    _of("liveness", "", "SC-S3", FirstInLine),
    _of("safety", "", "SC-S11", WishesAreForEver),
    _of("safety", "", "SC-S11", RoomForHalf),
)
