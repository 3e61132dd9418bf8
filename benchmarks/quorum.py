"""Lab 2D beside others: a replicated store of three nodes, written to by 1 and by 32 clients, synced before it answers.

    python benchmarks/quorum.py                     three rounds of two seconds each, whoever is there
    python benchmarks/quorum.py --seconds 5 --rounds 5
    python benchmarks/quorum.py --peers PYTHON      an interpreter with the peers' client libraries (aetcd, kazoo)
    python benchmarks/quorum.py --etcd FILE --zookeeper FOLDER    etcd's binary, the folder with ZooKeeper's jars

All of it runs on this machine: three servers, each a process with files of its own, and one process of clients, which
writes values of 100 bytes to a thousand keys, to the leader, over one connection. A client begins a write when its last
one is acknowledged. Systems take turns, so that what else the machine does strikes all alike. Processor time is given
beside: it is what a busy machine cannot spoil. Who is missing is left out, with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import measuring  # noqa: E402

from distlab.core import MS, SECOND, Address, Ok  # noqa: E402
from distlab.core.cluster import Cluster, Member  # noqa: E402
from distlab.core.overlay import overlay  # noqa: E402
from distlab.live import Live  # noqa: E402

GRADING = ROOT / "grading" / "lab2_log"
SIZE = 100
"""Bytes of a value."""
LIBRARY = {"etcd": "aetcd", "zookeeper": "kazoo"}
SYSTEMS = ("distlab", *LIBRARY)
SERVERS = tuple(map(Address, ("s1", "s2", "s3")))
LIMIT = 180
"""Seconds that one run of a peer may take, its start included."""


class Figures(NamedTuple):
    """One run, or the median of several."""

    rate: float
    """Acknowledged writes per second."""
    p50: float
    """Milliseconds."""
    p99: float
    servers: float
    """Microseconds of processor time for each write, of the three servers together."""
    client: float


def figures(latencies: list[int], seconds: float, servers: float, client: float) -> Figures:
    """From microseconds and seconds of processor time."""
    latencies = sorted(latencies)
    count = len(latencies)
    return Figures(
        count / seconds,
        latencies[count // 2] / 1e3,
        latencies[count * 99 // 100] / 1e3,
        servers / count * 1e6,
        client / count * 1e6,
    )


# -- ours ------------------------------------------------------------------------------------------


def run_distlab(solution: str, clients: int, seconds: float, folder: Path) -> Figures:
    """A lab's solution, live: the same processes, files and messages as in ``make live``, and no trace of them."""
    overlay("labs.lab2_log", [GRADING / "given", GRADING / solution])
    from quorum_load import Load, Loader

    from labs.lab2_log.quorum import ClientConfig, ServerConfig
    from labs.lab2_log.raft import Raft

    # Time-outs as etcd's: on a busy machine the lab's own, of 150 to 300 ms, would be elections.
    config = ServerConfig(
        SERVERS,
        heartbeat=100 * MS,
        election=(SECOND, 2 * SECOND),
        batch=1_000,
        snapshot_after=10_000,
    )
    members = {name: Member(Raft, config, "server") for name in SERVERS}
    members["c1"] = Member(Loader, ClientConfig(SERVERS, retry=SECOND), "client")
    load = Load(clients, "x" * SIZE, duration=int(seconds * SECOND))
    with Live(Cluster(members), folder=folder, record=frozenset(), proxied=False) as live:
        live.wait(lambda: any(p.role == "leader" for p in live.probes().values() if p), 20 * SECOND)
        pids = {name: live.pid(name) for name in members}

        def used() -> dict[str, float]:
            return {name: measuring.processor_time(pid) for name, pid in pids.items() if pid}

        call = live.call("c1", load)
        time.sleep(load.warm_up / SECOND)
        before = used()
        live.wait(lambda: call.outcome is not None, load.duration + 30 * SECOND)
        after = used()
        assert isinstance(call.outcome, Ok), call.outcome
        spent = {name: after[name] - before[name] for name in members}
        client = spent.pop("c1")
        return figures(call.outcome.value, seconds, sum(spent.values()), client)


# -- the others ------------------------------------------------------------------------------------


def run_peer(
    system: str, clients: int, seconds: float, folder: Path, options: argparse.Namespace
) -> Figures:
    """What benchmarks/quorum_peers.py says. Raises ``RuntimeError`` with the reason where it says nothing."""
    script = str(ROOT / "benchmarks" / "quorum_peers.py")
    program = options.etcd if system == "etcd" else options.zookeeper
    command = [
        options.peers, script, system, program, str(clients), str(seconds), str(SIZE), str(folder)
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["it failed"])[-1][:120])
    told = json.loads(done.stdout)
    return figures(told["latencies"], told["seconds"], told["servers"], told["client"])


def missing(system: str, options: argparse.Namespace) -> str:
    """Why a system cannot take part; empty where it can."""
    if system == "etcd" and shutil.which(options.etcd) is None:
        return "there is no etcd here (Debian: etcd-server)"
    if system == "zookeeper":
        if shutil.which("java") is None:
            return "it needs Java, and there is none"
        if not Path(options.zookeeper, "zookeeper.jar").exists():
            return f"there is no zookeeper.jar in {options.zookeeper} (Debian: libzookeeper-java)"
    if system in LIBRARY:
        look = [options.peers, "-c", f"import {LIBRARY[system]}"]
        if subprocess.run(look, capture_output=True, check=False).returncode:
            return f"{LIBRARY[system]} is not installed"
    return ""


# -- comparing -------------------------------------------------------------------------------------


def compare(clients: int, systems: list[str], workspace: Path, options: argparse.Namespace) -> None:
    """So many clients against all systems in turn, and a table."""
    runs: dict[str, list[Figures]] = {system: [] for system in systems}
    absent = {system: missing(system, options) for system in systems}
    for number in range(options.rounds):
        for system in systems[number % len(systems) :] + systems[: number % len(systems)]:
            if absent[system]:
                continue
            with tempfile.TemporaryDirectory(dir=workspace) as name:
                try:
                    if system in LIBRARY:
                        one = run_peer(system, clients, options.seconds, Path(name), options)
                    else:
                        one = run_distlab(options.solution, clients, options.seconds, Path(name))
                except (RuntimeError, subprocess.TimeoutExpired) as error:
                    absent[system] = str(error)
                    continue
            runs[system].append(one)
            print(f"  {number + 1}. {system}: {one.rate:,.0f}/s", file=sys.stderr, flush=True)
    print(f"\n{clients} client{'s' * (clients > 1)}, median of {options.rounds}", flush=True)
    for line in table(runs, absent):
        print(line, flush=True)


def table(runs: dict[str, list[Figures]], absent: dict[str, str]) -> Iterator[str]:
    """A line for each system, with the ratio of distlab's rate to its own."""
    yield (
        f"  {'':<11}{'writes/s':>10}{'distlab is':>12}{'p50 ms':>9}{'p99 ms':>9}{'servers us':>12}{'client us':>11}"
    )
    medians = {
        system: Figures(*(statistics.median(values) for values in zip(*some, strict=True)))
        for system, some in runs.items()
        if some
    }
    ours = medians.get("distlab")
    for system in runs:
        if system not in medians:
            yield f"  {system:<11}{absent[system]}"
            continue
        one = medians[system]
        ratio = f"{ours.rate / one.rate:.2f} x" if ours and one is not ours else ""
        yield (
            f"  {system:<11}{one.rate:>10,.0f}{ratio:>12}{one.p50:>9.2f}{one.p99:>9.2f}"
            f"{one.servers:>12,.0f}{one.client:>11,.0f}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="of one run, behind three of warm-up"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default="1,32", metavar="N,M")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--solution", default="reference", choices=("reference", "alternative"))
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--etcd", default="etcd", metavar="FILE")
    parser.add_argument("--zookeeper", default="/usr/share/java", metavar="FOLDER")
    parser.add_argument(
        "--folder", default="", help="where files are kept (default: a temporary folder)"
    )
    options = parser.parse_args()
    print(measuring.machine())
    with tempfile.TemporaryDirectory(dir=options.folder or None, prefix="distlab-bench-") as name:
        print(f"fsync of 4 KiB: {measuring.fsync_p50(Path(name)):.2f} ms (median of 100)")
        for clients in map(int, options.clients.split(",")):
            compare(clients, options.systems.split(","), Path(name), options)
        print(f"\nfsync afterwards: {measuring.fsync_p50(Path(name)):.2f} ms")
    print(f"load afterwards: {', '.join(f'{x:.1f}' for x in os.getloadavg())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
