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
        # BEGIN SOLUTION 0B: rebuild accounts and sessions from the records on disk
        self.balances = {}
        self.sessions = {}
        for entry in self.disk.recover("ledger", Entry):
            self.session_of(entry.call)
            self.enter(entry)
        # END SOLUTION

    def on_call(self, call: Call, sender: Address) -> None:
        """Answer the call; apply it first, if it is new and the account stays above zero."""
        # BEGIN SOLUTION 0B: decide, write, sync, answer - in this order, and only once
        session = self.session_of(call)
        if session is None:
            return
        if call.id.number not in session.answers:
            entry = Entry(call, self.decide(call))
            self.disk.append("ledger", entry)
            self.disk.sync("ledger", "/")
            self.enter(entry)
        self.send(sender, session.answers[call.id.number])
        # END SOLUTION

    def decide(self, call: Call) -> Answer:
        """What a new call comes to. Changes nothing yet."""
        # BEGIN SOLUTION 0B: refuse what would take the account below zero
        before = self.balances.get(call.account, 0)
        after = before + call.amount
        if after < 0:
            return Answer(call.id, before, refused=True)
        return Answer(call.id, after)
        # END SOLUTION

    def enter(self, entry: Entry) -> None:
        """Let a line of the ledger take effect in memory."""
        # BEGIN SOLUTION 0B: set the balance, and remember the answer
        self.balances[entry.call.account] = entry.answer.balance
        self.sessions[entry.call.id.client].answers[entry.call.id.number] = entry.answer
        # END SOLUTION

    def session_of(self, call: Call) -> Session | None:
        """The client's session, brought up to what the call says; None for a call long settled."""
        # BEGIN SOLUTION 0B: start anew with each life; drop what is settled; refuse stragglers
        session = self.sessions.setdefault(call.id.client, Session())
        if call.id.incarnation > session.incarnation:
            session.incarnation, session.settled = call.id.incarnation, 1
            session.answers.clear()
        if call.id.incarnation == session.incarnation:
            for number in range(session.settled, call.settled):
                session.answers.pop(number, None)
            session.settled = max(session.settled, call.settled)
        if call.id.incarnation < session.incarnation or call.id.number < session.settled:
            return None
        return session
        # END SOLUTION

    def probe(self) -> Accounts:
        """What judges may see. Given: leave it as it is."""
        return Accounts(dict(self.balances), entries_in(self.state()))
