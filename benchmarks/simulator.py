"""How fast the simulator is, beside others: ``.venv/bin/python benchmarks/simulator.py [--quick] [--json FILE]``.

Two questions. *Messages a second*: one workload (:mod:`simulator_peers`) in every simulator that is installed, in the
same run, in turns, the best of several rounds each, by processor time. *Schedules a second*: a small Raft
(:mod:`simulator_raft`), 3 s of virtual time, 20 faults, 30 proposals, from the seed to the end of the run.

A simulator that is not installed is skipped, and the table says why: ``pip install simpy seedloop simloop detangle``.
"""

import argparse
import gc
import json
import platform
import sys
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from simulator_peers import PEERS
from simulator_raft import FAULTS, PROPOSALS, cluster_of, run_schedule

REFERENCE = "distlab"


def seconds(work: Callable[[], object]) -> float:
    """Processor time of ``work``, without the garbage of what ran before."""
    gc.collect()
    gc.disable()
    started = time.process_time()
    work()
    took = time.process_time() - started
    gc.enable()
    return took


def why_missing(package: str) -> str:
    """The reason why a peer cannot be measured here; empty if it can."""
    if not package:
        return ""
    try:
        version(package)
    except PackageNotFoundError:
        old = package in ("seedloop", "simloop") and sys.version_info < (3, 12)
        return "needs Python 3.12" if old else "not installed"
    return ""


def messages_per_second(rounds: int, share: float) -> list[dict[str, Any]]:
    """One row per simulator; they take turns, so that a busy moment of the machine hits all of them."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, (play, hits, package, _) in PEERS.items():
            if not why_missing(package):
                hits = int(hits * share)
                handled: list[int] = []
                took = seconds(lambda play=play, hits=hits, seen=handled: seen.append(play(hits)))
                if handled != [hits]:
                    raise SystemExit(f"{name} handled {handled} of {hits} messages")
                best[name] = max(best.get(name, 0.0), hits / took)
    return [
        {
            "simulator": name,
            "version": version(package) if package and name in best else "",
            "messages_per_second": round(best[name]) if name in best else None,
            "ratio": round(best[REFERENCE] / best[name], 2) if name in best else None,
            "what": what if name in best else f"skipped: {why_missing(package)}",
        }
        for name, (_, _, package, what) in PEERS.items()
    ]


def schedules_per_second(rounds: int, schedules: int) -> list[dict[str, Any]]:
    """One row per size of cluster."""
    rows = []
    for size in (3, 5):
        cluster = cluster_of(size)
        best, events, entries = 0.0, 0, 0
        for _ in range(rounds):
            took, events, entries = 0.0, 0, 0
            for seed in range(schedules):
                started = time.process_time()
                sim = run_schedule(seed, size, cluster)
                took += time.process_time() - started
                events += sim.processed
                entries += max((process.node.commit for process in sim.up.values()), default=0)
            best = max(best, schedules / took)
        rows.append(
            {
                "nodes": size,
                "schedules_per_second": round(best),
                "events_per_schedule": round(events / schedules),
                "events_per_second": round(best * events / schedules),
                "entries_committed": round(entries / schedules, 1),
            }
        )
    return rows


def as_text(result: dict[str, Any]) -> str:
    lines = [
        f"{result['date']}, Python {result['python']}, {result['machine']}",
        "",
        f"{'simulator':<26}{'version':<9}{'messages/s':>11}  {'distlab is':<12}",
    ]
    for row in result["messages"]:
        speed, ratio = row["messages_per_second"], row["ratio"]
        figures = f"{speed:>11,}  {ratio:>5.2f} times  " if speed else f"{'-':>11}  {'':13}"
        lines.append(f"{row['simulator']:<26}{row['version']:<9}{figures}{row['what']}")
    lines += ["", f"Raft, 3 s of virtual time, {FAULTS} faults, {PROPOSALS} proposals"]
    for row in result["schedules"]:
        lines.append(
            f"{row['nodes']} nodes {row['schedules_per_second']:>8,} schedules/s"
            f"{row['events_per_schedule']:>6,} events each {row['events_per_second']:>9,} events/s"
            f"{row['entries_committed']:>6} entries committed"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: does it run?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    rounds, share, schedules = (1, 0.02, 5) if options.quick else (5, 1.0, 100)
    result = {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "messages": messages_per_second(rounds, share),
        "schedules": schedules_per_second(rounds, schedules),
    }
    print(as_text(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
