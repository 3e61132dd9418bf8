"""What a command costs: wall time, processor time and memory of everything that it starts.

The command runs under a process that adopts orphans (Linux: ``PR_SET_CHILD_SUBREAPER``), so that daemons and killed
workers are counted too, and none is left. Some daemons have the system bury their workers, whose time is then added to
nobody's; so all processes below are looked at four times a second as well, and the greater of the two sums counts.
Processor time is the honest figure on a machine that others use as well.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Cost(NamedTuple):
    """What one run took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of processor time, user and system, of all processes."""
    peak: float
    """MiB: the most that any single process held."""
    error: str = ""
    """Why there are no figures."""


def cost_of(command: Sequence[str], limit: float, log: Path) -> Cost:
    """Run it to its end, or for ``limit`` seconds; what it prints goes to ``log``."""
    reading, writing = os.pipe()
    watcher = os.fork()
    if watcher == 0:
        try:
            os.close(reading)
            os.write(writing, json.dumps(_watch(command, limit, log)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(watcher, 0)
    return Cost(*json.loads(text)) if text else Cost(0, 0, 0, "could not be measured")


def _watch(command: Sequence[str], limit: float, log: Path) -> Cost:
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setpgid(0, 0)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for fileno in (1, 2):
            os.dup2(output, fileno)
        with suppress(OSError):
            os.execvp(command[0], list(command))
        os._exit(127)
    seen: dict[int, float] = {}
    patience = 0.0
    try:
        status = _end_of(child, began + limit, seen)
        wall = time.monotonic() - began
        patience = 5.0
    finally:  # Ctrl-C as well leaves nothing running
        _bury_the_rest(patience)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = max(usage.ru_utime + usage.ru_stime, sum(seen.values()))
    error = ""
    if status is None:
        error = f"not done after {limit:.0f} s"
    elif status:
        lines = [x for x in log.read_text(errors="replace").splitlines() if x.strip()] or ["?"]
        error = f"exit code {os.waitstatus_to_exitcode(status)}: {lines[-1][:120]}"
    return Cost(wall, cpu, usage.ru_maxrss / 1024, error)


def _end_of(child: int, deadline: float, seen: dict[int, float]) -> int | None:
    """The status of its end; None where it had to be killed. ``seen``: process -> its processor time, at last sight."""
    look_at = 0.0
    while (now := time.monotonic()) < deadline:
        if now > look_at:
            look_at = now + 0.25
            for process in descendants(os.getpid()):
                with suppress(OSError):
                    seen[process] = processor_time(process)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.005)
        with suppress(ChildProcessError):  # orphans that have ended: count them, let them go
            while other := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if other.si_pid == child:
                    break
                os.waitpid(other.si_pid, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _bury_the_rest(patience: float) -> None:
    """What the command has left running has so many seconds to end by itself."""
    deadline = time.monotonic() + patience
    while True:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not ended:
            if time.monotonic() >= deadline:
                for process in descendants(os.getpid()):
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
            time.sleep(0.02)


def processor_time(process: int) -> float:
    """Seconds that a process has used itself. Raises ``OSError`` where it is gone."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processor_time_of_all() -> float:
    """Seconds that this process and all that are below it now have used so far."""
    total = 0.0
    for process in (os.getpid(), *descendants(os.getpid())):
        with suppress(OSError):
            total += processor_time(process)
    return total


def peak_of(process: int) -> float:
    """MiB that a process has held at most (VmHWM); 0 where it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0


def descendants(ancestor: int) -> list[int]:
    """Numbers of all processes below one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
    found, front = [], [ancestor]
    while front:
        front = [child for child, parent in parents.items() if parent in front]
        found += front
    return found


def fsync_p50(folder: Path) -> float:
    """Milliseconds that an fsync of 4 KiB takes there."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(100):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


def synced_rate(folder: Path, writers: int = 3, mebibytes: int = 32) -> float:
    """MB/s that reach the disk when so many files grow by 1 MiB at a time, each time synced."""

    def write(number: int) -> None:
        with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
            for _ in range(mebibytes):
                file.write(block)
                os.fsync(file.fileno())

    block = os.urandom(1 << 20)
    began = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    return writers * mebibytes * 1.048576 / (time.perf_counter() - began)


def machine() -> str:
    """Which machine this is, in a line."""
    model = "?"
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(x.partition(":")[2].strip() for x in lines if x.startswith("model name"))
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return f"{os.cpu_count()} x {model}, Python {sys.version.split()[0]}, load {load}"
