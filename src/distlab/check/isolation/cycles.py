"""Cycles in a graph whose edges are of several kinds: is there one, where, and the shortest of a given sort.

The graph is a list of dicts, node -> {successor: bits of the kinds of edge}. Three tools, from cheap to dear: Kahn's
peeling leaves what lies on a cycle or between two; Tarjan's algorithm finds the strongly connected components of what
is left; a breadth-first search finds a short cycle in one of them. Almost every history is acyclic, and pays for the
first alone.

A *virtual* node stands for a bundle of edges: a -> virtual carries the kind, virtual -> b only says ``LINK``, and both
together are one edge a -> b. So r readers and w writers that are all ordered cost r + w edges, not r * w.

A search runs over *states*, two per node: 2v, and 2v + 1 for "reached by an edge of the kind that must not come twice
in a row". A :class:`Sort` says which edges may be taken, and which, if any, not twice running.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

LINK = 1 << 30
"""Kind of the edges that leave a virtual node."""

Graph = Sequence[dict[int, int]]
Edge = tuple[int, int, int]
"""From, to, kind (one bit)."""


class Sort(Struct, frozen=True):
    """Which cycles are looked for."""

    kinds: int
    """Edges that may be taken."""
    apart: int = 0
    """Kind of edge that may be taken as well, but never twice in a row."""


def cyclic_core(graph: Graph) -> list[int]:
    """What is left when nodes without a predecessor are taken away again and again: nothing, if there is no cycle."""
    waiting = [0] * len(graph)
    for successors in graph:
        for node in successors:
            waiting[node] += 1
    ready = [node for node, count in enumerate(waiting) if not count]
    for node in ready:  # grows while it is walked
        for successor in graph[node]:
            waiting[successor] -= 1
            if not waiting[successor]:
                ready.append(successor)
    if len(ready) == len(graph):
        return []
    gone = set(ready)
    return [node for node in range(len(graph)) if node not in gone]


def components(
    states: Iterable[int], successors: Callable[[int], Iterable[tuple[int, int]]]
) -> list[list[int]]:
    """The strongly connected components of more than one state (Tarjan 1972, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    path: list[int] = []
    on_path: set[int] = set()
    found: list[list[int]] = []
    for root in states:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        path.append(root)
        on_path.add(root)
        work = [(root, iter(successors(root)))]
        while work:
            state, rest = work[-1]
            for other, _ in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    path.append(other)
                    on_path.add(other)
                    work.append((other, iter(successors(other))))
                    break
                if other in on_path:
                    low[state] = min(low[state], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[state])
                if low[state] == index[state]:
                    component = []
                    while True:
                        other = path.pop()
                        on_path.discard(other)
                        component.append(other)
                        if other == state:
                            break
                    if len(component) > 1:
                        found.append(component)
    return found


def moves(graph: Graph, within: set[int], sort: Sort) -> Callable[[int], list[tuple[int, int]]]:
    """From a state to the states one edge away, each with the kind of edge taken."""
    kinds, apart = sort.kinds, sort.apart

    def successors(state: int) -> list[tuple[int, int]]:
        node, after = divmod(state, 2)
        reached = []
        for other, edge in graph[node].items():
            if other not in within:
                continue
            if edge & LINK:
                reached.append((2 * other + after, LINK))
                continue
            if taken := edge & kinds:
                reached.append((2 * other, taken & -taken))
            if edge & apart and not after:
                reached.append((2 * other + 1, apart))
        return reached

    return successors


def find_cycle(graph: Graph, core: Iterable[int], sort: Sort, budget: int = 200_000) -> list[Edge]:
    """A short cycle of this sort among these nodes, virtual nodes drawn together; empty if there is none.

    Whether there is one is exact. It is the shortest unless the components are so large that ``budget`` edges do not
    suffice to search from each of their states.
    """
    within = set(core)
    successors = moves(graph, within, sort)
    best: list[Edge] = []
    for component in components([2 * node for node in sorted(within)], successors):
        inside = set(component)
        for start in sorted(component):
            if best and budget < 0:
                return best
            cycle, seen = _shortest_through(start, inside, successors, len(best))
            budget -= seen
            if cycle:
                best = cycle
    return best


def _shortest_through(
    start: int,
    inside: set[int],
    successors: Callable[[int], list[tuple[int, int]]],
    shorter_than: int,
) -> tuple[list[Edge], int]:
    """The shortest cycle through a state, if it beats a length (0: any length), and how many edges were looked at."""
    goal = -1  # the start, come back to
    came: dict[int, tuple[int, int]] = {}
    length = {start: 0}
    queue = deque([start])
    seen = 0
    while queue:
        state = queue.popleft()
        if state == goal:
            return _collapsed(start, came), seen
        if shorter_than and length[state] >= shorter_than:
            break
        for other, kind in successors(state):
            seen += 1
            if other not in inside:
                continue
            target = goal if other == start else other
            steps = length[state] + (kind != LINK)
            if steps < length.get(target, shorter_than or 1 << 60):
                length[target] = steps
                came[target] = (state, kind)
                if kind == LINK:
                    queue.appendleft(target)
                else:
                    queue.append(target)
    return [], seen


def _collapsed(start: int, came: dict[int, tuple[int, int]]) -> list[Edge]:
    """The cycle in order, each run through virtual nodes as the one edge that it stands for."""
    backwards: list[tuple[int, int, int]] = []
    state, before = start, -1
    while before != start:
        before, kind = came[-1 if state == start else state]
        backwards.append((before // 2, state // 2, kind))
        state = before
    edges = backwards[::-1]
    while edges[0][2] == LINK:  # began inside a bundle: begin where its edge begins
        edges.append(edges.pop(0))
    cycle: list[Edge] = []
    for source, target, kind in edges:
        if kind == LINK:
            source, _, kind = cycle.pop()
        cycle.append((source, target, kind))
    return cycle
