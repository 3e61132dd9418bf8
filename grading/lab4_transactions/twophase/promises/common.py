"""What the judges of part 4A share: times, and words for what clients asked for."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from distlab.check import Verdict, broken, kept
from distlab.check.history import Entry
from distlab.core import MS
from distlab.grade.lab import Run
from labs.lab4_transactions.twophase import (
    Transact,
)

ANSWERED_IN = 2_000 * MS
"""A transaction is over so long after it was asked for, or after all is well."""
CLEAN_IN = 1_000 * MS
"""And so long after the last answer nothing is locked, in doubt, or untold."""


def well_from(run: Run) -> int:
    """Since when everybody has been up and connected."""
    return int(run.scenario.plan.heal_at or 0)


def opening(run: Run) -> dict[str, int]:
    """Every account there is, and its balance at the start."""
    configs = [member.config for member in run.cluster.members.values()]
    return dict(item for config in configs for item in getattr(config, "accounts", ()))


def is_quiet(run: Run) -> bool:
    """The run went on for long enough behind its last trouble and its last answer; or its shape says so."""
    if run.scenario.shape.get("is_over"):
        return True
    ends = [entry.ended for entry in run.history if entry.ended is not None]
    return run.time >= max([well_from(run), *ends]) + CLEAN_IN - MS


def are_committed(run: Run, wanted: Sequence[str], why: str) -> Verdict:
    for entry, want in zip(run.history, wanted, strict=False):
        if want == "ok" and not entry.is_ok:
            return broken(
                f"{words(entry)} was not committed, and {why}",
                entry.call,
                *([entry.ret] if entry.ret else []),
                expected="committed",
                got=entry.outcome or "no answer",
            )
    return kept()


def words(entry: Entry) -> str:
    operation = entry.operation
    if not isinstance(operation, Transact):
        return repr(operation)
    steps = ", ".join(
        f"look at {s.account}" if s.is_look else f"{s.account} {s.amount:+d}"
        for s in operation.steps
    )
    return f"{entry.client}'s transaction ({steps})"


def events_of(*events: int | None) -> tuple[int, ...]:
    return tuple(event for event in events if event)


def shown_by(verdict: Verdict, *events: int) -> Verdict:
    return structs.replace(verdict, events=events) if verdict.is_broken else verdict
