"""The explorer's dumb twin: the same search with live nodes and ``copy.deepcopy``, and nothing clever.

No memo, no whole numbers, no interning, no symmetry: for every step the whole world is copied, and one handler runs on
the copy. Worlds are equal if everything in them is. Slow, and short enough to be seen to be right.
"""

import copy
from collections.abc import Iterator
from typing import Any

from distlab.core import Address, Message, Node, Ticket
from distlab.core.codec import decoder, encode
from distlab.core.disk import RecordFiles
from distlab.core.errors import EnvironmentFault, Halt
from distlab.core.files import Files
from distlab.core.log import Log
from distlab.core.state import freeze
from distlab.explore import Network, Scope
from distlab.explore.chance import Chance, Choices
from distlab.faults import Survival


class Disk(RecordFiles):
    def __init__(self, env: "Env") -> None:
        self.env = env

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "env":
            raise AttributeError(name)
        return getattr(self.env.files, name)

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        return self.env.files.read(path, start, length)

    def truncate(self, path: str, size: int) -> None:
        self.env.files.truncate(path, size)

    def append_bytes(self, path: str, data: bytes) -> None:
        self.env.files.append(path, data)

    def durable_size(self, path: str) -> int:
        return self.env.files.durable_size(path)

    def sync(self, *paths: str) -> None:
        left = copy.deepcopy(self.env.files)
        left.crash(lambda size, last: 0, lambda count: 0)
        self.env.cuts.append((left, list(self.env.sent), dict(self.env.history)))
        self.env.files.settle(self.env.files.mark(*paths))


class Env:
    """One node's context and all that is its own."""

    def __init__(self, address: Address, config: Any) -> None:
        self.address, self.config = address, config
        self.files, self.timers = Files(), set()  # type: ignore[var-annotated]
        self.history: dict[Any, Any] = {}
        self.calls_made = 0
        self.sent: list[Any] = []
        self.cuts: list[Any] = []
        self.node: Node | None = None
        self.problem = ""
        self.disk = Disk(self)
        self.log = Log(lambda line: None)
        self.random: Any = None

    def send(self, to: Address, message: Message) -> None:
        self.sent.append((self.address, to, decoder(type(message)).decode(encode(message))))

    def set_timer(self, timer: Any, after: Any) -> None:
        self.timers.add(timer)

    def cancel_timer(self, timer: Any) -> None:
        self.timers.discard(timer)

    def finish(self, ticket: Any, outcome: Any) -> None:
        self.history[ticket] = (self.history[ticket][0], outcome)

    def stop(self, reason: str) -> None:
        self.node = None
        raise Halt(reason)

    def key(self) -> Any:
        """Everything that makes this node what it is."""
        state = None if self.node is None else freeze(self.node.state())
        return (state, frozenset(self.timers), self.files.essence(), freeze(self.history),
                self.calls_made, self.problem)  # fmt: skip


class World:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.envs = {a: Env(a, m.config) for a, m in scope.cluster.members.items()}
        self.net: list[Any] = []
        self.crashes = scope.crashes

    def __deepcopy__(self, memo: dict[int, Any]) -> "World":
        twin = copy.copy(self)
        fixed = [member.config for member in self.scope.cluster.members.values()]
        memo.update((id(config), config) for config in fixed)  # never changes: no need to copy
        twin.envs, twin.net = copy.deepcopy(self.envs, memo), list(self.net)
        return twin

    def __getitem__(self, name: str) -> "View":
        return View(self.envs[Address(name)])

    def nodes(self, role: str = "") -> list["View"]:
        cluster = self.scope.cluster
        return [View(e) for a, e in self.envs.items() if not role or cluster.role(a) == role]

    def up(self, role: str = "") -> list["View"]:
        return [view for view in self.nodes(role) if view.is_up]

    def key(self) -> Any:
        nodes = tuple(env.key() for env in self.envs.values())
        if self.scope.network is Network.BAG:
            return nodes, frozenset((m, self.net.count(m)) for m in self.net), self.crashes
        return nodes, frozenset(self.net), self.crashes

    def projected(self) -> Any:
        """What the simulator shows as well."""
        return tuple(
            None if env.node is None else (freeze(env.node.state()), frozenset(env.timers))
            for env in self.envs.values()
        )


class View:
    def __init__(self, env: Env) -> None:
        self.env, self.is_up, self.address = env, env.node is not None, env.address

    def __getattr__(self, name: str) -> Any:
        return getattr(self.env.node, name)


def handled(world: World, address: Address, event: Any) -> Iterator[World]:
    """Every world that can come of one event at one node, on copies."""
    script: Any = ()
    while script is not None:
        after, choices = copy.deepcopy(world), Choices(script)
        env = after.envs[address]
        env.sent, env.cuts = [], []
        env.random = Chance(choices)
        _run(after, env, event)
        env.random = None
        script = choices.following()
        sent, cuts = env.sent, env.cuts
        env.sent, env.cuts = [], []
        if not env.problem and Survival.NOTHING in after.scope.unsynced:
            for files, before, history in cuts[:2] if after.crashes else ():
                dead = copy.deepcopy(after)
                it = dead.envs[address]
                it.node, it.timers, it.files, it.history = None, set(), files, history
                dead.crashes -= 1
                yield _posted(dead, before)
        yield _posted(after, sent)


def _posted(world: World, sent: list[Any]) -> World:
    is_bag = world.scope.network is Network.BAG
    world.net += [m for i, m in enumerate(sent) if is_bag or m not in [*world.net, *sent[:i]]]
    return world


def _run(world: World, env: Env, event: Any) -> None:
    program = world.scope.cluster.members[env.address].program
    kind, *rest = event
    if kind == "start":
        env.node, env.timers = program(), set()
        env.node.attach(env)
        name, arguments = "on_start", []
    else:
        if kind == "timer":
            env.timers.discard(rest[0])
        elif kind == "call":
            ticket, operation = rest
            env.calls_made += 1
            env.history[ticket] = (operation, None)
            rest = [operation, ticket]
        name, count = program.handlers[type(rest[0])]
        arguments = rest[:count]
    try:
        getattr(env.node, name)(*arguments)
    except (Halt, EnvironmentFault):
        env.node, env.timers = None, set()
    except Exception as error:
        env.problem = type(error).__name__
        env.node, env.timers = None, set()


def successors(world: World) -> Iterator[World]:
    scope, first = world.scope, 1
    for address, env in world.envs.items():
        calls = scope.calls.get(address, ())
        if env.problem:
            continue
        if env.node is None:
            yield from handled(world, address, ("start",))
        else:
            for message in dict.fromkeys(m for m in world.net if m[1] == address):
                before = world
                if scope.network is Network.BAG:
                    before = copy.deepcopy(world)
                    before.net.remove(message)
                yield from handled(before, address, ("message", message[2], message[0]))
            for timer in env.timers:
                yield from handled(world, address, ("timer", timer))
            if env.calls_made < len(calls):
                ticket = Ticket(first + env.calls_made)
                yield from handled(world, address, ("call", ticket, calls[env.calls_made]))
            for survival in scope.unsynced if world.crashes else ():
                dead = copy.deepcopy(world)
                it = dead.envs[address]
                it.node, it.timers = None, set()
                dead.crashes -= 1
                whole = survival is Survival.ALL
                it.files.crash(
                    lambda size, last, whole=whole: size * whole,
                    lambda count, whole=whole: count * whole,
                )
                yield dead
        first += len(calls)


def search(scope: Scope, budget: int) -> tuple[str, dict[Any, World], int]:
    """How it ends (``exhausted``, ``violated``, ``unknown``), every world that was met, and the depth."""
    frontier = [World(scope)]
    for address in scope.cluster.members:
        frontier = [
            after
            for world in frontier
            for after in handled(world, address, ("start",))
            if after.crashes == scope.crashes  # the first starts are not disturbed
        ]
    met: dict[Any, World] = {}
    depth = -1
    while frontier:
        new = []
        for world in frontier:
            if (key := world.key()) not in met:
                met[key] = world
                new.append(world)
        if not new:
            break
        depth += 1
        for world in new:
            if any(env.problem for env in world.envs.values()):
                return "violated", met, depth
            for holds in scope.invariants.values():
                if holds(world) not in (None, True):  # type: ignore[arg-type]
                    return "violated", met, depth
        if len(met) > budget:
            return "unknown", met, depth
        kept = [world for world in new if scope.prune is None or not scope.prune(world)]  # type: ignore[arg-type]
        frontier = [after for world in kept for after in successors(world)]
    return "exhausted", met, depth
