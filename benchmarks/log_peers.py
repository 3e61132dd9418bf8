"""The log benchmark's peers: three replicas of NATS JetStream, of a RabbitMQ stream, of a Redis stream.

    python benchmarks/log_peers.py SYSTEM RECORDS SIZE [synced]     prints its figures as JSON

Servers are found on the path; they listen on the loopback device only, keep their files in a temporary folder, and
end with this program. (Debian's wrappers of RabbitMQ's scripts change the user: put /usr/lib/rabbitmq/bin in front.)
Clients are those of PyPI, ``nats-py``, ``redis`` and ``rstream``; but what NATS and Redis are to append, and what NATS
is to be asked, is prepared as bytes of their protocols, so that servers are measured and not clients in Python.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import measuring

PACED = 2_000
EVERY = 0.002
"""Seconds between two records where their ages are measured."""
Figures = dict[str, Any]


def find(program: str) -> str:
    """Where a server is."""
    if (found := shutil.which(program)) is None:
        raise SystemExit(f"there is no {program} here")
    return found


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Servers:
    """Processes that end when this one does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, command: list[str], environment: dict[str, str] | None = None
    ) -> None:
        log = (self.folder / f"{name}.log").open("wb")
        self.running[name] = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, cwd=self.folder,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip

    def kill(self, name: str) -> None:
        """``kill -9`` to all of it."""
        with suppress(ProcessLookupError):
            os.killpg(self.running[name].pid, signal.SIGKILL)
        self.running.pop(name).wait()

    def end(self) -> None:
        for name in list(self.running):
            self.kill(name)


async def until(ready: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait until it is so; whatever it raises means: not yet."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(Exception):
            if await ready():
                return
        if time.monotonic() > deadline:
            raise SystemExit(f"the servers were not ready after {seconds:.0f} s")
        await asyncio.sleep(0.1)


def stamp(size: int) -> bytes:
    """A record that says when it was made."""
    return time.monotonic_ns().to_bytes(8, "big") + bytes(size - 8)


def age(record: bytes) -> float:
    """Milliseconds since it was made."""
    return (time.monotonic_ns() - int.from_bytes(record[:8], "big")) / 1e6


@contextmanager
def used(figures: Figures, records: int) -> Iterator[None]:
    """Processor time of servers and client meanwhile, in microseconds for each record."""
    before = measuring.processor_time_of_all()
    yield
    figures["cpu"] = (measuring.processor_time_of_all() - before) / records * 1e6


def in_short(ages: list[float]) -> Figures:
    ages.sort()
    return {"p50": statistics.median(ages), "p99": ages[int(len(ages) * 0.99)]}


async def longest_pause(
    send: Callable[[], Awaitable[None]],
    strike: Callable[[], Awaitable[None]],
    limit: float = 60,
    patience: float = 0.1,
) -> float:
    """Seconds from a leader's death to the next acknowledgement: one record after the other."""
    for _ in range(100):
        await send()
    await strike()
    began = time.monotonic()
    while time.monotonic() - began < limit:
        with suppress(Exception):
            await asyncio.wait_for(send(), patience)
            return time.monotonic() - began
        await asyncio.sleep(0.005)
    raise SystemExit(f"not back after {limit:.0f} s")


async def pipelined(
    port: int,
    count: int,
    part: Callable[[int], bytes],
    mark: bytes,
    under_way: int,
    batch: int = 256,
) -> float:
    """Send ``count`` requests of a protocol, prepared beforehand, as bytes; seconds until ``mark`` came for each.

    Neither made nor taken apart one by one: what is measured is the servers, not a client in Python.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    done = sent = 0
    kept = b""
    began = time.monotonic()
    while done < count:
        while sent < count and sent - done < under_way:
            size = min(batch, count - sent)
            writer.write(part(size))
            sent += size
        data = kept + await asyncio.wait_for(reader.read(1 << 20), 30)
        done += data.count(mark)
        kept = data[-(len(mark) - 1) :] if len(mark) > 1 else b""
    took = time.monotonic() - began
    writer.close()
    return took


# -- NATS ------------------------------------------------------------------------------------------------------


async def nats(servers: Servers, records: int, size: int, synced: bool) -> Figures:
    if synced:
        raise SystemExit("syncs every two minutes, and cannot be told to sync sooner (2.9)")
    import nats as client
    from nats.js.api import AckPolicy, ConsumerConfig, StorageType

    program, ports = find("nats-server"), free_ports(6)
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports[3:])
    for n in range(3):
        config = servers.folder / f"n{n}.conf"
        config.write_text(
            f'server_name: n{n}\nlisten: "127.0.0.1:{ports[n]}"\n'
            f'jetstream {{ store_dir: "{servers.folder}/n{n}" }}\n'
            f'cluster {{ name: c, listen: "127.0.0.1:{ports[n + 3]}", routes: [{routes}] }}\n'
        )
        servers.start(f"n{n}", [program, "-c", str(config)])
    urls = [f"nats://127.0.0.1:{port}" for port in ports[:3]]
    nc: Any = None

    async def connected() -> bool:
        nonlocal nc
        nc = nc or await client.connect(urls, reconnect_time_wait=0.05, max_reconnect_attempts=-1)
        await nc.jetstream().add_stream(
            name="log", subjects=["log"], num_replicas=3, storage=StorageType.FILE
        )
        return True

    await until(connected)
    js = nc.jetstream(publish_async_max_pending=4096)
    payload, figures = os.urandom(size), {}

    leader = (await js.stream_info("log")).cluster.leader
    port = ports[int(leader[1:])]
    hello = b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB answers 1\r\n'
    publish = b"PUB log answers %d\r\n%s\r\n" % (size, payload)
    opened: list[bytes] = [hello]

    def some(count: int) -> bytes:
        return (opened.pop() if opened else b"") + publish * count

    with used(figures, records):
        took = await pipelined(port, records, some, b"MSG answers 1 ", under_way=4096)
    figures["produce"] = records / took

    await js.add_consumer("log", ConsumerConfig(durable_name="scan", ack_policy=AckPolicy.NONE))
    opened.append(hello)

    def next_(count: int) -> bytes:
        request = b'{"batch":%d}' % count
        ask = b"PUB $JS.API.CONSUMER.MSG.NEXT.log.scan answers %d\r\n%s\r\n"
        return (opened.pop() if opened else b"") + ask % (len(request), request)

    took = await pipelined(port, records, next_, b"MSG log 1 $JS.ACK.log.scan.", 4096, batch=1024)
    figures["fetch"] = records / took

    ages: list[float] = []

    async def arrived(message: Any) -> None:
        ages.append(age(message.data))

    from nats.js.api import DeliverPolicy

    new = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.NEW)
    await js.subscribe("log", cb=arrived, config=new)
    began = time.monotonic()
    for n in range(PACED):
        await js.publish_async("log", stamp(size))
        await asyncio.sleep(max(0, began + n * EVERY - time.monotonic()))
    await asyncio.sleep(1)
    figures |= in_short(ages)

    async def send() -> None:
        await js.publish("log", payload, timeout=0.1)

    async def strike() -> None:
        servers.kill(leader)

    figures["recovery"] = await longest_pause(send, strike)
    await nc.close()
    return figures


# -- Redis ------------------------------------------------------------------------------------------------------


async def redis(servers: Servers, records: int, size: int, synced: bool) -> Figures:
    from redis.asyncio import Redis

    program, ports = find("redis-server"), free_ports(3)
    for n, port in enumerate(ports):
        folder = servers.folder / f"r{n}"
        folder.mkdir()
        options = {
            "port": port, "bind": "127.0.0.1", "dir": folder, "save": "", "appendonly": "yes",
            "appendfsync": "always" if synced else "no", "repl-diskless-sync-delay": 0,
        }  # fmt: skip
        command = [program, *(str(x) for k, v in options.items() for x in (f"--{k}", v))]
        servers.start(
            f"r{n}", [*command, *(["--replicaof", "127.0.0.1", str(ports[0])] if n else [])]
        )
    leader = Redis(port=ports[0])

    async def in_sync() -> bool:
        await leader.ping()
        return bool(await leader.wait(2, 1000) == 2)

    await until(in_sync)
    payload, batch, figures, flows = os.urandom(size), 256, {}, 4
    records = records // (batch * flows) * batch * flows
    add = b"*5\r\n$4\r\nXADD\r\n$3\r\nlog\r\n$1\r\n*\r\n$1\r\nv\r\n$%d\r\n%s\r\n" % (size, payload)
    wait = b"*3\r\n$4\r\nWAIT\r\n$1\r\n2\r\n$4\r\n5000\r\n"
    # WAIT holds its connection up, so several take turns; each batch is done when its WAIT says 2.
    began = time.monotonic()
    with used(figures, records):
        await asyncio.gather(*(
            pipelined(ports[0], records // batch // flows, lambda n: (add * batch + wait) * n, b":2\r\n", 2, 1)
            for _ in range(flows)
        ))  # fmt: skip
    figures["produce"] = records / (time.monotonic() - began)

    began, read, last = time.monotonic(), 0, b"0-0"
    while read < records:
        ((_, found),) = await leader.xread({"log": last}, count=4000)
        read, last = read + len(found), found[-1][0]
    figures["fetch"] = read / (time.monotonic() - began)

    ages: list[float] = []

    async def watch() -> None:
        at: bytes = last
        async with Redis(port=ports[0]) as connection:
            while len(ages) < PACED:
                ((_, found),) = await connection.xread({"log": at}, block=5000)
                ages.extend(age(fields[b"v"]) for _, fields in found)
                at = found[-1][0]

    async def one() -> None:
        pipe = leader.pipeline(transaction=False)
        pipe.xadd("log", {b"v": stamp(size)})
        pipe.wait(2, 5000)
        await pipe.execute()

    watching = asyncio.create_task(watch())
    began = time.monotonic()
    sending = set()
    for n in range(PACED):
        sending.add(asyncio.create_task(one()))
        await asyncio.sleep(max(0, began + n * EVERY - time.monotonic()))
    await asyncio.gather(watching, *sending)
    figures |= in_short(ages)
    figures["recovery"] = "no leader is elected without Sentinel"
    return figures


# -- RabbitMQ ------------------------------------------------------------------------------------------------------


async def rabbitmq(servers: Servers, records: int, size: int, synced: bool) -> Figures:
    if synced:
        raise SystemExit("a stream is never synced, on purpose")
    from rstream import (
        Consumer,
        ConsumerOffsetSpecification,
        OffsetType,
        Producer,
    )

    server, control, ports = find("rabbitmq-server"), find("rabbitmqctl"), free_ports(10)
    plugins = servers.folder / "plugins"
    plugins.write_text("[rabbitmq_stream].")
    epmd = str(ports[9])
    (servers.folder / "cookie").mkdir()
    environments = []
    for n in range(3):
        folder = servers.folder / f"q{n}"
        folder.mkdir()
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{ports[n]}\n"
            f"stream.listeners.tcp.1 = 127.0.0.1:{ports[n + 3]}\n"
            f"stream.advertised_host = 127.0.0.1\nstream.advertised_port = {ports[n + 3]}\n"
        )
        environments.append({
            "RABBITMQ_NODENAME": f"q{n}@localhost", "RABBITMQ_MNESIA_BASE": str(folder),
            "RABBITMQ_LOG_BASE": str(folder), "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins), "RABBITMQ_DIST_PORT": str(ports[n + 6]),
            "RABBITMQ_PID_FILE": str(folder / "pid"), "HOME": str(servers.folder / "cookie"),
            "ERL_EPMD_PORT": epmd, "ERL_EPMD_ADDRESS": "127.0.0.1", "LANG": "C.UTF-8",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-setcookie log -kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CTL_ERL_ARGS": "-setcookie log",
        })  # fmt: skip

    async def ctl(n: int, *words: str) -> bool:
        line = [control, "-n", f"q{n}@localhost", *words]
        environment = {**os.environ, **environments[n]}
        null = asyncio.subprocess.DEVNULL
        done = await asyncio.create_subprocess_exec(
            *line, env=environment, stdout=null, stderr=null
        )
        return await done.wait() == 0

    servers.start("epmd", [find("epmd"), "-port", epmd, "-address", "127.0.0.1"])
    for n in range(3):
        servers.start(f"q{n}", [server], environments[n])
        await until(lambda n=n: ctl(n, "await_startup", "--timeout", "60"), 90)  # type: ignore[misc]
    for n in (1, 2):
        await ctl(n, "stop_app")
        if not await ctl(n, "join_cluster", "q0@localhost"):
            raise SystemExit("its nodes did not form a cluster")
        await ctl(n, "start_app")
    login = {"username": "guest", "password": "guest"}
    payload, batch, figures = os.urandom(size), 256, {}
    confirmed, changed = 0, asyncio.Condition()

    async def on_confirm(_: Any) -> None:
        nonlocal confirmed
        confirmed += 1
        if confirmed % batch == 0 or confirmed >= records:
            async with changed:
                changed.notify_all()

    producer = Producer("127.0.0.1", ports[3], **login)
    await producer.start()
    await producer.create_stream("log", arguments={"initial-cluster-size": "3"})
    began = time.monotonic()
    with used(figures, records):
        for at in range(0, records, batch):
            messages = [payload] * min(batch, records - at)
            await producer.send_batch("log", messages, on_publish_confirm=on_confirm)
            async with changed:
                await changed.wait_for(lambda at=at: confirmed > at - 16 * batch)  # type: ignore[misc]
        async with changed:
            await changed.wait_for(lambda: confirmed >= records)
    figures["produce"] = records / (time.monotonic() - began)

    async def consume(where: OffsetType, count: int, seen: Callable[[bytes], None]) -> Any:
        consumer, done, read = Consumer("127.0.0.1", ports[3], **login), asyncio.Event(), 0

        async def arrived(message: Any, _: Any) -> None:
            nonlocal read
            read += 1
            seen(message)
            if read == count:
                done.set()

        await consumer.start()
        await consumer.subscribe(
            "log", arrived, initial_credit=50,
            offset_specification=ConsumerOffsetSpecification(where, None),
        )  # fmt: skip
        return consumer, done

    began = time.monotonic()
    _, done = await consume(OffsetType.FIRST, records, lambda body: None)
    await done.wait()
    figures["fetch"] = records / (time.monotonic() - began)

    ages: list[float] = []
    _, done = await consume(OffsetType.NEXT, PACED, lambda body: ages.append(age(body)))
    await asyncio.sleep(0.5)
    began = time.monotonic()
    for n in range(PACED):
        await producer.send_batch("log", [stamp(size)])
        await asyncio.sleep(max(0, began + n * EVERY - time.monotonic()))
    await asyncio.wait_for(done.wait(), 30)
    figures |= in_short(ages)
    await producer.close()
    sender: Producer | None = None
    to = 0

    async def send() -> None:
        nonlocal sender
        if sender is None:
            sender = Producer("127.0.0.1", ports[3 + to], **login)
            await sender.start()
        await sender.send_wait("log", payload)

    async def strike() -> None:  # a stream's first leader is where its client was
        nonlocal sender, to
        servers.kill("q0")
        sender, to = None, 1

    figures["recovery"] = await longest_pause(send, strike, patience=1.0)
    return figures


SYSTEMS = {"nats": nats, "redis": redis, "rabbitmq": rabbitmq}


def run() -> None:
    system, records, size, *rest = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("stopped"))
    with tempfile.TemporaryDirectory(prefix="log-peers-") as name:
        servers = Servers(Path(name))
        try:
            figures = asyncio.run(
                SYSTEMS[system](servers, int(records), int(size), "synced" in rest)
            )
        except ImportError as error:
            raise SystemExit(f"{error.name} is not installed") from None
        finally:
            servers.end()
    print(json.dumps(figures))


if __name__ == "__main__":
    run()
