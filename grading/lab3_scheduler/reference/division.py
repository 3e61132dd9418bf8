"""The nodes of one label, and who shares them: a tree of queues with applications in its leaves (part 3B).

Theory of operation (Ghodsi and others, "Dominant resource fairness", NSDI 2011). Of each resource a user has some part
of the total; the largest of these parts is its *dominant share*, and whoever has the least of it is next. The total is
that of all nodes of one label: so each label is a cluster of its own, and a :class:`Division` is one of them.

A share is a fraction, and 1/3 is not 333/1000. So nothing is divided here: all fractions of one total have the
denominator memory x vcores, and their numerators are whole numbers that can be compared. The same with weights: all
shares are multiplied by a common multiple of them first.

For each container the tree is walked from the root: the child whose turn it is, its child, and so on down to an
application. Shares change along that one path only, so nothing is sorted: each queue keeps its children in a heap by
turn, the one that was served is moved to its new place, and the rest stays. That is O(log n) for each container,
however many nodes there are.

A child from which nothing fits now (too large for what is left of this node, or of a queue's max) is *set aside*. While
one node is filled, room only shrinks, so it stays aside until that node is done.

Two things make a heap's entries wrong: a share that falls when a container ends, and totals that change. The first
makes a new entry; each has the *version* of its child, and one of an old version is thrown away where it surfaces. The
second makes all of them anew, once, before the next container.

Ugly, and why: sizes are pairs of plain numbers here (m, v), not ``Resources``. This is the loop that must be fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush, heapreplace
from math import gcd, lcm

from labs.lab3_scheduler.scheduling import ANY, Ask, Limits, Queue, Resources

UNBOUNDED = Resources(1 << 62, 1 << 62)

Rest = tuple[int, int, int, int]
"""What node and queues leave room for: memory, vcores, and both for containers that are not preemptible."""


class Machine:
    """A node, and what is free on it."""

    __slots__ = ("containers", "label", "memory", "name", "rack", "vcores")

    def __init__(self, name: str, rack: str, label: str, memory: int, vcores: int) -> None:
        self.name, self.rack, self.label = name, rack, label
        self.memory, self.vcores = memory, vcores
        self.containers: set[int] = set()


class Wish:
    """An ask that is open."""

    __slots__ = ("ask", "count", "fixed", "member", "memory", "place", "vcores")

    def __init__(self, ask: Ask, member: Member) -> None:
        self.member = member
        """Whose it is."""
        self.ask = ask
        """With count 1: what its grants carry."""
        self.count = 0
        self.memory, self.vcores = ask.capability.memory, ask.capability.vcores
        self.fixed = not ask.preemptible
        self.place = "" if ask.relax or ask.location == ANY else ask.location

    def is_welcome(self, machine: Machine) -> bool:
        return self.place in ("", machine.name, machine.rack)


class Member:
    """Whoever takes turns: a queue, or an application in a leaf. Uses (memory, vcores)."""

    __slots__ = (
        "app",
        "factor",
        "floor",
        "memory",
        "order",
        "parent",
        "vcores",
        "version",
        "wishes",
    )

    def __init__(self, app: str, parent: Group | None, order: int) -> None:
        self.app = app
        self.parent = parent
        self.order = order
        """Of equal shares, who came first is first."""
        self.memory = self.vcores = 0
        self.factor = 1
        """Common multiple of all weights, over its own: share x factor is share / weight, in whole numbers."""
        self.floor = 0
        """The share of its min, as totals are now: below it, it is owed something."""
        self.version = 0
        """Of its entry in the parent's heap that counts."""
        self.wishes: list[Wish] = []
        """The most urgent first."""

    @property
    def is_hungry(self) -> bool:
        return bool(self.wishes)


Entry = tuple[bool, int, int, int, Member]
"""Is not owed, share / weight, order, version, who: the smallest is next."""


class Group(Member):
    """A queue."""

    __slots__ = (
        "fixed_memory",
        "fixed_vcores",
        "heap",
        "hungry",
        "is_limited",
        "least",
        "most",
        "quota",
        "shapes",
    )

    def __init__(self, parent: Group | None, order: int, limits: Limits) -> None:
        super().__init__("", parent, order)
        self.heap: list[Entry] = []
        self.hungry: dict[Member, None] = {}
        """Children with something to wish for."""
        self.shapes: dict[tuple[int, int], int] = {}
        """Sizes that somebody below waits for, and how many wishes have them: where none fits, nobody is asked."""
        self.fixed_memory = self.fixed_vcores = 0
        self.least = limits.min
        self.most = UNBOUNDED if limits.max is None else limits.max
        self.quota = UNBOUNDED if limits.quota is None else limits.quota
        self.is_limited = limits.max is not None or limits.quota is not None

    @property
    def is_hungry(self) -> bool:
        return bool(self.hungry)

    def rest(self, above: Rest) -> Rest:
        """What this queue leaves of what those above it do."""
        # BEGIN SOLUTION 3B: the smaller one each time; what is not preemptible is within the max, too
        memory = min(above[0], self.most.memory - self.memory)
        vcores = min(above[1], self.most.vcores - self.vcores)
        fixed_memory = min(above[2], memory, self.quota.memory - self.fixed_memory)
        fixed_vcores = min(above[3], vcores, self.quota.vcores - self.fixed_vcores)
        return memory, vcores, fixed_memory, fixed_vcores
        # END SOLUTION


class Division:
    """One label's nodes and queues."""

    def __init__(self, label: str, queues: Sequence[Queue]) -> None:
        self.memory = self.vcores = 0
        """In total."""
        self.scale = (1, 1)
        """What memory, and what vcores, count in a share."""
        self.is_stale = False
        self.groups: dict[str, Group] = {}
        self.aside: list[tuple[Group, Entry]] = []
        common = lcm(*(queue.weight for queue in queues))
        for order, queue in enumerate(queues):
            limits = next((limit for limit in queue.limits if limit.label == label), None)
            if limits is not None and (not queue.parent or queue.parent in self.groups):
                group = Group(self.groups.get(queue.parent), order, limits)
                group.factor = common // queue.weight
                self.groups[queue.name] = group
        self.root = next(iter(self.groups.values()))

    # -- totals and turns ---------------------------------------------------------------------------------------------

    def grow(self, memory: int, vcores: int) -> None:
        """Nodes came, or went: all shares are other ones from now on."""
        self.memory += memory
        self.vcores += vcores
        self.is_stale = True

    def share(self, memory: int, vcores: int) -> int:
        """The dominant share of who uses so much: a whole number, to be compared with others of the same totals."""
        # BEGIN SOLUTION 3B: the larger one of the two parts
        by_memory, by_vcores = memory * self.scale[0], vcores * self.scale[1]
        return by_memory if by_memory > by_vcores else by_vcores
        # END SOLUTION

    def entry(self, member: Member) -> Entry:
        """Where a member stands among its siblings."""
        # BEGIN SOLUTION 3B: whoever is owed first, then by share / weight, then by order
        share = self.share(member.memory, member.vcores)
        return share >= member.floor, share * member.factor, member.order, member.version, member
        # END SOLUTION

    def refresh(self) -> None:
        """Make all heaps anew: totals have changed."""
        # BEGIN SOLUTION 3B: new factors, new floors, new entries
        common = gcd(self.memory, self.vcores) or 1
        self.scale = (self.vcores // common, self.memory // common)
        for group in self.groups.values():
            group.floor = self.share(group.least.memory, group.least.vcores)
        for group in self.groups.values():
            group.heap = [self.entry(child) for child in group.hungry]
            heapify(group.heap)
        self.is_stale = False
        # END SOLUTION

    def enter(self, member: Member) -> None:
        """A member that is hungry stands where its share is now; and so do all above it."""
        # BEGIN SOLUTION 3B: a new version, a new entry; throw old ones away where they are many
        while (group := member.parent) is not None:
            member.version += 1
            if member.is_hungry:
                group.hungry[member] = None
                heappush(group.heap, self.entry(member))
            else:
                group.hungry.pop(member, None)
            if len(group.heap) > 4 * len(group.hungry) + 16:
                group.heap = [self.entry(child) for child in group.hungry]
                heapify(group.heap)
            member = group
        # END SOLUTION

    # -- taking and giving back ---------------------------------------------------------------------------------------

    def use(self, member: Member, memory: int, vcores: int, fixed: bool) -> None:
        """A member uses so much more (or less, where negative), and so do all queues above it."""
        # BEGIN SOLUTION 3B: the whole path, up to the root
        member.memory += memory
        member.vcores += vcores
        group = member.parent
        while group is not None:
            group.memory += memory
            group.vcores += vcores
            if fixed:
                group.fixed_memory += memory
                group.fixed_vcores += vcores
            group = group.parent
        # END SOLUTION

    def fill(self, machine: Machine) -> list[Wish]:
        """What goes on that node now, one container after the other, until nothing fits: the wishes they are of."""
        # BEGIN SOLUTION 3B: walk down by turn, take, move what was served; what does not fit stands aside
        if self.is_stale:
            self.refresh()
        taken: list[Wish] = []
        while True:
            memory, vcores = machine.memory, machine.vcores
            wish = self._descend(self.root, machine, (memory, vcores, memory, vcores))
            if wish is None:
                break
            taken.append(wish)
        for group, entry in self.aside:
            if entry[3] == entry[4].version:
                heappush(group.heap, entry)
        self.aside.clear()
        return taken
        # END SOLUTION

    # BEGIN SOLUTION 3B: helpers of your own
    def _descend(self, group: Group, machine: Machine, room: Rest) -> Wish | None:
        """Take one container beneath this queue, of those for which there is room."""
        if group.is_limited:
            room = group.rest(room)
        memory, vcores = room[:2]
        for m, v in group.shapes:
            if m <= memory and v <= vcores:
                break
        else:
            return None
        heap = group.heap
        while heap:
            _, _, _, version, child = heap[0]
            if version != child.version:
                heappop(heap)
                continue
            if isinstance(child, Group):
                wish = self._descend(child, machine, room)
            else:
                wish = self._serve(child, machine, room)
            if wish is None:
                self.aside.append((group, heappop(heap)))
                continue
            group.memory += wish.memory
            group.vcores += wish.vcores
            if wish.fixed:
                group.fixed_memory += wish.memory
                group.fixed_vcores += wish.vcores
            if child.is_hungry:
                heapreplace(heap, self.entry(child))
            else:
                heappop(heap)
                child.version += 1
                del group.hungry[child]
            return wish
        return None

    def _serve(self, member: Member, machine: Machine, room: Rest) -> Wish | None:
        """Take the most urgent wish of an application that fits."""
        memory, vcores, fixed_memory, fixed_vcores = room
        for wish in member.wishes:
            m, v = wish.memory, wish.vcores
            if m > memory or v > vcores or (wish.place and not wish.is_welcome(machine)):
                continue
            if wish.fixed and (m > fixed_memory or v > fixed_vcores):
                continue
            member.memory += m
            member.vcores += v
            machine.memory -= m
            machine.vcores -= v
            wish.count -= 1
            if not wish.count:
                member.wishes.remove(wish)
                self.forget(wish)
            return wish
        return None

    # END SOLUTION

    # -- wishes -------------------------------------------------------------------------------------------------------

    def remember(self, wish: Wish) -> None:
        """Somebody waits for containers of that size."""
        shape, group = (wish.memory, wish.vcores), wish.member.parent
        while group is not None:
            group.shapes[shape] = group.shapes.get(shape, 0) + 1
            group = group.parent

    def forget(self, wish: Wish) -> None:
        """That wish is over."""
        shape, group = (wish.memory, wish.vcores), wish.member.parent
        while group is not None:
            group.shapes[shape] -= 1
            if not group.shapes[shape]:
                del group.shapes[shape]
            group = group.parent
