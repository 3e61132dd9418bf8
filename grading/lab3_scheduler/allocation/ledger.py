"""The books of a scheduler, kept by the obvious rules: what was told, what was answered, and whether that was right.

Pure. Everything is looked up and added up where it is needed, nothing is remembered that could be computed: slow, and
easy to believe. The first answer that no correct scheduler gives raises :class:`Wrong`, with the promise that it
breaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from labs.lab3_scheduler.desk import (
    Answered,
    Beat,
    Deed,
    Enter,
    Free,
    Leave,
    Quit,
    Register,
    Report,
    Want,
)
from labs.lab3_scheduler.scheduling import (
    ANY,
    BAD_RESOURCES,
    DUPLICATE,
    NOTHING,
    TOO_LARGE,
    UNKNOWN_APP,
    UNKNOWN_CONTAINER,
    UNKNOWN_LABEL,
    UNKNOWN_NODE,
    UNKNOWN_QUEUE,
    Ask,
    Grant,
    Limits,
    NodeView,
    Queue,
    Resources,
)


class Wrong(Exception):
    """An answer that no correct scheduler gives."""

    def __init__(self, code: str, reason: str, expected: object = "", got: object = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.expected, self.got = code, reason, expected, got


def total_of(sizes: Iterable[Resources]) -> Resources:
    total = NOTHING
    for size in sizes:
        total = total.plus(size)
    return total


def share(used: Resources, total: Resources) -> int:
    """Dominant share, times both totals."""
    return max(used.memory * total.vcores, used.vcores * total.memory)


def single(ask: Ask) -> Ask:
    return structs.replace(ask, count=1)


class Ledger:
    """What a scheduler should know."""

    def __init__(self, queues: Sequence[Queue]) -> None:
        self.queues = {queue.name: queue for queue in queues}
        parents = {queue.parent for queue in queues}
        self.leaves = {queue.name for queue in queues} - parents
        self.nodes: dict[str, NodeView] = {}
        self.apps: dict[str, str] = {}
        """Application -> its leaf."""
        self.wants: dict[tuple[str, Ask], int] = {}
        """(application, ask with count 1) -> how many are open."""
        self.running: dict[int, Grant] = {}
        self.ever: set[int] = set()
        self.seen: Counter[str] = Counter()
        """Situations."""

    # -- looking up ---------------------------------------------------------------------------------------------------

    def path(self, leaf: str) -> list[str]:
        """From the root down to the leaf."""
        found = [leaf]
        while self.queues[found[0]].parent:
            found.insert(0, self.queues[found[0]].parent)
        return found

    def limits(self, queue: str, label: str) -> Limits | None:
        return next((x for x in self.queues[queue].limits if x.label == label), None)

    def is_open(self, leaf: str, label: str) -> bool:
        """Whether the leaf may use nodes of that label."""
        return all(self.limits(queue, label) is not None for queue in self.path(leaf))

    def label_of(self, grant: Grant) -> str:
        return self.nodes[grant.node].label

    def total(self, label: str) -> Resources:
        return total_of(node.capacity for node in self.nodes.values() if node.label == label)

    def free(self, node: str) -> Resources:
        used = total_of(g.ask.capability for g in self.running.values() if g.node == node)
        return self.nodes[node].capacity.minus(used)

    def containers(self, who: str, label: str) -> Iterator[Grant]:
        """What a queue, with all below it, or an application has of a label."""
        for grant in self.running.values():
            if self.label_of(grant) == label and (
                grant.app == who or who in self.path(self.apps[grant.app])
            ):
                yield grant

    def used(self, who: str, label: str, fixed: bool = False) -> Resources:
        """``fixed``: only by containers that are not preemptible."""
        return total_of(
            grant.ask.capability
            for grant in self.containers(who, label)
            if not (fixed and grant.ask.preemptible)
        )

    # -- what was told ------------------------------------------------------------------------------------------------

    def told(self, who: str, what: Deed, answer: Answered) -> None:
        """Somebody told the scheduler something, and this was the answer. Raises :class:`Wrong`."""
        code = self.refusal(who, what, answer.container)
        got = answer.refused.partition(":")[0]
        if code != got:
            shown = got or "taken"
            raise Wrong("SC-S10", f"{who}: {what!r}", code or "taken", shown)
        if code:
            self.seen["refused"] += 1
            return
        match what:
            case Register(memory, vcores, rack, label):
                self.nodes[who] = NodeView(who, Resources(memory, vcores), rack, label)
                self.seen["totals changed"] += bool(self.running)
            case Leave():
                gone = {number for number, g in self.running.items() if g.node == who}
                self.ended(gone, answer.grants, f"{who} is gone")
                del self.nodes[who]
                self.seen["totals changed"] += bool(self.running)
            case Enter(queue):
                self.apps[who] = queue
            case Quit():
                gone = {number for number, g in self.running.items() if g.app == who}
                self.ended(gone, answer.grants, f"{who} is over")
                for key in [key for key in self.wants if key[0] == who]:
                    del self.wants[key]
                del self.apps[who]
            case Want(asks):
                for ask in asks:
                    self.wants[who, single(ask)] = ask.count
            case Free():
                self.running.pop(answer.container)
                self.seen["given back"] += 1
            case Report(app, number, ask):
                self.running[number] = Grant(number, app, who, single(ask))
                self.ever.add(number)
                self.seen["recovered"] += 1
            case Beat():
                self.beat(who, answer.grants)

    def ended(self, gone: set[int], grants: Sequence[Grant], why: str) -> None:
        """These containers ended with their node or application, and the scheduler says which they were."""
        told = sorted(grant.container for grant in grants)
        if told != sorted(gone):
            raise Wrong("SC-S10", f"{why}: which containers end with it", sorted(gone), told)
        for number in gone:
            del self.running[number]

    def refusal(self, who: str, what: Deed, container: int) -> str:
        """The code with which that must be refused, or nothing."""
        match what:
            case Register(memory, vcores):
                if who in self.nodes:
                    return DUPLICATE
                return "" if is_sound(Resources(memory, vcores)) else BAD_RESOURCES
            case Leave() | Beat():
                return "" if who in self.nodes else UNKNOWN_NODE
            case Enter(queue):
                if who in self.apps:
                    return DUPLICATE
                return "" if queue in self.leaves else UNKNOWN_QUEUE
            case Report(app, number, ask):
                return self.no_report(who, app, number, ask)
        if who not in self.apps:
            return UNKNOWN_APP if not isinstance(what, Free) or container else UNKNOWN_CONTAINER
        if isinstance(what, Want):
            return self.no_asks(who, what.asks)
        if isinstance(what, Free):
            held = self.running.get(container)
            return "" if held is not None and held.app == who else UNKNOWN_CONTAINER
        return ""

    def no_asks(self, app: str, asks: Sequence[Ask]) -> str:
        if any(not is_sound(ask.capability) or ask.count < 0 for ask in asks):
            return BAD_RESOURCES
        if not all(self.is_open(self.apps[app], ask.label) for ask in asks):
            return UNKNOWN_LABEL
        for ask in asks:
            sizes = [node.capacity for node in self.nodes.values() if node.label == ask.label]
            if sizes and not any(ask.capability.fits(size) for size in sizes):
                return TOO_LARGE
        return ""

    def no_report(self, node: str, app: str, number: int, ask: Ask) -> str:
        if number in self.running:
            return DUPLICATE
        if app not in self.apps:
            return UNKNOWN_APP
        if node not in self.nodes:
            return UNKNOWN_NODE
        label = self.nodes[node].label
        if ask.label != label or not self.is_open(self.apps[app], label):
            return UNKNOWN_LABEL
        return "" if ask.capability.fits(self.free(node)) else TOO_LARGE

    # -- what was granted ---------------------------------------------------------------------------------------------

    def beat(self, node: str, grants: Sequence[Grant]) -> None:
        """What went on a node when it reported, one after the other; and then nothing else fits."""
        for grant in grants:
            self.check(grant, node)
            self.take(grant)
        self.seen["granted"] += bool(grants)
        for (app, ask), count in self.wants.items():
            if count and self.may_go(app, ask, node):
                raise Wrong(
                    "SC-L1",
                    f"{node} has {self.free(node)} free, {app} asks for {ask.capability}, and gets nothing",
                    "a grant: nothing stands against it",
                    f"{len(grants)} grants to others" if grants else "no grant",
                )

    def take(self, grant: Grant) -> None:
        self.running[grant.container] = grant
        self.ever.add(grant.container)
        self.wants[grant.app, grant.ask] -= 1

    def may_go(self, app: str, ask: Ask, node: str) -> bool:
        """Whether such a container may go on that node now."""
        return self.against(app, ask, node) is None

    def against(self, app: str, ask: Ask, node: str) -> Wrong | None:
        """What speaks against such a container on that node now."""
        view, size = self.nodes[node], ask.capability
        what = f"{app} gets {size} on {node}"
        if ask.label != view.label:
            return Wrong("SC-S4", f"{what}, which is of another label", ask.label, view.label)
        if not ask.relax and ask.location not in (ANY, view.name, view.rack):
            return Wrong("SC-S4", f"{what}, in {view.rack}", ask.location, node)
        if not size.fits(self.free(node)):
            return Wrong("SC-S1", what, f"at most {self.free(node)}", size)
        for queue in self.path(self.apps[app]):
            limits = self.limits(queue, view.label)
            assert limits is not None
            used = self.used(queue, view.label).plus(size)
            if limits.max is not None and not used.fits(limits.max):
                return Wrong("SC-S3", f"{what}: more than {queue} may use", limits.max, used)
            fixed = self.used(queue, view.label, fixed=True).plus(size)
            if not ask.preemptible and limits.quota is not None and not fixed.fits(limits.quota):
                return Wrong("SC-S3", f"{what}: above the quota of {queue}", limits.quota, fixed)
        return None

    def check(self, grant: Grant, node: str) -> None:
        """One grant, before it is taken."""
        app, ask = grant.app, grant.ask
        if grant.container in self.ever:
            raise Wrong("SC-S2", f"container {grant.container} is given twice", "a new number")
        if grant.node != node:
            raise Wrong("SC-S10", f"{node} reported", f"grants on {node}", f"one on {grant.node}")
        if not self.wants.get((app, ask)):
            raise Wrong("SC-S2", f"{app} gets {ask}, which it does not ask for", got=grant)
        if (wrong := self.against(app, ask, node)) is not None:
            raise wrong
        self.turn(app, ask, node)

    def turn(self, app: str, ask: Ask, node: str) -> None:
        """Whether it was that application's turn: at each level, among those who have something that fits here."""
        able = {
            other
            for (other, wish), count in self.wants.items()
            if count and self.may_go(other, wish, node)
        }
        for other, wish in self.wants:
            is_open = self.wants[other, wish] > 0 and wish.priority < ask.priority
            if other == app and is_open and self.may_go(other, wish, node):
                raise Wrong(
                    "SC-S5",
                    f"{app} gets a container of priority {ask.priority} on {node}, and one of {wish.priority} fits",
                    f"priority {wish.priority} first",
                    f"priority {ask.priority}",
                )
        if len(able) > 1:
            self.seen["contended"] += 1
        mine = [*self.path(self.apps[app]), app]
        label = self.nodes[node].label
        for other in sorted(able - {app}):
            theirs = [*self.path(self.apps[other]), other]
            me, you = next((m, y) for m, y in zip(mine, theirs, strict=False) if m != y)
            if self.goes_before(you, me, label):
                raise Wrong(
                    "SC-S5",
                    f"{app} gets {ask.capability} on {node}, and it was the turn of {other}",
                    f"{you} first: {self.standing(you, label)}",
                    f"{me}: {self.standing(me, label)}",
                )

    def standing(self, who: str, label: str) -> str:
        """For people."""
        used, total = self.used(who, label), self.total(label)
        owed = "owed, " if self.rank(who, label)[0] else ""
        weight = self.queues[who].weight if who in self.queues else 1
        return f"{owed}uses {used} of {total}" + (f", weight {weight}" if weight != 1 else "")

    def rank(self, who: str, label: str) -> tuple[bool, int, int]:
        """Whether a member is owed something, its share, its weight."""
        total = self.total(label)
        mine = share(self.used(who, label), total)
        if who not in self.queues:
            return False, mine, 1
        limits = self.limits(who, label)
        assert limits is not None
        return mine < share(limits.min, total), mine, self.queues[who].weight

    def goes_before(self, one: str, other: str, label: str) -> bool:
        """Whether ``one`` comes strictly before its sibling ``other``."""
        owed, mine, weight = self.rank(one, label)
        other_owed, theirs, other_weight = self.rank(other, label)
        if owed != other_owed:
            self.seen["owed"] += 1
            return owed
        return mine * other_weight < theirs * weight


def is_sound(size: Resources) -> bool:
    return size.memory >= 0 and size.vcores >= 0 and size != NOTHING
