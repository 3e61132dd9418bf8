"""The log in memory: arithmetic over indices, and no protocol at all. Given.

After a snapshot the first entries are gone, and index ``i`` is no longer at place ``i - 1``. That
arithmetic is here, once. What it means that entries agree or conflict is not.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from distlab.core import Address
from labs.lab2_log.quorum import Entry


class RaftLog(Struct):
    """Entries ``base_index + 1`` to ``last_index``. Nothing in here touches a disk."""

    base_index: int = 0
    """The last entry that is no longer here: a snapshot has it. 0: none is missing."""
    base_term: int = 0
    """That entry's term."""
    base_members: tuple[Address, ...] | None = None
    """Who the servers are as of the base, if an entry up to there has changed that (part D5)."""
    entries: list[Entry] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)
    """Indices of the entries here that change who the servers are, in order."""

    @property
    def last_index(self) -> int:
        return self.base_index + len(self.entries)

    @property
    def last_term(self) -> int:
        return self.entries[-1].term if self.entries else self.base_term

    def has(self, index: int) -> bool:
        """Whether the term at ``index`` is known: it is here, or the last one of the snapshot."""
        return self.base_index <= index <= self.last_index

    def term_at(self, index: int) -> int:
        """Raises ``IndexError`` unless ``has(index)``."""
        return self.base_term if index == self.base_index else self.entry_at(index).term

    def entry_at(self, index: int) -> Entry:
        """Raises ``IndexError`` for an entry that is not here."""
        if not self.base_index < index <= self.last_index:
            raise IndexError(f"entry {index}: here are {self.base_index + 1} to {self.last_index}")
        return self.entries[index - self.base_index - 1]

    def behind(self, index: int, most: int) -> tuple[Entry, ...]:
        """At most so many entries from ``index + 1`` on; ``has(index)`` must hold."""
        start = index - self.base_index
        return tuple(self.entries[start : start + most])

    def members_at(self, index: int) -> tuple[Address, ...] | None:
        """What the last entry up to ``index`` that changes the members says; None if none does."""
        for change in reversed(self.changes):
            if change <= index:
                return self.entry_at(change).members
        return self.base_members

    def append(self, entries: Iterable[Entry]) -> None:
        """At the end."""
        for entry in entries:
            self.entries.append(entry)
            if entry.members is not None:
                self.changes.append(self.last_index)

    def cut(self, index: int) -> None:
        """Remove the entries from ``index`` on."""
        del self.entries[max(0, index - self.base_index - 1) :]
        while self.changes and self.changes[-1] >= index:
            self.changes.pop()

    def forget(self, index: int, term: int) -> None:
        """A snapshot includes all up to ``index``, whose term is ``term``: they need not be here.

        What stands behind it stays if the log has that very entry; otherwise nothing stays.
        """
        agrees = self.has(index) and self.term_at(index) == term
        self.base_members = self.members_at(index) if agrees else None
        self.changes = [change for change in self.changes if agrees and change > index]
        self.entries = self.entries[index - self.base_index :] if agrees else []
        self.base_index, self.base_term = index, term
