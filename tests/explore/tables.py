"""Tiny random programs: a node that does what a table tells it, and tables drawn from a seed.

Every effect that the explorer models occurs: messages, timers, a disk that is synced or not, draws, calls, stops and
exceptions. What a node can remember is bounded, so that most of these worlds are small.
"""

from random import Random

import msgspec

from distlab.core import MS, Address, Config, Message, Node, Ok, Operation, Ticket, Timer
from distlab.core.cluster import Cluster, Member
from distlab.explore import Network, Scope, World
from distlab.faults import Survival


class Token(Message):
    n: int


class Kept(Message):
    """A record on disk."""

    x: int


class Tick(Timer):
    n: int


class Ask(Operation):
    n: int


Action = tuple[str, int]
Rule = tuple[str, int, int, tuple[Action, ...]]
"""(kind of event, its number, the node's x) -> what it does."""


class TableConfig(Config):
    rules: tuple[Rule, ...]
    peers: tuple[Address, ...]


class Table(Node):
    config: TableConfig
    x: int
    heard: set[Address]
    turns: dict[int, int]
    asked: list[Ticket]

    def on_start(self) -> None:
        self.x, self.heard, self.turns, self.asked = 0, set(), {}, []
        for record in self.disk.recover("log", Kept):
            self.x = record.x
        self.do("start", 0)

    def on_token(self, token: Token, sender: Address) -> None:
        if token.n == 0:
            self.heard.add(sender)
        self.do("token", token.n)

    def on_tick(self, tick: Tick) -> None:
        self.do("tick", tick.n)

    def on_ask(self, ask: Ask, ticket: Ticket) -> None:
        self.asked.append(ticket)
        self.do("ask", ask.n)

    def do(self, kind: str, n: int) -> None:
        for rule_kind, number, x, actions in self.config.rules:
            if (rule_kind, number, x) == (kind, n, self.x):
                for name, value in actions:
                    self.act(name, value)
                return

    def act(self, name: str, value: int) -> None:
        match name:
            case "x":
                self.x = value
            case "turn":
                self.turns[value] = self.x
            case "forget":
                self.heard.clear()
            case "send":
                self.send(self.config.peers[value % len(self.config.peers)], Token(value % 2))
            case "set":
                self.set_timer(Tick(value % 2), after=(1 + value) * MS)
            case "cancel":
                self.cancel_timer(Tick(value % 2))
            case "write":
                if not self.disk.exists("log") or self.disk.size("log") < 60:
                    self.disk.append("log", Kept(value))
            case "sync":
                if self.disk.exists("log"):
                    self.disk.sync("log", "/")
            case "draw":
                self.x = self.random.randrange(2)
            case "finish":
                for ticket in self.asked:
                    self.finish(ticket, Ok(self.x))
                self.asked.clear()
            case "stop":
                self.stop("the table says so")
            case "raise":
                raise ValueError("the table says so")


NAMES = (Address("a"), Address("b"), Address("c"))
COMMON = ("x", "x", "turn", "send", "send", "send", "set", "cancel", "write", "sync", "finish")
SELDOM = ("draw", "forget", "stop", "raise")


def scope_of(seed: int) -> Scope:
    """A program and its scope."""
    dice = Random(seed)
    names = NAMES[: dice.choice((2, 2, 2, 3))]
    seldom = SELDOM if dice.random() < 0.4 else ()
    members = {}
    for name in names:
        peers = tuple(peer for peer in names if peer != name)
        members[name] = Member(Table, TableConfig(_rules(dice, seldom), peers))
    has_calls = dice.random() < 0.4
    crashes = dice.choice((0, 0, 0, 1, 1, 2))
    bad = dice.randrange(3), dice.randrange(3)
    return Scope(
        cluster=Cluster(members),
        invariants={"not both": lambda world: not_both(world, bad)},
        calls={names[0]: tuple(Ask(dice.randrange(2)) for _ in range(dice.randint(1, 2)))}
        if has_calls
        else {},
        network=dice.choice((Network.SET, Network.SET, Network.BAG)),
        crashes=crashes,
        unsynced=dice.choice(((Survival.NOTHING,), (Survival.NOTHING, Survival.ALL))),
    )


def not_both(world: World, bad: tuple[int, int]) -> str | None:
    """Two nodes are not in two states at once, one of them having heard the other."""
    a, b = world["a"], world["b"]
    if a.is_up and b.is_up and (a.x, b.x) == bad and (a.heard or b.heard):
        return f"a is at {a.x} and b at {b.x}"
    return None


def unbroken(scope: Scope) -> Scope:
    """The scope with nothing to break: to be searched whole."""
    return msgspec.structs.replace(scope, invariants={})


def _rules(dice: Random, seldom: tuple[str, ...]) -> tuple[Rule, ...]:
    def actions(least: int) -> tuple[Action, ...]:
        names = [dice.choice(COMMON) for _ in range(dice.randint(least, 3))]
        if seldom and dice.random() < 0.15:
            names.append(dice.choice(seldom))
        return tuple((name, dice.randrange(3)) for name in names)

    rules: list[Rule] = [
        ("start", 0, x, (*actions(1), ("set", dice.randrange(2)))) for x in range(3)
    ]
    for kind in ("token", "tick", "ask"):
        for n in range(2):
            rules += [(kind, n, x, actions(0)) for x in range(3) if dice.random() < 0.5]
    return tuple(rules)
