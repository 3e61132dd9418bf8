"""SC-S7: after the RM was replaced, what runs is what nodes say, and it goes on."""

from __future__ import annotations

from distlab.check import Verdict, broken, kept
from distlab.core import MS
from distlab.grade.lab import Run
from distlab.trace import Event, Kind
from grading.lab3_scheduler.cluster.promises.books import account
from labs.lab3_scheduler.cluster import (
    Allocated,
    Exit,
    FinishMaster,
    ManagerConfig,
    NodeAnswer,
    NodeHeartbeat,
    NodeRegistered,
    RegisterMaster,
    RegisterNode,
    Resync,
    StartContainer,
    Started,
)
from labs.lab3_scheduler.failover import EPOCHS

PATIENCE = 100 * MS
"""A new RM takes nothing for lost sooner; its ``recovery`` is half as long again."""


def work_goes_on(run: Run) -> Verdict:
    """SC-S7. What a node runs and its master holds when both meet a new RM, goes on, and its end is told truly."""
    inherited = _inherited(run)
    book = account(run)
    finished = {e.what.app: e for e in reversed(list(_sent(run, FinishMaster)))}
    lost: dict[tuple[int, int], Event] = {}
    for event in _sent(run, Allocated):
        for completed in event.what.completed:
            if completed.exit is Exit.LOST:
                lost.setdefault((event.what.epoch, completed.container), event)
    for event in _sent(run, NodeAnswer):
        for container in event.what.kill:
            met = inherited.get((event.what.epoch, container))
            if container >> 40 < event.what.epoch and not _has_spoken(run, event, container):
                return broken(
                    f"a new RM has {_name(container)} killed, and has not heard its master yet",
                    event.id,
                    expected="it goes on until its master has said whether it holds it",
                    got=f"killed in epoch {event.what.epoch}",
                )
            if met is None or met.id > event.id:
                continue
            end = finished.get(met.what.app)
            given_back = book.releases.get(container)
            before = lost.get((event.what.epoch, container))
            if any(each is not None and each.id < event.id for each in (end, given_back, before)):
                continue
            return broken(
                f"a new RM has {_name(container)} killed, which its node runs and its master holds",
                met.id,
                event.id,
                expected="it goes on",
                got=f"killed in epoch {event.what.epoch}",
            )
    for judge in (
        _nobody_starts_anew,
        _masters_hold_what_they_started,
        _lost_in_time,
        _noted_is_told,
    ):
        verdict = judge(run)
        if verdict.is_broken:
            return verdict
    return kept()


def _nobody_starts_anew(run: Run) -> Verdict:
    """A node begins a new life for the RM that it belongs to, not for one that is new, or has been replaced."""
    life: dict[str, int] = {}
    epoch: dict[str, int] = {}
    asked: dict[str, Event] = {}
    for event in run.trace.of(Kind.START, Kind.SEND, Kind.DELIVER):
        what = event.what
        if event.kind == Kind.START:
            life.pop(event.node, None)
            asked.pop(event.node, None)
            epoch[event.node] = 0
        elif event.kind == Kind.DELIVER and isinstance(what, Resync):
            if what.life == life.get(event.node):
                if what.epoch == what.heard == epoch.get(event.node, 0):
                    asked.pop(event.node, None)
                else:
                    asked.setdefault(event.node, event)
        elif event.kind == Kind.DELIVER and isinstance(what, NodeRegistered):
            if what.life == life.get(event.node):
                epoch[event.node] = max(epoch.get(event.node, 0), what.epoch)
        elif event.kind == Kind.SEND and isinstance(what, NodeHeartbeat | RegisterNode):
            before = asked.pop(event.node, None)
            if before is not None and what.life != before.what.life:
                return broken(
                    f"{event.node} began a new life, since an RM said Resync that it does not belong to",
                    before.id,
                    event.id,
                    expected=f"life {before.what.life} goes on, with all that runs",
                    got=f"life {what.life}",
                )
            life[event.node] = what.life
            epoch[event.node] = max(epoch.get(event.node, 0), what.epoch)
    return kept()


def _lost_in_time(run: Run) -> Verdict:
    """A new RM takes nothing for lost before nodes had time to speak."""
    claimed = _claims(run)
    again = {(event.node, event.what.epoch) for event in account(run).lives}
    for event in _sent(run, Allocated):
        begun = claimed.get(event.what.epoch)
        for completed in event.what.completed:
            told = account(run).grants.get(completed.container)
            if (
                completed.exit is Exit.LOST
                and completed.container >> 40 < event.what.epoch
                and begun is not None
                and event.time - begun.time < PATIENCE
                and not (told is not None and (told[1].node, event.what.epoch) in again)
            ):
                return broken(
                    f"a new RM takes {_name(completed.container)} for lost as soon as it leads",
                    begun.id,
                    event.id,
                    expected=f"nodes have {ManagerConfig(b'').recovery // MS} ms to speak",
                    got=f"{(event.time - begun.time) / MS:.0f} ms",
                )
    return kept()


def _masters_hold_what_they_started(run: Run) -> Verdict:
    """A master that registers with a new RM names all that was started for it, and of which it has heard no end."""
    started: dict[str, dict[int, str]] = {}
    for event in run.trace.of(Kind.START, Kind.SEND, Kind.DELIVER):
        what = event.what
        if event.kind == Kind.START:
            started.pop(event.node, None)
        elif event.kind == Kind.SEND and isinstance(what, StartContainer):
            app = what.lease.lease.app
            started.setdefault(event.node, {}).setdefault(what.lease.lease.container, f"?{app}")
        elif event.kind == Kind.DELIVER and isinstance(what, Started):
            mine = started.get(event.node, {})
            if what.container in mine:
                mine[what.container] = mine[what.container].lstrip("?")
        elif event.kind == Kind.DELIVER and isinstance(what, Allocated):
            for completed in what.completed:
                started.get(event.node, {}).pop(completed.container, None)
        elif event.kind == Kind.SEND and isinstance(what, RegisterMaster) and what.epoch:
            mine = started.get(event.node, {})
            left_out = {c for c, app in mine.items() if app == what.app} - set(what.holding)
            if left_out:
                return broken(
                    f"{event.node} registers with a new RM, and leaves out what was started for it",
                    event.id,
                    expected=f"also {sorted(left_out)}",
                    got=list(what.holding),
                )
    return kept()


def _noted_is_told(run: Run) -> Verdict:
    """What a new RM notes while masters have time to speak, it tells them when they do."""
    claimed = _claims(run)
    noted: dict[tuple[int, int], Event] = {}
    for event in run.trace.of(Kind.SEND):
        if isinstance(event.what, NodeAnswer):
            begun = claimed.get(event.what.epoch)
            for container in event.what.noted:
                if begun is not None and event.time - begun.time < PATIENCE:
                    noted.setdefault((event.what.epoch, container), event)
        elif isinstance(event.what, Allocated):
            for completed in event.what.completed:
                before = noted.get((event.what.epoch, completed.container))
                claim = account(run).claims.get(completed.container)
                if before is None or claim is None or completed.exit is claim[1]:
                    continue
                return broken(
                    f"a new RM has noted that {_name(completed.container)} is {claim[1]}, and does not tell so",
                    claim[0].id,
                    before.id,
                    event.id,
                    expected=claim[1].value,
                    got=completed.exit.value,
                )
    return kept()


def _has_spoken(run: Run, kill: Event, container: int) -> bool:
    """Whether the container's master had registered in that epoch, or said that it is through, before."""
    told = account(run).grants.get(container)
    for event in run.trace.of(Kind.SEND):
        match event.what:
            case RegisterMaster(app=app, epoch=epoch) if epoch == kill.what.epoch:
                pass
            case FinishMaster(app=app):
                pass
            case _:
                continue
        if event.id < kill.id and (told is None or told[1].app == app):
            return True
    return False


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


def _claims(run: Run) -> dict[int, Event]:
    """Epoch -> the call that claimed it."""
    return {
        int(event.what[1].removeprefix(EPOCHS)): event
        for event in run.trace.of(Kind.STORE)
        if event.what[0] == "put_if_absent" and event.what[1].startswith(EPOCHS) and event.what[2]
    }


def _name(container: int) -> str:
    """For reports: epoch and count."""
    return f"container {container >> 40}.{container & ((1 << 40) - 1)}"


def _sent(run: Run, message: type) -> list[Event]:
    return [event for event in run.trace.of(Kind.SEND) if isinstance(event.what, message)]


# -- situations -------------------------------------------------------------------------------------------------------


def was_replaced(run: Run) -> bool:
    """A second RM has led, or one a second time."""
    return len(_claims(run)) > 1


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
