"""What one RM leaves to the next one (part 3E1): which applications there are, and which are over.

Nothing of nodes and containers: those are asked themselves, and they know better. What nobody else knows is
that an application was let in (its containers must count before its master speaks) and that it is
over (its name is used up, and whatever of it still runs is to be killed).
"""

from __future__ import annotations

from distlab.core import Store
from labs.lab3_scheduler.failover import APPS, OVER, AppRecord, app_key, over_key


def let_in(store: Store, record: AppRecord) -> None:
    """Before its master is told."""
    # BEGIN SOLUTION 3E1: once
    store.put_if_absent(app_key(record.app), record.to_bytes())
    # END SOLUTION


def end(store: Store, app: str) -> None:
    """Before its master is told."""
    # BEGIN SOLUTION 3E1: once
    store.put_if_absent(over_key(app), b"")
    # END SOLUTION


def applications(store: Store) -> list[AppRecord]:
    """All that were ever let in."""
    # BEGIN SOLUTION 3E1: read them
    return [AppRecord.from_bytes(store.get(key)) for key in store.keys(APPS)]
    # END SOLUTION


def ended(store: Store) -> set[str]:
    """The names of those that are over."""
    # BEGIN SOLUTION 3E1: their keys
    return {key.removeprefix(OVER) for key in store.keys(OVER)}
    # END SOLUTION
