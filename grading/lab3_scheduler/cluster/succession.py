"""Directed schedules of part 3E1: an RM dies or stands still at the worst moment. The first is free of faults."""

from __future__ import annotations

from distlab.core import MS
from distlab.faults import At, Clog, Crash, Cut, Delay, Doing, Duplicate, Partition, Pause, Survival
from distlab.grade.lab import Directed
from grading.lab3_scheduler.cluster.scenarios import kill_app, run_app, scenario, task, tasks
from grading.lab3_scheduler.cluster.schedules import ONE, TWO, nth, plan, running

LONG = 400
"""Steps of a task that outlives a failover."""


def dies(after: int = 5 * MS) -> Crash:
    return Crash("rm", after, Survival.ALL)


PART_E1 = (
    Directed(
        "two managers, six tasks",
        "nothing fails; one leads, the other one waits",
        scenario(run_app(tasks(6)), nodes=TWO, rms=2),
    ),
    Directed(
        "the manager dies while tasks run",
        "it is back at once, and knows nothing; what runs goes on",
        scenario(
            run_app(tasks(4, LONG)),
            plan=plan((running("node-1", 2), dies()), heal_at=300 * MS),
            nodes=TWO,
            rms=1,
        ),
    ),
    Directed(
        "asked twice who it is",
        "two heartbeats are on their way to the new manager; it asks the node twice to register",
        scenario(
            run_app(tasks(4, LONG)),
            plan=plan(
                (running("node-1", 2), Clog("node-1", "rm", 90 * MS)),
                (running("node-1", 2), dies(30 * MS)),
                heal_at=300 * MS,
            ),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "the manager dies, and stays dead",
        "the other one takes over; nodes and masters find it by themselves",
        scenario(
            run_app(tasks(8, LONG)),
            plan=plan((running("node-1", 2), Crash("rm"))),
            nodes=TWO,
            rms=2,
        ),
    ),
    Directed(
        "the manager stands still, and wakes",
        "it believes that it leads, and has answers under way",
        scenario(
            run_app(tasks(8, LONG)),
            plan=plan((running("node-1", 2), Pause("rm", 500 * MS)), heal_at=900 * MS),
            nodes=TWO,
            rms=2,
        ),
    ),
    Directed(
        "a node is left with the old manager",
        "it hears nothing of the new one, and its master does; the old one has to see that it is replaced",
        scenario(
            run_app(tasks(4, 120)),
            plan=plan(
                (running("node-1", 2), Partition((("rm", "node-1"), ("rm-2", "am-1")), 300 * MS)),
                heal_at=700 * MS,
            ),
            nodes=ONE,
            rms=2,
        ),
    ),
    Directed(
        "granted, and not told",
        "the manager dies before the master hears of its leases: nobody will ever use them",
        scenario(
            run_app(tasks(6, 30)),
            plan=plan(
                (nth("rm", "am-1", "Allocated", 2), Delay(1)),
                (Doing("rm", "send", "Allocated", 2), dies()),
                heal_at=300 * MS,
            ),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "told, and not used",
        "a lease of the old manager arrives at a node that knows the new one",
        scenario(
            run_app(tasks(4, 60)),
            plan=plan(
                (nth("am-1", "node-1", "StartContainer", 1), Delay(120 * MS)),
                (nth("am-1", "node-1", "StartContainer", 2), Delay(120 * MS)),
                (Doing("am-1", "send", "StartContainer"), dies(1 * MS)),
                (Doing("am-1", "send", "StartContainer", 3), Cut("am-1", "node-1", 110 * MS)),
                heal_at=400 * MS,
            ),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "it ends while nobody leads",
        "the end of a container is told to the next manager, and by it to the master",
        scenario(
            run_app([*tasks(2, 60), task("long", LONG)]),
            plan=plan((running("node-1", 3), dies(150 * MS)), heal_at=400 * MS),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "it ends while nobody leads, and its master comes late",
        "the next manager hears of the end before it hears whose container it was",
        scenario(
            run_app([*tasks(2, 60), task("long", LONG)]),
            plan=plan(
                (running("node-1", 3), dies(150 * MS)),
                (running("node-1", 3), Partition((("am-1",), ("rm",)), 240 * MS)),
                heal_at=500 * MS,
            ),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "a node is slower than its master",
        "the next manager hears what the master holds, and from no node yet that it runs",
        scenario(
            run_app(tasks(3, LONG)),
            plan=plan(
                (running("node-1", 3), dies()),
                (running("node-1", 3), Partition((("node-1",), ("rm",)), 80 * MS)),
                heal_at=300 * MS,
            ),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "the end is told to the old manager",
        "it leads no more, and does not know that yet; the new one has begun without that word",
        scenario(
            run_app(tasks(3, 1500)),
            kill_app("app-1", 345 * MS),
            plan=plan(
                (At(190 * MS), Partition((("rm",), ("rm-2",)), 300 * MS)),
                (At(400 * MS), Crash("rm")),
                heal_at=800 * MS,
            ),
            nodes=ONE,
            rms=2,
        ),
    ),
    Directed(
        "noted, and not told",
        "the old manager has noted the end of a container, and dies with it: its task is done anew",
        scenario(
            run_app(tasks(1, 30)),
            plan=plan(
                (running("node-1"), Cut("am-1", "rm", 120 * MS)),
                (Doing("rm", "send", "NodeAnswer", 6), Crash("rm", 60 * MS, Survival.ALL)),
                heal_at=300 * MS,
            ),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "a node comes late",
        "it is cut off while the new manager waits for it; when it comes, its containers were given up",
        scenario(
            run_app(tasks(4, LONG)),
            plan=plan(
                (running("node-1", 2), dies()),
                (running("node-1", 2), Partition((("node-1",), ("rm",)), 350 * MS)),
                heal_at=700 * MS,
            ),
            nodes=[[2048, 2, ""]] * 2,
            rms=1,
        ),
    ),
    Directed(
        "a master comes late",
        "it is cut off while the new manager waits for it; what it holds runs on",
        scenario(
            run_app(tasks(3, LONG + 200)),
            plan=plan(
                (running("node-1", 3), dies()),
                (running("node-1", 3), Partition((("am-1",), ("rm",)), 300 * MS)),
                heal_at=700 * MS,
            ),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "an old registration of a node",
        "it says that nothing runs there, and was true once",
        scenario(
            run_app(tasks(8, LONG)),
            plan=plan(
                (nth("node-1", "rm", "RegisterNode"), Duplicate(140 * MS)),
                (running("node-1", 4), dies(60 * MS)),
                (running("node-1", 4), Clog("node-1", "rm", 180 * MS)),
                heal_at=400 * MS,
            ),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "an old registration of a master",
        "it says that nothing is held, and was true once",
        scenario(
            run_app(tasks(3, LONG)),
            plan=plan(
                (nth("am-1", "rm", "RegisterMaster"), Duplicate(130 * MS)),
                (running("node-1", 3), dies(60 * MS)),
                (running("node-1", 3), Clog("am-1", "rm", 180 * MS)),
                heal_at=400 * MS,
            ),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "killed while nobody leads",
        "an application is over before the new manager has met its master",
        scenario(
            run_app(tasks(3, 1500)),
            kill_app("app-1", 120 * MS),
            plan=plan((running("node-1", 3), dies(150 * MS)), heal_at=400 * MS),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "over, and its containers run",
        "the manager has confirmed the end of an application, and dies before its containers are killed",
        scenario(
            run_app(tasks(3, 1500)),
            kill_app("app-1", 120 * MS),
            run_app(tasks(4, 40), name="app-2", at=200 * MS),
            plan=plan(
                (Doing("rm", "send", "MasterFinished"), Cut("rm", "node-1", 60 * MS)),
                (Doing("rm", "send", "NodeAnswer", 12), dies()),
                heal_at=400 * MS,
            ),
            nodes=ONE,
            rms=1,
        ),
    ),
    Directed(
        "the name of an application that is over",
        "the next manager knows that it was used",
        scenario(
            run_app(tasks(1, 10), name="same"),
            run_app(tasks(1, 10), name="same", at=250 * MS, master="am-2"),
            run_app(tasks(1, 10), name="other", at=300 * MS, master="am-2"),
            plan=plan((Doing("rm", "send", "NodeAnswer", 9), dies()), heal_at=300 * MS),
            nodes=ONE,
            masters=2,
            rms=1,
        ),
    ),
    Directed(
        "three lives in a row",
        "each is too short for the recovery of the one before to end",
        scenario(
            run_app(tasks(6, LONG)),
            plan=plan(
                (running("node-1", 2), dies()),
                (Doing("rm", "send", "NodeRegistered", 3), dies(20 * MS)),
                (Doing("rm", "send", "NodeRegistered", 5), dies(20 * MS)),
                heal_at=600 * MS,
            ),
            nodes=TWO,
            rms=1,
        ),
    ),
    Directed(
        "a node dies with the manager",
        "what ran on it is lost, and only its master knows that it was there",
        scenario(
            run_app(tasks(4, 100)),
            plan=plan(
                (running("node-1", 2), dies(20 * MS)),
                (running("node-1", 2), Crash("node-1", 10 * MS, Survival.NOTHING)),
                heal_at=400 * MS,
            ),
            nodes=TWO,
            rms=1,
        ),
    ),
)
