"""How fast the live world is on this machine: ``python benchmarks/live.py``.

Two nodes, each a process. Figures are medians of five runs; both nodes, their ZeroMQ threads and the supervisor share
the machine's processors with whatever else runs.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from distlab.core import SECOND, Ok, Operation
from distlab.core.cluster import Cluster, Member
from distlab.faults import Noise
from distlab.live import Live
from distlab.trace import EVERYTHING, NOTICED
from tests.programs.load import Flood, PeerConfig, Player, Rally, RunJobs, WriteAll

CLUSTER = Cluster({"a": Member(Player, PeerConfig("b")), "b": Member(Player, PeerConfig("a"))})
RUNS = 5


def took(live: Live, operation: Operation) -> float:
    """Median seconds of an operation."""

    def once() -> float:
        call = live.call("a", operation)
        assert live.wait(lambda: call.outcome is not None, 60 * SECOND)
        assert isinstance(call.outcome, Ok)
        return call.outcome.value / 1e6  # type: ignore[no-any-return]

    return statistics.median(once() for _ in range(RUNS))


def fsync_p50() -> float:
    """Microseconds that one fsync of 100 new bytes takes."""
    with tempfile.NamedTemporaryFile(buffering=0) as file:
        times = []
        for _ in range(200):
            file.write(bytes(100))
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def measure(name: str, proxied: bool, record: frozenset[str]) -> None:
    """One table."""
    print(f"\n{name}")

    def row(what: str, operation: Operation, figure: Callable[[float], str]) -> None:
        print(f"  {what:<44}{figure(took(live, operation)):>20}", flush=True)

    with Live(CLUSTER, noise=Noise(delay=(0, 0)), proxied=proxied, record=record) as live:
        row("round trip", Rally(2000), lambda s: f"{s / 2000 * 1e6:,.0f} us")
        row("100 B messages", Flood(40_000, 100, 512), lambda s: f"{40_000 / s:,.0f} /s")
        row("256 KiB messages", Flood(1600, 1 << 18, 32), lambda s: f"{1600 * 0.262 / s:,.0f} MB/s")
        row("1 MiB messages", Flood(400, 1 << 20, 16), lambda s: f"{400 * 1.049 / s:,.0f} MB/s")
        for window in (1, 16, 256):
            count = 500 * min(window, 16)
            row(
                f"synced writes, {window} under way",
                WriteAll(count, window),
                lambda s, count=count: f"{count / s:,.0f} /s",  # type: ignore[misc]
            )
        row("job, from start to result", RunJobs(100), lambda s: f"{s / 100 * 1e3:,.2f} ms")


def main() -> None:
    """Print the tables."""
    began = time.perf_counter()
    with Live(CLUSTER):
        print(f"start of two nodes      {(time.perf_counter() - began) * 1e3:,.0f} ms")
    print(f"fsync of 100 B, median  {fsync_p50():,.0f} us")
    measure("directly", False, NOTICED)
    measure("directly, recording everything", False, EVERYTHING)
    measure("through the fault proxy (which adds no delay)", True, NOTICED)


if __name__ == "__main__":
    main()
