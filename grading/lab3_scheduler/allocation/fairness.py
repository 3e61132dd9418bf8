"""Part 3B: promises, points, what must have been seen; its exams, its schedules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.core import MS
from distlab.grade.lab import RECORD_MESSAGES, Directed, Exam, Part, Promise, Situation
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from grading.lab3_scheduler.allocation import sharing
from grading.lab3_scheduler.allocation.ledger import share
from grading.lab3_scheduler.allocation.sharing import ask, judge, queue, saw, size
from labs.lab3_scheduler.scheduling import (
    BAD_RESOURCES,
    NOTHING,
    Ask,
    NodeView,
    Queue,
    Resources,
)

PAGE = "labs/lab3-allocation.md"

# -- exams ------------------------------------------------------------------------------------------------------------

Vector = tuple[tuple[int, int], dict[str, tuple[int, int]], tuple[int, ...]]
"""A cluster, what a container of each user needs, and how many each one gets. Memory first."""

VECTORS: tuple[Vector, ...] = (
    ((18, 9), {"A": (4, 1), "B": (1, 3)}, (3, 2)),  # the paper's: the same by six wrong rules
    ((15, 22), {"A": (3, 1), "B": (1, 4)}, (3, 4)),
    ((24, 16), {"A": (1, 1), "B": (2, 1)}, (9, 7)),
    ((79, 35), {"A": (1, 2), "B": (6, 1)}, (12, 11)),
    ((79, 75), {"A": (1, 4), "B": (6, 4)}, (10, 8)),
)


def vectors(solution: Solution) -> Verdict:
    """One node, two users that always want one more."""
    for total, needs, expected in VECTORS:
        queues = (Queue("root"), *(Queue(name, "root") for name in needs))
        scheduler = solution.module("fair").FairScheduler(queues)
        scheduler.add_node(NodeView("node", Resources(*total)))
        for name, need in needs.items():
            scheduler.add_app(f"app of {name}", name)
            scheduler.ask(f"app of {name}", [Ask(Resources(*need), 1000)])
        got = dict.fromkeys(needs, 0)
        whole = Resources(*total)
        for grant in scheduler.allocate("node", 0):
            name = grant.app.removeprefix("app of ")
            shares = {n: share(Resources(*needs[n]).times(got[n]), whole) for n in needs}
            free = whole
            for n in needs:
                free = free.minus(Resources(*needs[n]).times(got[n]))
            for n in needs:
                if shares[n] < shares[name] and Resources(*needs[n]).fits(free):
                    return broken(
                        f"of {whole}, with {needs} and {got} so far, {name} gets the next one",
                        expected=n,
                        got=name,
                    )
            got[name] += 1
        if tuple(got.values()) != expected:
            return broken(
                f"of {whole}, users whose containers need {needs} (memory, vcores) get",
                expected=expected,
                got=tuple(got.values()),
            )
    return kept()


def not_whole(solution: Solution) -> Verdict:
    """A size that is no whole number, or a count below 0, is refused."""
    sizes: Any = [Resources(1.5, 1), Resources(1, 0.5), Resources(-1, 1), NOTHING]  # type: ignore[arg-type]
    asks = [*(Ask(one) for one in sizes), Ask(Resources(1, 1), -1), Ask(Resources(1, 1), 0.5)]  # type: ignore[arg-type]
    for bad in asks:
        scheduler = solution.module("fair").FairScheduler()
        scheduler.add_node(NodeView("node", Resources(4, 4)))
        scheduler.add_app("app", "default")
        code = refusal(scheduler.ask, "app", [Ask(Resources(2, 2)), bad])
        if code != BAD_RESOURCES:
            return broken(
                f"an ask for {bad.count} of {bad.capability}", expected=BAD_RESOURCES, got=code
            )
        if granted := scheduler.allocate("node", 0):
            return broken("one of two asks was refused", expected="no grant", got=granted)
    return kept()


def many(solution: Solution) -> Verdict:
    """Whoever adds everything up for each container does not live to see the end of this."""
    queues = (Queue("root"), *(Queue(f"queue {n}", "root") for n in range(10)))
    scheduler = solution.module("fair").FairScheduler(queues)
    for n in range(NODES):
        scheduler.add_node(NodeView(f"node {n}", Resources(40, 20)))
    for n in range(APPS):
        scheduler.add_app(f"app {n}", f"queue {n % 10}")
        scheduler.ask(f"app {n}", [Ask(Resources(1 + n % 3, 1 + n % 2), 100)])
    granted = sum(len(scheduler.allocate(f"node {n}", 0)) for n in range(NODES))
    if granted < 10 * NODES:
        return broken(f"{NODES} empty nodes", expected=f"at least {10 * NODES} grants", got=granted)
    return kept()


NODES, APPS = 200, 100


def refusal(call: Callable[..., object], *arguments: object) -> str:
    """The code with which a call is refused; nothing where it is not."""
    try:
        call(*arguments)
    except Exception as refused:  # from another process, it is a class of the same name
        if type(refused).__name__ == "Refused":
            return str(refused).partition(":")[0]
        raise
    return ""


# -- schedules --------------------------------------------------------------------------------------------------------


def schedule(
    name: str, about: str, queues: list[dict[str, Any]], *steps: tuple[Any, ...]
) -> Directed:
    """Steps (who, what, arguments), 10 ms apart."""
    calls = tuple(
        Call(10 * n * MS, who, what, dict(more[0]) if more else {})
        for n, (who, what, *more) in enumerate(steps, start=1)
    )
    return Directed(name, about, Scenario(calls, shape={"queues": queues}))


def node(name: str, memory: int, vcores: int, **more: Any) -> tuple[Any, ...]:
    return name, "Register", {"memory": memory, "vcores": vcores, **more}


def enter(app: str, into: str) -> tuple[Any, ...]:
    return app, "Enter", {"queue": into}


def want(app: str, *asks: dict[str, Any]) -> tuple[Any, ...]:
    return app, "Want", {"asks": list(asks)}


def beat(name: str) -> tuple[Any, ...]:
    return name, "Beat"


TWO = [queue("root", ""), queue("red"), queue("blue")]
LABELS = [{"label": ""}, {"label": "gpu"}]
LABELLED = [
    {"name": n, "parent": p, "limits": LABELS}
    for n, p in (("root", ""), ("red", "root"), ("blue", "root"))
]
DEEP = [
    queue("root", ""),
    queue("red", max=size(4, 9)),
    queue("one", "red"),
    queue("two", "red"),
    queue("blue"),
]

DIRECTED = (
    schedule(
        "all is well",
        "one node, two applications of one kind",
        TWO,
        node("n1", 8, 8),
        enter("a1", "red"),
        want("a1", ask(1, 1)),
        beat("n1"),
        enter("a2", "blue"),
        want("a2", ask(1, 1)),
        beat("n1"),
    ),
    schedule(
        "many small nodes",
        "a share is one of the whole cluster, not of the node that reports",
        TWO,
        node("n1", 20, 4),
        node("n2", 4, 20),
        node("n3", 4, 20),
        enter("a1", "red"),
        enter("a2", "blue"),
        want("a1", ask(4, 1, 9)),
        want("a2", ask(1, 3, 9)),
        beat("n1"),
        beat("n2"),
        beat("n3"),
    ),
    schedule(
        "two labels",
        "a share is one of the label's nodes, not of the whole cluster",
        LABELLED,
        node("n1", 30, 6),
        node("n2", 6, 30, label="gpu"),
        enter("a1", "red"),
        enter("a2", "blue"),
        want("a1", ask(3, 1, 9), ask(1, 2, 9, label="gpu")),
        want("a2", ask(2, 1, 9), ask(1, 4, 9, label="gpu")),
        beat("n1"),
        beat("n2"),
    ),
    schedule(
        "a node comes late",
        "with it, all shares are others",
        TWO,
        node("n1", 9, 18),
        enter("a1", "red"),
        enter("a2", "blue"),
        want("a1", ask(1, 4, 3)),
        want("a2", ask(3, 1, 2)),
        beat("n1"),
        node("n2", 90, 9),
        want("a1", ask(1, 1, 9)),
        want("a2", ask(1, 1, 9)),
        beat("n2"),
    ),
    schedule(
        "a max above the leaf",
        "what two leaves use together is what the queue above them uses",
        DEEP,
        node("n1", 20, 20),
        enter("a1", "one"),
        enter("a2", "two"),
        want("a1", ask(1, 1, 4)),
        want("a2", ask(1, 1, 4)),
        beat("n1"),
    ),
    schedule(
        "somebody is owed",
        "who has less than its min comes before who has a smaller share",
        [queue("root", ""), queue("red", min=size(8, 8)), queue("blue")],
        node("n1", 10, 10),
        enter("a1", "red"),
        enter("a2", "blue"),
        want("a1", ask(1, 1, 9)),
        want("a2", ask(1, 1, 9)),
        beat("n1"),
    ),
    schedule(
        "weights",
        "a queue of weight 3 is owed three times the share",
        [queue("root", ""), queue("red", weight=3), queue("blue")],
        node("n1", 12, 12),
        enter("a1", "red"),
        enter("a2", "blue"),
        want("a1", ask(1, 1, 20)),
        want("a2", ask(1, 1, 20)),
        beat("n1"),
    ),
    schedule(
        "given back",
        "what has ended counts no more: not on the node, not for its queue, not for those above",
        [queue("root", ""), queue("red", max=size(4, 4)), queue("blue")],
        node("n1", 8, 8),
        enter("a1", "red"),
        enter("a2", "blue"),
        want("a1", ask(1, 1, 9)),
        want("a2", ask(1, 1, 9)),
        beat("n1"),
        *(("a1", "Free", {"nth": 0}) for _ in range(3)),
        *(("a2", "Free", {"nth": 0}) for _ in range(2)),
        want("a2", ask(1, 1, 1)),
        beat("n1"),
    ),
    schedule(
        "the node is gone",
        "and what ran there uses nothing any more",
        [queue("root", ""), queue("red", max=size(5, 5)), queue("blue")],
        node("n1", 8, 8),
        node("n2", 8, 8),
        enter("a1", "red"),
        want("a1", ask(1, 1, 20)),
        beat("n1"),
        ("n1", "Leave"),
        beat("n2"),
    ),
    schedule(
        "the first in turn does not fit",
        "then it is the next one's turn; and the first one's again, where it fits",
        TWO,
        node("n1", 4, 4),
        node("n2", 9, 9),
        enter("a1", "red"),
        enter("a2", "blue"),
        want("a1", ask(6, 6, 1)),
        want("a2", ask(1, 1, 9)),
        beat("n1"),
        beat("n2"),
    ),
    schedule(
        "as it was before",
        "a container that a node reports counts like one that was granted",
        [queue("root", ""), queue("red", max=size(4, 4)), queue("blue")],
        node("n1", 8, 8),
        enter("a1", "red"),
        enter("a2", "blue"),
        ("n1", "Report", {"app": "a1", "container": 3, "ask": ask(3, 3)}),
        want("a1", ask(1, 1, 9)),
        want("a2", ask(1, 1, 9)),
        beat("n1"),
        ("a2", "Free", {"container": 3}),
        ("a1", "Free", {"container": 3}),
        beat("n1"),
    ),
    schedule(
        "quota",
        "what can be preempted is not charged, what cannot is",
        [queue("root", ""), queue("red", quota=size(2, 2)), queue("blue")],
        node("n1", 8, 8),
        enter("a1", "red"),
        want("a1", ask(1, 1, 3, preemptible=True)),
        beat("n1"),
        want("a1", ask(1, 1, 5)),
        beat("n1"),
    ),
)


# -- the part ---------------------------------------------------------------------------------------------------------


def promise(
    code: str, title: str, points: int, section: str, *needs: Situation, exams: Sequence[Exam] = ()
) -> Promise:
    return Promise(
        code=code,
        title=title,
        points=points,
        judge=judge(code),
        exams=exams,
        needs=needs,
        page=f"{PAGE}#{section}",
    )


CONTENDED = Situation("two applications had something that fitted one node", saw("contended"))
OWED = Situation("one of them was below its min, the other was not", saw("owed"))
CHANGED = Situation("a node came or went while containers ran", saw("totals changed"))
GIVEN_BACK = Situation("a container was given back", saw("given back"))
RECOVERED = Situation("a node reported a container that ran already", saw("recovered"))
REFUSED = Situation("something was refused", saw("refused"))

PART_B = Part(
    code="B",
    title="Fairness",
    modules=("division", "fair"),
    stage=sharing.stage,
    draw=sharing.draw,
    directed=DIRECTED,
    runs=300,
    simpler=sharing.simpler,
    promises=(
        promise("SC-S1", "on no node runs more than it has", 3, "capacity", RECOVERED),
        promise("SC-S2", "a number is given once, and only to who asked", 2, "once", GIVEN_BACK),
        promise("SC-S3", "no queue uses more than its max, or its quota", 6, "max"),
        promise("SC-S4", "labels and places are respected", 4, "labels"),
        promise(
            "SC-S5",
            "the next container goes to whoever has the least dominant share, at each level",
            10,
            "turns",
            CONTENDED,
            OWED,
            CHANGED,
            exams=(Exam("vectors that tell DRF from other rules", vectors),),
        ),
        promise("SC-L1", "what fits is granted", 4, "what-fits", GIVEN_BACK),
        Promise(
            code="SC-L4",
            title="a large cluster is filled in time",
            points=3,
            exams=(Exam(f"{NODES} nodes, {APPS} applications", many),),
            page=f"{PAGE}#in-time",
        ),
        promise(
            "SC-S10",
            "what makes no sense is refused, and changes nothing",
            3,
            "refused",
            REFUSED,
            exams=(Exam("sizes that are no sizes", not_whole),),
        ),
    ),
    record=RECORD_MESSAGES,
)
