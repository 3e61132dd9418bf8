"""One workload, written for each simulator in its own style: two nodes that hit a ball to and fro.

Each function plays ``hits`` hits, one message each, with delays drawn between 1 and 10 ms where that can be chosen, and
returns how many messages were handled. Each imports its simulator itself, so that one that is missing can be skipped.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from distlab.core import MS, Address, Config, Message, Node, Ok, Operation, Ticket
from distlab.core.cluster import Cluster, Member
from distlab.faults import QUIET, Noise, Plan
from distlab.sim import Simulation
from distlab.trace import EVERYTHING

LEAST, MOST = 0.001, 0.010
"""Seconds that a message takes."""


class Ball(Message, frozen=True):
    left: int


class Serve(Operation, frozen=True):
    hits: int


class Opponent(Config, frozen=True):
    name: Address


class Player(Node):
    config: Opponent
    count: int

    def on_start(self) -> None:
        self.count = 0

    def on_serve(self, serve: Serve, ticket: Ticket) -> None:
        self.send(self.config.name, Ball(serve.hits - 1))
        self.finish(ticket, Ok())

    def on_ball(self, ball: Ball, sender: Address) -> None:
        self.count += 1
        if ball.left:
            self.send(sender, Ball(ball.left - 1))


def _ours(hits: int, noise: Noise, record: frozenset[str]) -> int:
    names = (Address("a"), Address("b"))
    cluster = Cluster(
        {n: Member(Player, Opponent(o)) for n, o in zip(names, names[::-1], strict=True)}
    )
    sim = Simulation(cluster, Plan(), noise, record=record, event_limit=10 * hits + 100)
    sim.call(0, "a", Serve(hits))
    sim.run(100 * MS * hits)
    return sum(
        process.node.count for process in sim.up.values() if isinstance(process.node, Player)
    )


def distlab_quiet(hits: int) -> int:
    return _ours(hits, QUIET, frozenset())


def distlab(hits: int) -> int:
    return _ours(hits, Noise(seed=1, delay=(1 * MS, 10 * MS), straggle=0.001), frozenset())


def distlab_recording(hits: int) -> int:
    return _ours(hits, Noise(seed=1, delay=(1 * MS, 10 * MS), straggle=0.001), EVERYTHING)


def simpy_stores(hits: int) -> int:
    """As SimPy's documentation shows message passing: processes, a store for each inbox, a process per delay."""
    import simpy

    env, random, handled = simpy.Environment(), Random(1), 0
    inboxes = (simpy.Store(env), simpy.Store(env))

    def carry(to: int, ball: int) -> Any:
        yield env.timeout(random.uniform(LEAST, MOST))
        yield inboxes[to].put(ball)

    def player(me: int) -> Any:
        nonlocal handled
        while True:
            left = yield inboxes[me].get()
            handled += 1
            if not left:
                return
            env.process(carry(1 - me, left - 1))

    players = [env.process(player(me)) for me in (0, 1)]
    env.process(carry(1, hits - 1))
    env.run(until=players[0] | players[1])
    return handled


def simpy_callbacks(hits: int) -> int:
    """The least that SimPy can do: a timeout per message, and a callback."""
    import simpy

    env, random, handled = simpy.Environment(), Random(1), 0

    def handle(event: Any) -> None:
        nonlocal handled
        handled += 1
        if event.value:
            send(event.value - 1)

    def send(ball: int) -> None:
        env.timeout(random.uniform(LEAST, MOST), ball).callbacks.append(handle)

    send(hits - 1)
    env.run()
    return handled


def seedloop(hits: int) -> int:
    """Two coroutines over its network; it draws its own delays."""
    import seedloop as peer

    handled = 0

    async def scenario(world: Any) -> None:
        ends = [world.net.bind(0), world.net.bind(1)]

        async def player(me: int) -> None:
            nonlocal handled
            while True:
                sender, left = await ends[me].recv()
                handled += 1
                if not left:
                    done.set_result(None)
                    return
                await ends[me].send(sender, left - 1)

        done = asyncio.get_running_loop().create_future()
        tasks = [asyncio.ensure_future(player(me)) for me in (0, 1)]
        await ends[0].send(1, hits - 1)
        await done
        for task in tasks:
            task.cancel()

    peer.replay(scenario, seed=1)
    return handled


def simloop(hits: int) -> int:
    """Two datagram endpoints, as unmodified asyncio code."""
    import simloop as peer

    handled = 0

    async def workload() -> None:
        loop: Any = asyncio.get_running_loop()
        loop.net.set_defaults(latency=(LEAST, MOST))
        done = loop.create_future()

        class Player(asyncio.DatagramProtocol):
            def connection_made(self, transport: Any) -> None:
                self.transport = transport

            def datagram_received(self, data: bytes, address: Any) -> None:
                nonlocal handled
                handled += 1
                if left := int(data):
                    self.transport.sendto(b"%d" % (left - 1), address)
                else:
                    done.set_result(None)

        async def open_at(port: int) -> Any:
            return await loop.create_datagram_endpoint(Player, local_addr=("0.0.0.0", port))

        await loop.net.host("b").create_task(open_at(2))
        transport, _ = await loop.net.host("a").create_task(open_at(1))
        transport.sendto(b"%d" % (hits - 1), ("b", 2))
        await done

    peer.explore(workload, seeds=[1])
    return handled


def detangle(hits: int) -> int:
    """Two coroutines over its mailboxes; one random schedule."""
    import detangle as peer

    handled = 0

    async def main() -> None:
        nonlocal handled
        net = peer.network()
        boxes = [net.mailbox(1, host="a"), net.mailbox(1, host="b")]

        async def player(me: int) -> None:
            nonlocal handled
            while True:
                left, sender = await boxes[me].recv()
                handled += 1
                if not left:
                    done.set_result(None)
                    return
                boxes[me].send(sender, left - 1)

        done = asyncio.get_running_loop().create_future()
        tasks = [asyncio.ensure_future(player(me)) for me in (0, 1)]
        boxes[0].send(("b", 1), hits - 1)
        await done
        for task in tasks:
            task.cancel()

    peer.run(main, seed=1, max_steps=100 * hits, net={"latency": (LEAST, MOST)})
    return handled


PEERS: dict[str, tuple[Callable[[int], int], int, str, str]] = {
    "distlab, constant delays": (distlab_quiet, 50_000, "", "the simplest background"),
    "distlab": (distlab, 50_000, "", "delays drawn, noise on, digest kept: what a sweep runs"),
    "distlab, recording": (
        distlab_recording,
        50_000,
        "",
        "and every event kept: what a replay runs",
    ),
    "simpy, callbacks": (
        simpy_callbacks,
        50_000,
        "simpy",
        "timed events only: no network, no nodes",
    ),
    "simpy, stores": (
        simpy_stores,
        20_000,
        "simpy",
        "general processes; resources, priorities, interrupts",
    ),
    "seedloop": (seedloop, 5_000, "seedloop", "asyncio code; audits stray sources of chance"),
    "simloop": (simloop, 5_000, "simloop", "unmodified asyncio code, streams and TLS"),
    "detangle": (detangle, 5_000, "detangle", "unmodified asyncio code; controls interleavings"),
}
"""Name -> (how to play, how many hits, package, what it is)."""
