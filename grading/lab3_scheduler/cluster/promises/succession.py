"""SC-S7: after the RM was replaced, what runs is what nodes say, and it goes on."""

from __future__ import annotations

from distlab.check import Verdict, broken, kept
from distlab.core import Finished
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab3_scheduler.cluster.promises.books import account
from labs.lab3_scheduler.cluster import (
    Allocated,
    Completed,
    Exit,
    FinishMaster,
    NodeAnswer,
    NodeRegistered,
    RegisterMaster,
    RegisterNode,
)
from labs.lab3_scheduler.failover import EPOCHS


def work_goes_on(run: Run) -> Verdict:
    """SC-S7. What a node runs and its master holds when both meet a new RM, goes on, and its end is told truly."""
    inherited = _inherited(run)
    book = account(run)
    finished = {e.what.app: e for e in reversed(list(_sent(run, FinishMaster)))}
    lost = {
        (event.what.epoch, completed.container): event
        for event in _sent(run, Allocated)
        for completed in event.what.completed
        if completed.exit is Exit.LOST
    }
    for event in _sent(run, NodeAnswer):
        for container in event.what.kill:
            met = inherited.get((event.what.epoch, container))
            if met is None or met.id > event.id:
                continue
            end = finished.get(met.what.app)
            given_back = book.releases.get(container)
            before = lost.get((event.what.epoch, container))
            if any(each is not None and each.id < event.id for each in (end, given_back, before)):
                continue
            return broken(
                f"a new RM has container {container & ((1 << 40) - 1)} killed, which its node runs and its master holds",
                met.id,
                event.id,
                expected="it goes on",
                got=f"killed in epoch {event.what.epoch}",
            )
    return _nothing_is_lost_that_was_told(run, inherited)


def _nothing_is_lost_that_was_told(run: Run, inherited: dict[tuple[int, int], Event]) -> Verdict:
    """A node that has told a new RM of the end of a container has told it for its master."""
    done = {
        stay.lease.container: stay
        for stay in account(run).stays
        if stay.ended is not None and isinstance(stay.ended.what[1], Finished)
    }
    silent = _silences(run)
    for event in _sent(run, Allocated):
        for completed in event.what.completed:
            met = inherited.get((event.what.epoch, completed.container))
            stay = done.get(completed.container)
            if met is None or stay is None or completed.exit is Exit.DONE:
                continue
            if (event.what.epoch, stay.node) in silent:
                continue
            return broken(
                f"task {stay.task.name} has run to its end, and a new RM tells its master that it was {completed.exit}",
                met.id,
                stay.ended.id if stay.ended else 0,
                event.id,
                expected=repr(Completed(completed.container, Exit.DONE)),
                got=repr(completed),
            )
    return kept()


def _inherited(run: Run) -> dict[tuple[int, int], Event]:
    """(epoch, container) -> the registration of its master, where the node that runs it is registered as well."""
    reported: dict[tuple[int, str, int], set[int]] = {}
    for event in _sent(run, RegisterNode):
        names = {signed.lease.container for signed in event.what.running}
        key = (event.what.epoch, event.node, event.what.life)
        reported[key] = reported.get(key, names) & names
    accepted: dict[int, set[int]] = {}
    for event in _sent(run, NodeRegistered):
        names = reported.get((event.what.epoch, event.peer, event.what.life), set())
        accepted.setdefault(event.what.epoch, set()).update(names)
    held: dict[tuple[int, int], Event] = {}
    for event in _sent(run, RegisterMaster):
        for container in event.what.holding:
            if container in accepted.get(event.what.epoch, ()):
                held.setdefault((event.what.epoch, container), event)
    return held


def _silences(run: Run) -> set[tuple[int, str]]:
    """(epoch, node): the node had more than one life in that epoch, or was out of touch for long."""
    lives: dict[tuple[int, str], set[int]] = {}
    last: dict[tuple[int, str], int] = {}
    found = set()
    for event in run.trace.of(Kind.DELIVER):
        what = event.what
        if type(what).__name__ in ("NodeHeartbeat", "RegisterNode"):
            key = (what.epoch, event.peer)
            lives.setdefault(key, set()).add(what.life)
            if event.time - last.get(key, event.time) > 100_000:
                found.add(key)
            last[key] = event.time
    return found | {key for key, named in lives.items() if len(named) > 1}


def _sent(run: Run, message: type) -> list[Event]:
    return [event for event in run.trace.of(Kind.SEND) if isinstance(event.what, message)]


# -- situations -------------------------------------------------------------------------------------------------------


def epochs_claimed(run: Run) -> int:
    return sum(
        event.what[0] == "put_if_absent" and event.what[1].startswith(EPOCHS) and event.what[2]
        for event in run.trace.of(Kind.STORE)
    )


def was_replaced(run: Run) -> bool:
    """A second RM has led, or one a second time."""
    return epochs_claimed(run) > 1


def was_inherited(run: Run) -> bool:
    """Something ran, and was held, when a new RM came."""
    return bool(_inherited(run))


def spoke_too_late(run: Run) -> bool:
    """An RM answered somebody after another one had claimed a newer epoch."""
    newest = 0
    for event in run.trace.of(Kind.STORE, Kind.SEND):
        if event.kind == Kind.STORE:
            if (
                event.what[1].startswith(EPOCHS)
                and event.what[2]
                and event.what[0] == "put_if_absent"
            ):
                newest = int(event.what[1].removeprefix(EPOCHS))
        elif isinstance(event.what, Allocated | NodeAnswer) and event.what.epoch < newest:
            return True
    return False
