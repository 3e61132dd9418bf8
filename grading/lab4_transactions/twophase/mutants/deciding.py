"""Bugs of coordinators: when it is decided, who is told, what is remembered, what is presumed."""

from __future__ import annotations

from contextlib import suppress

from distlab.core import MS, Address, DiskFull
from distlab.grade.lab import bug
from labs.lab4_transactions.coordinator import Active, Commit, Coordinator, End, Epoch, Record
from labs.lab4_transactions.twophase import (
    Ack,
    Again,
    Begin,
    Decision,
    Execute,
    GiveUp,
    Inquiry,
    Outcome,
    Prepare,
    Step,
    Txn,
    Vote,
    Worked,
)

DBLE_1192 = "dble #1192"
DBLE_1077 = "dble #1077"


class TellsBeforeSync(Coordinator):
    """Writes the decision, and tells it before it is on disk: power fails, and the next life has never heard of it."""

    def force(self, record: Record) -> None:
        self.note(record) if isinstance(record, Commit) else super().force(record)


class DecidesInMemory(Coordinator):
    """Decides without any record: everybody is told, and that is that, unless somebody crashes."""

    def force(self, record: Record) -> None:
        if not isinstance(record, Commit):
            super().force(record)

    def note(self, record: Record) -> None:
        if not isinstance(record, End):
            super().note(record)


class AnswersTheClientFirst(Coordinator):
    """Tells the client as soon as all have said yes, which is what it waits for; then writes the record."""

    def commit(self, txn: Txn) -> None:
        active = self.active[txn]
        seen = tuple(active.seen[step.account] for step in active.steps)
        self.send(active.client, Outcome(txn, True, seen))
        super().commit(txn)


class PresumesCommit(Coordinator):
    """Asked about what it does not know, it says "committed": then it must have been so, or who would ask?"""

    def on_inquiry(self, inquiry: Inquiry, participant: Address) -> None:
        if inquiry.txn not in self.active:
            self.send(participant, Decision(inquiry.txn, commit=True))


class PresumesTooEarly(Coordinator):
    """No record means aborted, it says, of a transaction that it is still collecting votes for."""

    def on_inquiry(self, inquiry: Inquiry, participant: Address) -> None:
        self.send(participant, Decision(inquiry.txn, commit=inquiry.txn in self.committed))


class DecidesAgain(Coordinator):
    """After a crash it has no votes, so what is not ended is aborted, commit record or not."""

    def on_start(self) -> None:
        super().on_start()
        for txn in list(self.unacked):
            participants = self.unacked.pop(txn)
            del self.committed[txn]
            for participant in sorted(participants):
                self.send(participant, Decision(txn, commit=False))


class EndsAtTheFirstAck(Coordinator):
    """Forgets a commit as soon as one participant has it. The other one asks, and is told what is presumed."""

    def on_ack(self, ack: Ack, participant: Address) -> None:
        if ack.txn in self.unacked:
            self.unacked[ack.txn].clear()
            self.committed.pop(ack.txn, None)
        super().on_ack(ack, participant)


class EndsWhenTold(Coordinator):
    """Notes END when all were told, without waiting for any Ack. A message is lost, and a crash takes the rest."""

    def tell(self, txn: Txn) -> None:
        super().tell(txn)
        for participant in sorted(self.unacked[txn]):
            self.on_ack(Ack(txn), participant)


class NeverTellsAgain(Coordinator):
    """Tells each decision once. Who was away asks, and is answered; whose Ack got lost has nothing to ask."""

    def on_again(self, timer: Again) -> None:
        if timer.txn in self.active:
            super().on_again(timer)


class WakesUpInnocent(Coordinator):
    """Takes up no commit after a crash: those in doubt will ask. Those that are not, never acknowledge."""

    def on_start(self) -> None:
        super().on_start()
        for txn in self.unacked:
            self.cancel_timer(Again(txn))


class MostAgree(Coordinator):
    """Commits when more than half have voted for it: it is late, and the rest will come round."""

    def on_vote(self, vote: Vote, participant: Address) -> None:
        super().on_vote(vote, participant)
        active = self.active.get(vote.txn)
        if active is None or not active.is_voting or not active.yes:
            return
        if len(active.missing) * 2 < len(active.participants):
            active.yes |= active.missing
            self.commit(vote.txn)


class CountsVotes(Coordinator):
    """Counts votes instead of voters: one that comes twice is two."""

    def on_vote(self, vote: Vote, participant: Address) -> None:
        active = self.active.get(vote.txn)
        if active is not None and active.is_voting and participant not in active.missing:
            participant = sorted(active.missing)[0]
        super().on_vote(vote, participant)


class DeafToNo(Coordinator):
    """A vote is a vote."""

    def on_vote(self, vote: Vote, participant: Address) -> None:
        super().on_vote(Vote(vote.txn, "yes") if vote.vote == "no" else vote, participant)


class AsksTooEarly(Coordinator):
    """Asks each participant for its vote as soon as it has worked: readers let go before the others have locked."""

    def on_worked(self, worked: Worked, participant: Address) -> None:
        active = self.active.get(worked.txn)
        super().on_worked(worked, participant)
        if active is not None and not active.is_voting:
            self.send(participant, Prepare(worked.txn, worked.life))


class NeverGivesUp(Coordinator):
    """Waits for votes as long as it takes."""

    def on_give_up(self, timer: GiveUp) -> None:
        pass


class BeginsTheOld(Coordinator):
    """Starts whatever is asked for under a name that it does not know: also what it has aborted, and forgotten."""

    def on_execute(self, execute: Execute, client: Address) -> None:
        if execute.txn not in self.active and execute.txn not in self.committed:
            self.begun.add(execute.txn)
        super().on_execute(execute, client)


class NumbersAgain(Coordinator):
    """Numbers its lives, and does not force the number: after a power failure it gives the same names again."""

    def force(self, record: Record) -> None:
        if not isinstance(record, Epoch):
            super().force(record)


class OneEpoch(Coordinator):
    """Names transactions by a counter in memory: each life counts from 1."""

    def on_begin(self, begin: Begin, client: Address) -> None:
        epoch, self.epoch = self.epoch, 1
        super().on_begin(begin, client)
        self.epoch = epoch


class AnswersOnce(Coordinator):
    """Tells the client once. The answer was lost, and whoever asks again asks in vain."""

    def on_execute(self, execute: Execute, client: Address) -> None:
        if execute.txn not in self.committed:
            super().on_execute(execute, client)


class ForgetsItsClients(Coordinator):
    """Forgets a commit when all participants have it. A client whose answer was lost is told "aborted"."""

    def on_ack(self, ack: Ack, participant: Address) -> None:
        super().on_ack(ack, participant)
        if ack.txn not in self.unacked:
            self.committed.pop(ack.txn, None)


class SecondAsFirst(Coordinator):
    """Other steps under a known name: it answers as to the first ones, and the client takes that for its own answer."""

    def on_execute(self, execute: Execute, client: Address) -> None:
        known = self.committed.get(execute.txn) or self.active.get(execute.txn)
        if known is not None:
            execute = Execute(execute.txn, known.steps)
        super().on_execute(execute, client)


class SecondForFirst(Coordinator):
    """Other steps under a known name take the place of the first ones, as long as it is not decided."""

    def on_execute(self, execute: Execute, client: Address) -> None:
        if execute.txn in self.active:
            self.active[execute.txn].steps = execute.steps
        super().on_execute(execute, client)


class SecondEndsFirst(Coordinator):
    """Other steps under a known name: both are rejected, and the first ones, which were right, are aborted."""

    def on_execute(self, execute: Execute, client: Address) -> None:
        known = self.active.get(execute.txn)
        super().on_execute(execute, client)
        if known is not None and known.steps != execute.steps:
            self.abort(execute.txn, "it was asked for twice")


class ForgetsInTheEnd(Coordinator):
    """Forgets a commit a second after all have it. A client that was cut off for longer is told "aborted"."""

    def on_ack(self, ack: Ack, participant: Address) -> None:
        super().on_ack(ack, participant)
        if ack.txn in self.committed and ack.txn not in self.unacked:
            self.set_timer(Again(ack.txn), 1_000 * MS)

    def on_again(self, timer: Again) -> None:
        super().on_again(timer)
        if timer.txn not in self.active and timer.txn not in self.unacked:
            self.committed.pop(timer.txn, None)


class DecidesWhenFull(Coordinator):
    """Catches that the disk is full, writes a line into its log, and tells what it has decided."""

    def force(self, record: Record) -> None:
        with suppress(DiskFull):
            super().force(record)


class AddsNothingUp(Coordinator):
    """Does not look whether the amounts add up to nothing."""

    def problem_with(self, steps: tuple[Step, ...]) -> str:
        if sum(step.amount for step in steps) != 0:
            return ""
        return super().problem_with(steps)


class NamesTwice(Coordinator):
    """Lets a transaction name an account twice; each participant makes of it what it likes."""

    def problem_with(self, steps: tuple[Step, ...]) -> str:
        is_double = len({step.account for step in steps}) < len(steps)
        return "" if is_double else super().problem_with(steps)


class ForcesAborts(Coordinator):
    """Forces a record of each abort: presumed nothing. Right, and as dear as a commit."""

    def abort(self, txn: Txn, reason: str) -> None:
        self.force(Epoch(self.epoch))
        super().abort(txn, reason)


class ForcesEnds(Coordinator):
    """Forces END, which may get lost without harm."""

    def note(self, record: Record) -> None:
        super().note(record)
        if isinstance(record, End):
            self.wal.force(self.disk)


class ForcesLooks(Coordinator):
    """Forces a commit record for a transaction that has only looked."""

    def commit(self, txn: Txn) -> None:
        if not self.active[txn].yes:
            self.force(Epoch(self.epoch))
        super().commit(txn)


class TellsReaders(Coordinator):
    """Tells those that had only looked, too, and waits for their Acks, which never come."""

    def commit(self, txn: Txn) -> None:
        active: Active = self.active[txn]
        if active.yes:
            active.yes.update(active.participants)
        super().commit(txn)


class Insistent(Coordinator):
    """Repeats what is not answered after a millisecond: before anybody could have answered."""

    def ask(self, txn: Txn) -> None:
        super().ask(txn)
        self.set_timer(Again(txn), MS)

    def tell(self, txn: Txn) -> None:
        super().tell(txn)
        self.set_timer(Again(txn), MS)


def _coordinator(name, by, breaks, **more):  # type: ignore[no-untyped-def]
    replaces = "coordinator:Coordinator"
    return bug(name, by, part="A", replaces=replaces, breaks=breaks, **more)


DECIDING = (
    _coordinator("tells-before-sync", TellsBeforeSync, "TX2-S2", code="m2", source=DBLE_1192),
    _coordinator("decides-in-memory", DecidesInMemory, "TX2-S2"),
    _coordinator("answers-the-client-first", AnswersTheClientFirst, "TX2-S2"),
    _coordinator("presumes-commit", PresumesCommit, "TX2-S1", code="m6"),
    _coordinator("presumes-too-early", PresumesTooEarly, "TX2-S1"),
    _coordinator("decides-again", DecidesAgain, "TX2-S1", code="m11"),
    _coordinator("ends-at-the-first-ack", EndsAtTheFirstAck, "TX2-S1", code="m9"),
    _coordinator("ends-when-told", EndsWhenTold, "TX2-L1", kind="liveness"),
    _coordinator(
        "never-tells-again", NeverTellsAgain, "TX2-L1", code="m7", source=DBLE_1077, kind="liveness"
    ),
    _coordinator("wakes-up-innocent", WakesUpInnocent, "TX2-L1", kind="liveness"),
    _coordinator("most-agree", MostAgree, "TX2-S1"),
    _coordinator("counts-votes", CountsVotes, "TX2-S1"),
    _coordinator("deaf-to-no", DeafToNo, "TX2-S1"),
    _coordinator("asks-too-early", AsksTooEarly, "TX2-I1"),
    _coordinator("never-gives-up", NeverGivesUp, "TX2-L1", kind="liveness"),
    _coordinator("begins-the-old", BeginsTheOld, "TX2-S1"),
    _coordinator("numbers-again", NumbersAgain, "TX2-S1"),
    _coordinator("one-epoch", OneEpoch, "TX2-S1"),
    _coordinator("answers-once", AnswersOnce, "TX2-L1", kind="liveness"),
    _coordinator("forgets-its-clients", ForgetsItsClients, "TX2-S1"),
    _coordinator("second-as-first", SecondAsFirst, "TX2-R1"),
    _coordinator("second-for-first", SecondForFirst, "TX2-S4"),
    _coordinator("second-ends-first", SecondEndsFirst, "TX2-R1"),
    _coordinator("forgets-in-the-end", ForgetsInTheEnd, "TX2-S1"),
    _coordinator("decides-when-full", DecidesWhenFull, "TX2-S2"),
    _coordinator("adds-nothing-up", AddsNothingUp, "TX2-R1"),
    _coordinator("names-twice", NamesTwice, "TX2-R1"),
    _coordinator("forces-aborts-centrally", ForcesAborts, "TX2-C1", kind="cost"),
    _coordinator("forces-ends", ForcesEnds, "TX2-C1", kind="cost"),
    _coordinator("forces-looks", ForcesLooks, "TX2-C1", kind="cost"),
    _coordinator("tells-readers", TellsReaders, "TX2-L1", kind="liveness"),
    _coordinator("insistent", Insistent, "TX2-C1", kind="cost"),
)
