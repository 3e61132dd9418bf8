"""Lab 2's log beside others: 1 KB records, three replicas, everybody acknowledges what all in sync have.

    python benchmarks/log.py                      quick: 100,000 records each, once
    python benchmarks/log.py --full               200,000 records each, the best of five runs
    python benchmarks/log.py --peers PYTHON       an interpreter that has the peers' clients, where this one has not

Ours is the reference solution, live: three brokers, a controller, a producer and a consumer, each a process. Systems
take turns, so that what else the machine does strikes all alike; who is missing is left out, with the reason. What each
of them does about its disk before it acknowledges is in docs/benchmarks/log.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import measuring  # noqa: E402
from log_distlab import measure, measure_idempotent  # noqa: E402

OURS = {"distlab": measure, "distlab 2F": measure_idempotent}
SYSTEMS = (*OURS, "nats", "rabbitmq", "redis")
COLUMNS = {
    "produce": "produce/s", "cpu": "CPU us/record", "fetch": "fetch/s", "p50": "p50 ms", "p99": "p99 ms",
    "recovery": "recovery s",
}  # fmt: skip
RATES = ("produce", "fetch")
LIMIT = 300
"""Seconds that one run of a peer may take."""
Figures = dict[str, Any]


def figures_of(system: str, records: int, size: int, synced: bool, python: str) -> Figures:
    """One run of one system; ``error`` where there are none."""
    if system in OURS:
        if importlib.util.find_spec("crc32c") is None:
            return {"error": "crc32c is not installed: in Python a checksum comes at 8 MB/s"}
        with tempfile.TemporaryDirectory(prefix="distlab-bench-") as name:
            return OURS[system](Path(name), records, size, synced=synced)
    script = str(ROOT / "benchmarks" / "log_peers.py")
    command = [python, script, system, str(records), str(size), *(["synced"] if synced else [])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {LIMIT} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["?"])[-1][:110]}
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def show(systems: list[str], found: dict[str, list[Figures]]) -> None:
    """A table; behind each rate, how many times a peer's rate ours is."""
    print(f"  {'':<10}" + "".join(f"{title:>17}" for title in COLUMNS.values()))
    best = {system: best_of(found[system]) for system in systems}
    ours = best.get("distlab", {})
    for system, figures in best.items():
        if "error" in figures:
            print(f"  {system:<10}{figures['error']}")
            continue
        cells = []
        for column in COLUMNS:
            value = figures[column]
            if isinstance(value, str):
                cells.append("-")
            elif column in RATES:
                ratio = f" ({ours[column] / value:.1f})" if ours and system not in OURS else ""
                cells.append(f"{value:,.0f}{ratio}")
            elif column == "cpu":
                cells.append(f"{value:.1f}")
            else:
                cells.append(f"{value:.2f}")
        print(f"  {system:<10}" + "".join(f"{cell:>17}" for cell in cells))


def best_of(runs: list[Figures]) -> Figures:
    """The best of each figure, over the runs that have it: what else a machine does only takes away."""
    sound = [run for run in runs if "error" not in run]
    if not sound:
        return runs[0]
    return {
        column: sound[0][column] if isinstance(sound[0][column], str)
        else (max if column in RATES else min)(run[column] for run in sound)
        for column in COLUMNS
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--records", type=int, default=0)
    parser.add_argument("--size", type=int, default=1000, help="bytes of a record")
    parser.add_argument("--full", action="store_true", help="200,000 records, five runs")
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--modes", default="unsynced,synced")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    options = parser.parse_args()
    systems = options.systems.split(",")
    records = options.records or (200_000 if options.full else 100_000)
    runs = options.runs or (5 if options.full else 1)
    print(measuring.machine())
    for mode in options.modes.split(","):
        found: dict[str, list[Figures]] = {}
        disks = []
        for number in range(runs):
            with tempfile.TemporaryDirectory() as name:
                disks.append((measuring.fsync_p50(Path(name)), measuring.synced_rate(Path(name))))
            for system in systems[number % len(systems) :] + systems[: number % len(systems)]:
                figures = figures_of(system, records, options.size, mode == "synced", options.peers)
                found.setdefault(system, []).append(figures)
                print(f"  {number + 1}. {system}, {mode}: {figures}", file=sys.stderr, flush=True)
        print(f"\n{mode}: {records:,} records of {options.size:,} bytes, the best of {runs}")
        show(systems, found)
        fsync, rate = min(disk[0] for disk in disks), max(disk[1] for disk in disks)
        print(
            f"  the disk: fsync of 4 KiB {fsync:.2f} ms; three synced files {rate:,.0f} MB/s together"
        )
    print(f"\nload afterwards: {', '.join(f'{x:.1f}' for x in os.getloadavg())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
