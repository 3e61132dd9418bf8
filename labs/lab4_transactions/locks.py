"""Locks on accounts, in queues: strict two-phase locking, one participant's share (part 4A).

Theory of operation. Whoever only looks takes a *shared* lock, whoever changes an *exclusive* one. Each
account has a queue, first come, first served, so that nobody starves: the lock is held by the first in the
queue, and if that one shares it, by all who share it in a row behind. A transaction asks for all its locks at
a participant at once; so two of them never wait for each other *here*. Between participants they may, and
that is what time-outs are for.

Two-phase: no transaction takes a lock, anywhere, after it has let one go. Strict: what it has written stays
locked until it is known how it ended. (K. Eswaran, J. Gray, R. Lorie and I. Traiger, "The notions of
consistency and predicate locks in a database system", CACM 1976.)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from labs.lab4_transactions.twophase import Step, Txn


class Claim(Struct, frozen=True):
    """A place in an account's queue."""

    txn: Txn
    shared: bool


@dataclass
class LockTable:
    queues: dict[str, list[Claim]] = field(default_factory=dict)
    """Account -> who has the lock or waits for it, in order. No queue is empty."""
    places: dict[Txn, list[str]] = field(default_factory=dict)
    """Transaction -> the accounts in whose queues it stands."""

    def claim(self, txn: Txn, steps: tuple[Step, ...]) -> None:
        """Take a place in the queue of each account: shared to look, exclusive to change."""
        raise NotImplementedError("4A: behind all others")

    def holders(self, account: str) -> list[Txn]:
        """Who has the lock now: the first in the queue, or all at the front that share it."""
        raise NotImplementedError("4A: how far may the front of the queue go at once?")

    def has_all(self, txn: Txn) -> bool:
        """Whether the transaction holds every lock that it has claimed."""
        raise NotImplementedError("4A: look at each queue that it stands in")

    def release(self, txn: Txn) -> list[Txn]:
        """Leave all queues. Returns those that stood behind it in one, in order: it may be their turn now."""
        raise NotImplementedError("4A: out of each queue; who stood there, too?")

    def locked(self) -> tuple[str, ...]:
        """The accounts that are not free."""
        return tuple(sorted(self.queues))
