"""What must happen, and what it may cost: SC-L1, SC-L2 (all is given back), SC-C1 (no surplus), SC-C2 (late binding),
SC-C3 (no chatter)."""

from __future__ import annotations

from distlab.check import Verdict, bounded_liveness, broken, kept
from distlab.core import MS, Fail
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab3_scheduler.cluster.promises.books import Account, account
from grading.lab3_scheduler.cluster.scenarios import slack, work
from labs.lab3_scheduler.cluster import (
    KILLED,
    Allocate,
    AppSpec,
    Books,
    Exit,
    FinishMaster,
    Held,
    KillApp,
    ManagerConfig,
    NodeConfig,
    NodeHeartbeat,
    RegisterMaster,
    RegisterNode,
    StartContainer,
    StartRefused,
)
from labs.lab3_scheduler.scheduling import ANY, DUPLICATE


def ends_in_time(run: Run) -> Verdict:
    """SC-L1. Every application that can run ends well, soon after all is well; the others are refused as soon."""
    healed = run.scenario.plan.heal_at or 0
    expected: dict[str, str] = run.scenario.shape.get("refused", {})
    for kill in run.history.of_type(KillApp):
        deadline = max(healed, kill.began) + slack(run.scenario)
        verdict = bounded_liveness(
            kill.ended, deadline, "the end of an application that was killed"
        )
        if verdict.is_broken:
            return verdict
    begun: set[str] = set()
    for entry, spec in account(run).entries:
        if not can_run(run, spec):
            continue
        deadline = max(healed, entry.began) + slack(run.scenario) + work(run.scenario)
        verdict = bounded_liveness(entry.ended, deadline, f"the end of {spec.name}")
        if verdict.is_broken:
            return verdict
        code = entry.outcome.reason if isinstance(entry.outcome, Fail) else ""
        wanted = DUPLICATE if spec.name in begun else expected.get(spec.name, "")
        begun.add(spec.name)
        if code == KILLED and _was_killed(run, spec.name):
            continue
        if code != wanted or (not code and entry.value != len(spec.tasks)):
            return broken(
                f"{spec.name} ended as {entry.outcome!r}",
                entry.ret,
                expected=f"Fail({wanted!r})" if wanted else f"Ok({len(spec.tasks)})",
                got=repr(entry.outcome),
            )
        verdict = all_ran(run, spec, entry.ret) if not code else kept()
        if verdict.is_broken:
            return verdict
    return kept()


def can_run(run: Run, spec: AppSpec) -> bool:
    """An RM is up in the end; and for each task a machine of its label that is large enough."""
    down: set[str] = set()
    for event in run.trace.of(Kind.CRASH, Kind.START):
        (down.add if event.kind == Kind.CRASH else down.discard)(event.node)
    machines = [
        member.config
        for name, member in run.cluster.members.items()
        if isinstance(member.config, NodeConfig) and name not in down
    ]
    if not any(
        isinstance(member.config, ManagerConfig) and name not in down
        for name, member in run.cluster.members.items()
    ):
        return False
    return all(
        any(
            task.label == machine.label and task.capability.fits(machine.capacity)
            for machine in machines
        )
        for task in spec.tasks
        if spec.name not in run.scenario.shape.get("refused", {})
    )


def _was_killed(run: Run, app: str) -> bool:
    kills = run.history.of_type(KillApp)
    return any(kill.operation == KillApp(app) and kill.is_ok for kill in kills)


def all_ran(run: Run, spec: AppSpec, ret: int) -> Verdict:
    """An application that ended well has run each of its tasks to its end."""
    done = {
        stay.task.name
        for stay in account(run).stays
        if stay.lease.app == spec.name
        and stay.ended is not None
        and stay.ended.id < ret
        and type(stay.ended.what[1]).__name__ == "Finished"
    }
    for task in spec.tasks:
        if task.name not in done:
            return broken(
                f"{spec.name} was reported as over, and its task {task.name} had never run to its end",
                ret,
                expected="each task done",
                got=f"{len(done)} of {len(spec.tasks)}",
            )
    return kept()


def given_back(run: Run) -> Verdict:
    """SC-L2. When all applications are over, nothing runs, nothing is booked, and nobody waits for anything."""
    if any(entry.ended is None for entry, _ in account(run).entries):
        return kept()  # SC-L1 says so
    for address, probe in run.probes.items():
        match probe:
            case Books(containers=left, apps=apps) if left or apps:
                return broken(
                    f"all is over, and {address} has {len(left)} containers and {len(apps)} applications in its books",
                    expected="none",
                    got=f"{list(left)}, {list(apps)}",
                )
            case Held(running=running, untold=untold) if running or untold:
                return broken(
                    f"all applications are over, and {address} still has something to run or to tell",
                    expected="nothing",
                    got=f"{list(running)} running, {list(untold)} not noted by the RM",
                )
    for stay in account(run).stays:
        if stay.until is None:
            return broken(
                f"all applications are over, and a container still runs on {stay.node}",
                stay.event.id,
                expected="killed, and said so",
                got="running",
            )
    return kept()


def no_surplus(run: Run) -> Verdict:
    """SC-C1. A container for each task, and one more for each that came to nothing: no lease is there for naught."""
    book = account(run)
    for _, spec in book.entries:
        mine = [
            (container, event)
            for container, (event, lease) in book.grants.items()
            if lease.app == spec.name
        ]
        needed = len(spec.tasks) + sum(_came_to_nothing(book, container) for container, _ in mine)
        if len(mine) > needed:
            return broken(
                f"{spec.name} was given {len(mine)} containers, and could use {needed}",
                mine[needed][1].id,
                expected=f"at most {needed}: {len(spec.tasks)} tasks, and what came to nothing",
                got=len(mine),
            )
    return kept()


def _came_to_nothing(book: Account, container: int) -> bool:
    """It was to be used, or there was no time to, and it did not end well."""
    told = book.exits.get(container)
    return (
        (
            told is not None
            and told[1] is not Exit.DONE
            and (container in book.starts or container not in book.releases)
        )
        or container in book.refused
        or book.was_left_behind(container)
    )


def late_binding(run: Run) -> Verdict:
    """SC-C2. Among tasks that want the same, one whose data is on the node goes before one whose data is not."""
    book = account(run)
    for _, spec in book.entries:
        never = {task.name: task for task in spec.tasks}
        seen: set[int] = set()
        for event in run.trace.of(Kind.SEND):
            what = event.what
            if not isinstance(what, StartContainer) or what.lease.lease.app != spec.name:
                continue
            lease, task = what.lease.lease, what.task
            if lease.container in seen:
                continue
            seen.add(lease.container)
            fresh = task.name in never
            never.pop(task.name, None)
            if not fresh or task.prefers == lease.node:
                continue
            for other in never.values():
                alike = (other.capability, other.label, other.priority) == (
                    task.capability,
                    task.label,
                    task.priority,
                )
                if alike and other.prefers == lease.node:
                    return broken(
                        f"a lease on {lease.node} was used for {task.name}; {other.name} waited, whose data is there",
                        event.id,
                        expected=f"{other.name}, which prefers {lease.node}",
                        got=f"{task.name}, which prefers {task.prefers}",
                    )
    return kept()


def nobody_chatters(run: Run) -> Verdict:
    """SC-C3. Heartbeats come at their pace: twice as many messages as there are beats, and a few, are plenty."""
    sent: dict[tuple[str, str], list[int]] = {}
    for event in run.trace.of(Kind.SEND):
        match event.what:
            case NodeHeartbeat() | RegisterNode():
                sent.setdefault((event.node, "the RM"), []).append(event.id)
            case Allocate(app=app) | RegisterMaster(app=app) | FinishMaster(app=app):
                sent.setdefault((event.node, f"the RM for {app}"), []).append(event.id)
    most = 2 * run.time // NodeConfig("", b"").heartbeat + 10
    for (node, about), events in sent.items():
        if len(events) > most:
            return broken(
                f"{node} spoke to {about} {len(events)} times in {run.time // MS} ms",
                events[-1],
                expected=f"at most {most} times: one message a heartbeat, and as many again",
                got=len(events),
            )
    return kept()


# -- situations -------------------------------------------------------------------------------------------------------


def bound_elsewhere(run: Run) -> bool:
    """A task that prefers a node ran there, and the lease was there first for the asking of others."""
    nodes = {
        event.what.lease.lease.node
        for event in run.trace.of(Kind.SEND)
        if isinstance(event.what, StartContainer) and event.what.task.prefers != ANY
    }
    return len(nodes) > 1


def was_refused(run: Run) -> bool:
    """A node refused a lease."""
    return any(isinstance(event.what, StartRefused) for event in run.trace.of(Kind.SEND))


def waited(run: Run) -> bool:
    """There was more to do than room for it: something was granted that had been asked for more than once."""
    asked: dict[str, int] = {}
    for event in run.trace.of(Kind.SEND):
        if isinstance(event.what, Allocate) and event.what.asks:
            asked[event.what.app] = asked.get(event.what.app, 0) + 1
    return any(count > 2 for count in asked.values())
