"""The moment at which a reduce task's output appears: once, and whole (part 1C; §3.3).

Attempts of one task may run side by side: a backup, a zombie that everybody took for dead. Each
writes where nobody else does and nobody looks, and only in the end asks the store to give the object
its final name. The store does that atomically, and refuses where the name is taken: the first wins.
"""

from __future__ import annotations

from distlab.core import Store
from labs.lab1_mapreduce.protocol import Attempt, part_key, private_key


# TODO 1C: your own helpers


def is_committed(store: Store, attempt: Attempt) -> bool:
    """Whether the task of this reduce attempt has its output, whoever made it."""
    raise NotImplementedError("1C: is the final object there?")


def write(store: Store, attempt: Attempt, text: bytes) -> None:
    """Add to the output of an attempt that has not been committed."""
    raise NotImplementedError("1C: add to an object that no other attempt writes to")


def commit(store: Store, attempt: Attempt) -> bool:
    """Make what the attempt wrote the task's output, unless another attempt has; True if it did.

    Only a call that refuses where the name is taken may make it appear: between a look and an append,
    another attempt can come. What stays private costs room and nothing else: nobody looks there.
    """
    raise NotImplementedError("1C: give the object its final name; clean up if that is taken")
