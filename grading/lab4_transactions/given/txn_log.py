"""The log in which a coordinator keeps its transactions: written to, read back after a fail-over. Given.

In Kafka it is a partition of the topic ``__transaction_state``, cleaned by key, and whoever leads the partition
coordinates its transactional ids. Here a node of the world plays lab 2's replicated log and its controller, as in part
2G: it says again and again who leads, in which epoch (:class:`Lead`), and takes what is appended in the newest epoch
only. An append says where it must stand, so that a repeated or overtaken one does no harm.

A coordinator uses :class:`TxnLog`. What it asks to be written is in the log once :meth:`TxnLog.appended` has handed it
back: **before that, nothing has been decided**, and it may never be. Once :meth:`TxnLog.loaded` says so, everything
that earlier coordinators have written has been read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from distlab.core import Address, Message, Node, Timer
from labs.lab4_transactions.logtx import TxnRecord

# -- messages ---------------------------------------------------------------------------------------------------------


class Lead(Message, frozen=True):
    """The log's controller: in this epoch, that one leads, and coordinates."""

    epoch: int
    coordinator: str


class Follows(Message, frozen=True):
    """Answer to :class:`Lead`: heard, in this life."""

    life: int


class Append(Message, frozen=True):
    """Write these records at offset ``at``."""

    epoch: int
    at: int
    records: tuple[TxnRecord, ...]


class Appended(Message, frozen=True):
    """Answer to :class:`Append`: they stand there, on enough replicas. (Who does not lead is not answered.)"""

    epoch: int
    at: int


class Load(Message, frozen=True):
    """What stands from offset ``at`` on?"""

    epoch: int
    at: int


class Loaded(Message, frozen=True):
    """Answer to :class:`Load`: some records, and where the log ends."""

    epoch: int
    at: int
    records: tuple[TxnRecord, ...]
    end: int


class AskLog(Timer, frozen=True):
    """Time to ask the log again."""


# -- the coordinator's side -------------------------------------------------------------------------------------------


@dataclass
class TxnLog:
    """One coordinator's view of the log. Its methods are called by the coordinator's handlers, with the coordinator."""

    life: int
    """Another number in each life: ``self.random.getrandbits(48)`` will do."""
    epoch: int = -1
    leader: str = ""
    end: int = 0
    """So much has been read or written."""
    is_loading: bool = False
    waiting: list[TxnRecord] = field(default_factory=list)
    """To be written, oldest first."""
    under_way: int = 0
    """So many of them have been sent."""

    def heard(self, node: Node, lead: Lead, sender: Address) -> bool:
        """News of who leads. True if it is another epoch: then everything is to be forgotten, and is read if we
        lead."""
        node.send(sender, Follows(self.life))
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

    def write(self, node: Node, record: TxnRecord) -> None:
        """Append this record. It is in the log when :meth:`appended` hands it back; records come in this order."""
        self.waiting.append(record)
        if not self.under_way:
            self.ask(node)

    def ask(self, node: Node) -> None:
        """Send the question that is open, or the next one. For ``on_ask_log``."""
        log = Address(node.config.log)
        if self.is_loading:
            node.send(log, Load(self.epoch, self.end))
        elif self.waiting and self.leads(node):
            self.under_way = self.under_way or len(self.waiting)
            node.send(log, Append(self.epoch, self.end, tuple(self.waiting[: self.under_way])))
        else:
            return
        node.set_timer(AskLog(), node.config.retry)

    def loaded(self, node: Node, answer: Loaded) -> tuple[list[TxnRecord], bool]:
        """The records that an answer brings, and whether they are the last."""
        if not self.is_loading or (answer.epoch, answer.at) != (self.epoch, self.end):
            return [], False
        self.end += len(answer.records)
        self.is_loading = self.end < answer.end
        self.ask(node)
        return list(answer.records), not self.is_loading

    def appended(self, node: Node, answer: Appended) -> list[TxnRecord]:
        """The records that are in the log now."""
        if not self.under_way or (answer.epoch, answer.at) != (self.epoch, self.end):
            return []  # an echo; or we do not lead any more, and will hear of it
        done, self.waiting = self.waiting[: self.under_way], self.waiting[self.under_way :]
        self.end, self.under_way = self.end + len(done), 0
        self.ask(node)
        return done
