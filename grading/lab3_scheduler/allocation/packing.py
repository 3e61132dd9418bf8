"""Part 3D: stage, scenarios and schedules, exams, judges, promises, points."""

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
from distlab.grade.lab import RECORD_MESSAGES, Directed, Exam, Part, Promise, Run, Situation, Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.trace import Kind
from grading.lab3_scheduler.allocation import sharing
from grading.lab3_scheduler.allocation.fairness import PAGE, want
from grading.lab3_scheduler.allocation.ledger import Wrong
from grading.lab3_scheduler.allocation.reclaiming import MONITOR, pre
from grading.lab3_scheduler.allocation.rounds import Rounds
from grading.lab3_scheduler.allocation.sharing import ask, simpler
from labs.lab3_scheduler import desk
from labs.lab3_scheduler.desk import DESK, Answered, Player, Told
from labs.lab3_scheduler.scheduling import Ask, NodeView, Resources


def stage(solution: Solution, scenario: Scenario) -> Stage:
    """A desk with a floor; whoever is called upon; somebody who calls for rounds."""
    players = dict.fromkeys(call.client for call in scenario.calls)
    manager = solution.module("packing_manager").PackingManager
    members = {str(DESK): Member(manager, desk.DeskConfig(), "rm")}
    members |= {name: Member(Player, None, "player") for name in players}
    return Stage(
        cluster=Cluster(members), operations=(*sharing.OPERATIONS, desk.Look), settle=5 * MS
    )


# -- judging ----------------------------------------------------------------------------------------------------------


class Books(Struct):
    """What the books say of a run."""

    rounds: Rounds
    wrong: Wrong | None = None
    event: int = 0


def books(run: Run) -> Books:
    """The run, read to the books; once for all judges."""
    if "books" not in run.notes:
        run.notes["books"] = _books(run)
    found: Books = run.notes["books"]
    return found


def _books(run: Run) -> Books:
    rounds = Rounds()
    heard: dict[int, tuple[str, Told]] = {}
    for event in run.trace.events:
        if event.node != DESK:
            continue
        if event.kind == Kind.DELIVER and isinstance(event.what, Told):
            heard[event.what.ticket] = event.peer, event.what
        elif event.kind == Kind.SEND and isinstance(event.what, Answered):
            who, told = heard[event.what.ticket]
            try:
                rounds.judge(who, told.what, event.what)
            except Wrong as wrong:
                return Books(rounds, wrong, event.id)
    return Books(rounds)


def judge(code: str) -> Callable[[Run], Verdict]:
    def verdict(run: Run) -> Verdict:
        found = books(run)
        if found.wrong is None or found.wrong.code != code:
            return kept()
        wrong = found.wrong
        return broken(wrong.reason, found.event, expected=wrong.expected, got=wrong.got)

    return verdict


def saw(what: str) -> Callable[[Run], bool]:
    return lambda run: books(run).rounds.seen[what] > 0


# -- exams ------------------------------------------------------------------------------------------------------------


def floor(solution: Solution, *nodes: Resources) -> Any:
    packing = solution.module("packing").Packing()
    for n, size in enumerate(nodes):
        packing.add_node(NodeView(f"node {n}", size))
    packing.add_app("app", "default")
    return packing


def placed(packing: Any) -> list[tuple[int, str, str]]:
    """(container, node, gang) of a round."""
    found = packing.schedule(0).placements
    return [(g.container, g.node, g.ask.gang) for placement in found for g in placement.grants]


def one_way_only(solution: Solution) -> Verdict:
    """Two nodes, two members, and one assignment of the two: whatever comes first in a row, the larger one does not."""
    x, y = Ask(Resources(1, 30), gang="g"), Ask(Resources(1, 50), gang="g")
    large, small = Resources(476, 53), Resources(96, 31)
    for nodes in ((large, small), (small, large)):
        for asks in ([x, y], [y, x]):
            packing = floor(solution, *nodes)
            packing.ask("app", asks)
            if len(got := placed(packing)) != 2:
                return broken(
                    f"a gang of {x.capability} and {y.capability} on {nodes[0]} and {nodes[1]}",
                    expected="both, at once",
                    got=got,
                )
    return kept()


def two_gangs(solution: Solution) -> Verdict:
    """Two jobs of a hundred containers, a hundred nodes that hold one each."""
    packing = floor(solution, *[Resources(8, 8)] * 100)
    packing.ask("app", [Ask(Resources(8, 8), 100, gang=name) for name in ("one", "two")])
    for name in ("one", "two"):
        got = placed(packing)
        if len(got) != 100 or {gang for *_, gang in got} != {name}:
            return broken(
                "two gangs of 100 on 100 nodes",
                expected=f"all of gang {name}",
                got=f"{len(got)} grants",
            )
        for container, *_ in got:
            packing.release("app", container)
    return kept()


NODES, CONTAINERS = 6_000, 24_000


def many(solution: Solution) -> Verdict:
    """Whoever looks at all nodes for each container does not live to see the end of this."""
    packing = floor(solution, *[Resources(64, 32)] * NODES)
    shapes = [Resources(8, 4), Resources(4, 8), Resources(16, 8), Resources(6, 5)]
    packing.ask(
        "app",
        [Ask(shape, CONTAINERS // 4, preemptible=n % 2 == 1) for n, shape in enumerate(shapes)],
    )
    got = len(placed(packing))
    if got != CONTAINERS:
        return broken(
            f"{CONTAINERS} containers on {NODES} nodes with room for all",
            expected=CONTAINERS,
            got=got,
        )
    return kept()


WIDE, LOAD = 40, 220


def trace(seed: int) -> list[tuple[int, Resources, bool]]:
    """Steps: a container that comes (-1, its size, is it backfill), or the number of one that goes."""
    random = Random(seed)
    steps: list[tuple[int, Resources, bool]] = []
    alive: list[int] = []
    for number in range(LOAD):
        size = random.choice(
            [Resources(1, 1), Resources(2, 1), Resources(3, 4), Resources(5, 5), Resources(2, 6)]
        )
        steps.append((-1, size, random.random() < 0.4))
        alive.append(number)
        if len(alive) > 80:
            steps.append((alive.pop(random.randrange(len(alive))), size, False))
    return steps


def whole_nodes(
    steps: Sequence[tuple[int, Resources, bool]],
    choose: Callable[[list[Resources], Resources, bool], int],
) -> int:
    """Nodes on which nothing lasting is left, where ``choose`` places; what each node has free is what it is given."""
    free = [Resources(16, 16)] * WIDE
    at: list[tuple[int, Resources, bool]] = []
    gone: set[int] = set()
    for number, size, is_backfill in steps:
        if number < 0:
            node = choose(free, size, is_backfill)
            free[node] = free[node].minus(size)
            at.append((node, size, is_backfill))
        else:
            node, size, _ = at[number]
            free[node] = free[node].plus(size)
            gone.add(number)
    lasting = {
        node for n, (node, _, is_backfill) in enumerate(at) if n not in gone and not is_backfill
    }
    return WIDE - len(lasting)


def spread(free: list[Resources], size: Resources, is_backfill: bool) -> int:
    """The emptiest node."""
    return max(range(len(free)), key=lambda n: free[n].memory + free[n].vcores)


def from_the_ends(free: list[Resources], size: Resources, is_backfill: bool) -> int:
    """The first node with room from one end, or from the other."""
    row = range(len(free))
    return next(n for n in (reversed(row) if is_backfill else row) if size.fits(free[n]))


def packs(solution: Solution) -> Verdict:
    """Containers come and go, one by one; then all backfill is thrown out. How many nodes are empty?"""
    for seed in range(4):
        steps = trace(seed)

        packing = floor(solution, *[Resources(16, 16)] * WIDE)
        numbers: list[int] = []
        nodes: dict[int, str] = {}
        lasting: set[int] = set()
        for which, size, is_backfill in steps:
            if which >= 0:
                packing.release("app", numbers[which])
                lasting.discard(numbers[which])
                continue
            packing.ask("app", [Ask(size, 1, preemptible=is_backfill)])
            got = placed(packing)
            if len(got) != 1:
                return broken(
                    "a container comes, and most nodes are empty", expected="one grant", got=got
                )
            container, node, _ = got[0]
            numbers.append(container)
            nodes[container] = node
            if not is_backfill:
                lasting.add(container)
        whole = WIDE - len({nodes[container] for container in lasting})
        best, worst = whole_nodes(steps, from_the_ends), whole_nodes(steps, spread)
        if whole < (best + worst) / 2:
            return broken(
                f"trace {seed}: of {WIDE} nodes, without backfill, are empty",
                expected=f"at least {(best + worst) / 2:g}: packing leaves {best}, spreading {worst}",
                got=whole,
            )
    return kept()


# -- scenarios --------------------------------------------------------------------------------------------------------


def draw(random: Random) -> Scenario:
    """Small ones come and go all the time, large ones and gangs want their place, backfill takes what is left."""
    scale = random.choice([1, 1, 300])
    nodes = [f"n{i}" for i in range(1, random.randrange(2, 6))]
    apps = [f"a{i}" for i in range(1, random.randrange(3, 6))]
    wide = random.choice([6, 8, 12])
    calls = [
        Call(
            0,
            name,
            "Register",
            {
                "memory": random.choice([wide, wide, 5]) * scale,
                "vcores": random.choice([wide, wide, 9]),
            },
        )
        for name in nodes
    ]
    calls += [Call(MS, app, "Enter", {"queue": "default"}) for app in apps]
    clock = 5 * MS

    def draw_asks() -> list[dict[str, Any]]:
        kind = random.random()
        if kind < 0.4:
            memory, vcores = random.choice([(1, 1), (2, 1), (1, 3), (3, 2)])
            return [ask(memory * scale, vcores, random.choice([1, 2, 4, 8]))]
        if kind < 0.65:
            memory, vcores = random.choice([(1, 1), (2, 2), (1, 4), (4, 1)])
            return [pre(memory * scale, vcores, random.choice([1, 3, 9]))]
        if kind < 0.8:
            return [
                ask(
                    (wide - random.choice([0, 0, 1, 3])) * scale, wide - random.choice([0, 0, 1, 3])
                )
            ]
        name = f"g{len(calls)}"
        members = [
            (random.choice([1, 2, wide // 2, wide - 1]), random.choice([1, 2, wide // 2, wide - 1]))
            for _ in range(random.choice([1, 2]))
        ]
        return [
            ask(memory * scale, vcores, random.choice([1, 1, 2]), gang=name)
            for memory, vcores in members
        ]

    for _ in range(int(logarithmic(random, 4, 30))):
        if random.random() < 0.15 and (asked := [c for c in calls if c.operation == "Want"]):
            regretted = random.choice(asked)
            asks = [{**one, "count": 0} for one in regretted.arguments["asks"]]
            calls.append(Call(clock, regretted.client, "Want", {"asks": asks}))
        for _ in range(random.choice([0, 1, 1, 2])):
            calls.append(Call(clock, random.choice(apps), "Want", {"asks": draw_asks()}))
        for _ in range(random.choice([0, 1, 2, 4])):
            calls.append(
                Call(clock + MS, random.choice(apps), "Free", {"nth": random.randrange(9)})
            )
        if random.random() < 0.03:
            calls.append(Call(clock + MS, random.choice(nodes), "Leave"))
        if random.random() < 0.02:
            calls.append(Call(clock + MS, random.choice(apps), "Quit"))
        calls.append(Call(clock + 4 * MS, MONITOR, "Look"))
        clock += 10 * MS
    for _ in range(random.choice([0, 12])):  # all there is ends, by and by
        calls += [Call(clock + MS, app, "Free", {"nth": 0}) for app in apps]
        calls.append(Call(clock + 5 * MS, MONITOR, "Look"))
        clock += 10 * MS
    delay = random.choice([(1 * MS, 1 * MS), (1 * MS, 3 * MS)])
    return Scenario(tuple(calls), noise=Noise(seed=random.getrandbits(30), delay=delay))


def schedule(
    name: str, about: str, nodes: dict[str, tuple[int, int]], *rounds: Sequence[tuple[Any, ...]]
) -> Directed:
    """What is said before each round, in order."""
    calls = [
        Call(0, name, "Register", {"memory": m, "vcores": v}) for name, (m, v) in nodes.items()
    ]
    names = sorted({who for steps in rounds for who, *_ in steps})
    calls += [Call(MS, who, "Enter", {"queue": "default"}) for who in names]
    clock = 10 * MS
    for steps in rounds:
        for who, what, *more in steps:
            calls.append(Call(clock, who, what, dict(more[0]) if more else {}))
            clock += MS
        calls.append(Call(clock + 5 * MS, MONITOR, "Look"))
        clock += 20 * MS
    return Directed(name, about, Scenario(tuple(calls)))


def free(app: str, nth: int = 0) -> tuple[Any, ...]:
    return app, "Free", {"nth": nth}


def ends(app: str, container: int) -> tuple[Any, ...]:
    return app, "Free", {"container": container}


STREAM = tuple(
    step
    for n in range(8)
    for step in (
        [free("a1"), want("a1", ask(1, 1, 1 + n % 2))],
        [free("a1"), want("a1", ask(1, 1))],
    )
)
"""Small ones that go and come."""

DIRECTED = (
    schedule(
        "all is well",
        "there is room for everybody",
        {"n1": (8, 8), "n2": (8, 8)},
        [want("a1", ask(1, 1))],
        [want("a2", pre(1, 1, 2))],
        [free("a1")],
    ),
    schedule(
        "a whole node",
        "one large container waits, and small ones go and come",
        {"n1": (4, 4)},
        [want("a1", ask(1, 1, 4))],
        [want("a2", ask(4, 4))],
        *STREAM,
    ),
    schedule(
        "a gang of two",
        "it has room for one of them, and then for both",
        {"n1": (4, 4), "n2": (4, 4)},
        [want("a1", ask(4, 4))],
        [want("a2", ask(3, 3, 2, gang="g"))],
        [free("a1")],
    ),
    schedule(
        "one way only",
        "the smaller member must leave the larger node to the larger one",
        {"n1": (476, 53), "n2": (96, 31)},
        [want("a1", ask(1, 30, gang="g"), ask(1, 50, gang="g"))],
    ),
    schedule(
        "two gangs, and room for one and a half",
        "each of them could hold a half, and wait for ever",
        {"n1": (4, 4), "n2": (4, 4), "n3": (4, 4)},
        [want("a1", ask(4, 4, 2, gang="g")), want("a2", ask(4, 4, 2, gang="h"))],
        [free("a1"), free("a1")],
        [],
    ),
    schedule(
        "backfill on a reserved node",
        "what is reserved is not idle; and it is free when it is needed",
        {"n1": (4, 4)},
        [want("a1", ask(1, 1, 2))],
        [want("a2", ask(4, 4)), want("a3", pre(1, 1, 9))],
        [free("a1")],
        [free("a1")],
    ),
    schedule(
        "no more than must",
        "four run in what was left, and two of them are in the way",
        {"n1": (4, 4)},
        [want("a1", pre(1, 1, 4))],
        [want("a2", ask(2, 2))],
    ),
    schedule(
        "room elsewhere",
        "nobody is thrown out where another node is empty",
        {"n1": (4, 4), "n2": (4, 4), "n3": (4, 4)},
        [want("a1", pre(4, 4, 2))],
        [want("a2", ask(3, 3))],
        [want("a3", ask(1, 1, 1))],
    ),
    schedule(
        "two large ones",
        "the first has a node reserved, the second has not, and the rest of the cluster goes on",
        {"n1": (4, 4), "n2": (4, 4), "n3": (4, 4)},
        [want("a1", ask(1, 1, 12))],
        [want("a2", ask(4, 4, 2))],
        [free("a1", 0), want("a3", ask(1, 1, 6))],
        [free("a1", 3)],
        [free("a1", 5)],
        [free("a1", 0), free("a1", 0), free("a1", 0)],
    ),
    schedule(
        "the grass is greener",
        "now this node is the emptier one, now that one; what is reserved stays reserved",
        {"n1": (4, 4), "n2": (4, 4)},
        [want("a1", ask(1, 1, 8))],
        [want("a2", ask(4, 4))],
        [*(ends("a1", n) for n in (5, 6, 7, 1)), want("a3", ask(1, 1))],
        [*(ends("a1", n) for n in (2, 3, 4)), want("a3", ask(1, 1))],
        [ends("a1", 8)],
    ),
    schedule(
        "larger than the cluster",
        "what can never be placed holds up nobody",
        {"n1": (4, 4), "n2": (4, 4)},
        [want("a1", ask(4, 4, 3, gang="g")), want("a2", ask(1, 1, 8))],
        [want("a3", ask(4, 4))],
        *[[free("a2"), want("a2", ask(1, 1))] for _ in range(9)],
    ),
    schedule(
        "the node is gone",
        "and with it what was reserved there: then another one is",
        {"n1": (4, 4), "n2": (4, 4)},
        [want("a1", ask(1, 1, 8))],
        [want("a2", ask(4, 4))],
        [("n1", "Leave")],
        *[[free("a1"), want("a1", ask(1, 1))] for _ in range(6)],
    ),
    schedule(
        "it does not want any more",
        "what was reserved for it is open again",
        {"n1": (4, 4)},
        [want("a1", ask(1, 1, 4))],
        [want("a2", ask(4, 4)), want("a3", ask(1, 1, 4))],
        [want("a2", ask(4, 4, 0)), free("a1"), free("a1")],
    ),
)

# -- the part ---------------------------------------------------------------------------------------------------------


def promise(
    code: str,
    title: str,
    points: int,
    section: str,
    *needs: Situation,
    exams: Sequence[Exam] = (),
    is_run: bool = True,
) -> Promise:
    return Promise(
        code=code,
        title=title,
        points=points,
        judge=judge(code) if is_run else None,
        exams=exams,
        needs=needs,
        page=f"{PAGE}#{section}",
    )


GANG = Situation("a gang was placed", saw("gang"))
RESERVED = Situation("a node was reserved", saw("reserved"))
BACKFILLED = Situation("backfill went on a reserved node", saw("backfill on a reserved node"))
ENDED = Situation("backfill ended for a job", saw("backfill ended"))
AT_LAST = Situation("what had a node reserved was placed", saw("reserved, then placed"))

PART_D = Part(
    code="D",
    title="Gangs, packing, reservations",
    modules=("gangs", "order", "packing"),
    stage=stage,
    draw=draw,
    directed=DIRECTED,
    runs=250,
    simpler=simpler,
    promises=(
        promise("SC-S1", "nothing is placed where there is no room", 2, "room"),
        promise(
            "SC-S6",
            "a gang starts as a whole, or not at all",
            5,
            "gangs",
            GANG,
            exams=(Exam("two gangs of a hundred", two_gangs),),
        ),
        promise(
            "SC-S8",
            "only backfill ends for a job, only if it must, and no more of it than must",
            4,
            "backfill",
            ENDED,
        ),
        promise(
            "SC-S14",
            "nodes are reserved for the oldest job that waits, and for no other",
            4,
            "reservations",
            RESERVED,
            BACKFILLED,
        ),
        promise(
            "SC-L1",
            "the oldest job is placed when all that ran before it has ended",
            5,
            "the-oldest",
            AT_LAST,
        ),
        promise(
            "SC-L3",
            "whole nodes stay whole",
            3,
            "whole-nodes",
            exams=(Exam("packing beats spreading on seeded traces", packs),),
            is_run=False,
        ),
        promise(
            "SC-L4",
            "a large cluster is filled in time, node by node",
            3,
            "many-nodes",
            exams=(Exam(f"{CONTAINERS} containers, {NODES} nodes", many),),
            is_run=False,
        ),
        promise(
            "SC-L5",
            "what can be placed is placed",
            4,
            "nothing-idle",
            GANG,
            exams=(Exam("a gang that fits in one way only", one_way_only),),
        ),
    ),
    record=RECORD_MESSAGES,
)
