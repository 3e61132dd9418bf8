"""What a run must have met, or a promise of part 2E was not put to the test."""

from __future__ import annotations

from itertools import pairwise

from distlab.grade.lab import Run
from grading.lab2_log.control.chronicle import chronicle
from grading.lab2_log.control.common import is_model
from labs.lab2_log.brokers import LeaderAndIsr


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
