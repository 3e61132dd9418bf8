"""Who leads: whoever's object stands under the newest epoch (part 3E1).

An RM that was paused does not know that it was. So nobody *is* the leader by believing it: an epoch is
claimed in the store, which puts an object only where none is, so each epoch has one RM. A newer
epoch ends all older ones, whatever their RMs believe; nodes and masters obey the newest one that they
have heard of, and so what a replaced RM still says is void without anybody asking it.
"""

from __future__ import annotations

from distlab.core import Address, Store
from labs.lab3_scheduler.failover import EPOCHS, epoch_key


def newest(store: Store) -> int:
    """The newest epoch that anybody has claimed; 0 if nobody has."""
    # BEGIN SOLUTION 3E1: the last key
    keys = store.keys(EPOCHS)
    return int(keys[-1].removeprefix(EPOCHS)) if keys else 0
    # END SOLUTION


def claim(store: Store, rm: Address) -> int:
    """Begin the next epoch; its number, or 0 if somebody else was faster."""
    # BEGIN SOLUTION 3E1: put if absent
    epoch = newest(store) + 1
    return epoch if store.put_if_absent(epoch_key(epoch), rm.encode()) else 0
    # END SOLUTION
