"""Directed schedules of part 3A: one known danger each. The first is free of faults."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import (
    AnyAction,
    At,
    Clog,
    Crash,
    Cut,
    Delay,
    Doing,
    Drop,
    Duplicate,
    Fault,
    JumpClock,
    KillJob,
    Nth,
    Partition,
    Pause,
    Plan,
    Survival,
    Trigger,
)
from distlab.grade.lab import Directed
from grading.lab3_scheduler.cluster.scenarios import (
    GPU,
    LARGE,
    SMALL,
    kill_app,
    run_app,
    scenario,
    task,
    tasks,
)

ONE = [[4096, 4, ""]]
TWO = [[4096, 4, ""]] * 2
TINY = [[1024, 1, ""]]
"""Room for one small container."""


def plan(*faults: tuple[Trigger, AnyAction], heal_at: int | None = None) -> Plan:
    return Plan(tuple(Fault(when, do) for when, do in faults), heal_at)


def running(node: str, n: int = 1) -> Doing:
    """When something is started on the node for the n-th time."""
    return Doing(node, "job", "RunContainer", n)


def nth(source: str, to: str, message: str, n: int = 1) -> Nth:
    return Nth(source, to, n, message)


PART_A = (
    Directed(
        "two nodes, six tasks",
        "nothing fails; there is room for all",
        scenario(run_app(tasks(6)), nodes=TWO),
    ),
    Directed(
        "more than fits",
        "tasks wait until others are done",
        scenario(run_app(tasks(9, 15)), nodes=ONE),
    ),
    Directed(
        "two applications, one node",
        "the second one gets what the first leaves",
        scenario(
            run_app(tasks(3, 30), name="app-1"),
            run_app(tasks(3, 10, LARGE), name="app-2", at=15 * MS, master="am-2"),
            nodes=ONE,
            masters=2,
        ),
    ),
    Directed(
        "labels and sizes",
        "tasks of two labels and three sizes share an application",
        scenario(
            run_app(
                [
                    task("g1", 20, (512, 1), label=GPU),
                    task("p1", 20, (512, 1)),
                    task("p2", 30, LARGE),
                    task("g2", 30, (2048, 2), label=GPU),
                    task("p3", 20, (512, 1)),
                    task("p4", 20, LARGE),
                ]
            ),
            nodes=[[4096, 4, ""], [2048, 2, GPU]],
        ),
    ),
    Directed(
        "data on two nodes",
        "tasks prefer nodes; leases come in another order than they were asked for",
        scenario(
            run_app([task(f"t{n + 1}", 10, prefers=f"node-{2 - n % 2}") for n in range(8)]),
            nodes=[[2048, 2, ""]] * 2,
        ),
    ),
    Directed(
        "a full house",
        "a large node with many small containers speaks as often as an empty one",
        scenario(run_app(tasks(32, 60, (512, 1))), nodes=[[8192, 8, ""]]),
    ),
    Directed(
        "used for others",
        "urgent tasks take what was asked for those that can wait; what is asked for changes with it",
        scenario(
            run_app(
                [
                    *(
                        task(f"t{n + 1}", steps, prefers="node-1")
                        for n, steps in enumerate((68, 14, 5, 25, 6))
                    ),
                    *(task(f"t{n + 6}", 8, priority=1) for n in range(2)),
                ]
            ),
            nodes=[[4096, 4, ""], [4096, 2, ""]],
        ),
    ),
    Directed(
        "every size has its container",
        "a small lease is no use for the large task that stands first",
        scenario(
            run_app(
                [
                    task("big", 10, (4096, 4)),
                    task("small-1", 10, (512, 1)),
                    task("small-2", 10, (512, 1)),
                    task("small-3", 10, (512, 1)),
                ]
            ),
            nodes=[[2048, 2, ""], [4096, 4, ""]],
        ),
    ),
    Directed(
        "a queue that does not exist",
        "refused, and the others go on",
        scenario(
            run_app(tasks(1), name="app-1", queue="nowhere"),
            run_app(tasks(2), name="app-2"),
            nodes=ONE,
            refused={"app-1": "UNKNOWN_QUEUE"},
        ),
    ),
    Directed(
        "a label that the queue may not use, and nothing at all",
        "refused for good, and what was granted by then is given back",
        scenario(
            run_app(
                [*tasks(3, 100), task("gpu", 10, label=GPU)],
                name="app-1",
                queue="plain",
            ),
            run_app([task("empty", 10, (0, 0))], name="app-2", at=50 * MS),
            nodes=[[4096, 4, ""], [4096, 4, GPU]],
            refused={"app-1": "UNKNOWN_LABEL", "app-2": "BAD_RESOURCES"},
        ),
    ),
    Directed(
        "one name twice",
        "an application's name is its own for ever",
        scenario(
            run_app(tasks(2, 30), name="same"),
            run_app(tasks(2, 30), name="same", at=30 * MS, master="am-2"),
            run_app(tasks(2), name="other", at=60 * MS),
            nodes=ONE,
            masters=2,
        ),
    ),
    Directed(
        "a larger node comes later",
        "what is too large for every node today may fit tomorrow",
        scenario(
            run_app(tasks(1, 10, (8192, 8))),
            plan=plan((At(0), Cut("node-2", "rm", 200 * MS)), heal_at=250 * MS),
            nodes=[[4096, 4, ""], [8192, 8, ""]],
        ),
    ),
    Directed(
        "an answer is lost",
        "the same wish gets the same answer: the leases in it are told again",
        scenario(
            run_app(tasks(4)),
            plan=plan(
                (nth("rm", "am-1", "Allocated", 2), Drop()),
                (nth("rm", "am-1", "Allocated", 3), Drop()),
                (nth("rm", "am-1", "Allocated", 4), Drop()),
            ),
            nodes=ONE,
        ),
    ),
    Directed(
        "an answer comes twice, and late",
        "its leases are not new the second time",
        scenario(
            run_app(tasks(8, 15)),
            plan=plan(
                *((nth("rm", "am-1", "Allocated", n), Duplicate(25 * MS)) for n in range(1, 9)),
            ),
            nodes=ONE,
        ),
    ),
    Directed(
        "old wishes come again",
        "a wish that was overtaken asks for what the application has by now",
        scenario(
            run_app(tasks(4, 60)),
            plan=plan(
                *((nth("am-1", "rm", "Allocate", n), Duplicate(50 * MS)) for n in range(1, 5)),
            ),
            nodes=TWO,
        ),
    ),
    Directed(
        "the start is repeated",
        "its confirmation is lost, again and again",
        scenario(
            run_app(tasks(2, 50)),
            plan=plan((running("node-1"), Cut("node-1", "am-1", 80 * MS)), heal_at=200 * MS),
            nodes=ONE,
        ),
    ),
    Directed(
        "the start comes again when all is over",
        "what was started once is not started again, although nobody remembers it but the node",
        scenario(
            run_app([*tasks(1, 5), task("long", 150)]),
            plan=plan(
                *((nth("am-1", "node-1", "StartContainer", n), Duplicate(120 * MS)) for n in (1, 2))
            ),
            nodes=ONE,
        ),
    ),
    Directed(
        "the node is cut off for a moment",
        "shorter than its lease: nothing is lost",
        scenario(
            run_app(tasks(4, 40)),
            plan=plan(
                (running("node-1", 4), Partition((("node-1",), ("rm",)), 70 * MS)),
                heal_at=250 * MS,
            ),
            nodes=ONE,
        ),
    ),
    Directed(
        "taken for dead, and alive",
        "a node is cut off for longer than its lease, and what runs there runs on",
        scenario(
            run_app(tasks(4, 300)),
            plan=plan(
                (running("node-1", 2), Partition((("node-1",), ("rm",)), 250 * MS)),
                heal_at=500 * MS,
            ),
            nodes=[[2048, 2, ""]] * 2,
        ),
    ),
    Directed(
        "the registration of a dead life comes late",
        "a node was taken for dead; an old message must not bring that life back, with room that it has not got",
        scenario(
            run_app(tasks(2, 700)),
            plan=plan(
                (nth("node-1", "rm", "RegisterNode"), Duplicate(400 * MS)),
                (running("node-1", 2), Cut("node-1", "rm", 250 * MS)),
                (running("node-1", 2), Clog("rm", "node-1", 600 * MS)),
                heal_at=800 * MS,
            ),
            nodes=[[2048, 2, ""]],
        ),
    ),
    Directed(
        "a registration comes twice",
        "the second time when the node is full: nothing is new",
        scenario(
            run_app(tasks(8, 100)),
            plan=plan((nth("node-1", "rm", "RegisterNode"), Duplicate(70 * MS))),
            nodes=ONE,
        ),
    ),
    Directed(
        "a node dies and is back at once",
        "sooner than anybody has missed it: its new life has nothing of the old one",
        scenario(
            run_app(tasks(4, 60)),
            plan=plan(
                (running("node-1", 4), Crash("node-1", 5 * MS, Survival.NOTHING)),
                heal_at=200 * MS,
            ),
            nodes=ONE,
        ),
    ),
    Directed(
        "a node dies twice",
        "a start for the first life arrives in the third",
        scenario(
            run_app(tasks(2, 60)),
            plan=plan(
                (nth("am-1", "node-1", "StartContainer", 1), Delay(60 * MS)),
                (running("node-1"), Crash("node-1", 2 * MS, Survival.NOTHING)),
                (At(130 * MS), Crash("node-1", 2 * MS, Survival.NOTHING)),
                heal_at=200 * MS,
            ),
            nodes=ONE,
        ),
    ),
    Directed(
        "a node dies for good",
        "its tasks are done elsewhere",
        scenario(
            run_app(tasks(6, 60)),
            plan=plan((running("node-1", 3), Crash("node-1"))),
            nodes=TWO,
        ),
    ),
    Directed(
        "a container is killed",
        "its process dies; its task is done again, and its place was free in between",
        scenario(
            run_app(tasks(3, 60)),
            plan=plan(
                *((running("node-1", n), KillJob("node-1")) for n in (2, 3, 5)), heal_at=300 * MS
            ),
            nodes=ONE,
        ),
    ),
    Directed(
        "the start is late",
        "its lease is taken back meanwhile, and the place given to another application, which uses it",
        scenario(
            run_app(tasks(1, 40), name="app-1"),
            run_app(tasks(2, 250), name="app-2", at=40 * MS, master="am-2"),
            plan=plan(
                (nth("am-1", "node-1", "StartContainer", 1), Delay(400 * MS)),
                (
                    Doing("am-1", "send", "StartContainer", 2),
                    Cut("am-1", "node-1", 350 * MS),
                ),
                heal_at=600 * MS,
            ),
            nodes=TINY,
            masters=2,
        ),
    ),
    Directed(
        "the master stands still with a lease in hand",
        "it wakes when the lease has been taken back, and uses it",
        scenario(
            run_app(tasks(1, 40), name="app-1"),
            run_app(tasks(2, 250), name="app-2", at=40 * MS, master="am-2"),
            plan=plan(
                (Doing("am-1", "send", "StartContainer"), Pause("am-1", 400 * MS)),
                heal_at=600 * MS,
            ),
            nodes=TINY,
            masters=2,
        ),
    ),
    Directed(
        "late by a hair",
        "the start and the order to take the lease back meet at the node",
        scenario(
            run_app(tasks(2, 80)),
            run_app(tasks(2, 80), name="app-2", at=60 * MS, master="am-2"),
            plan=plan(
                (nth("am-1", "node-1", "StartContainer", 1), Delay(155 * MS)),
                *((nth("am-1", "node-1", "StartContainer", n), Drop()) for n in range(3, 30)),
                (nth("am-1", "node-1", "StartContainer", 2), Delay(165 * MS)),
                heal_at=900 * MS,
            ),
            nodes=[[2048, 2, ""]],
            masters=2,
        ),
    ),
    Directed(
        "heartbeats overtake each other",
        "an old one says that nothing runs, or that something still does",
        scenario(
            run_app(tasks(8, 150)),
            plan=plan(
                *(
                    (nth("node-1", "rm", "NodeHeartbeat", n), Delay(45 * MS))
                    for n in range(1, 12, 2)
                ),
            ),
            nodes=ONE,
        ),
    ),
    Directed(
        "the end of a container is told again and again",
        "the RM hears of it, and its answers get lost",
        scenario(
            run_app(tasks(5, 15, LARGE)),
            plan=plan((running("node-1"), Cut("rm", "node-1", 90 * MS)), heal_at=250 * MS),
            nodes=ONE,
        ),
    ),
    Directed(
        "a clock that is ahead",
        "a node's clock jumps by an hour: its leases are as good as before",
        scenario(
            run_app(tasks(9, 15)),
            plan=plan((running("node-1", 2), JumpClock("node-1", 3_600_000 * MS))),
            nodes=ONE,
        ),
    ),
    Directed(
        "a clock that is behind",
        "the RM's clock jumps back: it grants, and takes back, as before",
        scenario(
            run_app(tasks(9, 15)),
            plan=plan((running("node-1", 2), JumpClock("rm", -3_600_000 * MS))),
            nodes=ONE,
        ),
    ),
    Directed(
        "the end of the application is not heard",
        "its last message is lost: it is said again until it is confirmed",
        scenario(
            run_app(tasks(2)),
            plan=plan(*((nth("am-1", "rm", "FinishMaster", n), Drop()) for n in (1, 2, 3))),
            nodes=ONE,
        ),
    ),
    Directed(
        "killed while its tasks run",
        "its places are free when its containers are, not before: another application waits for them",
        scenario(
            run_app(tasks(4, 300), name="app-1"),
            run_app(tasks(4, 40), name="app-2", at=50 * MS, master="am-2"),
            kill_app("app-1", 150 * MS),
            nodes=ONE,
            masters=2,
        ),
    ),
    Directed(
        "killed, and its node does not hear of it",
        "the order to kill is repeated until the node has carried it out",
        scenario(
            run_app(tasks(4, 1500)),
            kill_app("app-1", 150 * MS),
            plan=plan((At(145 * MS), Cut("rm", "node-1", 80 * MS)), heal_at=300 * MS),
            nodes=ONE,
        ),
    ),
    Directed(
        "killed, and the RM does not hear of it",
        "the end of an application is said until it is confirmed, also when its user wants it",
        scenario(
            run_app(tasks(4, 1500), name="app-1"),
            kill_app("app-1", 150 * MS),
            plan=plan((At(145 * MS), Cut("am-1", "rm", 80 * MS)), heal_at=300 * MS),
            nodes=ONE,
        ),
    ),
    Directed(
        "the first word comes again at the end",
        "a registration is repeated when its application is over",
        scenario(
            run_app(tasks(1, 10)),
            plan=plan((nth("am-1", "rm", "RegisterMaster"), Duplicate(250 * MS)), heal_at=300 * MS),
            nodes=ONE,
        ),
    ),
    Directed(
        "killed before it began",
        "the RM has not heard of the application yet",
        scenario(
            run_app(tasks(2), name="app-1"),
            kill_app("app-1", 20 * MS),
            kill_app("app-2", 30 * MS),
            run_app(tasks(2), name="app-2", at=40 * MS),
            plan=plan((At(0), Cut("am-1", "rm", 100 * MS)), heal_at=150 * MS),
            nodes=ONE,
        ),
    ),
    Directed(
        "the largest and the smallest",
        "a task as large as a node, among small ones of the same application",
        scenario(
            run_app([*tasks(6, 20, SMALL), task("whole", 20, (4096, 4))]),
            nodes=ONE,
        ),
    ),
)
