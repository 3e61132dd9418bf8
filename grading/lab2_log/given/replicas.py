"""What a broker remembers of a partition, as data: the modules that you write meet here. Given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from labs.lab2_log.brokers import NO_EPOCH, Fetch, PartitionState

UNKNOWN = -1
"""Where a follower's log ends, before it has fetched in this epoch."""


class Progress(Struct):
    """What a leader knows of a follower, from its fetches in this epoch. ``insync.py`` decides by it."""

    end: int = UNKNOWN
    """Its log end offset: it has everything before it, on disk."""
    caught_up: int = 0
    """When it last had all that the leader had (monotonic clock)."""
    leader_end: int = 0
    """Where the leader's log ended at its last fetch."""
    fetched_at: int = 0
    """When that was."""


@dataclass
class WaitingProduce:
    """A batch that is appended and not yet committed; its producer waits."""

    id: int
    sender: str
    base_offset: int
    end: int
    """Committed once the high watermark is no less."""
    acks: int


@dataclass
class WaitingFetch:
    """A fetch for which there is not enough yet."""

    sender: str
    request: Fetch
    due: int
    """When it is answered with what there is (monotonic clock)."""


@dataclass
class Partition:
    """One partition on this broker."""

    name: str
    address: str
    """This broker."""
    log: Any
    """The :class:`CommitLog`."""
    controller_epoch: int = -1
    state: PartitionState | None = None
    """What the controller said last; None: nothing."""
    high_watermark: int = 0
    epochs: list[tuple[int, int]] = field(default_factory=list)
    """(epoch, offset of its first batch in our log), oldest first."""
    producers: dict[int, Any] = field(default_factory=dict)
    """Producer id -> what our log says of it (part 2F)."""

    # as a leader
    epoch_start: int = 0
    """Where our log ended when we became the leader."""
    progress: dict[str, Progress] = field(default_factory=dict)
    proposal: tuple[str, ...] | None = None
    """The ISR that we have asked the controller for. It may have been granted: we do not know."""
    proposal_id: int = 0
    produces: list[WaitingProduce] = field(default_factory=list)
    fetches: list[WaitingFetch] = field(default_factory=list)

    # as a follower
    is_reconciled: bool = False
    """Whether our log is known to be a prefix of the leader's, in this epoch."""
    asked: int = -1
    """The id of the question to the leader that is under way; -1: none."""

    @property
    def leader(self) -> str:
        return self.state.leader if self.state is not None else ""

    @property
    def leader_epoch(self) -> int:
        return self.state.leader_epoch if self.state is not None else NO_EPOCH

    @property
    def version(self) -> int:
        return self.state.version if self.state is not None else -1

    @property
    def isr(self) -> tuple[str, ...]:
        """The in-sync replicas, as far as we know."""
        return self.state.isr if self.state is not None else ()

    @property
    def maximal_isr(self) -> set[str]:
        """Whoever is, or may be, in the ISR: the members that we know of, and those that we have proposed."""
        return {*self.isr, *(self.proposal or ())}

    @property
    def leads(self) -> bool:
        """Whether we lead, as far as we know."""
        return self.leader == self.address
