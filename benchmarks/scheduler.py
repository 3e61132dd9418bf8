"""Lab 3B's fair scheduler beside a naive loop: allocations per second on large clusters.

    python benchmarks/scheduler.py
    python benchmarks/scheduler.py --nodes 10000 --frameworks 100 1000 --rounds 5

The reference is used as it is, as a student is graded with it: each node that reports is filled by dominant resource
fairness, and each container gets a number, a grant and a place in the books. Nodes have 32 GiB and 8 vcores, containers
one of five sizes; every framework always wants more. *Filling* begins with an empty cluster, nodes report in random
order. *Churn* begins with a full one: all containers of a random node end, one by one, and it reports; so there is an
end for each allocation, and its time counts.

The naive loop looks at every framework for each container, and takes the one with the least dominant share whose
container fits. It keeps sums of what each framework uses, in floats, and no other book: no queues, no grants, no ends.

Figures are medians of rounds, in which the two take turns; processor time, which a busy machine cannot spoil. One
process, one thread.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import measuring  # noqa: E402

from distlab.core.overlay import overlay  # noqa: E402

GRADING = ROOT / "grading" / "lab3_scheduler"
MEMORY, VCORES = 32 * 1024, 8
SHAPES = ((2048, 1), (4096, 1), (8192, 1), (2048, 2), (4096, 4))
"""MiB and vcores of a container; a framework has one of them, a queue frameworks of all."""
QUEUES = 10
TIMED = 50_000
"""Allocations that are timed."""
NAIVE = 1_000
"""The same for the naive loop."""


class Rates(NamedTuple):
    """Allocations per second of processor time."""

    filling: float
    churn: float
    naive: float


def timed(fair: Any, nodes: int, frameworks: int, random: Random) -> tuple[float, float]:
    """The scheduler's two rates. ``fair`` is its module."""
    queues = [fair.Queue("root"), *(fair.Queue(f"queue {n}", "root") for n in range(QUEUES))]
    scheduler = fair.FairScheduler(queues)
    names = [f"node {n}" for n in range(nodes)]
    for name in names:
        scheduler.add_node(fair.NodeView(name, fair.Resources(MEMORY, VCORES)))
    for n in range(frameworks):
        scheduler.add_app(f"framework {n}", f"queue {n % QUEUES}")
        size = fair.Resources(*SHAPES[n // QUEUES % len(SHAPES)])
        scheduler.ask(f"framework {n}", [fair.Ask(size, 10**9)])
    random.shuffle(names)
    on_node: dict[str, list[Any]] = {}
    scheduler.allocate(names[0], 0)  # the first one makes all heaps

    granted, at = 0, 1
    start = time.process_time()
    while granted < TIMED and at < nodes:
        grants = on_node[names[at]] = scheduler.allocate(names[at], 0)
        granted += len(grants)
        at += 1
    filling = granted / (time.process_time() - start)

    for name in names[at:]:
        on_node[name] = scheduler.allocate(name, 0)
    granted = 0
    order = [random.choice(names[1:]) for _ in range(TIMED)]
    start = time.process_time()
    for name in order:
        for grant in on_node[name]:
            scheduler.release(grant.app, grant.container)
        grants = on_node[name] = scheduler.allocate(name, 0)
        granted += len(grants)
        if granted >= TIMED:
            break
    return filling, granted / (time.process_time() - start)


def naive(nodes: int, frameworks: int) -> float:
    """The loop that one writes first."""
    total_memory, total_vcores = float(nodes * MEMORY), float(nodes * VCORES)
    needs = [SHAPES[n // QUEUES % len(SHAPES)] for n in range(frameworks)]
    used = [[0, 0] for _ in range(frameworks)]
    granted = 0
    start = time.process_time()
    while granted < NAIVE:
        memory, vcores = MEMORY, VCORES  # the next node reports
        while True:
            best, least = -1, 2.0
            for n in range(frameworks):
                if needs[n][0] <= memory and needs[n][1] <= vcores:
                    share = max(used[n][0] / total_memory, used[n][1] / total_vcores)
                    if share < least:
                        best, least = n, share
            if best < 0:
                break
            m, v = needs[best]
            used[best][0] += m
            used[best][1] += v
            memory -= m
            vcores -= v
            granted += 1
    return granted / (time.process_time() - start)


def measure(nodes: int, frameworks: int, rounds: int) -> Rates:
    fair = sys.modules["labs.lab3_scheduler.fair"]
    found = []
    for n in range(rounds):
        gc.collect()
        found.append(Rates(*timed(fair, nodes, frameworks, Random(n)), naive(nodes, frameworks)))
    return Rates(*(statistics.median(column) for column in zip(*found, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--frameworks", type=int, nargs="+", default=[100, 1_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    overlay("labs.lab3_scheduler", [GRADING / "given", GRADING / "reference"])
    import labs.lab3_scheduler.fair  # noqa: F401

    print(measuring.machine())
    print(
        f"{'nodes':>8}{'frameworks':>12}{'filling/s':>12}{'churn/s':>12}{'naive/s':>12}{'times':>8}"
    )
    for frameworks in options.frameworks:
        found = []
        for nodes in options.nodes:
            rates = measure(nodes, frameworks, options.rounds)
            found.append(rates)
            print(
                f"{nodes:8,}{frameworks:12,}{rates.filling:12,.0f}{rates.churn:12,.0f}"
                f"{rates.naive:12,.0f}{rates.filling / rates.naive:8,.0f}",
                flush=True,
            )
        print(
            f"  from the first row to the last an allocation costs "
            f"{found[0].filling / found[-1].filling:.2f} times as much, "
            f"{found[0].churn / found[-1].churn:.2f} in churn"
        )


if __name__ == "__main__":
    main()
