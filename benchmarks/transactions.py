"""Lab 4A beside PostgreSQL: transfers between two databases, by 1, 8 and 64 clients, synced before they are answered.

    python benchmarks/transactions.py                     three rounds of two seconds each
    python benchmarks/transactions.py --seconds 5 --rounds 5 --clients 1,8
    python benchmarks/transactions.py --peers PYTHON      an interpreter with the peers' libraries (asyncpg, psycopg)

All of it runs on this machine. Ours: the lab's coordinator and two participants, each a process with a log of its own,
and one process of clients. PostgreSQL: one server with two databases, and one process of clients, each the coordinator
of its own transfers (benchmarks/transactions_peers.py says in which three ways). A transfer takes 1 from an account of
the first and puts it into one of the second; a client begins its next one when the last one is committed, and no two
clients meet on an account. Systems take turns, so that what else the machine does strikes all alike. Who is missing is
left out.
"""

from __future__ import annotations

import argparse
import json
import os
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

from distlab.core import SECOND, Address, Ok  # noqa: E402
from distlab.core.cluster import Cluster, Member  # noqa: E402
from distlab.core.overlay import overlay  # noqa: E402
from distlab.live import Live  # noqa: E402

GRADING = ROOT / "grading" / "lab4_transactions"
ACCOUNTS = 50
"""Of each client at each database."""
PEERS = {
    "steps": ("PostgreSQL, asyncpg", "asyncpg"),
    "packed": ("  packed", "asyncpg"),
    "driver": ("  psycopg's tpc_*", "psycopg"),
}
"""How the transfers are made -> what the table says, and the library that it takes."""
SYSTEMS = ("distlab", *PEERS)
LIMIT = 120
"""Seconds that one run of a peer may take."""


class Figures(NamedTuple):
    """One run, or the median of several."""

    rate: float
    """Committed transfers per second."""
    p50: float
    """Milliseconds."""
    p99: float
    servers: float
    """Microseconds of processor time for each transfer, of all that is no client."""
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


def run_distlab(solution: str, clients: int, seconds: float, folder: Path) -> Figures:
    """A lab's solution, live: the same processes, files and messages as in ``make live``, and no trace of them."""
    overlay("labs.lab4_transactions", [GRADING / "given", GRADING / solution])
    from transactions_load import Load, Loader

    from labs.lab4_transactions.coordinator import Coordinator
    from labs.lab4_transactions.participant import Participant
    from labs.lab4_transactions.twophase import CoordinatorConfig, ParticipantConfig, TellerConfig

    # Nobody dies here, and a busy machine is slow: nobody is taken for dead.
    rms = Address("rm1"), Address("rm2")
    desk = CoordinatorConfig(rms, retry=SECOND, patience=5 * SECOND)
    members = {"tm1": Member(Coordinator, desk, "coordinator")}
    for rm in rms:
        names = (f"{rm}/a{client}.{n}" for client in range(clients) for n in range(ACCOUNTS))
        accounts = tuple((name, 10**9) for name in names)
        keeper = ParticipantConfig(accounts, lock_wait=2 * SECOND, idle=5 * SECOND, ask=2 * SECOND)
        members[rm] = Member(Participant, keeper, "participant")
    teller = TellerConfig((Address("tm1"),), retry=2 * SECOND, patience=30 * SECOND)
    members["ap1"] = Member(Loader, teller, "application")
    load = Load(clients, ACCOUNTS, duration=int(seconds * SECOND))
    with Live(Cluster(members), folder=folder, record=frozenset(), proxied=False) as live:
        pids = {name: live.pid(name) for name in members}

        def used() -> dict[str, float]:
            return {name: measuring.processor_time(pid) for name, pid in pids.items() if pid}

        call = live.call("ap1", load)
        time.sleep(load.warm_up / SECOND)
        before = used()
        live.wait(lambda: call.outcome is not None, load.duration + 30 * SECOND)
        after = used()
        assert isinstance(call.outcome, Ok), call.outcome
        latencies, aborted = call.outcome.value
        assert not aborted, f"{aborted} transfers were aborted"
        spent = {name: after[name] - before[name] for name in members}
        client = spent.pop("ap1")
        return figures(latencies, seconds, sum(spent.values()), client)


def run_peer(how: str, clients: int, seconds: float, python: str) -> Figures:
    """A new server for each run. Raises ``RuntimeError`` with the reason where there are no figures."""
    from grading.lab4_transactions import postgres

    try:
        home = postgres.make()
        server = postgres.start(home)
    except postgres.NoServer as error:
        raise RuntimeError(str(error)) from None
    try:
        for name in ("rm1", "rm2"):
            postgres.create(home, name)
        script = str(ROOT / "benchmarks" / "transactions_peers.py")
        load = (server.pid, clients, seconds, ACCOUNTS)
        done = subprocess.run(
            [python, script, how, str(home), str(postgres.PORT), *map(str, load)],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    finally:
        postgres.stop(server)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["it failed"])[-1][:120])
    told = json.loads(done.stdout)
    return figures(told["latencies"], told["seconds"], told["servers"], told["client"])


def missing(system: str, python: str) -> str:
    """Why a system cannot take part; empty where it can."""
    if system not in PEERS:
        return ""
    library = PEERS[system][1]
    look = subprocess.run([python, "-c", f"import {library}"], capture_output=True, check=False)
    return f"{library} is not installed" if look.returncode else ""


def compare(clients: int, systems: list[str], workspace: Path, options: argparse.Namespace) -> None:
    """So many clients against all systems in turn, and a table."""
    runs: dict[str, list[Figures]] = {system: [] for system in systems}
    absent = {system: missing(system, options.peers) for system in systems}
    for number in range(options.rounds):
        for system in systems[number % len(systems) :] + systems[: number % len(systems)]:
            if absent[system]:
                continue
            with tempfile.TemporaryDirectory(dir=workspace) as name:
                try:
                    if system in PEERS:
                        one = run_peer(system, clients, options.seconds, options.peers)
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
        f"  {'':<21}{'transfers/s':>12}{'distlab is':>12}{'p50 ms':>9}{'p99 ms':>9}"
        f"{'servers us':>12}{'client us':>11}"
    )
    medians = {
        system: Figures(*(statistics.median(values) for values in zip(*some, strict=True)))
        for system, some in runs.items()
        if some
    }
    ours = medians.get("distlab")
    for system in runs:
        title = PEERS[system][0] if system in PEERS else system
        if system not in medians:
            yield f"  {title:<21}{absent[system]}"
            continue
        one = medians[system]
        ratio = f"{ours.rate / one.rate:.2f} x" if ours and one is not ours else ""
        yield (
            f"  {title:<21}{one.rate:>12,.0f}{ratio:>12}{one.p50:>9.2f}{one.p99:>9.2f}"
            f"{one.servers:>12,.0f}{one.client:>11,.0f}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="of one run, behind two of warm-up"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default="1,8,64", metavar="N,M")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--solution", default="reference", choices=("reference", "alternative"))
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    options = parser.parse_args()
    print(measuring.machine())
    # In /tmp, where the server's files are, too: both write to one disk.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="distlab-bench-") as name:
        print(f"fsync of 4 KiB: {measuring.fsync_p50(Path(name)):.2f} ms (median of 100)")
        for clients in map(int, options.clients.split(",")):
            compare(clients, options.systems.split(","), Path(name), options)
        print(f"\nfsync afterwards: {measuring.fsync_p50(Path(name)):.2f} ms")
    print(f"load afterwards: {', '.join(f'{x:.1f}' for x in os.getloadavg())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
