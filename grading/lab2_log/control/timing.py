"""Judges of what is done in time (RL-L4, RL-L1), and with no more than is needed (RL-L2, RL-C2)."""

from __future__ import annotations

from distlab.check import Verdict, broken, kept
from distlab.core import MS, Address
from distlab.grade.lab import Run
from distlab.trace import Kind
from grading.lab2_log.control.chronicle import chronicle
from grading.lab2_log.control.common import elr_of, is_model, isr_of, views
from grading.lab2_log.control.scene import IN_TIME, brokers, newest, well_from
from labs.lab2_log.brokers import LeaderAndIsr, PartitionState
from labs.lab2_log.quorum import AppendEntries


def is_late(run: Run) -> bool:
    """Whether all has been well for long enough."""
    return not is_model(run) and run.time >= well_from(run.scenario) + IN_TIME


def led(run: Run) -> Verdict:
    """A partition that can have a leader has one, and the leader knows."""
    if not is_late(run):
        return kept()
    state = newest(run.probes.values())
    when = f"{IN_TIME // MS} ms after all is well"
    if state is None:
        return broken(f"{when}, nothing is decided", expected="a leader", got="none")
    up = [name for name in brokers(run.scenario.shape) if Address(name) in run.probes]
    if not state.leader:
        able = [name for name in up if name in _able(run, state)]
        if able:
            return broken(
                f"{when}, nobody leads, and {able[0]} could",
                expected=able[0],
                got=f"no leader; ISR {isr_of(state)}; ELR {elr_of(state)}",
            )
        return kept()
    view = views(run).get(state.leader)
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


def _able(run: Run, state: PartitionState) -> set[str]:
    """Who may lead in the end: who is in one of the sets, and whoever must be by what the schedule did to it."""
    if run.scenario.shape.get("unclean"):
        return set(state.replicas)
    return {*state.isr, *state.elr, *run.scenario.shape.get("able", ())}


def in_sync_again(run: Run) -> Verdict:
    """Every replica that is up is in sync, has everything, and knows that it is committed; and clients are answered."""
    state = newest(run.probes.values())
    if not is_late(run) or state is None or not state.leader:
        return kept()
    shown = views(run)
    leader = shown.get(state.leader)
    when = f"{IN_TIME // MS} ms after all is well"
    if leader is None:
        return kept()  # that is RL-L4's to say
    for name in brokers(run.scenario.shape):
        if Address(name) not in run.probes:
            continue
        view = shown.get(name)
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


def nobody_is_thrown_out(run: Run) -> Verdict:
    """Where nothing befalls a broker, the ISR never shrinks, however fast records come, and whoever decides."""
    if not (run.scenario.shape.get("calm") or run.scenario.shape.get("untouched")):
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
    limit = 20 + 3 * decided + 3 * lives + 3 * terms + 12 * len(run.scenario.plan.faults)
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
