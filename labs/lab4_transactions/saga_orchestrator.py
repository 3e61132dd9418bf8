"""The orchestrator of sagas: forward, step by step; or back, last step first (part 4D).

Rule: where a saga stands is on disk before anybody hears of it, and it turns at most once.

Theory (H. Garcia-Molina and K. Salem, "Sagas", SIGMOD 1987). A saga is a row of local transactions T1 .. Tn, each with
a compensation C1 .. Cn. It ends as T1 .. Tn, or as T1 .. Ti, Ci .. C1. Where it stands is two things: which way it
goes, and at which step it is. A step at which it stands going forward has been begun, perhaps; whether it was done
nobody knows until it has answered. So there are two ways to turn round:

* the step was *declined*: it has no effect, and the first to be undone is the one before it;
* we are out of patience: its outcome is *unknown*, so it is the first to be undone itself.

The second is forbidden at the *pivot*, which cannot be undone, and behind it, where steps are asked for until they are
done. Going back there is no patience either: a compensation that fails is asked for again.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Node, Timer
from labs.lab4_transactions.database import Database, Row, open_database
from labs.lab4_transactions.saga import (
    MAX_AMOUNT,
    Begin,
    Declined,
    Do,
    Done,
    Ended,
    NotNow,
    OrchestratorConfig,
    Step,
    Undo,
    Undone,
)


# TODO 4D: what the orchestrator stores, and its timers


class Orchestrator(Node):
    """Takes each saga to one of its two ends."""

    config: OrchestratorConfig
    # TODO 4D: declare your state

    def on_start(self) -> None:
        """Take up again whatever is not over."""
        raise NotImplementedError("4D: read what was stored, and go on where each saga stands")

    def on_begin(self, begin: Begin, sender: Address) -> None:
        """A saga: a new one, or one we know. One whose subject is locked waits; its client will ask again."""
        raise NotImplementedError(
            "4D: recognise the name; refuse nonsense; respect the lock; store it, then begin"
        )

    def on_done(self, done: Done) -> None:
        raise NotImplementedError("4D: the next step, or the end")

    def on_declined(self, declined: Declined) -> None:
        raise NotImplementedError("4D: turn round, to the step before")

    def on_undone(self, undone: Undone) -> None:
        raise NotImplementedError("4D: the step before, or the end")

    def on_not_now(self, not_now: NotNow) -> None:
        """Nothing has happened: it will be said again anyway."""

    # TODO 4D: your timers and helpers
