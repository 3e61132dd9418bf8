"""The server's half of "exactly once": apply each call once, however often it comes. Part 0B.

The rule has three clauses, and each is a known bug when it is left out.

1. *Effect and answer are one record.* If the effect were durable before the table that remembers
   it, a crash in between would forget that it had happened, and the retry would do it again.
2. *A repeated call is answered again*, with the answer it had: the first one may be what was lost.
   That holds for refusals too, which the client reports as certain.
3. *The table is bounded, and forgetting is safe.* Each call says below which number its client will
   not ask again; answers below it go, but the bound itself stays, and a straggler from below it is
   neither applied nor answered. (D. Ongaro's thesis on Raft, section 6.3, has sessions like these;
   B. Liskov's "at most once" of Argus, and Kafka's idempotent producer, are relatives.)

The file ``ledger`` is the truth; everything in memory is what one gets by reading it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from distlab.core import Address, Node
from labs.lab0_rpc.protocol import Accounts, Answer, Call, ServerConfig, entries_in


class Entry(Struct, frozen=True):
    """One line of the ledger: a call, and what became of it."""

    call: Call
    answer: Answer


@dataclass
class Session:
    """What the server knows of one client."""

    incarnation: int = 0
    """The latest life of the client that it has heard of."""
    settled: int = 1
    """Of that life, nothing below this number will be asked for again."""
    answers: dict[int, Answer] = field(default_factory=dict)
    """Of that life, what has been answered from ``settled`` on, by number."""


class Server(Node):
    """Keeps accounts in the file ``ledger``."""

    config: ServerConfig
    balances: dict[str, int]
    sessions: dict[str, Session]

    def on_start(self) -> None:
        """Read the ledger."""
        raise NotImplementedError("0B: rebuild accounts and sessions from the records on disk")

    def on_call(self, call: Call, sender: Address) -> None:
        """Answer the call; apply it first, if it is new and the account stays above zero."""
        raise NotImplementedError("0B: decide, write, sync, answer - in this order, and only once")

    def decide(self, call: Call) -> Answer:
        """What a new call comes to. Changes nothing yet."""
        raise NotImplementedError("0B: refuse what would take the account below zero")

    def enter(self, entry: Entry) -> None:
        """Let a line of the ledger take effect in memory."""
        raise NotImplementedError("0B: set the balance, and remember the answer")

    def session_of(self, call: Call) -> Session | None:
        """The client's session, brought up to what the call says; None for a call long settled."""
        raise NotImplementedError(
            "0B: start anew with each life; drop what is settled; refuse stragglers"
        )

    def probe(self) -> Accounts:
        """What judges may see. Given: leave it as it is."""
        return Accounts(dict(self.balances), entries_in(self.state()))
