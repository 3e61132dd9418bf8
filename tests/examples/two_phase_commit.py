"""Two-phase commit with presumed abort: money moves at all banks of a transfer, or at none.

Theory. The coordinator asks every bank (phase 1), decides, and tells them (phase 2). A bank that votes yes has given up
its freedom, durably, and is *in doubt* until it hears the decision. A transaction is committed at the instant its
`Commit` record is durable; what has no such record is aborted. So aborts need no forced write and no acknowledgement: a
coordinator that knows nothing of a transaction says "aborted", and is right (Mohan and Lindsay 1983). A commit is told
until every bank has acknowledged it. A presumption is sound only for what cannot begin any more: every transaction
bears the coordinator's *epoch*, the number of its start, and one of an older epoch is never begun. The price of it all
is blocking: while the coordinator is down, what is in doubt stays so, and its money reserved.

Messages. Client and coordinator: `Request`, `Result`. Phase 1: `Prepare`, `Vote`. Phase 2: `Decision`, and `Ack` for a
commit. A bank in doubt asks with `Inquiry`. Logs: `Epoch`, `Commit`, `End`; a bank's own: `Prepare`, `Decision`.

Nodes. `Client`, `Coordinator`, `Bank`. To keep them short, logs are never compacted and commits never forgotten.
"""

from typing import NamedTuple

from distlab.core import MS, Address, Config, Fail, Message, Node, Ok, Operation, Ticket, Timer


class Txn(NamedTuple):
    epoch: int
    client: Address
    number: int


class Move(NamedTuple):
    bank: Address
    account: str
    amount: int  # negative: taken out


class Transfer(Operation):
    moves: tuple[Move, ...]


class Request(Message):
    txn: Txn
    moves: tuple[Move, ...]


class Result(Message):
    txn: Txn
    committed: bool
    reason: str
    epoch: int  # the coordinator's own, which the next request must bear


class Prepare(Message):
    txn: Txn
    moves: tuple[Move, ...]


class Vote(Message):
    txn: Txn
    yes: bool


class Decision(Message):
    txn: Txn
    committed: bool


class Ack(Message):
    txn: Txn


class Inquiry(Message):
    txn: Txn


class Epoch(Message):
    number: int


class Commit(Message):
    txn: Txn
    banks: tuple[Address, ...]


class End(Message):
    txn: Txn


class Overdue(Timer):
    txn: Txn


class Coordinator(Node):
    """Collects votes, decides, and tells each commit until every bank knows it."""

    epoch: int
    voting: dict[Txn, tuple[Address, ...]]  # phase 1, with all its banks
    committed: set[Txn]
    aborted: dict[Txn, str]  # of this epoch, in memory only, with the reason
    missing: dict[Txn, set[Address]]  # whose vote, and later whose acknowledgement, has not come

    def on_start(self) -> None:
        self.epoch, self.voting, self.committed, self.aborted, self.missing = 1, {}, set(), {}, {}
        for record in self.disk.recover("log", Epoch | Commit | End):
            match record:
                case Epoch(number):
                    self.epoch = number + 1
                case Commit(txn, banks):
                    self.committed.add(txn)
                    self.missing[txn] = set(banks)
                case End(txn):
                    del self.missing[txn]
        self.disk.append("log", Epoch(self.epoch))
        self.disk.sync("log", "/")
        for txn in self.missing:
            self.on_overdue(Overdue(txn))

    def on_request(self, request: Request) -> None:
        txn = request.txn
        if txn.epoch != self.epoch or txn in self.committed or txn in self.aborted:
            self.answer(txn)
            return
        if txn not in self.voting:
            self.voting[txn] = tuple(sorted({move.bank for move in request.moves}))
            self.missing[txn] = set(self.voting[txn])
            self.set_timer(Overdue(txn), after=200 * MS)
        for bank in sorted(self.missing[txn]):
            self.send(bank, Prepare(txn, request.moves))

    def on_vote(self, vote: Vote, sender: Address) -> None:
        txn = vote.txn
        if txn not in self.voting:
            return  # decided already, or of an epoch that is over
        self.missing[txn].discard(sender)
        if not vote.yes:
            self.abort(txn, f"{sender} refused")
        elif not self.missing[txn]:
            banks = self.voting.pop(txn)
            self.committed.add(txn)
            self.missing[txn] = set(banks)
            self.disk.append("log", Commit(txn, banks))
            self.disk.sync("log")  # the point of no return: nothing below leaves before it
            self.answer(txn)
            self.on_overdue(Overdue(txn))  # tell the banks

    def abort(self, txn: Txn, reason: str) -> None:
        del self.missing[txn]
        self.aborted[txn] = reason
        self.answer(txn)
        for bank in self.voting.pop(txn):  # told once, as a favour: who does not hear it will ask
            self.send(bank, Decision(txn, committed=False))

    def answer(self, txn: Txn) -> None:
        reason = self.aborted.get(txn, "the coordinator restarted")
        self.send(txn.client, Result(txn, txn in self.committed, reason, self.epoch))

    def on_overdue(self, overdue: Overdue) -> None:
        txn = overdue.txn
        if txn in self.voting:
            self.abort(txn, "not all banks voted")
        elif txn in self.missing:
            for bank in sorted(self.missing[txn]):
                self.send(bank, Decision(txn, committed=True))
            self.set_timer(overdue, after=50 * MS)

    def on_ack(self, ack: Ack, sender: Address) -> None:
        if ack.txn in self.missing:
            self.missing[ack.txn].discard(sender)
            if not self.missing[ack.txn]:
                del self.missing[ack.txn]
                self.disk.append("log", End(ack.txn))  # not forced: if lost, all are told once more

    def on_inquiry(self, inquiry: Inquiry, sender: Address) -> None:
        txn = inquiry.txn
        if txn not in self.voting:  # what is not known to be committed is presumed aborted
            self.send(sender, Decision(txn, txn in self.committed))


class BankConfig(Config):
    coordinator: Address
    accounts: tuple[tuple[str, int], ...]  # names and opening balances


class Bank(Node):
    """Holds accounts. What a yes promises to pay is reserved until the decision."""

    config: BankConfig
    balances: dict[str, int]
    in_doubt: dict[Txn, Prepare]
    decided: dict[Txn, bool]

    def on_start(self) -> None:
        self.balances, self.in_doubt, self.decided = dict(self.config.accounts), {}, {}
        for record in self.disk.recover("log", Prepare | Decision):
            match record:
                case Prepare(txn):
                    self.in_doubt[txn] = record
                case Decision():
                    self.apply(record)
        for txn in self.in_doubt:
            self.on_overdue(Overdue(txn))

    def on_prepare(self, prepare: Prepare, sender: Address) -> None:
        txn = prepare.txn
        if txn in self.decided:
            return  # an old copy
        if txn not in self.in_doubt:
            if not self.can(prepare):
                self.send(sender, Vote(txn, yes=False))  # promises nothing, so nothing to remember
                return
            self.in_doubt[txn] = prepare
            self.disk.append("log", prepare)
            self.disk.sync("log", "/")
            self.set_timer(Overdue(txn), after=100 * MS)
        self.send(sender, Vote(txn, yes=True))

    def mine(self, prepare: Prepare) -> list[Move]:
        return [move for move in prepare.moves if move.bank == self.address]

    def can(self, prepare: Prepare) -> bool:
        """Whether every account can pay, even if nothing it hopes to receive ever comes."""
        left = dict(self.balances)
        for promise in (*self.in_doubt.values(), prepare):
            for move in self.mine(promise):
                left[move.account] += min(move.amount, 0)
        return min(left.values()) >= 0

    def on_decision(self, decision: Decision, sender: Address) -> None:
        if decision.txn in self.in_doubt:
            self.apply(decision)
            self.disk.append("log", decision)
            if decision.committed:  # an abort may get lost: the bank asks again, and hears the same
                self.disk.sync("log")
        if self.decided.get(decision.txn):
            self.send(sender, Ack(decision.txn))

    def apply(self, decision: Decision) -> None:
        self.decided[decision.txn] = decision.committed
        for move in self.mine(self.in_doubt.pop(decision.txn)):
            self.balances[move.account] += move.amount * decision.committed

    def on_overdue(self, overdue: Overdue) -> None:
        if overdue.txn in self.in_doubt:
            self.send(self.config.coordinator, Inquiry(overdue.txn))
            self.set_timer(overdue, after=100 * MS)


class ClientConfig(Config):
    coordinator: Address


class Client(Node):
    """Asks until it is answered."""

    config: ClientConfig
    epoch: int  # the coordinator's newest, as far as heard
    open: dict[Txn, tuple[Ticket, Request]]

    def on_start(self) -> None:
        self.epoch, self.open = 0, {}

    def on_transfer(self, transfer: Transfer, ticket: Ticket) -> None:
        if sum(move.amount for move in transfer.moves) != 0:
            self.finish(ticket, Fail("money neither appears nor vanishes"))
        else:
            self.begin_try(ticket, transfer.moves)

    def begin_try(self, ticket: Ticket, moves: tuple[Move, ...]) -> None:
        txn = Txn(self.epoch, self.address, ticket)
        self.open[txn] = (ticket, Request(txn, moves))
        self.on_overdue(Overdue(txn))

    def on_overdue(self, overdue: Overdue) -> None:
        if overdue.txn in self.open:
            self.send(self.config.coordinator, self.open[overdue.txn][1])
            self.set_timer(overdue, after=50 * MS)

    def on_result(self, result: Result) -> None:
        self.epoch = max(self.epoch, result.epoch)
        if result.txn not in self.open:
            return  # an answer may come twice
        ticket, request = self.open.pop(result.txn)
        if result.committed:
            self.finish(ticket, Ok())
        elif result.txn.epoch == result.epoch:
            self.finish(ticket, Fail(result.reason))
        else:  # of an old epoch, and therefore surely dead: again, in the new one
            self.begin_try(ticket, request.moves)
