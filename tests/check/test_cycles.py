"""The graph tools, against the plainest of definitions."""

import random

from distlab.check.isolation.cycles import LINK, Sort, cyclic_core, find_cycle

A, B, SKIP = 1, 2, 4


def random_graph(chance: random.Random) -> list[dict[int, int]]:
    size = chance.randint(1, 6)
    return [
        {
            b: chance.choice([A, B, SKIP, A | SKIP])
            for b in range(size)
            if b != a and chance.random() < 0.25
        }
        for a in range(size)
    ]


def shortest(graph: list[dict[int, int]], sort: Sort) -> int:
    """Length of the shortest closed walk of this sort; 0 if there is none."""
    best = 0
    for start in range(len(graph)):
        walks = {(start, False, None)}
        for length in range(1, 2 * len(graph) + 1):
            new = set()
            for here, skipped, first in walks:
                for there, edge in graph[here].items():
                    if edge & sort.kinds:
                        new.add((there, False, first if first is not None else False))
                    if edge & sort.apart and not skipped:
                        new.add((there, True, first if first is not None else True))
            if any(there == start and not (skipped and first) for there, skipped, first in new):
                best = min(best or length, length)
            walks = new
    return best


def test_the_shortest_cycle_of_each_sort() -> None:
    chance = random.Random(7)
    found = 0
    for _ in range(1500):
        graph = random_graph(chance)
        core = cyclic_core(graph)
        for sort in (Sort(A), Sort(A | B), Sort(A | B | SKIP), Sort(A, SKIP), Sort(A | B, SKIP)):
            cycle = find_cycle(graph, core, sort)
            assert len(cycle) == shortest(graph, sort)
            if cycle:
                found += 1
                for (_, end, kind), (begin, _, after) in zip(
                    cycle, cycle[1:] + cycle[:1], strict=True
                ):
                    assert end == begin
                    assert not kind & after & sort.apart
                assert all(graph[a][b] & kind for a, b, kind in cycle)
    assert found > 500


def test_a_virtual_node_stands_for_the_edges_through_it() -> None:
    """Readers 0 and 1 come before writers 2 and 3, through node 4; 2 comes before 0."""
    graph = [{4: SKIP}, {4: SKIP}, {0: A}, {}, {2: LINK, 3: LINK}]
    assert find_cycle(graph, cyclic_core(graph), Sort(A | SKIP)) == [(0, 2, SKIP), (2, 0, A)]
    assert find_cycle(graph, cyclic_core(graph), Sort(A, SKIP)) == [(0, 2, SKIP), (2, 0, A)]
    assert find_cycle(graph, cyclic_core(graph), Sort(A)) == []


def test_a_run_of_virtual_nodes_is_one_edge() -> None:
    graph = [{2: A}, {0: SKIP}, {3: LINK}, {1: LINK}]
    assert find_cycle(graph, cyclic_core(graph), Sort(A | SKIP)) == [(0, 1, A), (1, 0, SKIP)]


def test_what_is_kept_apart_stays_apart_through_a_virtual_node() -> None:
    graph = [{2: SKIP}, {0: SKIP}, {1: LINK}]
    assert find_cycle(graph, cyclic_core(graph), Sort(A, SKIP)) == []


def test_an_acyclic_graph_has_no_core() -> None:
    assert cyclic_core([{1: A, 2: A}, {2: B}, {}]) == []
    assert cyclic_core([]) == []
    assert cyclic_core([{1: A}, {2: B}, {1: A}]) == [1, 2]


def test_a_virtual_node_costs_nothing() -> None:
    """Round by 0 -> 1 -> 0, by way of three virtual nodes, is shorter than by 0 -> 2 -> 3 -> 0."""
    graph = [{2: A, 4: A}, {0: A}, {3: A}, {0: A}, {5: LINK}, {6: LINK}, {1: LINK}]
    assert find_cycle(graph, cyclic_core(graph), Sort(A)) == [(0, 1, A), (1, 0, A)]


def test_a_cycle_found_from_a_virtual_node_begins_at_a_real_one() -> None:
    graph = [{1: LINK}, {2: A}, {0: A}]
    assert find_cycle(graph, cyclic_core(graph), Sort(A)) == [(1, 2, A), (2, 1, A)]


def test_a_large_component_is_searched_within_its_budget() -> None:
    size = 300
    graph = [{(i + 1) % size: A} for i in range(size)]
    graph[size - 1][size - 2] = A
    core = cyclic_core(graph)
    assert len(find_cycle(graph, core, Sort(A), budget=10)) == size
    assert len(find_cycle(graph, core, Sort(A))) == 2
