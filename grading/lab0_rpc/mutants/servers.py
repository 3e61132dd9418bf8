"""Bugs of part 0B, the server's half: effects that happen twice or not at all, tables that forget or never do."""

from __future__ import annotations

from functools import partial

import msgspec
from msgspec import Struct

from distlab.core import Address
from grading.lab0_rpc.mutants import listed
from labs.lab0_rpc.protocol import Answer, Call, RequestId
from labs.lab0_rpc.server import Entry, Server, Session

ANSWER = msgspec.json.Decoder(Answer)


class NoTable(Server):
    def on_call(self, call: Call, sender: Address) -> None:
        session = self.session_of(call)
        if session is not None:
            session.answers.pop(call.id.number, None)
        super().on_call(call, sender)


class DedupByValue(Server):
    latest: dict[str, Answer]
    wishes: dict[str, tuple[str, int]]

    def on_start(self) -> None:
        self.latest, self.wishes = {}, {}
        super().on_start()

    def enter(self, entry: Entry) -> None:
        super().enter(entry)
        call = entry.call
        self.latest[call.id.client] = entry.answer
        self.wishes[call.id.client] = (call.account, call.amount)

    def on_call(self, call: Call, sender: Address) -> None:
        if self.wishes.get(call.id.client) == (call.account, call.amount):
            latest = self.latest[call.id.client]
            self.send(sender, Answer(call.id, latest.balance, latest.refused))
        else:
            super().on_call(call, sender)


class TableInMemory(Server):
    def on_start(self) -> None:
        super().on_start()
        for session in self.sessions.values():
            session.answers.clear()


class Note(Struct, frozen=True):
    """What ``TableAfterEffect`` writes for each call that it remembers."""

    answer: Answer


class TableAfterEffect(Server):
    """Two files: the effect in one, the table in another, synced later."""

    noted: set[RequestId]

    def on_start(self) -> None:
        self.noted = {note.answer.id for note in self.disk.recover("table", Note)}
        super().on_start()
        for session in self.sessions.values():
            session.answers = {n: a for n, a in session.answers.items() if a.id in self.noted}

    def on_call(self, call: Call, sender: Address) -> None:
        session = self.session_of(call)
        if session is not None and call.id.number not in session.answers:
            entry = Entry(call, self.decide(call))
            self.disk.append("ledger", entry)
            self.disk.sync("ledger", "/")
            self.disk.append("table", Note(entry.answer))
            self.disk.sync("table", "/")
            self.enter(entry)
        super().on_call(call, sender)


class AnswerBeforeSync(Server):
    def on_call(self, call: Call, sender: Address) -> None:
        session = self.session_of(call)
        if session is None:
            return
        if call.id.number in session.answers:
            self.send(sender, session.answers[call.id.number])
            return
        entry = Entry(call, self.decide(call))
        self.send(sender, entry.answer)
        self.enter(entry)
        self.disk.append("ledger", entry)
        self.disk.sync("ledger", "/")


class NameNotSynced(Server):
    def on_call(self, call: Call, sender: Address) -> None:
        session = self.session_of(call)
        if session is None:
            return
        if call.id.number not in session.answers:
            entry = Entry(call, self.decide(call))
            self.disk.append("ledger", entry)
            self.disk.sync("ledger")
            self.enter(entry)
        self.send(sender, session.answers[call.id.number])


class RefusalForgotten(Server):
    def on_call(self, call: Call, sender: Address) -> None:
        session = self.session_of(call)
        if session is not None:
            old = session.answers.get(call.id.number)
            if old is not None and old.refused:
                del session.answers[call.id.number]
        super().on_call(call, sender)


class RefusalNotSynced(Server):
    """Nothing has changed, so nothing need be durable."""

    def on_call(self, call: Call, sender: Address) -> None:
        session = self.session_of(call)
        if session is None:
            return
        if call.id.number not in session.answers:
            entry = Entry(call, self.decide(call))
            self.disk.append("ledger", entry)
            if not entry.answer.refused:
                self.disk.sync("ledger", "/")
            self.enter(entry)
        self.send(sender, session.answers[call.id.number])


class BoundFromAnyLife(Server):
    """Takes every call's word for what is settled, whichever life gave it."""

    def session_of(self, call: Call) -> Session | None:
        session = super().session_of(call)
        known = self.sessions[call.id.client]
        known.settled = max(known.settled, call.settled)
        return session


class UnboundedTable(Server):
    def session_of(self, call: Call) -> Session | None:
        session = self.sessions.setdefault(call.id.client, Session())
        if call.id.incarnation > session.incarnation:
            session.incarnation, session.answers = call.id.incarnation, {}
        return session if call.id.incarnation == session.incarnation else None


class UnboundedBytes(Server):
    """The same in one field of bytes: written as text, and read again for each call."""

    answered: bytes

    def on_start(self) -> None:
        self.answered = b""
        super().on_start()

    def session_of(self, call: Call) -> Session | None:
        session = self.sessions.setdefault(call.id.client, Session())
        if call.id.incarnation > session.incarnation:
            session.incarnation, session.answers = call.id.incarnation, {}
        if call.id.incarnation != session.incarnation:
            return None
        session.answers.clear()
        for answer in map(ANSWER.decode, self.answered.splitlines()):
            if answer.id == call.id:
                session.answers[call.id.number] = answer
        return session

    def enter(self, entry: Entry) -> None:
        super().enter(entry)
        self.answered += msgspec.json.encode(entry.answer) + b"\n"


class EvictsTheOldest(Server):
    """A table of fixed size: when it is full, the oldest answer goes, and nothing remembers that it was there."""

    def session_of(self, call: Call) -> Session | None:
        session = self.sessions.setdefault(call.id.client, Session())
        if call.id.incarnation > session.incarnation:
            session.incarnation, session.answers = call.id.incarnation, {}
        while len(session.answers) > 2:
            del session.answers[next(iter(session.answers))]
        return session if call.id.incarnation == session.incarnation else None


class ForgetsTheBound(Server):
    """Drops what is settled, and takes a straggler from below the bound for something new."""

    def session_of(self, call: Call) -> Session | None:
        session = super().session_of(call)
        if session is not None:
            return session
        known = self.sessions[call.id.client]
        return known if call.id.incarnation == known.incarnation else None


class BoundNotRecovered(Server):
    """Recovers the answers, and takes the bound for something that the next calls will say again."""

    def on_start(self) -> None:
        super().on_start()
        for session in self.sessions.values():
            session.settled = 1


class OldLivesLiveOn(Server):
    """Does not ask whether a later life of the client has been heard of."""

    def session_of(self, call: Call) -> Session | None:
        session = self.sessions.setdefault(call.id.client, Session())
        if call.id.incarnation != session.incarnation:
            session.incarnation, session.settled = call.id.incarnation, 1
            session.answers.clear()
        return super().session_of(call)


class LastNumberOnly(Server):
    """Takes every number up to the highest for a repetition: right only for one call at a time."""

    def on_call(self, call: Call, sender: Address) -> None:
        session = self.session_of(call)
        if session is None:
            return
        highest = max(session.answers, default=0)
        if call.id.number < highest and call.id.number not in session.answers:
            self.send(sender, Answer(call.id, self.balances.get(call.account, 0)))
        else:
            super().on_call(call, sender)


class ForgetsAfterAWhile(Server):
    """Time-to-live in place of the client's word."""

    written: dict[RequestId, int]

    def on_start(self) -> None:
        self.written = {}
        super().on_start()

    def enter(self, entry: Entry) -> None:
        super().enter(entry)
        self.written[entry.call.id] = self.monotonic()

    def session_of(self, call: Call) -> Session | None:
        session = super().session_of(call)
        for id_ in [i for i, at in self.written.items() if at < self.monotonic() - 500_000]:
            del self.written[id_]
            self.sessions[id_.client].answers.pop(id_.number, None)
        return session


class SyncsNowAndThen(Server):
    """Every second call is synced: half of the cost."""

    calls: int

    def on_start(self) -> None:
        self.calls = 0
        super().on_start()

    def on_call(self, call: Call, sender: Address) -> None:
        session = self.session_of(call)
        if session is None:
            return
        if call.id.number not in session.answers:
            entry = Entry(call, self.decide(call))
            self.disk.append("ledger", entry)
            self.calls += 1
            if self.calls % 2:
                self.disk.sync("ledger", "/")
            self.enter(entry)
        self.send(sender, session.answers[call.id.number])


class SilentOnRepeats(Server):
    def on_call(self, call: Call, sender: Address) -> None:
        session = self.session_of(call)
        if session is not None and call.id.number not in session.answers:
            super().on_call(call, sender)


class CurrentBalanceOnRepeats(Server):
    def on_call(self, call: Call, sender: Address) -> None:
        session = self.session_of(call)
        if session is not None and (old := session.answers.get(call.id.number)) is not None:
            self.send(sender, Answer(old.id, self.balances[call.account], old.refused))
        else:
            super().on_call(call, sender)


class SettlesWithNoReset(Server):
    """Keeps the bound of an earlier life for the next one, whose numbers begin at 1 again."""

    def session_of(self, call: Call) -> Session | None:
        session = self.sessions.setdefault(call.id.client, Session())
        session.incarnation = max(session.incarnation, call.id.incarnation)
        return super().session_of(call)


class OneSessionForAll(Server):
    """Forgets to ask whose number it is."""

    def session_of(self, call: Call) -> Session | None:
        session = super().session_of(call)
        if session is None:
            return None
        first = next(iter(self.sessions.values()))
        self.sessions[call.id.client] = first
        return first


_mutant = partial(listed, "B")

MUTANTS = (
    _mutant(
        "no-table",
        "server:Server",
        NoTable,
        "RPC-S3",
        "safety",
        "No table: each attempt is applied. At least once.",
    ),
    _mutant(
        "dedup-by-value",
        "server:Server",
        DedupByValue,
        "RPC-S3",
        "safety",
        "Two equal wishes of one client in a row are taken for one that came twice.",
        "payment systems that drop 'the same amount within a minute'",
    ),
    _mutant(
        "table-in-memory",
        "server:Server",
        TableInMemory,
        "RPC-S3",
        "safety",
        "The table is not recovered: after a crash every retry is new.",
        "D. Ongaro, 'Consensus: bridging theory and practice', section 6.3",
    ),
    _mutant(
        "table-after-effect",
        "server:Server",
        TableAfterEffect,
        "RPC-S3",
        "safety",
        "Effect and table are two records in two files; a crash between them forgets that the "
        "effect had happened.",
        "P. Helland, 'Life beyond distributed transactions', 2007",
    ),
    _mutant(
        "answer-before-sync",
        "server:Server",
        AnswerBeforeSync,
        "RPC-S3",
        "safety",
        "Answers first, and makes the effect durable then: a crash between the two loses what was "
        "promised.",
    ),
    _mutant(
        "name-not-synced",
        "server:Server",
        NameNotSynced,
        "RPC-S3",
        "safety",
        "Syncs the file and not the folder: after a power failure there is no file of that name.",
        "T. Pillai et al., 'All file systems are not created equal', OSDI 2014",
    ),
    _mutant(
        "refusal-forgotten",
        "server:Server",
        RefusalForgotten,
        "RPC-S4",
        "safety",
        "Only effects are remembered. A refused call that comes again later may be granted, long "
        "after the client was told no.",
    ),
    _mutant(
        "refusal-not-synced",
        "server:Server",
        RefusalNotSynced,
        "RPC-S4",
        "safety",
        "A refusal changes nothing, so it is not synced; a crash forgets it, and a copy of the "
        "call is granted.",
    ),
    _mutant(
        "bound-from-any-life",
        "server:Server",
        BoundFromAnyLife,
        "RPC-L2",
        "liveness",
        "What an earlier life had settled is taken for what this one has: its first calls are "
        "dropped.",
    ),
    _mutant(
        "unbounded-table",
        "server:Server",
        UnboundedTable,
        "RPC-C1",
        "cost",
        "Remembers every answer for ever.",
    ),
    _mutant(
        "unbounded-bytes",
        "server:Server",
        UnboundedBytes,
        "RPC-C1",
        "cost",
        "Remembers every answer for ever, all in one field of bytes, which looks like one thing.",
    ),
    _mutant(
        "evicts-the-oldest",
        "server:Server",
        EvictsTheOldest,
        "RPC-S3",
        "safety",
        "A full table forgets its oldest answer, settled or not; when that call comes again it is "
        "new.",
        "Kafka's brokers remember the last five batches of each producer",
    ),
    _mutant(
        "forgets-after-a-while",
        "server:Server",
        ForgetsAfterAWhile,
        "RPC-S3",
        "safety",
        "Answers expire after half a second, while calls may come again for as long as any queue "
        "holds them.",
        "idempotency keys with a time to live (Stripe keeps them for 24 hours)",
    ),
    _mutant(
        "syncs-now-and-then",
        "server:Server",
        SyncsNowAndThen,
        "RPC-S3",
        "safety",
        "Syncs every second record, and answers every one.",
        "MySQL's innodb_flush_log_at_trx_commit=2",
    ),
    _mutant(
        "forgets-the-bound",
        "server:Server",
        ForgetsTheBound,
        "RPC-S3",
        "safety",
        "Forgets settled answers and that they were settled: a straggler from the network is "
        "applied again.",
    ),
    _mutant(
        "bound-not-recovered",
        "server:Server",
        BoundNotRecovered,
        "RPC-S3",
        "safety",
        "A crash forgets what was settled, though not what was answered: a straggler that comes "
        "before the client's next call is applied again.",
    ),
    _mutant(
        "old-lives-live-on",
        "server:Server",
        OldLivesLiveOn,
        "RPC-S3",
        "safety",
        "Any change of incarnation starts a session anew, a change back as well: stragglers of an "
        "earlier life wipe the table.",
    ),
    _mutant(
        "last-number-only",
        "server:Server",
        LastNumberOnly,
        "RPC-S3",
        "safety",
        "Everything below the highest number is taken for a repetition: calls that overtook each "
        "other are lost, and answered Ok.",
        "Kafka's OutOfOrderSequence is there for this",
    ),
    _mutant(
        "silent-on-repeats",
        "server:Server",
        SilentOnRepeats,
        "RPC-L2",
        "liveness",
        "A repeated call is dropped, not answered: if the answer was lost, the client never "
        "learns.",
    ),
    _mutant(
        "current-balance-on-repeats",
        "server:Server",
        CurrentBalanceOnRepeats,
        "RPC-S5",
        "safety",
        "Remembers that a call was applied and not what was answered: a repetition is told "
        "today's balance.",
    ),
    _mutant(
        "bound-of-an-earlier-life",
        "server:Server",
        SettlesWithNoReset,
        "RPC-L2",
        "liveness",
        "A client's new life inherits the bound of its earlier one: its first calls are dropped "
        "as settled.",
    ),
    _mutant(
        "one-session-for-all",
        "server:Server",
        OneSessionForAll,
        "RPC-L2",
        "liveness",
        "The table is keyed by number alone: one client's call is answered with what another's "
        "came to.",
    ),
)
