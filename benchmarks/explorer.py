"""How fast the explorer is: ``.venv/bin/python benchmarks/explorer.py [--quick] [--json FILE]``.

Unique states a second on one core, by processor time, the best of several rounds: two-phase commit with 3, 5 and 7
resource managers, whose numbers of states are known from other checkers (a run with others fails), and Raft's election.
Beside it, in the same run, the naive way: the same nodes and the same search with ``copy.deepcopy`` of all nodes for
every step (``tests/explore/twin.py``), as far as it comes in a budget of states.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from distlab.explore import Finding, Result, Scope, explore
from tests.examples import raft_scopes, small_election, two_phase_commit_small
from tests.explore import twin

SCOPES: dict[str, tuple[Callable[[], Scope], int]] = {
    "two-phase commit, 3 resources": (lambda: two_phase_commit_small.scope(3), 288),
    "two-phase commit, 5 resources": (lambda: two_phase_commit_small.scope(5), 8_832),
    "two-phase commit, 7 resources": (lambda: two_phase_commit_small.scope(7), 296_448),
    "votes only, terms to 2, 1 crash": (small_election.scope, 11_994),
    "votes only, terms to 3, 1 crash": (lambda: small_election.scope(terms=3), 0),
    "full election, term 1, 2 crashes": (lambda: raft_scopes.scope(terms=1, crashes=2), 0),
}
"""Name -> the scope, and how many states it must have (0: not known from elsewhere)."""

BUGS: dict[str, Callable[[], Scope]] = {
    "a vote is given twice": lambda: small_election.scope(small_election.VotesTwice),
    "a vote is lost in a crash": lambda: small_election.scope(small_election.ForgetsItsVote),
    "a vote leaves between two syncs": lambda: small_election.scope(small_election.SpeaksTooEarly),
    "full election: a vote is given twice": lambda: raft_scopes.scope(raft_scopes.VotesTwice),
    "full election: a vote is lost in a crash": lambda: raft_scopes.scope(
        raft_scopes.ForgetsItsVote
    ),
}

NAIVE = 1_500
"""States after which the naive search is stopped: its rate is known by then."""
LARGE = 2_000_000


def best(scope: Callable[[], Scope], rounds: int) -> Result:
    """The fastest of several searches."""
    results = [explore(scope(), budget=LARGE) for _ in range(rounds)]
    return min(results, key=lambda result: result.seconds)


def searches(rounds: int, naive: int, quick: bool) -> list[dict[str, Any]]:
    """One row per scope that is searched whole."""
    rows = []
    for name, (scope, known) in SCOPES.items():
        if quick and known not in (288, 8_832):
            continue
        result = best(scope, rounds)
        if not result.is_proof or (known and result.states != known):
            raise SystemExit(f"{name}: {result}")
        began = time.process_time()
        _, met, _ = twin.search(scope(), naive)
        rate = len(met) / (time.process_time() - began)
        rows.append(
            {
                "scope": name,
                "states": result.states,
                "depth": result.depth,
                "steps": result.transitions,
                "handler_runs": result.handler_runs,
                "seconds": round(result.seconds, 3),
                "states_per_second": round(result.states / result.seconds),
                "naive_states_per_second": round(rate),
                "ratio": round(result.states / result.seconds / rate),
            }
        )
    return rows


def bugs(rounds: int, quick: bool) -> list[dict[str, Any]]:
    """One row per bug: the shortest way to it, and how long it took to find."""
    rows = []
    for name, scope in BUGS.items():
        if quick and name.startswith("full"):
            continue
        result = best(scope, rounds)
        if result.finding is not Finding.VIOLATED:
            raise SystemExit(f"{name}: {result}")
        rows.append(
            {
                "bug": name,
                "steps": len(result.trace),
                "states": result.states,
                "seconds": round(result.seconds, 3),
            }
        )
    return rows


def as_text(figures: dict[str, Any]) -> str:
    lines = [
        f"{figures['date']}, Python {figures['python']}, {figures['machine']}",
        "",
        f"{'searched whole':<34}{'states':>9}{'steps':>11}{'ran':>8}{'s':>8}{'states/s':>10}{'naive':>8}{'times':>7}",
    ]
    lines += [
        f"{row['scope']:<34}{row['states']:>9,}{row['steps']:>11,}{row['handler_runs']:>8,}"
        f"{row['seconds']:>8.2f}{row['states_per_second']:>10,}{row['naive_states_per_second']:>8,}"
        f"{row['ratio']:>7,}"
        for row in figures["searches"]
    ]
    lines += ["", f"{'bug':<42}{'steps':>6}{'states':>9}{'s':>8}"]
    lines += [
        f"{row['bug']:<42}{row['steps']:>6}{row['states']:>9,}{row['seconds']:>8.2f}"
        for row in figures["bugs"]
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the small ones, once: does it run?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    rounds, naive = (1, 100) if options.quick else (3, NAIVE)
    figures = {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "searches": searches(rounds, naive, options.quick),
        "bugs": bugs(rounds, options.quick),
    }
    print(as_text(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
