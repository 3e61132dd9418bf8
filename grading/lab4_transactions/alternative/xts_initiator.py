"""A second initiator: phase 2 is a table of tasks, one row for each branch, and the job serves the banks in turn.

The local transaction inserts the tasks beside the buyer's money; a task that is done is deleted. So what is pending is
what is in the table. After a crash the branches of what was begun are cancelled by tasks as well.
"""

from __future__ import annotations

from msgspec import structs

from distlab.core import Address, Fail, Node, Ok, Ticket, Timer
from labs.lab4_transactions.database import Database, Row, open_database
from labs.lab4_transactions.tcc import (
    MAX_AMOUNT,
    Account,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Impossible,
    Refused,
    Tried,
    Try,
)
from labs.lab4_transactions.xts import InitiatorConfig, InitiatorView, Pay, SetPeak


class Payment(Row, frozen=True):
    op: Pay
    verdict: str = ""
    """``yes``, or why not; empty while it is open."""

    @property
    def key(self) -> int:
        return self.op.id


class Task(Row, frozen=True):
    xid: int
    branch: int
    bank: str
    is_confirm: bool

    @property
    def key(self) -> tuple[int, int]:
        return self.xid, self.branch


class Peak(Row, frozen=True):
    on: bool

    @property
    def key(self) -> str:
        return "peak"


class Pulse(Timer, frozen=True):
    pass


class Initiator(Node):
    config: InitiatorConfig
    db: Database
    callers: dict[int, list[Ticket]]
    open: dict[int, tuple[int, list[int]]]
    """Payment -> when it began, and the branches that are tried."""
    said: dict[tuple[int, int], int]
    asked: dict[int, int]

    def on_start(self) -> None:
        self.db = open_database(self.disk, Account | Payment | Task | Peak)
        if not self.db.all(Account):
            self.db.commit(self.disk, *(Account(name, sum_) for name, sum_ in self.config.accounts))
        self.callers, self.open, self.said, self.asked = {}, {}, {}, {}
        for payment in self.db.all(Payment):
            if not payment.verdict:
                self.close(payment, "a restart")
        self.set_timer(Pulse(), self.config.tick)

    def on_pay(self, op: Pay, ticket: Ticket) -> None:
        payment = self.db.get(Payment, op.id)
        if payment is None:
            account = self.db.get(Account, op.buyer)
            amounts = [share.amount for share in op.shares]
            is_sane = (
                account is not None
                and amounts != []
                and all(0 < amount <= MAX_AMOUNT for amount in amounts)
                and all(share.bank in self.config.banks for share in op.shares)
                and account.available >= sum(amounts)
            )
            if not is_sane:
                self.finish(ticket, Fail("this cannot be paid"))
                return
            payment = Payment(op)
            self.db.commit(self.disk, payment)
            self.open[op.id] = self.monotonic(), []
            self.ask(op)
        elif payment.op != op:
            self.finish(ticket, Fail("this id is taken"))
            return
        self.callers.setdefault(op.id, []).append(ticket)
        self.reply(payment)

    def ask(self, op: Pay) -> None:
        self.asked[op.id] = self.monotonic()
        for branch, share in enumerate(op.shares):
            if branch not in self.open[op.id][1]:
                self.send(Address(share.bank), Try(op.id, branch, share.account, share.amount))

    def reply(self, payment: Payment) -> None:
        if payment.verdict:
            outcome = Ok() if payment.verdict == "yes" else Fail(payment.verdict)
            for ticket in self.callers.pop(payment.op.id, ()):
                self.finish(ticket, outcome)

    def close(self, payment: Payment, verdict: str) -> None:
        """The local transaction: verdict, money, and the tasks of phase 2."""
        op = payment.op
        rows: list[Row] = []
        account = self.db.get(Account, op.buyer)
        assert account is not None
        if verdict == "yes":
            rest = account.available - sum(share.amount for share in op.shares)
            if rest < 0:
                verdict = "too little money"
            else:
                rows.append(structs.replace(account, available=rest))
        payment = Payment(op, verdict)
        rows += [
            Task(op.id, branch, share.bank, verdict == "yes")
            for branch, share in enumerate(op.shares)
        ]
        self.db.commit(self.disk, payment, *rows)
        self.open.pop(op.id, None)
        self.reply(payment)

    def on_tried(self, tried: Tried) -> None:
        if tried.xid in self.open and tried.branch not in self.open[tried.xid][1]:
            self.open[tried.xid][1].append(tried.branch)
            payment = self.db.get(Payment, tried.xid)
            assert payment is not None
            if len(self.open[tried.xid][1]) == len(payment.op.shares):
                self.close(payment, "yes")

    def on_refused(self, refused: Refused) -> None:
        payment = self.db.get(Payment, refused.xid)
        if payment is not None and refused.xid in self.open:
            self.close(payment, refused.reason or "refused")

    def on_pulse(self, timer: Pulse) -> None:
        now = self.monotonic()
        for xid, (since, _) in list(self.open.items()):
            payment = self.db.get(Payment, xid)
            assert payment is not None
            if now - since >= self.config.patience:
                self.close(payment, "out of patience")
            elif now - self.asked[xid] >= self.config.retry:
                self.ask(payment.op)
        peak = self.db.get(Peak, "peak")
        if peak is None or not peak.on:
            self.work(now)
        self.set_timer(timer, self.config.tick)

    def work(self, now: int) -> None:
        """Phase 2: the banks in turn, of each the tasks in order."""
        queues: dict[str, list[Task]] = {}
        for task in self.db.all(Task):
            if now - self.said.get(task.key, -(10**12)) >= self.config.retry:
                queues.setdefault(task.bank, []).append(task)
        for _ in range(self.config.batch):
            if not queues:
                return
            bank = min(queues, key=lambda name: (-len(queues[name]), name))
            task = queues[bank].pop(0)
            if not queues[bank]:
                del queues[bank]
            self.said[task.key] = now
            verb = Confirm if task.is_confirm else Cancel
            self.send(Address(bank), verb(task.xid, task.branch))

    def on_confirmed(self, confirmed: Confirmed) -> None:
        self.done(confirmed.xid, confirmed.branch)

    def on_cancelled(self, cancelled: Cancelled) -> None:
        self.done(cancelled.xid, cancelled.branch)

    def done(self, xid: int, branch: int) -> None:
        task = self.db.get(Task, (xid, branch))
        if task is not None:
            self.db.commit(self.disk, gone=(task,))
            self.said.pop(task.key, None)

    def on_impossible(self, impossible: Impossible) -> None:
        pass

    def on_set_peak(self, op: SetPeak, ticket: Ticket) -> None:
        self.db.commit(self.disk, Peak(op.on))
        self.finish(ticket, Ok())

    def probe(self) -> InitiatorView:
        paid = tuple(p.op.id for p in self.db.all(Payment) if p.verdict == "yes")
        pending = {task.xid for task in self.db.all(Task)} | set(self.open)
        return InitiatorView(tuple(self.db.all(Account)), paid, len(pending))
