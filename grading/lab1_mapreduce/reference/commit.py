"""The moment at which a reduce task's output appears: once, and whole (part 1C; §3.3).

Attempts of one task may run side by side: a backup, a zombie that everybody took for dead. Each
writes where nobody else does and nobody looks, and only in the end asks the store to give the object
its final name. The store does that atomically, and refuses where the name is taken: the first wins.
"""

from __future__ import annotations

from distlab.core import Store
from labs.lab1_mapreduce.protocol import Attempt, part_key, private_key


# BEGIN SOLUTION 1C: your own helpers
def private_name(attempt: Attempt) -> str:
    """Where the attempt writes, and nobody else."""
    return private_key(attempt)


# END SOLUTION


def is_committed(store: Store, attempt: Attempt) -> bool:
    """Whether the task of this reduce attempt has its output, whoever made it."""
    # BEGIN SOLUTION 1C: is the final object there?
    return store.exists(part_key(attempt.job, attempt.task))
    # END SOLUTION


def write(store: Store, attempt: Attempt, text: bytes) -> None:
    """Add to the output of an attempt that has not been committed."""
    # BEGIN SOLUTION 1C: add to an object that no other attempt writes to
    store.append(private_name(attempt), text)
    # END SOLUTION


def commit(store: Store, attempt: Attempt) -> bool:
    """Make what the attempt wrote the task's output, unless another attempt has; True if it did.

    Only a call that refuses where the name is taken may make it appear: between a look and an append,
    another attempt can come. What stays private costs room and nothing else: nobody looks there.
    """
    # BEGIN SOLUTION 1C: give the object its final name; clean up if that is taken
    if store.rename(private_name(attempt), part_key(attempt.job, attempt.task)):
        return True
    store.delete(private_name(attempt))
    return False
    # END SOLUTION
