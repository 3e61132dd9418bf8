"""The server, the second way: a log of after-images.

Differs from the reference: a record does not say what was asked, but how things stand afterwards:
the account's new balance, and all that is known of the client. Recovery needs no rules: the last
image of each account and each client is the one that holds. What is forgotten follows from the
client's window, not from its ``settled``: a client uses number n only once all up to n - WINDOW are
settled, so that many answers are enough.
"""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Node
from labs.lab0_rpc.protocol import Accounts, Answer, Call, ClientConfig, ServerConfig, entries_in

WINDOW = ClientConfig(Address("")).window


class Known(Struct, frozen=True):
    """What is known of one client: its newest life, and its answers of that life."""

    incarnation: int
    highest: int
    answers: dict[int, Answer]

    def is_settled(self, call: Call) -> bool:
        life = call.id.incarnation
        return life < self.incarnation or (
            life == self.incarnation and call.id.number <= self.highest - WINDOW
        )

    def with_answer(self, answer: Answer) -> Known:
        """Knows the answer too, and no longer what must be settled."""
        known = self if answer.id.incarnation == self.incarnation else Known(0, 0, {})
        highest = max(known.highest, answer.id.number)
        kept = {n: old for n, old in known.answers.items() if n > highest - WINDOW}
        return Known(answer.id.incarnation, highest, {**kept, answer.id.number: answer})


class Image(Struct, frozen=True):
    """How an account and a client stand after a call."""

    account: str
    balance: int
    client: str
    known: Known


class Server(Node):
    config: ServerConfig
    balances: dict[str, int]
    clients: dict[str, Known]

    def on_start(self) -> None:
        images = self.disk.recover("images", Image)
        self.balances = {image.account: image.balance for image in images}
        self.clients = {image.client: image.known for image in images}

    def on_call(self, call: Call, sender: Address) -> None:
        known = self.clients.get(call.id.client, Known(0, 0, {}))
        if known.is_settled(call):
            return
        answer = known.answers.get(call.id.number)
        if answer is None or answer.id != call.id:
            answer = self._apply(call, known)
        self.send(sender, answer)

    def _apply(self, call: Call, known: Known) -> Answer:
        before = self.balances.get(call.account, 0)
        refused = before + call.amount < 0
        balance = before if refused else before + call.amount
        answer = Answer(call.id, balance, refused)
        self.balances[call.account] = balance
        self.clients[call.id.client] = known = known.with_answer(answer)
        self.disk.append("images", Image(call.account, balance, call.id.client, known))
        self.disk.sync("images", "/")
        return answer

    def probe(self) -> Accounts:
        return Accounts(dict(self.balances), entries_in(self.state()))
