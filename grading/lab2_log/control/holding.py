"""Judges of what is committed (RL-S9), acknowledged (RL-S10) and kept (RL-S1), whoever leads."""

from __future__ import annotations

from itertools import pairwise

from distlab.check import Verdict, broken, kept
from distlab.grade.lab import Run
from grading.lab2_log.control import model
from grading.lab2_log.control.chronicle import chronicle
from grading.lab2_log.control.common import is_model, isr_of, views
from grading.lab2_log.control.scene import newest
from grading.lab2_log.log import committing
from grading.lab2_log.log.books import books, min_insync
from labs.lab2_log.brokers import ALL, crc_of


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
    shown = views(run)
    for name in (*state.isr, *state.elr):
        view = shown.get(name)
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
