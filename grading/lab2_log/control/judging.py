"""Judges of part 2E, by what controllers and brokers say, and by what is in the logs in the end."""

from __future__ import annotations

from itertools import pairwise

from distlab.check import Verdict, broken, kept
from distlab.core import MS, Address
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab2_log.control import model
from grading.lab2_log.control.chronicle import Chronicle, Lived, Said, chronicle
from grading.lab2_log.control.scene import IN_TIME, PARTITION, brokers, newest, well_from
from grading.lab2_log.log import committing
from grading.lab2_log.log.books import books, min_insync
from labs.lab2_log.brokers import (
    ALL,
    BrokerProbe,
    LeaderAndIsr,
    PartitionState,
    Replica,
    crc_of,
)
from labs.lab2_log.metadata import ControllerProbe
from labs.lab2_log.quorum import AppendEntries

SETTLED = 700 * MS
"""So long after an active controller has heard something, it has decided, or is active no more."""


def is_model(run: Run) -> bool:
    return "model" in run.scenario.shape


def isr_of(state: PartitionState) -> str:
    return ", ".join(state.isr) or "nobody"


# -- RL-S4: who may lead ----------------------------------------------------------------------------------------------


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
        expected=f"one of the ISR ({isr_of(old)}) or of the ELR ({', '.join(old.elr) or 'nobody'}); "
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
        got=f"ISR {isr_of(state)}; ELR {', '.join(state.elr) or 'nobody'}",
    )


# -- RL-S7: one decision ----------------------------------------------------------------------------------------------


def one_decision(run: Run) -> Verdict:
    """A version is one state, an epoch has one leader, a controller's epoch one controller; epochs rise with versions."""
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


# -- RL-S9: the ISR changes by compare-and-set --------------------------------------------------------------------------


def changed_by_asking(run: Run) -> Verdict:
    """Who comes into the ISR was asked for by a leader that knew; and until it is settled, whoever may be in counts."""
    if is_model(run):
        return model.judge(run)
    found = chronicle(run)
    for before, after in pairwise(found.versions):
        old, new = before.state, after.state
        for member in new.isr:
            is_new = member not in old.isr
            if is_new and member != new.leader and not found.was_asked(before, after, member):
                return broken(
                    f"{member} is in the ISR, and no leader that knew version {old.version} has asked for it",
                    before.event.id,
                    after.event.id,
                    expected=f"ISR {isr_of(old)}, or less",
                    got=f"ISR {isr_of(new)}",
                )
    return committing.high_watermark(run)


# -- RL-S10, RL-S1: what is acknowledged --------------------------------------------------------------------------------


def acknowledged(run: Run) -> Verdict:
    """What is acknowledged to all is on all who are, or may be, in the ISR, and they are enough."""
    if is_model(run):
        return kept()
    chronicle(run)
    found, least = books(run), min_insync(run)
    for done, end in found.acknowledged(ALL):
        state = found.known(done.life, done.at)
        if state is None:
            continue
        if len(state.isr) < least:
            return broken(
                f"{done.life[0]} acknowledged a batch with only {len(state.isr)} in sync",
                done.asked.id,
                done.event.id,
                expected=f"{least}, or NOT_ENOUGH_REPLICAS",
                got=f"ISR {isr_of(state)}",
            )
        lacking = found.lacking(done.life, state, end, done.at)
        if lacking:
            return broken(
                f"{done.life[0]} acknowledged offset {end - 1} to all, and {lacking[0]}, which may be in the ISR, "
                "had not fetched it",
                done.asked.id,
                done.event.id,
                expected=f"a fetch of {lacking[0]} at {end}",
                got="an answer without error",
            )
    return kept()


def nothing_lost(run: Run) -> Verdict:
    """What was acknowledged to all is in the log of each replica that may lead: those in the ISR, and the eligible."""
    state = newest(run.probes.values())
    if is_model(run) or state is None:
        return kept()
    chronicle(run)
    found = books(run)
    views = _views(run)
    for name in (*state.isr, *state.elr):
        view = views.get(name)
        if view is None or view.leader_epoch != state.leader_epoch:
            continue  # down, or it has not heard yet
        there = {batch.base_offset: batch.crc for batch in view.batches}
        for done, end in found.acknowledged(ALL):
            known = found.known(done.life, done.at)
            if known is not None and known.leader_epoch < state.unclean:
                continue  # the state says that it may be lost
            base = done.answer.base_offset
            if there.get(base) != crc_of(done.question.records):
                role = "leads" if name == state.leader else "may lead next"
                return broken(
                    f"{done.life[0]} acknowledged a batch at {base}, and in the log of {name}, which {role}, "
                    f"{'there is another one' if base in there else 'it is not'}",
                    done.asked.id,
                    done.event.id,
                    expected=f"offsets {base} to {end - 1}",
                    got=f"a log that ends at {view.end}" if base not in there else "another batch",
                )
    return kept()


def _views(run: Run) -> dict[str, Replica]:
    return {
        str(name): view
        for name, probe in run.probes.items()
        if isinstance(probe, BrokerProbe) and (view := probe.of(PARTITION)) is not None
    }


# -- RL-L1, RL-L4: in time ----------------------------------------------------------------------------------------------


def is_late(run: Run) -> bool:
    """Whether all has been well for long enough."""
    return not is_model(run) and run.time >= well_from(run.scenario) + IN_TIME


def led(run: Run) -> Verdict:
    """A partition that can have a leader has one, and the leader knows."""
    if not is_late(run):
        return kept()
    found = chronicle(run)
    state = newest(run.probes.values())
    when = f"{IN_TIME // MS} ms after all is well"
    if state is None:
        return broken(f"{when}, nothing is decided", expected="a leader", got="none")
    up = [name for name in brokers(run.scenario.shape) if Address(name) in run.probes]
    if not state.leader:
        able = [name for name in up if name in _able(run, found, state)]
        if able:
            return broken(
                f"{when}, nobody leads, and {able[0]} could",
                expected=able[0],
                got=f"no leader; ISR {isr_of(state)}; ELR {', '.join(state.elr) or 'nobody'}",
            )
        return kept()
    view = _views(run).get(state.leader)
    if view is None or (view.leader, view.leader_epoch) != (state.leader, state.leader_epoch):
        return broken(
            f"{when}, {state.leader} is to lead epoch {state.leader_epoch}, and "
            + ("it is down" if state.leader not in up else "does not know"),
            expected=f"one of {', '.join(up)} leads, and knows",
            got=f"{state.leader} believes that {view.leader or 'nobody'} leads epoch {view.leader_epoch}"
            if view
            else "nothing",
        )
    return kept()


def _able(run: Run, found: Chronicle, state: PartitionState) -> set[str]:
    """Who may lead in the end: whoever is in one of the sets; or was in the last that there were, and never forgot."""
    if run.scenario.shape.get("unclean"):
        return set(state.replicas)
    last = next((s for s in reversed(found.versions) if s.state.isr or s.state.elr), None)
    if last is None:
        return set()
    forgot = {life.broker for life in found.unclean_lives()}
    trusted = {*last.state.isr, *last.state.elr} - forgot
    return trusted | {*state.isr, *state.elr}


def in_sync_again(run: Run) -> Verdict:
    """Every replica that is up is in sync, has everything, and knows that it is committed; and clients are answered."""
    state = newest(run.probes.values())
    if not is_late(run) or state is None or not state.leader:
        return kept()
    views = _views(run)
    leader = views.get(state.leader)
    when = f"{IN_TIME // MS} ms after all is well"
    if leader is None:
        return kept()  # that is RL-L4's to say
    for name in brokers(run.scenario.shape):
        if Address(name) not in run.probes:
            continue
        view = views.get(name)
        if name not in state.isr:
            return broken(
                f"{when}, {name} is not in sync", expected=f"{name} in the ISR", got=isr_of(state)
            )
        if len(state.isr) < run.scenario.shape.get("min_insync", 2):
            continue
        if view is None or (view.end, view.high_watermark) != (leader.end, leader.end):
            return broken(
                f"{when}, {name} has not caught up",
                expected=f"end and high watermark {leader.end}, as the leader {state.leader}",
                got="nothing" if view is None else f"{view.end} and {view.high_watermark}",
            )
    if len(state.isr) < len(brokers(run.scenario.shape)):
        return kept()
    for entry in run.history:
        is_last = entry.began >= well_from(run.scenario) + IN_TIME
        if is_last and not entry.is_ok:
            return broken(
                f"{when}, {type(entry.operation).__name__} is not answered",
                entry.call,
                expected="Ok",
                got=repr(entry.outcome),
            )
    return kept()


# -- RL-L2, RL-C2: no more than is needed -------------------------------------------------------------------------------


def nobody_is_thrown_out(run: Run) -> Verdict:
    """Where nothing befalls anybody, the ISR never shrinks, however fast records come."""
    if not run.scenario.shape.get("calm"):
        return kept()
    everybody = set(brokers(run.scenario.shape))
    for said in chronicle(run).said:
        missing = sorted(everybody - set(said.state.isr))
        if missing:
            return broken(
                f"{missing[0]} was taken out of the ISR, and nothing had befallen it",
                said.event.id,
                expected=f"ISR {', '.join(sorted(everybody))}",
                got=f"ISR {isr_of(said.state)}",
            )
    return kept()


def written_seldom(run: Run) -> Verdict:
    """The quorum's log grows by decisions; and what everybody has heard is not said again."""
    if not is_late(run):
        return kept()
    found = chronicle(run)
    entries: dict[tuple[int, int], int] = {}
    for event in run.trace.of(Kind.SEND):
        if isinstance(event.what, AppendEntries):
            for index, entry in enumerate(event.what.entries, event.what.prev_index + 1):
                entries.setdefault((index, entry.term), event.id)
    terms = len({term for _, term in entries})
    lives = sum(map(len, found.lives.values()))
    decided = len(found.versions)
    limit = 20 + 3 * decided + 3 * lives + 3 * terms + 8 * len(run.scenario.plan.faults)
    if len(entries) > limit:
        return broken(
            f"the quorum's log has {len(entries)} entries after {run.time // MS} ms, for {decided} decisions",
            max(entries.values()),
            expected=f"at most {limit}",
            got=len(entries),
        )
    if run.scenario.shape.get("calm"):
        told = [s.event.id for s in found.said if isinstance(s.event.what, LeaderAndIsr)]
        limit = 4 * decided * len(brokers(run.scenario.shape)) + 12
        if len(told) > limit:
            return broken(
                f"LeaderAndIsr was sent {len(told)} times, for {decided} decisions, and nothing was lost",
                *told[-2:],
                expected=f"at most {limit} times",
                got=len(told),
            )
    return kept()


# -- what must have been seen ---------------------------------------------------------------------------------------------


def failed_over(run: Run) -> bool:
    """Two controllers were active, one after the other."""
    if is_model(run):
        return False
    said = chronicle(run).said
    return (
        len({s.event.what.controller_epoch for s in said if isinstance(s.event.what, LeaderAndIsr)})
        > 1
    )


def was_unclean(run: Run) -> bool:
    """A broker came back from an unclean end."""
    return not is_model(run) and bool(chronicle(run).unclean_lives())


def from_elr(run: Run) -> bool:
    """A leader came from the ELR."""
    if is_model(run):
        return False
    return any(
        after.state.leader and after.state.leader in before.state.elr
        for before, after in pairwise(chronicle(run).versions)
    )


def flagged(run: Run) -> bool:
    """An election was unclean, and said so."""
    return not is_model(run) and any(s.state.unclean >= 0 for s in chronicle(run).versions)


def grew(run: Run) -> bool:
    """A follower fell out of the ISR, and came back."""
    if is_model(run):
        return False
    sizes = [len(s.state.isr) for s in chronicle(run).versions]
    return any(a > b for a, b in pairwise(sizes)) and any(a < b for a, b in pairwise(sizes))


def leaders_changed(run: Run) -> bool:
    """What was acknowledged by one leader was in the keeping of another."""
    if is_model(run):
        return False
    return len({s.state.leader for s in chronicle(run).versions if s.state.leader}) > 1


def burst(run: Run) -> bool:
    """Records came faster than a follower fetches."""
    return bool(run.scenario.shape.get("calm")) and len(run.scenario.calls) > 60
