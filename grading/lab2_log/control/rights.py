"""Judges of who leads by which right (RL-S4), and that there is one decision of each thing (RL-S7)."""

from __future__ import annotations

from itertools import pairwise

from distlab.check import Verdict, broken, kept
from distlab.core import MS
from distlab.grade.lab import Run
from grading.lab2_log.control.chronicle import Chronicle, Lived, Said, chronicle
from grading.lab2_log.control.common import elr_of, is_model, isr_of
from grading.lab2_log.control.scene import IN_TIME, PARTITION, well_from
from labs.lab2_log.brokers import LeaderAndIsr, PartitionState
from labs.lab2_log.metadata import ControllerProbe

SETTLED = 1_500 * MS
"""So long after an active controller has heard something, it has decided, or is active no more."""


def rightful(run: Run) -> Verdict:
    """Who leads is in the ISR, and came there by right; or the state says that it did not."""
    if is_model(run):
        return kept()
    found = chronicle(run)
    for said in found.versions:
        state = said.state
        if state.leader and state.leader not in state.isr:
            return broken(
                f"{said.event.node} says that {state.leader} leads, and that it is not in the ISR",
                said.event.id,
                expected=f"a leader from the ISR, {isr_of(state)}, or none",
                got=state.leader,
            )
    for before, after in pairwise(found.versions):
        if after.state.leader_epoch > before.state.leader_epoch and after.state.leader:
            verdict = _elected(run, found, before, after)
            if verdict.is_broken:
                return verdict
    verdict = _honest(found)
    return _trusted(run, found) if verdict.is_kept else verdict


def _elected(run: Run, found: Chronicle, before: Said, after: Said) -> Verdict:
    """The leader was in sync, or eligible, by what was decided before; or it is called unclean, and that is allowed."""
    old, new = before.state, after.state
    if new.unclean > old.unclean:
        if run.scenario.shape.get("unclean"):
            return kept()
        return broken(
            f"{new.leader} was elected uncleanly, and nobody has allowed that",
            before.event.id,
            after.event.id,
            expected="no leader, until one comes back that surely has everything",
            got=f"{new.leader} leads epoch {new.leader_epoch}",
        )
    if new.leader in (*old.isr, *old.elr) or found.was_asked(before, after, new.leader):
        return kept()
    return broken(
        f"{new.leader} was elected, and was neither in the ISR nor eligible: it may lack what is committed",
        before.event.id,
        after.event.id,
        expected=f"one of the ISR ({isr_of(old)}) or of the ELR ({elr_of(old)}); "
        "otherwise the state says that it was unclean",
        got=f"{new.leader} leads epoch {new.leader_epoch}",
    )


def _honest(found: Chronicle) -> Verdict:
    """Who says that it ended cleanly did."""
    for life in found.unclean_lives():
        if life.previous:
            return broken(
                f"{life.broker} says that its former life ended cleanly, and it was killed",
                life.start.id,
                life.said,
                expected="Alive with previous=0",
                got=f"previous={life.previous}",
            )
    return kept()


def _trusted(run: Run, found: Chronicle) -> Verdict:
    """Who came back from an unclean end is in neither set, until a leader has asked for it."""
    since: dict[tuple[str, int], int] = {}
    """(controller, its epoch) -> when it first said something in it."""
    for said in found.said:
        event = said.event
        if not isinstance(event.what, LeaderAndIsr):
            continue
        office = event.node, event.what.controller_epoch
        since.setdefault(office, event.time)
        for life in found.unclean_lives():
            told = found.heard.get((event.node, life.broker, life.number))
            if told is None or event.time < max(told.time, since[office]) + SETTLED:
                continue
            if (verdict := _without(found, life, said.state, event.id)).is_broken:
                return verdict
    if run.time >= well_from(run.scenario) + IN_TIME:
        for address, probe in run.probes.items():
            if not isinstance(probe, ControllerProbe) or not probe.is_active:
                continue
            state = probe.cluster.partitions.get(PARTITION)
            for life in found.unclean_lives():
                told = found.heard.get((address, life.broker, life.number))
                at = since.get((address, probe.epoch), run.time)
                if told is None or state is None or run.time < max(told.time, at) + SETTLED:
                    continue
                if (verdict := _without(found, life, state, 0)).is_broken:
                    return verdict
    return kept()


def _without(found: Chronicle, life: Lived, state: PartitionState, event: int) -> Verdict:
    if life.broker not in (*state.isr, *state.elr) or state.unclean >= 0:
        return kept()
    if found.lives[life.broker][-1] is not life:
        return kept()  # a later life decides
    if any(
        asked.id > life.start.id and asked.peer != life.broker and life.broker in request.isr
        for asked, request in found.asked
    ):
        return kept()
    return broken(
        f"{life.broker} was killed and came back, nobody has asked for it since, and it still counts as one that has "
        "everything",
        life.start.id,
        *([event] if event else []),
        expected=f"neither in the ISR nor in the ELR: {life.broker} may have lost the end of its log",
        got=f"ISR {isr_of(state)}; ELR {elr_of(state)}",
    )


def one_decision(run: Run) -> Verdict:
    """A version is one state, an epoch has one leader, a controller's epoch one controller; epochs do not go back."""
    if is_model(run):
        return kept()
    found = chronicle(run)
    versions: dict[int, Said] = {}
    leaders: dict[int, Said] = {}
    controllers: dict[int, Said] = {}
    for said in found.said:
        state, event = said.state, said.event
        first = versions.setdefault(state.version, said)
        if first.state != state:
            return broken(
                f"{first.event.node} and {event.node} say different things of version {state.version}",
                first.event.id,
                event.id,
                expected=f"{first.state.leader or 'nobody'} leads epoch {first.state.leader_epoch}, "
                f"ISR {isr_of(first.state)}",
                got=f"{state.leader or 'nobody'} leads epoch {state.leader_epoch}, ISR {isr_of(state)}",
            )
        first = leaders.setdefault(state.leader_epoch, said)
        if first.state.leader != state.leader:
            return broken(
                f"epoch {state.leader_epoch} has two leaders",
                first.event.id,
                event.id,
                expected=first.state.leader or "nobody",
                got=state.leader or "nobody",
            )
        if isinstance(event.what, LeaderAndIsr):
            epoch = event.what.controller_epoch
            first = controllers.setdefault(epoch, said)
            if first.event.node != event.node:
                return broken(
                    f"two controllers speak in controller epoch {epoch}",
                    first.event.id,
                    event.id,
                    expected=first.event.node,
                    got=event.node,
                )
    for before, after in pairwise(found.versions):
        if after.state.leader_epoch < before.state.leader_epoch:
            return broken(
                f"version {after.state.version} is of an earlier epoch than version {before.state.version}",
                before.event.id,
                after.event.id,
                expected=f"epoch {before.state.leader_epoch} or later",
                got=after.state.leader_epoch,
            )
    return kept()
