"""The log in which a coordinator keeps its groups, and who coordinates: written to, read back after a fail-over. Given.

In Kafka it is a partition of the topic ``__consumer_offsets``, cleaned by key, and whoever leads the partition
coordinates its groups. Here a node of the world plays the replicated log and its controller: it says again and again
who leads, in which epoch (:class:`Lead`), and takes what is appended in the newest epoch only. An append says where it
must stand, so that a repeated or overtaken one does no harm.

A coordinator uses :class:`GroupLog`. What it asks to be written is in the log once :meth:`GroupLog.appended` has handed
it back: **nothing may be answered before**. Once :meth:`GroupLog.loaded` says so, everything has been read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from distlab.core import Address, Message, Node, Timer
from labs.lab2_log.groups import NONE, Assigned, Position, Subscription

# -- records ----------------------------------------------------------------------------------------------------------


class OffsetRecord(Struct, frozen=True, tag=True):
    """A group has committed offsets."""

    group: str
    positions: tuple[Position, ...]
    member: str
    """Who committed; empty: somebody from outside."""
    id: int
    """Of the commit."""


class MemberRecord(Struct, frozen=True):
    """A member, as it must be known after a fail-over."""

    subscription: Subscription
    address: str
    session_timeout: int
    rebalance_timeout: int
    join: int
    """Id of its last JoinGroup."""


class GroupRecord(Struct, frozen=True, tag=True):
    """A generation has got its assignment; or the group has no members any more."""

    group: str
    generation: int
    assignor: str = ""
    leader: str = ""
    members: tuple[MemberRecord, ...] = ()
    assignment: tuple[Assigned, ...] = ()


Entry = OffsetRecord | GroupRecord

# -- messages ---------------------------------------------------------------------------------------------------------


class Lead(Message, frozen=True):
    """The log's controller: in this epoch, that one leads, and coordinates."""

    epoch: int
    coordinator: str


class Follows(Message, frozen=True):
    """Answer to :class:`Lead`: heard, in this life."""

    epoch: int
    life: int


class Append(Message, frozen=True):
    """Write these records at offset ``at``."""

    epoch: int
    at: int
    records: tuple[Entry, ...]


class Appended(Message, frozen=True):
    """Answer to :class:`Append`: they stand there, on enough replicas; or why not."""

    epoch: int
    at: int
    error: str = NONE


class Load(Message, frozen=True):
    """What stands from offset ``at`` on?"""

    epoch: int
    at: int


class Loaded(Message, frozen=True):
    """Answer to :class:`Load`: some records, and where the log ends."""

    epoch: int
    at: int
    records: tuple[Entry, ...]
    end: int
    error: str = NONE


class AskLog(Timer, frozen=True):
    """Time to ask the log again."""


# -- the coordinator's side -------------------------------------------------------------------------------------------


@dataclass
class GroupLog:
    """One coordinator's view of the log. Its methods are called by the coordinator's handlers, with the coordinator."""

    life: int
    epoch: int = -1
    leader: str = ""
    end: int = 0
    """So much has been read or written."""
    is_loading: bool = False
    waiting: list[Entry] = field(default_factory=list)
    """To be written, oldest first."""
    under_way: int = 0
    """So many of them have been sent."""

    def heard(self, node: Node, lead: Lead, sender: Address) -> bool:
        """News of who leads. True if it is another epoch: then everything is to be forgotten, and is read if we
        lead."""
        node.send(sender, Follows(lead.epoch, self.life))
        if lead.epoch <= self.epoch:
            return False
        self.epoch, self.leader = lead.epoch, lead.coordinator
        self.end, self.waiting, self.under_way = 0, [], 0
        self.is_loading = self.leads(node)
        if self.is_loading:
            self.ask(node)
        return True

    def leads(self, node: Node) -> bool:
        """Whether this node coordinates, as far as it knows."""
        return self.leader == node.address

    def is_ready(self, node: Node) -> bool:
        """Whether it coordinates, and has read everything."""
        return self.leads(node) and not self.is_loading

    def write(self, node: Node, *records: Entry) -> None:
        """Append these records. They are in the log when :meth:`appended` hands them back, in this order."""
        self.waiting += records
        if not self.under_way:
            self.ask(node)

    def ask(self, node: Node) -> None:
        """Send the question that is open, or the next one."""
        log = Address(node.config.log)
        if self.is_loading:
            node.send(log, Load(self.epoch, self.end))
        elif self.waiting and self.leads(node):
            self.under_way = self.under_way or len(self.waiting)
            node.send(log, Append(self.epoch, self.end, tuple(self.waiting[: self.under_way])))
        else:
            return
        node.set_timer(AskLog(), node.config.retry)

    def loaded(self, node: Node, answer: Loaded) -> tuple[list[Entry], bool]:
        """The records that an answer brings, and whether they are the last."""
        if not self.is_loading or (answer.epoch, answer.at) != (self.epoch, self.end):
            return [], False
        if answer.error:
            return [], False
        self.end += len(answer.records)
        self.is_loading = self.end < answer.end
        self.ask(node)
        return list(answer.records), not self.is_loading

    def appended(self, node: Node, answer: Appended) -> list[Entry]:
        """The records that are in the log now."""
        if (answer.epoch, answer.at) != (self.epoch, self.end) or answer.error:
            return []  # an echo; or we do not lead any more, and will hear of it
        done, self.waiting = self.waiting[: self.under_way], self.waiting[self.under_way :]
        self.end, self.under_way = self.end + len(done), 0
        self.ask(node)
        return done
