"""Bugs of part 3B: whose turn it is, how far a queue may go, and what is forgotten when something ends."""

from __future__ import annotations

from collections.abc import Sequence

from distlab.grade.lab import bug
from labs.lab3_scheduler.division import (
    UNBOUNDED,
    Division,
    Entry,
    Group,
    Machine,
    Member,
    Rest,
    Wish,
)
from labs.lab3_scheduler.fair import Application, FairScheduler
from labs.lab3_scheduler.scheduling import Ask, Grant, NodeView, Queue, Resources

DRF = "Ghodsi and others, Dominant resource fairness, NSDI 2011"


class _Rule(Division):
    """Another rule for shares than DRF's."""

    def rule(self, memory: int, vcores: int) -> int:
        """Of the parts of both totals, over a common denominator."""
        raise NotImplementedError

    def share(self, memory: int, vcores: int) -> int:
        return self.rule(memory * self.scale[0], vcores * self.scale[1])


class AssetFairness(_Rule):
    """Adds the shares of all resources up, as if they could be exchanged."""

    def rule(self, memory: int, vcores: int) -> int:
        return memory + vcores


class ProcessorsOnly(_Rule):
    """Goes by processors alone: whoever needs memory gets all of it."""

    def rule(self, memory: int, vcores: int) -> int:
        return vcores


class MemoryOnly(_Rule):
    """Goes by memory alone, as the default calculator of YARN's Capacity Scheduler does."""

    def rule(self, memory: int, vcores: int) -> int:
        return memory


class LeastShare(_Rule):
    """Compares the smaller of the two shares, not the dominant one."""

    def rule(self, memory: int, vcores: int) -> int:
        return min(memory, vcores)


class RawUnits(Division):
    """Takes the larger number, MiB or vcores, without dividing by what there is."""

    def share(self, memory: int, vcores: int) -> int:
        return max(memory, vcores)


class WholePercents(_Rule):
    """Shares in whole percents: 33.9 % is 33 %, and so on; who is behind by less than one waits like all the others."""

    def rule(self, memory: int, vcores: int) -> int:
        per_memory, _ = self.scale
        return max(memory, vcores) * 100 // max(1, self.memory * per_memory)


class NothingOfOneIsNothing(_Rule):
    """Who uses nothing of one resource is taken for one who uses nothing at all: without processors, memory is free."""

    def rule(self, memory: int, vcores: int) -> int:
        return max(memory, vcores) if memory and vcores else 0


class ShareOfTheNode(Division):
    """A share is one of the node that reports, not of the label's total."""

    def fill(self, machine: Machine) -> list[Wish]:
        self.scale = (max(1, machine.vcores), max(1, machine.memory))
        for group in self.groups.values():
            group.heap = sorted(self.entry(child) for child in group.hungry)
        self.is_stale = False
        return super().fill(machine)


class OneTotal(FairScheduler):
    """A share is one of the whole cluster, whatever the label: who is alone on a small label has hardly any."""

    def add_node(self, node: NodeView) -> None:
        super().add_node(node)
        for label, division in self.divisions.items():
            if label != node.label:
                division.grow(node.capacity.memory, node.capacity.vcores)


class WeightsDoNotCount(Division):
    """All queues alike, whatever they pay for."""

    def __init__(self, label: str, queues: Sequence[Queue]) -> None:
        super().__init__(label, queues)
        for group in self.groups.values():
            group.factor = 1


class WeightsUpsideDown(Division):
    """Multiplies a share by the weight, where it should be divided."""

    def __init__(self, label: str, queues: Sequence[Queue]) -> None:
        super().__init__(label, queues)
        weights = {queue.name: queue.weight for queue in queues}
        for name, group in self.groups.items():
            group.factor = weights[name]


class NobodyIsOwed(Division):
    """Goes by shares alone: a queue below its min waits for its turn."""

    def entry(self, member: Member) -> Entry:
        _, *rest = super().entry(member)
        return (True, *rest)  # type: ignore[return-value]


class OwedInBoth(Division):
    """A queue is owed while *any* resource is below its min: who needs no processors is owed for ever."""

    def entry(self, member: Member) -> Entry:
        is_sated, *rest = super().entry(member)
        if isinstance(member, Group):
            is_sated = member.least.fits(Resources(member.memory, member.vcores))
        return (is_sated, *rest)  # type: ignore[return-value]


class OldTotals(Division):
    """Shares are computed when a queue changes, and not when the cluster does: a new node moves nobody."""

    def refresh(self) -> None:
        if self.scale == (1, 1):
            super().refresh()
        self.is_stale = False


class MaxOfTheLeaf(Division):
    """Looks at the max of the leaf, and not at those above it."""

    def __init__(self, label: str, queues: Sequence[Queue]) -> None:
        super().__init__(label, queues)
        for group in {group.parent for group in self.groups.values()} - {None}:
            assert group is not None
            group.most = UNBOUNDED


class MaxOfMemory(Division):
    """A queue's max is one of memory; processors are not counted."""

    def __init__(self, label: str, queues: Sequence[Queue]) -> None:
        super().__init__(label, queues)
        for group in self.groups.values():
            group.most = Resources(group.most.memory, UNBOUNDED.vcores)


class ChargesEverything(Division):
    """Containers that can be preempted are charged to the quota like the others, and so fill nothing that is idle."""

    def fill(self, machine: Machine) -> list[Wish]:
        for group in self.groups.values():
            group.fixed_memory, group.fixed_vcores = group.memory, group.vcores
        return super().fill(machine)


class QuotaIsForgotten(Division):
    """A quota is written down, and never looked at."""

    def __init__(self, label: str, queues: Sequence[Queue]) -> None:
        super().__init__(label, queues)
        for group in self.groups.values():
            group.quota = UNBOUNDED


class QuotaIsNotGivenBack(Division):
    """What is not preemptible is charged when it begins, and not refunded when it ends."""

    def use(self, member: Member, memory: int, vcores: int, fixed: bool) -> None:
        super().use(member, memory, vcores, fixed and memory + vcores > 0)


class AnyLabel(FairScheduler):
    """An ask without a label goes anywhere, on labelled nodes too."""

    def allocate(self, node: str, now: int) -> list[Grant]:
        grants = super().allocate(node, now)
        machine = self.machines[node]
        if machine.label and "" in self.divisions:
            machine.label, label = "", machine.label
            grants += super().allocate(node, now)
            machine.label = label
        return grants


class PlacesDoNotCount(Wish):
    """An ask that is for one node only is granted on any."""

    def is_welcome(self, machine: Machine) -> bool:
        return True


class RacksAreNoPlaces(Wish):
    """Understands the name of a node, and not that of a rack: who asks for a rack waits for ever."""

    def is_welcome(self, machine: Machine) -> bool:
        return self.place in ("", machine.name)


class LeafOnly(Division):
    """What ends is taken from its leaf, and stays on the queues above: they fill up with what is long gone."""

    def use(self, member: Member, memory: int, vcores: int, fixed: bool) -> None:
        super().use(member, memory, vcores, fixed)
        if memory + vcores < 0 and member.parent is not None:
            group = member.parent.parent
            while group is not None:
                group.memory -= memory
                group.vcores -= vcores
                group = group.parent


class UseOnly(Division):
    """A container's end changes what its queue uses, and not where it stands in the heap: it waits as if it had it."""

    def enter(self, member: Member) -> None:
        if member.version and member.is_hungry and member.parent and member in member.parent.hungry:
            return
        super().enter(member)


class DeadNodesCount(FairScheduler):
    """A node goes, and its containers stay on the books of their queues."""

    def remove_node(self, name: str) -> list[Grant]:
        lost = super().remove_node(name) if name not in self.machines else None
        if lost is not None:
            return lost
        label = self.machines[name].label
        held = [self.containers[c] for c in sorted(self.machines[name].containers)]
        lost = super().remove_node(name)
        for grant in held:
            member = self._member(self.apps[grant.app], label)
            size = grant.ask.capability
            self.divisions[label].use(member, size.memory, size.vcores, not grant.ask.preemptible)
        return lost


class RecoveredDoNotCount(FairScheduler):
    """What a node reports is listed, and uses nothing: the node is filled once more; its end brings it below zero."""

    def recover(self, grant: Grant) -> None:
        super().recover(grant)
        self._move(grant, -1)


class NumbersFromTheStart(FairScheduler):
    """A container that was reported keeps its number, and the next new one gets the same."""

    def recover(self, grant: Grant) -> None:
        number = self.next
        super().recover(grant)
        self.next = number


class OnTop(FairScheduler):
    """Takes a count for "so many more": an ask that is repeated doubles."""

    def ask(self, app: str, asks: Sequence[Ask]) -> None:
        before = {a: w.count for a, w in self.apps[app].wishes.items()} if app in self.apps else {}
        super().ask(app, asks)
        for ask, wish in self.apps[app].wishes.items():
            wish.count += before.get(ask, 0) if any(a.count and _same(a, ask) for a in asks) else 0


def _same(one: Ask, other: Ask) -> bool:
    return (one.capability, one.priority, one.location) == (
        other.capability,
        other.priority,
        other.location,
    )


class FirstComeFirstServed(FairScheduler):
    """Of one application's asks the oldest goes first, whatever its priority."""

    def _wish(self, application: Application, wishes: Sequence[tuple[Ask, int]]) -> None:
        super()._wish(application, wishes)
        ages = list(application.wishes.values())
        for member in application.members.values():
            member.wishes.sort(key=ages.index)


class UrgentOrNothing(Division):
    """While an application's most urgent ask fits nowhere, its others wait as well, on nodes where they fit."""

    def _serve(self, member: Member, machine: Machine, room: Rest) -> Wish | None:
        rest = member.wishes[1:]
        del member.wishes[1:]
        try:
            return super()._serve(member, machine, room)
        finally:
            member.wishes += rest


class HeadOfLine(Division):
    """Whose turn it is, and whose container does not fit, keeps its turn: all the others wait with it."""

    is_blocked = False

    def fill(self, machine: Machine) -> list[Wish]:
        self.is_blocked = False
        return super().fill(machine)

    def _serve(self, member: Member, machine: Machine, room: Rest) -> Wish | None:
        found = None if self.is_blocked else super()._serve(member, machine, room)
        self.is_blocked = found is None
        return found


class AsideForEver(Division):
    """Who was passed over once, since nothing fitted, is not asked again until it asks again."""

    def fill(self, machine: Machine) -> list[Wish]:
        self.aside = _Forgetful()
        return super().fill(machine)


class _Forgetful(list):  # type: ignore[type-arg]
    """Remembers nothing."""

    def append(self, item: object) -> None:
        pass


class OneForEachBeat(Division):
    """Grants one container for each heartbeat, and lets the node wait for the next one with the rest of its room."""

    has_granted = False

    def fill(self, machine: Machine) -> list[Wish]:
        self.has_granted = False
        return super().fill(machine)

    def _serve(self, member: Member, machine: Machine, room: Rest) -> Wish | None:
        wish = None if self.has_granted else super()._serve(member, machine, room)
        self.has_granted = self.has_granted or wish is not None
        return wish


class TakesTheGoodOnes(FairScheduler):
    """Refuses a list of asks for the bad one in it, and has taken those before it."""

    def ask(self, app: str, asks: Sequence[Ask]) -> None:
        for ask in asks or [None]:
            super().ask(app, [] if ask is None else [ask])


class AnybodysContainer(FairScheduler):
    """Takes back whatever number it is told, from whoever tells it."""

    def release(self, app: str, container: int) -> None:
        held = self.containers.get(container)
        super().release(app if held is None or app not in self.apps else held.app, container)


class TooLargeWaits(FairScheduler):
    """Takes an ask that no node will ever hold, and lets its application wait for it."""

    def ask(self, app: str, asks: Sequence[Ask]) -> None:
        nodes, self.nodes = self.nodes, {}
        try:
            super().ask(app, asks)
        finally:
            self.nodes = nodes


class AddsEverythingUp(FairScheduler):
    """Before each container, adds up for each application what all containers use."""

    def allocate(self, node: str, now: int) -> list[Grant]:
        grants = super().allocate(node, now)
        for _ in grants:
            for app in self.apps:
                sum(g.ask.capability.memory for g in self.containers.values() if g.app == app)
        return grants


def _of(kind: str, code: str, breaks: str, by: type, replaces: str, source: str = "ours"):  # type: ignore[no-untyped-def]
    words = "".join(f"-{c.lower()}" if c.isupper() else c for c in by.__name__).strip("-")
    return bug(
        words, by, part="B", replaces=replaces, breaks=breaks, code=code, kind=kind, source=source
    )


_DIVISION, _FAIR, _WISH = "division:Division", "fair:FairScheduler", "division:Wish"

SHARING = (
    _of("safety", "m1", "SC-S5", ShareOfTheNode, _DIVISION),
    _of("safety", "m1", "SC-S5", OneTotal, _FAIR),
    _of("safety", "m3", "SC-S5", AssetFairness, _DIVISION, DRF),
    _of("safety", "m3", "SC-S5", ProcessorsOnly, _DIVISION),
    _of("safety", "m3", "SC-S5", MemoryOnly, _DIVISION),
    _of("safety", "m3", "SC-S5", LeastShare, _DIVISION),
    _of("safety", "m3", "SC-S5", RawUnits, _DIVISION),
    _of("safety", "m3", "SC-S5", WholePercents, _DIVISION),
    _of("safety", "m4", "SC-S5", NothingOfOneIsNothing, _DIVISION, "YARN-11482"),
    _of("safety", "", "SC-S5", WeightsDoNotCount, _DIVISION),
    _of("safety", "", "SC-S5", WeightsUpsideDown, _DIVISION),
    _of("liveness", "", "SC-S5", NobodyIsOwed, _DIVISION),
    _of("safety", "", "SC-S5", OwedInBoth, _DIVISION),
    _of("safety", "", "SC-S5", OldTotals, _DIVISION),
    _of("safety", "", "SC-S3", MaxOfTheLeaf, _DIVISION),
    _of("safety", "", "SC-S3", MaxOfMemory, _DIVISION),
    _of("cost", "", "SC-L1", ChargesEverything, _DIVISION),
    _of("safety", "", "SC-S3", QuotaIsForgotten, _DIVISION),
    _of("liveness", "", "SC-L1", QuotaIsNotGivenBack, _DIVISION),
    _of("safety", "", "SC-S4", AnyLabel, _FAIR),
    _of("safety", "", "SC-S4", PlacesDoNotCount, _WISH),
    _of("liveness", "", "SC-L1", RacksAreNoPlaces, _WISH),
    _of("liveness", "", "SC-L1", LeafOnly, _DIVISION),
    _of("liveness", "", "SC-S5", UseOnly, _DIVISION),
    _of("liveness", "", "SC-L1", DeadNodesCount, _FAIR),
    _of("safety", "m14", "SC-S1", RecoveredDoNotCount, _FAIR, "YARN-10760"),
    _of("safety", "", "SC-S2", NumbersFromTheStart, _FAIR),
    _of("safety", "", "SC-S2", OnTop, _FAIR),
    _of("safety", "", "SC-S5", FirstComeFirstServed, _FAIR),
    _of("liveness", "", "SC-L1", UrgentOrNothing, _DIVISION),
    _of("liveness", "", "SC-L1", HeadOfLine, _DIVISION),
    _of("liveness", "", "SC-L1", AsideForEver, _DIVISION),
    _of("cost", "", "SC-L1", OneForEachBeat, _DIVISION),
    _of("cost", "", "SC-L4", AddsEverythingUp, _FAIR),
    _of("safety", "", "SC-S10", TakesTheGoodOnes, _FAIR),
    _of("safety", "", "SC-S10", AnybodysContainer, _FAIR),
    _of("liveness", "", "SC-S10", TooLargeWaits, _FAIR),
)
