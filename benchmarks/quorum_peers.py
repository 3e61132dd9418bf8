"""etcd or ZooKeeper, three nodes of it, under the load of benchmarks/quorum.py: prints one line of JSON.

    python benchmarks/quorum_peers.py {etcd,zookeeper} PROGRAM CLIENTS SECONDS VALUE_SIZE FOLDER

``PROGRAM`` is the etcd binary, or the folder with ZooKeeper's jars. The nodes keep their data below ``FOLDER``, with
their ordinary settings: both sync before they acknowledge. The load goes to the leader, through the library that each
is used with from Python, on one connection, with so many writes under way at a time.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KEYS = 1_000
WARM_UP = 3.0
"""Seconds of load that do not count: ZooKeeper's machine compiles what is used much."""
PATIENCE = 60.0
"""Seconds until a cluster has a leader."""


def measure() -> int:
    system, program, clients, seconds, size, folder = sys.argv[1:]
    run = {"etcd": run_etcd, "zookeeper": run_zookeeper}[system]
    figures = run(program, int(clients), float(seconds), b"x" * int(size), Path(folder))
    print(json.dumps(figures))
    return 0


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def running(commands: list[list[str]], folder: Path) -> Iterator[list[int]]:
    """These processes, until the block is left; their numbers."""
    processes = []
    try:
        for number, command in enumerate(commands):
            log = (folder / f"log-{number}").open("wb")
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=folder))
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
        for process in processes:
            process.wait()


class Clock:
    """Times writes, from the end of the warm-up on, and the processor time of both sides."""

    def __init__(self, seconds: float, servers: list[int]) -> None:
        self._servers = servers
        self._begin = time.perf_counter() + WARM_UP
        self._end = self._begin + seconds
        self._seconds = seconds
        self._cpu: tuple[float, float] | None = None
        self.latencies: list[float] = []

    def is_over(self) -> bool:
        return time.perf_counter() >= self._end

    def took(self, began: float) -> None:
        """A write that began then is acknowledged."""
        now = time.perf_counter()
        if began >= self._begin and now < self._end:
            if self._cpu is None:
                self._cpu = self._used()
            self.latencies.append(now - began)

    def _used(self) -> tuple[float, float]:
        own = resource.getrusage(resource.RUSAGE_SELF)
        return sum(map(processor_time, self._servers)), own.ru_utime + own.ru_stime

    def figures(self) -> dict[str, Any]:
        assert self._cpu is not None
        servers, client = self._used()
        return {
            "seconds": self._seconds,
            "latencies": [round(took * 1e6) for took in self.latencies],
            "servers": servers - self._cpu[0],
            "client": client - self._cpu[1],
        }


def processor_time(process: int) -> float:
    """Seconds that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- etcd --------------------------------------------------------------------------------------------


def run_etcd(
    binary: str, clients: int, seconds: float, value: bytes, folder: Path
) -> dict[str, Any]:
    ports = free_ports(6)
    peers = [f"http://127.0.0.1:{port}" for port in ports[:3]]
    cluster = ",".join(f"n{number}={peer}" for number, peer in enumerate(peers))
    commands = []
    for number in range(3):
        url = f"http://127.0.0.1:{ports[3 + number]}"
        commands.append(
            [
                binary, "--name", f"n{number}", "--data-dir", str(folder / f"n{number}"),
                "--listen-peer-urls", peers[number], "--initial-advertise-peer-urls", peers[number],
                "--listen-client-urls", url, "--advertise-client-urls", url,
                "--initial-cluster", cluster, "--initial-cluster-state", "new",
                "--log-level", "error",
            ]
        )  # fmt: skip
    with running(commands, folder) as servers:
        return asyncio.run(_load_etcd(ports[3:], servers, clients, seconds, value))


async def _load_etcd(
    ports: list[int], servers: list[int], clients: int, seconds: float, value: bytes
) -> dict[str, Any]:
    import aetcd

    leader = await _etcd_leader(aetcd, ports)
    async with aetcd.Client(host="127.0.0.1", port=leader) as etcd:
        for number in range(KEYS):
            await etcd.put(b"k%d" % number, value)
        clock = Clock(seconds, servers)
        count = 0

        async def client() -> None:
            nonlocal count
            while not clock.is_over():
                count += 1
                began = time.perf_counter()
                await etcd.put(b"k%d" % (count % KEYS), value)
                clock.took(began)

        await asyncio.gather(*(client() for _ in range(clients)))
        return clock.figures()


async def _etcd_leader(aetcd: Any, ports: list[int]) -> int:
    """The port at which the leader's clients are served."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for port in ports:
            try:
                async with aetcd.Client(host="127.0.0.1", port=port, timeout=2) as etcd:
                    status = await etcd.status()
                    if status.leader is not None:
                        return int(status.leader.client_urls[0].rpartition(":")[2])
            except Exception:  # whatever it says while it is not up yet
                await asyncio.sleep(0.2)
    raise SystemExit("etcd has no leader")


# -- ZooKeeper ---------------------------------------------------------------------------------------

JARS = (
    "zookeeper", "zookeeper-jute", "slf4j-api", "slf4j-nop", "metrics-core", "snappy-java", "commons-cli", "commons-io",
    "netty-all", "netty-buffer", "netty-common", "netty-handler", "netty-transport", "netty-resolver", "netty-codec",
    "jackson-annotations", "jackson-core", "jackson-databind", "findbugs-annotations",
)  # fmt: skip


def run_zookeeper(
    jars: str, clients: int, seconds: float, value: bytes, folder: Path
) -> dict[str, Any]:
    ports = free_ports(9)
    servers = "\n".join(
        f"server.{number + 1}=127.0.0.1:{ports[number]}:{ports[3 + number]}" for number in range(3)
    )
    commands = []
    for number in range(3):
        home = folder / f"n{number}"
        home.mkdir()
        (home / "myid").write_text(f"{number + 1}\n")
        (home / "zoo.cfg").write_text(
            f"tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={home}\nclientPort={ports[6 + number]}\n"
            f"4lw.commands.whitelist=srvr\nadmin.enableServer=false\n{servers}\n"
        )
        classes = ":".join(f"{jars}/{jar}.jar" for jar in JARS)
        main_class = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        commands.append(["java", "-Xmx512m", "-cp", classes, main_class, str(home / "zoo.cfg")])
    with running(commands, folder) as processes:
        leader = _zookeeper_leader(ports[6:])
        return _load_zookeeper(leader, processes, clients, seconds, value)


def _zookeeper_leader(ports: list[int]) -> int:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for port in ports:
            try:
                with socket.create_connection(("127.0.0.1", port), 2) as asking:
                    asking.sendall(b"srvr")
                    if b"Mode: leader" in asking.makefile("rb").read():
                        return port
            except OSError:
                pass
        time.sleep(0.2)
    raise SystemExit("ZooKeeper has no leader")


def _load_zookeeper(
    port: int, servers: list[int], clients: int, seconds: float, value: bytes
) -> dict[str, Any]:
    from kazoo.client import KazooClient

    zookeeper = KazooClient(hosts=f"127.0.0.1:{port}")
    zookeeper.start(timeout=PATIENCE)
    for number in range(KEYS):
        zookeeper.create(f"/k{number}", value)
    clock = Clock(seconds, servers)
    left = threading.Semaphore(0)
    count = 0

    def write() -> None:
        nonlocal count
        count += 1
        began = time.perf_counter()
        zookeeper.set_async(f"/k{count % KEYS}", value).rawlink(lambda done: done_with(began, done))

    def done_with(began: float, done: Any) -> None:
        if done.exception is None:
            clock.took(began)
        if clock.is_over():
            left.release()
        else:
            write()

    for _ in range(clients):
        write()
    for _ in range(clients):
        left.acquire()
    figures = clock.figures()
    zookeeper.stop()
    return figures


if __name__ == "__main__":
    sys.exit(measure())
