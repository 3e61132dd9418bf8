"""What a server of the second solution must remember: a ballot, entries and a snapshot, each in a file of its own."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from distlab.core import Address, Disk
from labs.lab2_log.quorum import Entry, State


class Ballot(Struct, frozen=True):
    term: int
    voted: Address | None


class From(Struct, frozen=True):
    """From this index on, the log goes on with these, and with nothing else."""

    index: int
    entries: tuple[Entry, ...]


class Saved(Struct, frozen=True):
    index: int
    term: int
    state: State
    members: tuple[Address, ...] | None


class Journal(Struct):
    """In memory and on disk at once: whoever changes it gives the disk, and may speak when he has."""

    term: int = 0
    voted: Address | None = None
    base: int = 0
    base_term: int = 0
    log: list[Entry] = []
    saved: State = field(default_factory=State)
    rosters: list[tuple[int, tuple[Address, ...] | None]] = field(
        default_factory=lambda: [(0, None)]
    )
    """From which index on who the servers are: as of the snapshot, then each change in the log."""

    # -- looking ------------------------------------------------------------------------------------------------------

    @property
    def last_index(self) -> int:
        return self.base + len(self.log)

    @property
    def last_term(self) -> int:
        return self.log[-1].term if self.log else self.base_term

    def entry(self, index: int) -> Entry:
        return self.log[index - self.base - 1]

    def term_of(self, index: int) -> int:
        return self.base_term if index == self.base else self.entry(index).term

    def holds(self, index: int, entry: Entry) -> bool:
        return index <= self.last_index and self.entry(index).term == entry.term

    def members(self, upto: int) -> tuple[Address, ...] | None:
        """Who the servers are as of that entry; None if nobody has said."""
        return next(who for since, who in reversed(self.rosters) if since <= max(upto, self.base))

    def state(self) -> State:
        """A copy of the snapshot's."""
        return State(dict(self.saved.items), dict(self.saved.sessions))

    # -- changing -----------------------------------------------------------------------------------------------------

    def vote(self, disk: Disk, term: int, voted: Address | None) -> None:
        self.term, self.voted = term, voted
        _replace(disk, "ballot", [Ballot(term, voted)])

    def add(self, disk: Disk, entries: Sequence[Entry]) -> None:
        self.put(disk, self.last_index + 1, entries)

    def put(self, disk: Disk, index: int, entries: Sequence[Entry]) -> None:
        del self.log[index - self.base - 1 :]
        self.log += entries
        self._enrol(index, entries)
        disk.append("entries", From(index, tuple(entries)))
        disk.sync("entries", "/")

    def _enrol(self, index: int, entries: Sequence[Entry]) -> None:
        self.rosters = [(since, who) for since, who in self.rosters if since < index]
        for since, entry in enumerate(entries, index):
            if entry.members is not None:
                self.rosters.append((since, entry.members))

    def snapshot(
        self, disk: Disk, index: int, term: int, state: State, members: tuple[Address, ...] | None
    ) -> None:
        """The state after that entry: what comes before is not needed; what comes behind stays if it belongs there."""
        belongs = self.base < index <= self.last_index and self.term_of(index) == term
        self.log = self.log[index - self.base :] if belongs else []
        self.base, self.base_term = index, term
        self.saved = State(dict(state.items), dict(state.sessions))
        self.rosters = [(index, members)]
        self._enrol(index + 1, self.log)
        _replace(disk, "snapshot", [Saved(index, term, self.saved, members)])
        _replace(disk, "entries", [From(index + 1, tuple(self.log))] if self.log else [])

    def read(self, disk: Disk) -> None:
        for ballot in disk.recover("ballot", Ballot):
            self.term, self.voted = ballot.term, ballot.voted
        for saved in disk.recover("snapshot", Saved):
            self.base, self.base_term, self.saved = saved.index, saved.term, saved.state
            self.rosters = [(saved.index, saved.members)]
        log: dict[int, Entry] = {}
        for piece in disk.recover("entries", From):
            log = {index: entry for index, entry in log.items() if index < piece.index}
            log |= dict(enumerate(piece.entries, piece.index))
        # Entries of before a snapshot that was installed, if the crash came before their file was written anew.
        known = log.get(self.base)
        if known is not None and known.term != self.base_term:
            log = {}
        index = self.base + 1
        self.log = []
        while index in log:
            self.log.append(log[index])
            index += 1
        self._enrol(self.base + 1, self.log)


def _replace(disk: Disk, name: str, records: Sequence[Struct]) -> None:
    """The file holds these records instead, or what it held before."""
    disk.delete(f"{name}.new")
    disk.append(f"{name}.new", b"")
    for record in records:
        disk.append(f"{name}.new", record)
    disk.sync(f"{name}.new")
    disk.replace(f"{name}.new", name)
    disk.sync("/")
