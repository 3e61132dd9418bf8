"""A coordinator with one table, one record for each commit, and one clock for all that is under way.

Every transaction is a row that goes from stage to stage. A tick repeats what the rows that are stuck would
like to hear, and aborts those that are too old. The epoch has a file of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct

from distlab.core import Address, Node, Timer
from labs.lab4_transactions.twophase import (
    LARGEST,
    Ack,
    Began,
    Begin,
    CoordinatorConfig,
    Decision,
    Desk,
    Execute,
    Inquiry,
    Outcome,
    Prepare,
    Refused,
    Rejected,
    Seen,
    Step,
    Txn,
    Vote,
    Work,
    Worked,
    from_body,
    to_body,
)
from labs.lab4_transactions.wal import Wal, open_wal


class Tick(Timer, frozen=True):
    pass


class Stage(StrEnum):
    NAMED = "named"
    WORKING = "working"
    VOTING = "voting"
    TELLING = "telling"
    DONE = "done"


class Row(Struct, tag=True):
    """A commit record, and what is remembered of a transaction otherwise."""

    txn: Txn
    stage: Stage = Stage.NAMED
    client: Address = Address("")
    steps: tuple[Step, ...] = ()
    seen: tuple[Seen, ...] = ()
    waiting: tuple[Address, ...] = ()
    """Whom it waits for, in whatever stage."""


class Done(Struct, frozen=True, tag=True):
    txn: Txn


@dataclass
class Notes:
    """Of a row that is not decided."""

    since: int
    asked: int
    lives: dict[Address, int] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    writers: list[Address] = field(default_factory=list)


class Coordinator(Node):
    config: CoordinatorConfig
    wal: Wal
    epoch: int
    count: int
    table: dict[Txn, Row]
    notes: dict[Txn, Notes]

    def on_start(self) -> None:
        self.epoch = int(self.disk.read("epoch")) + 1 if self.disk.exists("epoch") else 1
        self.disk.delete("epoch.new")
        self.disk.append("epoch.new", str(self.epoch).encode())
        self.disk.sync("epoch.new")
        self.disk.replace("epoch.new", "epoch")
        self.disk.sync("/")
        self.count, self.table, self.notes = 0, {}, {}
        self.wal, bodies = open_wal(self.disk, "log")
        for body in bodies:
            match from_body(body, Row | Done):
                case Row() as row:
                    self.table[row.txn] = row
                case Done(txn):
                    self.table[txn].stage, self.table[txn].waiting = Stage.DONE, ()
        self.on_tick()

    def on_begin(self, begin: Begin, client: Address) -> None:
        self.count += 1
        txn = Txn(self.address, self.epoch, self.count)
        self.table[txn] = Row(txn)
        self.send(client, Began(begin.request, txn))

    def on_execute(self, execute: Execute, client: Address) -> None:
        row = self.table.get(execute.txn)
        if row is None:
            said = Rejected if execute.txn.coordinator != self.address else Outcome
            if said is Rejected:
                self.send(client, Rejected(execute.txn, "not mine"))
            else:
                self.send(client, Outcome(execute.txn, False, (), "presumed aborted"))
        elif row.stage == Stage.NAMED:
            row.client, row.steps = client, execute.steps
            if fault := self.fault_of(execute.steps):
                del self.table[row.txn]
                self.send(client, Outcome(row.txn, False, (), fault))
                return
            now = self.monotonic()
            self.notes[row.txn] = Notes(now, now)
            self.go_to(row, Stage.WORKING, self.holders(row))
        elif row.steps != execute.steps:
            self.send(client, Rejected(row.txn, "that name is taken"))
        elif row.stage in (Stage.TELLING, Stage.DONE):
            self.send(client, Outcome(row.txn, True, row.seen))

    def fault_of(self, steps: tuple[Step, ...]) -> str:
        faults = (
            (not steps, "no steps"),
            (len({s.account for s in steps}) != len(steps), "an account is named twice"),
            (any(s.holder not in self.config.participants for s in steps), "an unknown holder"),
            (any(not -LARGEST <= s.amount <= LARGEST for s in steps), "too much"),
            (sum(s.amount for s in steps) != 0, "the amounts do not add up to nothing"),
        )
        return next((words for is_so, words in faults if is_so), "")

    def holders(self, row: Row) -> tuple[Address, ...]:
        return tuple(sorted({step.holder for step in row.steps}))

    # -- stages ---------------------------------------------------------------------------------------------

    def go_to(self, row: Row, stage: Stage, waiting: tuple[Address, ...]) -> None:
        row.stage, row.waiting = stage, waiting
        self.say(row)

    def say(self, row: Row) -> None:
        """To all that it waits for, what they should hear."""
        for rm in row.waiting:
            match row.stage:
                case Stage.WORKING:
                    own = tuple(step for step in row.steps if step.holder == rm)
                    self.send(rm, Work(row.txn, own))
                case Stage.VOTING:
                    self.send(rm, Prepare(row.txn, self.notes[row.txn].lives[rm]))
                case Stage.TELLING:
                    self.send(rm, Decision(row.txn, True))

    def heard(self, txn: Txn, stage: Stage, rm: Address) -> Row | None:
        """The row, if it waits for this one in this stage; it does not any more."""
        row = self.table.get(txn)
        if row is None or row.stage != stage or rm not in row.waiting:
            return None
        row.waiting = tuple(other for other in row.waiting if other != rm)
        return row

    def on_worked(self, worked: Worked, rm: Address) -> None:
        if (row := self.heard(worked.txn, Stage.WORKING, rm)) is not None:
            notes = self.notes[row.txn]
            notes.lives[rm] = worked.life
            notes.seen |= {seen.account: seen for seen in worked.seen}
            if not row.waiting:
                row.seen = tuple(notes.seen[step.account] for step in row.steps)
                self.go_to(row, Stage.VOTING, self.holders(row))

    def on_vote(self, vote: Vote, rm: Address) -> None:
        if (row := self.heard(vote.txn, Stage.VOTING, rm)) is None:
            return
        if vote.vote == "no":
            self.abort(row, f"{rm} cannot commit any more")
            return
        writers = self.notes[row.txn].writers
        if vote.vote == "yes":
            writers.append(rm)
        if row.waiting:
            return
        del self.notes[row.txn]
        row.waiting, row.stage = tuple(sorted(writers)), Stage.TELLING
        if writers:
            self.wal.append(self.disk, to_body(row))
            self.wal.force(self.disk)
            self.say(row)
        else:
            row.stage = Stage.DONE
        self.send(row.client, Outcome(row.txn, True, row.seen))

    def on_refused(self, refused: Refused, rm: Address) -> None:
        row = self.table.get(refused.txn)
        if row is not None and row.stage in (Stage.WORKING, Stage.VOTING):
            self.abort(row, f"{rm} refuses: {refused.reason}")

    def abort(self, row: Row, reason: str) -> None:
        del self.table[row.txn], self.notes[row.txn]
        self.send(row.client, Outcome(row.txn, False, (), reason))
        for rm in self.holders(row):
            self.send(rm, Decision(row.txn, False))

    def on_ack(self, ack: Ack, rm: Address) -> None:
        row = self.heard(ack.txn, Stage.TELLING, rm)
        if row is not None and not row.waiting:
            row.stage = Stage.DONE
            self.wal.append(self.disk, to_body(Done(row.txn)))

    def on_inquiry(self, inquiry: Inquiry, rm: Address) -> None:
        row = self.table.get(inquiry.txn)
        if row is None:
            self.send(rm, Decision(inquiry.txn, False))
        elif row.stage in (Stage.TELLING, Stage.DONE):
            self.send(rm, Decision(inquiry.txn, True))

    def on_tick(self) -> None:
        now = self.monotonic()
        for row in list(self.table.values()):
            if row.stage == Stage.TELLING:
                self.say(row)
            elif (notes := self.notes.get(row.txn)) is not None:
                if now - notes.since >= self.config.patience:
                    self.abort(row, "time is up")
                elif now - notes.asked >= self.config.retry:
                    notes.asked = now
                    self.say(row)
        self.set_timer(Tick(), self.config.retry // 2)

    def probe(self) -> Desk:
        undecided = tuple(self.notes)
        return Desk(
            undecided, tuple(r.txn for r in self.table.values() if r.stage == Stage.TELLING)
        )
