"""How long verdicts take: ``.venv/bin/python benchmarks/checkers.py [--quick] [--json FILE] [--svg FILE]``.

Two questions for each kind of history (:data:`CASES`): how does the time grow with its *length*, at 20 clients, and
how with the number of *clients*, at one length? By processor time, the best of several rounds, the histories made
outside of it (:mod:`checkers_load`). A verdict other than "kept" is marked, since these histories are right by
construction: a search that ran out of its budget says "unknown", and its time is what it took to say so.

A new kind of history is one more entry of :data:`CASES`.
"""

import argparse
import gc
import json
import platform
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from checkers_load import appends, compare_and_set, register
from checkers_plot import Line, Panel, plot
from checkers_transactions import transactions
from msgspec.structs import replace

from distlab.check import Verdict
from distlab.check.isolation import Level, isolation
from distlab.check.linear import CAS, LIST, REGISTER, linearizable

CLIENTS = 20


class Case(NamedTuple):
    """One kind of history and its judge."""

    name: str
    lengths: tuple[int, ...]
    """In operations, or transactions."""
    clients: tuple[int, ...]
    at_length: int
    """The length at which the number of clients varies."""
    make: Callable[[int, int], Any]
    """A history of so many operations by so many clients."""
    judge: Callable[[Any], Verdict]


LONG = (1_000, 10_000, 100_000, 1_000_000)
MANY = (1, 5, 20, 50, 100)

CASES = [
    Case("register", LONG, MANY, 100_000, register, lambda h: linearizable(h, REGISTER)),
    Case("compare-and-set", LONG, MANY, 100_000, compare_and_set, lambda h: linearizable(h, CAS)),
    Case(
        "transactions",
        (1_000, 10_000, 100_000),
        MANY,
        10_000,
        transactions,
        lambda h: isolation(h).verdict(Level.STRICT_SERIALIZABLE),
    ),
    Case("append list", (1_000, 10_000), MANY, 10_000, appends, lambda h: linearizable(h, LIST)),
    Case(
        "register, by search",
        LONG[:3],
        MANY,
        10_000,
        register,
        lambda h: linearizable(h, replace(REGISTER, zones=None)),
    ),
    Case(
        "register, 5 values",
        LONG[:3],
        MANY,
        10_000,
        lambda length, clients: register(length, clients, distinct=5),
        lambda h: linearizable(h, REGISTER),
    ),
]


def measure(case: Case, length: int, clients: int, rounds: int) -> dict[str, Any]:
    """One row."""
    history = case.make(length, clients)
    best, verdict = float("inf"), None
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        started = time.process_time()
        verdict = case.judge(history)
        took = time.process_time() - started
        gc.enable()
        best = min(best, took)
        if best > 2:
            break
    assert verdict is not None
    return {
        "case": case.name,
        "operations": length,
        "clients": clients,
        "seconds": round(best, 5),
        "verdict": str(verdict.finding),
    }


def as_text(result: dict[str, Any]) -> str:
    """Both tables, a column for each number."""
    lines = [f"{result['date']}, Python {result['python']}, {result['machine']}"]
    for title, rows, axis in (
        (f"milliseconds against length, {CLIENTS} clients", result["by_length"], "operations"),
        ("milliseconds against clients", result["by_clients"], "clients"),
    ):
        numbers = sorted({row[axis] for row in rows})
        lines += ["", f"{title:<44}" + "".join(f"{number:>12,}" for number in numbers)]
        for case in dict.fromkeys(row["case"] for row in rows):
            found = {row[axis]: row for row in rows if row["case"] == case}
            length = next(iter(found.values()))["operations"]
            name = case if axis == "operations" else f"{case}, {length:,} operations"
            lines.append(f"{name:<44}" + "".join(_cell(found.get(number)) for number in numbers))
    return "\n".join(lines)


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return f"{'-':>12}"
    mark = "" if row["verdict"] == "kept" else " ?"
    return f"{row['seconds'] * 1000:>{12 - len(mark)},.{0 if row['seconds'] > 0.1 else 1}f}{mark}"


def as_svg(result: dict[str, Any]) -> str:
    """Both tables as a picture."""

    def lines(rows: list[dict[str, Any]], axis: str) -> list[Line]:
        return [
            Line(
                case,
                [(row[axis], row["seconds"]) for row in rows if row["case"] == case],
                [row["verdict"] == "kept" for row in rows if row["case"] == case],
            )
            for case in dict.fromkeys(row["case"] for row in rows)
        ]

    return plot(
        [
            Panel(f"operations, by {CLIENTS} clients", lines(result["by_length"], "operations")),
            Panel("clients, at one length", lines(result["by_clients"], "clients")),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="a hundredth of the work: does it run?"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw them there")
    options = parser.parse_args()
    rounds, share = (1, 0.01) if options.quick else (5, 1.0)
    result = {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "by_length": [
            measure(case, int(length * share), CLIENTS, rounds)
            for case in CASES
            for length in case.lengths
        ],
        "by_clients": [
            measure(case, int(case.at_length * share), clients, rounds)
            for case in CASES
            for clients in case.clients
        ],
    }
    print(as_text(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.svg:
        options.svg.write_text(as_svg(result))


if __name__ == "__main__":
    main()
