"""Lab 3 as real processes: an RM, three NMs, two AMs over ZeroMQ; each container a process, with real kills.

``make live LAB=3``. Two applications run on three small machines. One machine's NM is killed (-9), and its containers
with it; another one is stopped for longer than its lease, and wakes as a zombie; two containers are killed by
themselves. Every task is to run to its end in spite of it, no machine may ever hold more than it has room for, and in
the end everything is to be given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from distlab.check import Verdict, broken, kept
from distlab.core import MS, SECOND, Finished, Operation
from distlab.core.cluster import Cluster, Member
from distlab.core.errors import HarnessBug
from distlab.faults import Crash, Doing, Fault, KillJob, Noise, Pause, Plan, Survival
from distlab.grade.ended import Operations, judged_by, sends
from distlab.grade.lab import RECORD_MESSAGES, Run
from distlab.grade.live import BadInput, Judged, LiveStage
from distlab.grade.solution import Solution
from distlab.live.follow import as_event
from distlab.live.portable import from_plain
from distlab.live.recorder import Line
from distlab.trace import NOTICED, Kind
from grading.lab3_scheduler import LAB
from grading.lab3_scheduler.cluster.promises.books import account
from grading.lab3_scheduler.cluster.promises.progress import all_ran
from grading.lab3_scheduler.cluster.scenarios import GPU, KEY, QUEUES
from labs.lab3_scheduler.cluster import (
    AppSpec,
    ManagerConfig,
    MasterConfig,
    NodeConfig,
    RunApp,
    Task,
)
from labs.lab3_scheduler.containers import RunContainer
from labs.lab3_scheduler.scheduling import Resources

LEASE: Final = 1 * SECOND
BEAT: Final = 100 * MS
MACHINES: Final = {"node-1": "", "node-2": "", "node-3": GPU}
"""And their labels. Each has room for four small containers."""

KILLED, STOPPED, ROBBED = "node-1", "node-2", "node-3"
PLAN: Final = Plan(
    (
        Fault(Doing(KILLED, "job", "RunContainer", 4), Crash(KILLED, LEASE // 2, Survival.ALL)),
        Fault(Doing(ROBBED, "job", "RunContainer", 3), KillJob(ROBBED)),
        Fault(Doing(ROBBED, "job", "RunContainer", 6), KillJob(ROBBED)),
        Fault(Doing(STOPPED, "job", "RunContainer", 6), Pause(STOPPED, 2 * LEASE)),
    )
)
NOISE: Final = Noise(seed=1, delay=(1 * MS, 5 * MS), loss=0.03, duplicate=0.05)
JUDGED: Final = ("SC-S1", "SC-S2", "SC-S4", "SC-L2", "SC-C1", "SC-C2")
"""The others promise times, which a busy machine need not keep."""


def applications() -> list[tuple[str, AppSpec]]:
    """Who runs what: small tasks and large ones, for one label or two. A step is about a millisecond."""
    small, large = Resources(1024, 1), Resources(2048, 2)
    many = tuple(
        Task(f"t{n + 1}", 300, small, prefers=f"node-{n % 2 + 1}", effort=800) for n in range(20)
    )
    mixed = tuple(
        Task(f"m{n + 1}", 400, large if n % 3 == 0 else small, GPU if n % 2 else "", effort=800)
        for n in range(12)
    )
    return [("am-1", AppSpec("many", many)), ("am-2", AppSpec("mixed", mixed))]


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """The machines, the applications, and what befalls them."""
    if folder is not None:
        raise BadInput("lab 3 reads no INPUT")
    rm = solution.module("manager").ResourceManager
    node = solution.module("node_manager").NodeManager
    master = solution.module("master").ApplicationMaster
    asked: list[tuple[str, Operation]] = [(am, RunApp(spec)) for am, spec in applications()]
    config = ManagerConfig(KEY, QUEUES, node_lease=LEASE, unused_lease=2 * LEASE)
    cast = {"rm": Member(rm, config, "manager")}
    for name, label in MACHINES.items():
        cast[name] = Member(node, NodeConfig("rm", KEY, label=label, heartbeat=BEAT), "node")
    for am, _ in asked:
        cast[am] = Member(master, MasterConfig("rm", BEAT), "master")
    return LiveStage(
        about=[
            f"two applications, {sum(len(s.tasks) for _, s in applications())} tasks, on three machines "
            "with room for four each",
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            f"{KILLED} will be killed (-9) with all that runs on it, and come back",
            f"{STOPPED} will be stopped (SIGSTOP) for longer than its lease, and wake up as a zombie",
            f"two containers on {ROBBED} will be killed, each a process of its own",
        ],
        cluster=Cluster(cast),
        plan=PLAN,
        noise=NOISE,
        rounds=[asked],
        progress=Containers([asked]),
        judge=judged,
        record=NOTICED | RECORD_MESSAGES,
    )


class Containers(Operations):
    """What runs where, and how much is done."""

    def __init__(self, rounds: Sequence[Sequence[object]]) -> None:
        super().__init__(rounds)
        self.running: dict[str, int] = dict.fromkeys(MACHINES, 0)
        self.done: dict[str, set[str]] = {spec.name: set() for _, spec in applications()}
        self.started = 0

    def see(self, line: Line) -> None:
        """Something happened."""
        super().see(line)
        if line.kind == Kind.CRASH and line.node in self.running:
            self.running[line.node] = 0
        elif sends(line, "NodeHeartbeat"):
            self.running[line.node] = len(from_plain(line.what).running)
        elif line.kind == Kind.JOB:
            self.started += 1
        elif line.kind == Kind.JOB_END:
            job, outcome = as_event(line).what
            assert isinstance(job, RunContainer)
            if isinstance(outcome, Finished):
                self.done[job.lease.app].add(job.task.name)

    def lines(self) -> list[str]:
        done = "  ".join(
            f"{spec.name} {len(self.done[spec.name])}/{len(spec.tasks)}"
            for _, spec in applications()
        )
        running = "  ".join(f"{node} {count}" for node, count in self.running.items())
        return [
            self.ended("applications", {"Ok": "done", "Fail": "failed", "Info": "unknown"}),
            f"tasks done: {done}  containers started: {self.started}",
            f"running: {running}  messages lost: {self.lost}",
        ]


def judged(run: Run) -> list[Judged]:
    """The promises of part 3A; of SC-L1 what has nothing to do with time."""
    part = LAB.part("A")
    liveness = next(promise for promise in part.promises if promise.code == "SC-L1")
    return [Judged(liveness, every_application_ended(run)), *judged_by(part.promises, JUDGED)(run)]


def every_application_ended(run: Run) -> Verdict:
    """SC-L1 without times: both have ended, well, and each of their tasks has run to its end."""
    for entry, spec in account(run).entries:
        if not entry.is_ok:
            return broken(f"{spec.name} did not end well", entry.call, got=repr(entry.outcome))
        verdict = all_ran(run, spec, entry.ret)
        if verdict.is_broken:
            return verdict
    if len(account(run).entries) != len(applications()):
        raise HarnessBug("the record of the live run does not hold the applications that ran")
    return kept()
