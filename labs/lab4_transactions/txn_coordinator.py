"""The transaction coordinator: who may speak for a transactional id, and how each transaction ends (part 4F2).

Rule: what the log does not have has not happened. Nobody is answered, and no marker is written, before the record
stands there; while a record of a transactional id is being written, nobody else gets in (CONCURRENT_TRANSACTIONS).

Theory (KIP-98; KIP-890 for epochs)::

    Empty ──▶ Ongoing ──▶ PrepareCommit ──▶ CompleteCommit ──╮
      ▲          │                                           │
      │          ╰──────▶ PrepareAbort  ──▶ CompleteAbort ───┤
      │                                                      │
      ╰── InitProducer ── from any of these ◀────────────────┴──▶ Ongoing: the next one

The Prepare record **is** the decision: the commit point of two-phase commit, with the partitions as participants that
have always said yes. What follows can only be repeated: markers, to every partition of the record, until each has
answered; then Complete. Whoever takes over reads the log, and goes on from there.

Each transaction has an epoch of its own. The Prepare record already holds the next one: so an EndTxn of the past, late
or repeated, names a transaction that is over, and cannot end the one that runs. Aborting a transaction that nobody
asked to end (time-out, or a new producer of the same id) raises the epoch in the same way: that is what fences the
old producer, at the coordinator by the record, in the partitions by the marker.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Message, Node, Timer
from labs.lab4_transactions.logtx import (
    COMPLETE_ABORT,
    COMPLETE_COMMIT,
    CONCURRENT_TRANSACTIONS,
    EMPTY,
    INVALID_TXN_STATE,
    NONE,
    NOT_COORDINATOR,
    ONGOING,
    PREPARE_ABORT,
    PREPARE_COMMIT,
    PRODUCER_FENCED,
    AddPartitions,
    EndTxn,
    Identity,
    InitDone,
    InitProducer,
    MarkerWritten,
    PartitionsAdded,
    TxnCoordinatorConfig,
    TxnEnded,
    TxnRecord,
    WriteMarker,
)
from labs.lab4_transactions.txn_log import Appended, AskLog, Lead, Loaded, TxnLog

# TODO 4F2: your timers, and tables if you like


class Coordinator(Node):
    """One of several; the log says who leads."""

    config: TxnCoordinatorConfig
    log_view: TxnLog
    # TODO 4F2: declare your state

    def on_start(self) -> None:
        """Nothing is known before the log says who leads."""
        self.log_view = TxnLog(self.random.getrandbits(48))
        raise NotImplementedError("4F2: begin with nothing")

    # -- the log --------------------------------------------------------------------------------------------------

    def on_lead(self, lead: Lead, sender: Address) -> None:
        """News of who coordinates. See ``TxnLog.heard``."""
        raise NotImplementedError("4F2: in a new epoch everything is forgotten")

    def on_loaded(self, answer: Loaded) -> None:
        """Records of earlier coordinators. See ``TxnLog.loaded``."""
        raise NotImplementedError(
            "4F2: take them in; once they are all there, go on with what was under way"
        )

    def on_appended(self, answer: Appended) -> None:
        """Records that stand in the log now. See ``TxnLog.appended``."""
        raise NotImplementedError("4F2: now it has happened: answer, and go on")

    def on_ask_log(self, _: AskLog) -> None:
        self.log_view.ask(self)

    # -- producers ------------------------------------------------------------------------------------------------

    def on_init_producer(self, ask: InitProducer, sender: Address) -> None:
        """A new producer: an identity that nobody has had, once nothing of the old one is open.

        If a transaction is open, abort it first; the producer may be told CONCURRENT_TRANSACTIONS, and asks again.
        """
        raise NotImplementedError(
            "4F2: a new id, or the next epoch; an open transaction is aborted first"
        )

    def on_add_partitions(self, ask: AddPartitions, sender: Address) -> None:
        """The first one begins the transaction, and its time. Those that are in it already cost nothing."""
        raise NotImplementedError(
            "4F2: only for who may speak, and not before the last transaction is complete"
        )

    def on_end_txn(self, ask: EndTxn, sender: Address) -> None:
        """Decide. Asked again about what it has decided itself, a producer gets the same answer again.

        PRODUCER_FENCED: it is not its transaction any more, or was ended otherwise than it asks.
        """
        raise NotImplementedError(
            "4F2: the open transaction of exactly that identity; or the answer that was lost"
        )

    # -- partitions -----------------------------------------------------------------------------------------------

    def on_marker_written(self, answer: MarkerWritten, sender: Address) -> None:
        """A partition has it. When all have, the transaction is complete."""
        raise NotImplementedError("4F2: tick it off; the last one completes it")

    # TODO 4F2: your timers and helpers
