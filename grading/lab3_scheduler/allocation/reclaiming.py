"""Part 3C: stage, scenarios and schedules, judges, promises, points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from msgspec import Struct

from distlab.check import Verdict, broken, kept
from distlab.core import MS
from distlab.core.cluster import Cluster, Member
from distlab.faults import Noise
from distlab.grade.draw import logarithmic
from distlab.grade.lab import RECORD_MESSAGES, Directed, Part, Promise, Run, Situation, Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.trace import Kind
from grading.lab3_scheduler.allocation import sharing
from grading.lab3_scheduler.allocation.court import CYCLE, Court
from grading.lab3_scheduler.allocation.fairness import PAGE, enter, want
from grading.lab3_scheduler.allocation.ledger import Wrong
from grading.lab3_scheduler.allocation.sharing import ask, queue, queues_of, simpler, size
from labs.lab3_scheduler import desk
from labs.lab3_scheduler.desk import DESK, Answered, DeskConfig, Player, Told

MONITOR = "monitor"


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """A desk with a pool and its plans; whoever is called upon; somebody who calls for looks."""
    config = DeskConfig(queues_of(scenario))
    players = dict.fromkeys(call.client for call in scenario.calls)
    manager = solution.module("reclaim_manager").ReclaimManager
    members = {str(DESK): Member(manager, config, "rm")}
    members |= {name: Member(Player, None, "player") for name in players}
    return Stage(
        cluster=Cluster(members), operations=(*sharing.OPERATIONS, desk.Look), settle=5 * MS
    )


# -- judging ----------------------------------------------------------------------------------------------------------


class Books(Struct):
    """What the court says of a run."""

    court: Court
    wrong: Wrong | None = None
    event: int = 0


def books(run: Run) -> Books:
    """The run, read to the court; once for all judges."""
    if "books" not in run.notes:
        run.notes["books"] = _books(run)
    found: Books = run.notes["books"]
    return found


def _books(run: Run) -> Books:
    court = Court(queues_of(run.scenario))
    heard: dict[int, tuple[str, Told]] = {}
    for event in run.trace.events:
        if event.node != DESK:
            continue
        if event.kind == Kind.DELIVER and isinstance(event.what, Told):
            heard[event.what.ticket] = event.peer, event.what
        elif event.kind == Kind.SEND and isinstance(event.what, Answered):
            who, told = heard[event.what.ticket]
            try:
                court.judge(who, told.what, event.what, event.time)
            except Wrong as wrong:
                return Books(court, wrong, event.id)
    return Books(court)


def judge(code: str) -> Callable[[Run], Verdict]:
    def verdict(run: Run) -> Verdict:
        found = books(run)
        if found.wrong is None or found.wrong.code != code:
            return kept()
        wrong = found.wrong
        return broken(wrong.reason, found.event, expected=wrong.expected, got=wrong.got)

    return verdict


def saw(what: str) -> Callable[[Run], bool]:
    return lambda run: books(run).court.seen[what] > 0


# -- scenarios --------------------------------------------------------------------------------------------------------


def cycles(at: int, count: int, nodes: Sequence[str]) -> list[Call]:
    """Looks, each followed by a heartbeat of every node."""
    calls = []
    for n in range(count):
        time = at + n * CYCLE
        calls.append(Call(time, MONITOR, "Look"))
        calls += [Call(time + (5 + k) * MS, name, "Beat") for k, name in enumerate(nodes)]
    return calls


def draw(random: Random) -> Scenario:
    """Queues that fill the cluster, then bursts of others; in the end it is quiet until all that can be served are."""
    scale = random.choice([1, 1, 512])
    names = random.choice([["red", "blue"], ["red", "blue", "green"]])
    nodes = [f"n{i}" for i in range(1, random.randrange(2, 5))]
    apps = [f"a{i}" for i in range(1, random.randrange(3, 7))]
    queues = [queue("root", "")]
    for name in names:
        least = size(random.choice([0, 3, 6, 10]) * scale, random.choice([0, 3, 6, 10]))
        queues.append(queue(name, min=least))
    calls = [
        Call(
            0,
            name,
            "Register",
            {"memory": random.choice([6, 10, 16]) * scale, "vcores": random.choice([6, 10, 16])},
        )
        for name in nodes
    ]
    calls += [Call(MS, app, "Enter", {"queue": random.choice(names)}) for app in apps]
    clock = 5 * MS

    def draw_ask() -> dict[str, Any]:
        memory, vcores = random.choice([(1, 1), (2, 1), (1, 2), (3, 3), (4, 1), (5, 5), (2, 6)])
        many = random.choice([1, 1, 2, 4, 12])
        return ask(memory * scale, vcores, many, preemptible=random.random() < 0.7)

    for _ in range(int(logarithmic(random, 2, 9))):
        for app in random.sample(apps, random.randrange(1, len(apps) + 1)):
            calls.append(
                Call(
                    clock, app, "Want", {"asks": [draw_ask() for _ in range(random.choice([1, 2]))]}
                )
            )
        some = random.randrange(1, 6)
        calls += cycles(clock + 2 * MS, some, nodes)
        for _ in range(random.randrange(3)):
            at = clock + random.randrange(1, some * CYCLE // MS) * MS
            calls.append(Call(at, random.choice(apps), "Free", {"nth": random.randrange(6)}))
        if random.random() < 0.15:
            at = clock + random.randrange(1, some * CYCLE // MS) * MS
            calls.append(
                random.choice(
                    [Call(at, random.choice(nodes), "Leave"), Call(at, random.choice(apps), "Quit")]
                )
            )
        clock += some * CYCLE
    calls += cycles(clock + 2 * MS, 12, nodes)
    calls.sort(key=lambda call: call.at)
    delay = random.choice([(1 * MS, 1 * MS), (1 * MS, 3 * MS)])
    noise = Noise(seed=random.getrandbits(30), delay=delay)
    return Scenario(tuple(calls), noise=noise, shape={"queues": queues})


def schedule(
    name: str,
    about: str,
    queues: list[dict[str, Any]],
    nodes: dict[str, tuple[int, int]],
    *bursts: tuple[Any, ...],
) -> Directed:
    """Bursts: what is said, then so many cycles."""
    calls = [
        Call(0, name, "Register", {"memory": m, "vcores": v}) for name, (m, v) in nodes.items()
    ]
    clock = 10 * MS
    for *steps, count in bursts:
        for who, what, *more in steps:
            calls.append(Call(clock, who, what, dict(more[0]) if more else {}))
            clock += MS
        calls += cycles(clock + 2 * MS, count, list(nodes))
        clock += count * CYCLE + 5 * MS
    return Directed(name, about, Scenario(tuple(calls), shape={"queues": queues}))


def pre(memory: int, vcores: int, count: int = 1) -> dict[str, Any]:
    return ask(memory, vcores, count, preemptible=True)


HALVES = [queue("root", ""), queue("red", min=size(4, 4)), queue("blue", min=size(4, 4))]
ONE = {"n1": (8, 8)}

DIRECTED = (
    schedule(
        "all is well",
        "there is room for everybody, and nobody is owed anything",
        [queue("root", ""), queue("red"), queue("blue")],
        ONE,
        (enter("a1", "red"), want("a1", ask(1, 1, 2)), 2),
        (enter("a2", "blue"), want("a2", ask(1, 1, 2)), 2),
    ),
    schedule(
        "a full house",
        "one queue has all, the other comes for what it is owed",
        HALVES,
        ONE,
        (enter("a1", "red"), want("a1", pre(1, 1, 20)), 2),
        (enter("a2", "blue"), want("a2", ask(2, 2, 2)), 12),
    ),
    schedule(
        "thieves",
        "room for one large container comes free bit by bit, and small ones wait for each bit",
        HALVES,
        ONE,
        (enter("a1", "red"), want("a1", pre(1, 1, 8)), 2),
        (
            enter("a3", "red"),
            want("a3", pre(1, 1, 20)),
            enter("a2", "blue"),
            want("a2", ask(4, 4)),
            3,
        ),
        (("a1", "Free", {"nth": 0}), 2),
        (("a1", "Free", {"nth": 0}), 12),
    ),
    schedule(
        "the wish is withdrawn",
        "and whoever was warned for it stays",
        HALVES,
        ONE,
        (enter("a1", "red"), want("a1", pre(1, 1, 20)), 2),
        (enter("a2", "blue"), want("a2", ask(4, 4)), 2),
        (want("a2", ask(4, 4, 0)), 6),
    ),
    schedule(
        "room comes by itself",
        "who was warned for it is not needed any more",
        HALVES,
        ONE,
        (enter("a1", "red"), want("a1", pre(2, 2, 4)), 2),
        (enter("a2", "blue"), want("a2", ask(4, 4)), 2),
        (("a1", "Free", {"nth": 0}), ("a1", "Free", {"nth": 0}), 6),
    ),
    schedule(
        "two above, two below",
        "what one of them has above its min is less than what both together have",
        [
            queue("root", ""),
            *(queue(n, min=size(3, 3)) for n in ("red", "green")),
            queue("blue", min=size(6, 6)),
        ],
        {"n1": (12, 12)},
        (
            enter("a1", "red"),
            want("a1", pre(1, 1, 6)),
            enter("a3", "green"),
            want("a3", pre(1, 1, 6)),
            2,
        ),
        (enter("a2", "blue"), want("a2", ask(6, 6)), 12),
    ),
    schedule(
        "another scale",
        "vcores are few, MiB are many, and neither is more",
        [queue("root", ""), queue("red", min=size(4096, 2)), queue("blue", min=size(1024, 12))],
        {"n1": (16384, 16)},
        (enter("a1", "red"), want("a1", pre(512, 1, 16)), 2),
        (enter("a2", "blue"), want("a2", ask(64, 3, 4)), 14),
    ),
    schedule(
        "what must not go",
        "a queue has more than its min, and what is not preemptible stays all the same",
        HALVES,
        {"n1": (4, 4), "n2": (4, 4)},
        (enter("a1", "red"), want("a1", ask(1, 1, 4)), 2),
        (enter("a3", "red"), want("a3", pre(1, 1, 4)), 2),
        (enter("a2", "blue"), want("a2", ask(1, 1, 2)), 8),
    ),
    schedule(
        "who must not be robbed",
        "one queue has its min and no more, the other one less than its own",
        [queue("root", ""), queue("red", min=size(7, 7)), queue("blue", min=size(4, 4))],
        ONE,
        (
            enter("a1", "red"),
            want("a1", pre(1, 1, 7)),
            enter("a3", "blue"),
            want("a3", pre(1, 1)),
            2,
        ),
        (enter("a2", "blue"), want("a2", ask(2, 2)), 6),
    ),
    schedule(
        "more than is owed",
        "ten are waited for, and two are owed: two claims, not ten",
        [queue("root", ""), queue("red"), queue("blue", min=size(2, 2))],
        {"n1": (8, 8), "n2": (8, 8)},
        (enter("a1", "red"), want("a1", pre(1, 1, 16)), 2),
        (enter("a2", "blue"), want("a2", pre(1, 1, 10)), 12),
    ),
    schedule(
        "to and fro",
        "each of two queues comes for its own, one after the other, again and again",
        HALVES,
        ONE,
        (enter("a1", "red"), want("a1", pre(1, 1, 30)), 2),
        (enter("a2", "blue"), want("a2", pre(3, 3, 9)), 14),
        (want("a1", pre(3, 1, 4)), 14),
    ),
    schedule(
        "room elsewhere",
        "nobody goes on one node while another one is empty",
        HALVES,
        {"n1": (4, 4), "n2": (4, 4)},
        (enter("a1", "red"), want("a1", pre(1, 1, 4)), 2),
        (enter("a2", "blue"), want("a2", ask(3, 3)), 6),
    ),
)

# -- the part ---------------------------------------------------------------------------------------------------------


def promise(code: str, title: str, points: int, section: str, *needs: Situation) -> Promise:
    return Promise(
        code=code,
        title=title,
        points=points,
        judge=judge(code),
        needs=needs,
        page=f"{PAGE}#{section}",
    )


CLAIMED = Situation("room was claimed for somebody who was owed", saw("claimed"))
NAMED = Situation("somebody had to go for a claim", saw("named"))
ENDED = Situation("a container was ended", saw("ended"))
WITHDRAWN = Situation("somebody who was warned was not needed any more", saw("withdrawn"))
SERVED = Situation("a claim was served where somebody had gone", saw("served by preemption"))

PART_C = Part(
    code="C",
    title="Quota and preemption",
    modules=("reclaim",),
    stage=stage,
    draw=draw,
    directed=DIRECTED,
    runs=250,
    simpler=simpler,
    promises=(
        promise("SC-S3", "whoever is owed, and can be served, has a claim", 6, "owed", CLAIMED),
        promise(
            "SC-S8",
            "only what is preemptible goes, only from who has more than its min, and no more than is needed",
            9,
            "victims",
            NAMED,
        ),
        promise("SC-S11", "claims are for what is owed, and no more", 5, "claims", CLAIMED),
        promise("SC-S12", "who must go is warned a grace before", 5, "warned", ENDED, WITHDRAWN),
        promise("SC-L1", "a claim is served soon", 5, "served", SERVED),
        promise(
            "SC-L2",
            "nobody is owed because of a plan, and no plan changes without a reason",
            5,
            "ping-pong",
            NAMED,
        ),
    ),
    record=RECORD_MESSAGES,
)
