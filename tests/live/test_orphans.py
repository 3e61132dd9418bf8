"""However a run ends, no process of it remains."""

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from distlab.core.cluster import Cluster, Member
from distlab.live import Live
from tests.live.helpers import COUNTER, KV, eventually, processes
from tests.programs import wrong

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from distlab.core import SECOND
from distlab.live import Live
from tests.live.helpers import COUNTER
from tests.programs import counter

with Live(COUNTER, proxied=True) as live:
    live.call("counter", counter.Begin())
    folder = live.folder / "nodes" / "counter" / "disk"
    assert live.wait(lambda: (folder / "forever").exists())
    print(live.pid("counter"), live._supervisor.proxy.pid, live.folder, live._briefing._sockets, flush=True)
    if sys.argv[1] == "stuck":
        live.pause("counter", 60 * SECOND)
    if sys.argv[1] == "exception":
        raise ValueError("the supervisor has a bad day")
    if sys.argv[1] == "exit":
        sys.exit(3)
    print("waiting", flush=True)
    live.run_for(60 * SECOND)
"""


@pytest.fixture
def run() -> "Iterator[Runs]":
    runs = Runs()
    yield runs
    for folder in (runs.folder, runs.sockets):  # what kill -9 of the supervisor leaves behind
        shutil.rmtree(folder, ignore_errors=True)


class Runs:
    """A supervisor in a process of its own, with a node that has a job, and a proxy."""

    def start(self, how: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, how],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        node, proxy, self.folder, self.sockets = self.process.stdout.readline().split()
        self.groups = int(node), int(proxy)

    def signal_when_waiting(self, number: int) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "waiting\n"
        assert all(processes(group) for group in self.groups)
        self.process.send_signal(number)

    def errors(self) -> str:
        return self.process.communicate(timeout=20)[1]

    def leaves_nothing(self) -> bool:
        return eventually(lambda: not any(processes(group) for group in self.groups))


def test_after_ctrl_c(run: Runs) -> None:
    run.start("wait")
    run.signal_when_waiting(signal.SIGINT)
    assert "KeyboardInterrupt" in run.errors()
    assert run.leaves_nothing()
    assert not Path(run.folder).exists()
    assert not Path(run.sockets).exists()


def test_after_an_exception(run: Runs) -> None:
    run.start("exception")
    assert "the supervisor has a bad day" in run.errors()
    assert run.leaves_nothing()


def test_after_exit(run: Runs) -> None:
    run.start("exit")
    run.errors()
    assert run.process.returncode == 3
    assert run.leaves_nothing()


@pytest.mark.parametrize("how", ["wait", "stuck"])
def test_after_kill_9_of_the_supervisor_itself(run: Runs, how: str) -> None:
    run.start(how)
    run.signal_when_waiting(signal.SIGKILL)
    run.errors()
    assert run.process.returncode == -signal.SIGKILL
    assert run.leaves_nothing()


def test_after_sigterm(run: Runs) -> None:
    run.start("wait")
    run.signal_when_waiting(signal.SIGTERM)
    run.errors()
    assert run.leaves_nothing()


def test_ctrl_c_at_a_terminal_reaches_the_supervisor_alone() -> None:
    with Live(KV) as live:
        groups = {os.getpgid(live.pid(address) or 0) for address in ("store", "client")}
    assert os.getpgrp() not in groups


def descriptors() -> int:
    """How many files this process has open, where the system says so; not those that nobody holds any more."""
    gc.collect()
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_after_many_runs_in_one_process() -> None:
    before = descriptors()
    for _ in range(3):
        with Live(COUNTER) as live:
            group = live.pid("counter")
        assert group is not None
        assert not processes(group)
    assert descriptors() == before


def test_a_node_that_hangs_is_killed_too() -> None:
    with Live(Cluster({"wrong": Member(wrong.Wrong)})) as live:
        live.call("wrong", wrong.Hang())
        assert live.wait(lambda: "hanging" in live.log("wrong"))
        group = live.pid("wrong")
    assert group is not None
    assert not processes(group)
