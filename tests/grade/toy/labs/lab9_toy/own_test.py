"""A student's own test of the toy lab."""

from distlab.core import MS
from distlab.testing import (
    At,
    Call,
    Crash,
    Fault,
    Plan,
    Property,
    Run,
    Scenario,
    Schedule,
    Survival,
    Verdict,
    broken,
    kept,
)

PUT = (Call(0, "client", "Keep", {"id": 1}),)


def no_doubles(run: Run) -> Verdict:
    kept_ids = run.probes["server"]
    return kept() if len(set(kept_ids)) == len(kept_ids) else broken(f"kept twice: {kept_ids}")


SCHEDULES = [
    Schedule(
        "the power fails once it has answered",
        "A",
        Scenario(
            PUT,
            Plan(
                (Fault(At(50 * MS), Crash("server", 10 * MS, Survival.NOTHING)),), heal_at=100 * MS
            ),
        ),
    )
]
PROPERTIES = [Property("nothing is kept twice", "A", no_doubles)]
