"""Part 3B in the simulator: machines and applications before a desk; random scenarios, schedules, judges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import msgspec
from msgspec import Struct, structs

from distlab.check import Verdict, broken, kept
from distlab.core import MS
from distlab.core.cluster import Cluster, Member
from distlab.faults import Noise
from distlab.grade.draw import logarithmic
from distlab.grade.lab import Run, Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.trace import Kind
from grading.lab3_scheduler.allocation.ledger import Ledger, Wrong
from labs.lab3_scheduler import desk
from labs.lab3_scheduler.desk import DESK, Answered, DeskConfig, Player, Told
from labs.lab3_scheduler.scheduling import SINGLE, Queue

OPERATIONS = (
    desk.Register,
    desk.Leave,
    desk.Beat,
    desk.Enter,
    desk.Quit,
    desk.Want,
    desk.Free,
    desk.Report,
)


def queues_of(scenario: Scenario) -> tuple[Queue, ...]:
    """What ``shape["queues"]`` says."""
    if "queues" not in scenario.shape:
        return SINGLE
    return msgspec.convert(scenario.shape["queues"], tuple[Queue, ...])


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """A desk, and whoever is called upon."""
    config = DeskConfig(queues_of(scenario))
    players = dict.fromkeys(call.client for call in scenario.calls)
    manager = solution.module("fair_manager").FairManager
    members = {str(DESK): Member(manager, config, "rm")}
    members |= {name: Member(Player, None, "player") for name in players}
    return Stage(cluster=Cluster(members), operations=OPERATIONS, settle=5 * MS)


# -- judging ----------------------------------------------------------------------------------------------------------


class Books(Struct):
    """What the ledger says of a run."""

    ledger: Ledger
    wrong: Wrong | None = None
    event: int = 0


def books(run: Run) -> Books:
    """The run, read to the ledger; once for all judges."""
    if "books" not in run.notes:
        run.notes["books"] = _books(run)
    found: Books = run.notes["books"]
    return found


def _books(run: Run) -> Books:
    ledger = Ledger(queues_of(run.scenario))
    heard: dict[int, tuple[str, Told]] = {}
    for event in run.trace.events:
        if event.node != DESK:
            continue
        if event.kind == Kind.DELIVER and isinstance(event.what, Told):
            heard[event.what.ticket] = event.peer, event.what
        elif event.kind == Kind.SEND and isinstance(event.what, Answered):
            who, told = heard[event.what.ticket]
            try:
                ledger.told(who, told.what, event.what)
            except Wrong as wrong:
                return Books(ledger, wrong, event.id)
    return Books(ledger)


def judge(code: str) -> Callable[[Run], Verdict]:
    """The judge of one promise: the ledger's word, if it is about that promise."""

    def verdict(run: Run) -> Verdict:
        found = books(run)
        if found.wrong is None or found.wrong.code != code:
            return kept()
        wrong = found.wrong
        return broken(wrong.reason, found.event, expected=wrong.expected, got=wrong.got)

    return verdict


def saw(what: str) -> Callable[[Run], bool]:
    """Whether the ledger has seen that situation."""
    return lambda run: books(run).ledger.seen[what] > 0


# -- scenarios --------------------------------------------------------------------------------------------------------


def ask(memory: int, vcores: int, count: int = 1, **more: Any) -> dict[str, Any]:
    return {"capability": {"memory": memory, "vcores": vcores}, "count": count, **more}


def size(memory: int, vcores: int) -> dict[str, int]:
    return {"memory": memory, "vcores": vcores}


def queue(name: str, parent: str = "root", weight: int = 1, **limits: Any) -> dict[str, Any]:
    """A queue that may use the default label, within these limits."""
    return {"name": name, "parent": parent, "weight": weight, "limits": [limits]}


FLAT = ([queue("root", ""), queue("red"), queue("blue")],)
SHAPES = ((1, 1), (1, 2), (2, 1), (1, 4), (3, 1), (4, 2), (2, 5), (6, 1), (0, 1), (2, 0), (5, 3))


def draw(random: Random) -> Scenario:
    """Nodes and applications that come and go, ask and give back; sizes and trees of all kinds."""
    scale = random.choice([1, 1, 7, 1024])
    labels = random.choice([[""], [""], ["", "gpu"]])
    queues = draw_queues(random, labels, scale)
    parents = {q.get("parent", "") for q in queues}
    leaves = [q["name"] for q in queues if q["name"] not in parents]
    nodes = [f"n{i}" for i in range(1, random.randrange(2, 6))]
    apps = [f"a{i}" for i in range(1, random.randrange(3, 7))]
    calls: list[Call] = []
    clock = 0

    def call(who: str, operation: str, **arguments: Any) -> None:
        nonlocal clock
        clock += random.choice([0, 1, 3]) * MS
        calls.append(Call(clock, who, operation, arguments))

    def register(node: str) -> None:
        memory = random.choice([6, 9, 18, 30, 45]) * scale
        call(
            node,
            "Register",
            memory=memory,
            vcores=random.choice([6, 9, 15, 20, 40]),
            rack=random.choice(["r1", "r2"]),
            label=random.choice(labels),
        )

    def want(app: str) -> None:
        call(
            app,
            "Want",
            asks=[
                draw_ask(random, scale, labels, nodes) for _ in range(random.choice([1, 1, 2, 3]))
            ],
        )

    for node in nodes[: max(1, len(nodes) - 1)]:
        register(node)
    for app in apps:
        call(app, "Enter", queue=random.choice(leaves))
        want(app)
    for _ in range(int(logarithmic(random, 8, 60))):
        kind = random.random()
        if kind < 0.5:
            call(random.choice(nodes), "Beat")
        elif kind < 0.65:
            want(random.choice(apps))
        elif kind < 0.68:
            call(random.choice(apps), "Free", container=random.randrange(1, 30))
        elif kind < 0.88:
            call(random.choice(apps), "Free", nth=random.randrange(8))
        elif kind < 0.91:
            register(random.choice(nodes))
        elif kind < 0.93:
            call(random.choice(nodes), "Leave")
        elif kind < 0.95:
            app = random.choice(apps)
            call(app, "Quit")
            call(app, "Enter", queue=random.choice([*leaves, *leaves, "root", "nowhere"]))
        else:
            call(
                random.choice(nodes),
                "Report",
                app=random.choice(apps),
                container=random.randrange(1, 60),
                ask=draw_ask(random, scale, labels, nodes, 1),
            )
    calls += [Call(clock + (5 + n) * MS, node, "Beat") for n, node in enumerate(nodes)]
    delay = random.choice([(1 * MS, 1 * MS), (1 * MS, 6 * MS)])
    noise = Noise(seed=random.getrandbits(30), delay=delay)
    return Scenario(tuple(calls), noise=noise, shape={"queues": queues})


def draw_ask(
    random: Random, scale: int, labels: list[str], nodes: list[str], count: int = 0
) -> dict[str, Any]:
    memory, vcores = random.choice(SHAPES[:8] if random.random() < 0.7 else SHAPES)
    if random.random() < 0.02:
        memory, vcores = random.choice([(0, 0), (-1, 1), (1, -1), (500, 1), (1, 500)])
    drawn = ask(memory * scale, vcores, count or random.choice([0, 1, 2, 5, 20]))
    if random.random() < 0.4:
        drawn["priority"] = random.randrange(3)
    if random.random() < 0.2:
        drawn["location"] = random.choice([*nodes, "r1", "r2"])
        drawn["relax"] = random.random() < 0.4
    if random.random() < 0.3:
        drawn["preemptible"] = True
    if random.random() < (0.5 if len(labels) > 1 else 0.02):
        drawn["label"] = random.choice([*labels, *labels, "moon"])
    return drawn


def draw_queues(random: Random, labels: list[str], scale: int) -> list[dict[str, Any]]:
    """A tree of two or three levels, with mins, maxima, quotas and weights here and there."""
    queues: list[dict[str, Any]] = [
        {"name": "root", "limits": [{"label": label} for label in labels]}
    ]
    names = random.choice([("red", "blue"), ("red", "blue", "green")])
    tree = [(name, "root") for name in names]
    if random.random() < 0.4:
        tree += [("red.one", "red"), ("red.two", "red")]

    def limits(label: str) -> dict[str, Any]:
        found: dict[str, Any] = {"label": label}
        if random.random() < 0.4:
            found["min"] = size(random.choice([2, 5, 9]) * scale, random.choice([2, 5, 9]))
        if random.random() < 0.4:
            found["max"] = size(random.choice([5, 12, 30]) * scale, random.choice([5, 12, 30]))
        if random.random() < 0.3:
            found["quota"] = size(random.choice([3, 9, 20]) * scale, random.choice([3, 9, 20]))
        return found

    for name, parent in tree:
        known = labels if random.random() < 0.8 else labels[:1]
        queues.append(
            {
                "name": name,
                "parent": parent,
                "weight": random.choice([1, 1, 1, 2, 3]),
                "limits": [limits(label) for label in known],
            }
        )
    return queues


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Fewer asks in a call, smaller counts; then limits and weights, one by one, away."""
    for n, call in enumerate(scenario.calls):
        asks = call.arguments.get("asks", [])
        smaller: list[list[dict[str, Any]]] = [[a] for a in asks] if len(asks) > 1 else []
        smaller += [[{**a, "count": 1}] for a in asks if len(asks) == 1 and a["count"] > 1]
        smaller += [
            [{key: value for key, value in a.items() if key != less}]
            for a in asks
            if len(asks) == 1
            for less in ("location", "priority", "preemptible")
            if less in a
        ]
        for fewer in smaller:
            changed = structs.replace(call, arguments={**call.arguments, "asks": fewer})
            calls = (*scenario.calls[:n], changed, *scenario.calls[n + 1 :])
            yield structs.replace(scenario, calls=calls)
    queues = scenario.shape.get("queues", [])
    for n, one in enumerate(queues):
        plain = [{"label": limit.get("label", "")} for limit in one["limits"]]
        if one["limits"] != plain or one.get("weight", 1) != 1:
            shape = [*queues[:n], {**one, "limits": plain, "weight": 1}, *queues[n + 1 :]]
            yield structs.replace(scenario, shape={"queues": shape})
