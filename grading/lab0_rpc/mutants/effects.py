"""Bugs of part 0B: effects that happen twice or not at all, outcomes that are not true, and costs."""

from __future__ import annotations

from msgspec import Struct

from distlab.core import Address, Fail, Info, Ok, Ticket
from distlab.grade.lab import Mutant
from labs.lab0_rpc.client import Asked, Client, Life
from labs.lab0_rpc.protocol import Add, Answer, Call, Deadline, RequestId, Retry
from labs.lab0_rpc.server import Entry, Server, Session

# -- the client -------------------------------------------------------------------------------------------------------


class FreshIdPerAttempt(Client):
    def attempt(self, asked: Asked) -> None:
        if asked.attempts:
            self.last_number += 1
            del self.asked[asked.id.number]
            self.cancel_timer(Deadline(asked.id.number))
            asked.id = RequestId(self.address, self.incarnation, self.last_number)
            self.asked[asked.id.number] = asked
            self.set_timer(Deadline(asked.id.number), self.config.deadline)
        super().attempt(asked)


class UnknownIsFailed(Client):
    def settle(self, asked: Asked, outcome: Ok | Fail | Info) -> None:
        super().settle(asked, Fail("timed out") if isinstance(outcome, Info) else outcome)


class UnknownIsDone(Client):
    def settle(self, asked: Asked, outcome: Ok | Fail | Info) -> None:
        super().settle(asked, Ok(0) if isinstance(outcome, Info) else outcome)


class RefusedIsUnknown(Client):
    def settle(self, asked: Asked, outcome: Ok | Fail | Info) -> None:
        super().settle(asked, Info("no") if isinstance(outcome, Fail) else outcome)


class RefusedIsDone(Client):
    def settle(self, asked: Asked, outcome: Ok | Fail | Info) -> None:
        super().settle(asked, Ok(0) if isinstance(outcome, Fail) else outcome)


class SameLifeAgain(Client):
    def on_start(self) -> None:
        super().on_start()
        self.incarnation = 1


class LifeNotSynced(Client):
    def on_start(self) -> None:
        self.last_number = 0
        self.asked = {}
        self.incarnation = len(self.disk.recover("lives", Life)) + 1
        self.disk.append("lives", Life(self.incarnation))


class LifeWithoutAName(Client):
    def on_start(self) -> None:
        self.last_number = 0
        self.asked = {}
        self.incarnation = len(self.disk.recover("lives", Life)) + 1
        self.disk.append("lives", Life(self.incarnation))
        self.disk.sync("lives")


class SettledTooFar(Client):
    def settled(self) -> int:
        return self.last_number


class UnknownNeverSettles(Client):
    """What is unknown might still be asked about, one day."""

    lowest_unknown: int

    def on_start(self) -> None:
        self.lowest_unknown = 0
        super().on_start()

    def settled(self) -> int:
        return self.lowest_unknown or super().settled()

    def settle(self, asked: Asked, outcome: Ok | Fail | Info) -> None:
        super().settle(asked, outcome)
        if isinstance(outcome, Info):
            self.lowest_unknown = self.lowest_unknown or asked.id.number


class WindowOfOne(Client):
    def on_add(self, add: Add, ticket: Ticket) -> None:
        if self.asked:
            self.finish(ticket, Fail("busy"))
        else:
            super().on_add(add, ticket)


class RandomLife(Client):
    def on_start(self) -> None:
        super().on_start()
        self.incarnation = self.random.getrandbits(31)


class HardlyAnyJitter(Client):
    def wait_after(self, attempts: int) -> int:
        wait = min(self.config.first_wait << attempts - 1, self.config.longest_wait)
        return int(wait * (0.98 + 0.02 * self.random.random()))


class NoBackoff(Client):
    def wait_after(self, attempts: int) -> int:
        return super().wait_after(1)


class NoJitter(Client):
    def wait_after(self, attempts: int) -> int:
        return int(min(self.config.first_wait << attempts - 1, self.config.longest_wait))


class EndlessBackoff(Client):
    def wait_after(self, attempts: int) -> int:
        return super().wait_after(attempts) << 3 * attempts


class NoRetry(Client):
    def on_retry(self, retry: Retry) -> None:
        """Somebody else will see to it."""


class RetriesForEver(Client):
    given_up: dict[int, Asked]

    def on_start(self) -> None:
        self.given_up = {}
        super().on_start()

    def on_retry(self, retry: Retry) -> None:
        self.attempt(self.asked.get(retry.number) or self.given_up[retry.number])

    def settle(self, asked: Asked, outcome: Ok | Fail | Info) -> None:
        super().settle(asked, outcome)
        if isinstance(outcome, Info):
            self.given_up[asked.id.number] = asked
            self.set_timer(Retry(asked.id.number), self.wait_after(asked.attempts))


class GoesBackN(Client):
    """Whenever one is due, all that is under way goes out again."""

    def on_retry(self, retry: Retry) -> None:
        super().on_retry(retry)
        for asked in self.asked.values():
            if asked.id.number != retry.number:
                add = asked.add
                call = Call(asked.id, self.settled(), add.account, add.amount)
                self.send(self.config.front, call)


class DeadlineMovesWithRetries(Client):
    def attempt(self, asked: Asked) -> None:
        super().attempt(asked)
        self.set_timer(Deadline(asked.id.number), self.config.deadline)


class GivesUpEarly(Client):
    def on_retry(self, retry: Retry) -> None:
        asked = self.asked[retry.number]
        if asked.attempts == 3:
            self.settle(asked, Info("three times is enough"))
        else:
            super().on_retry(retry)


class AnswersByNumberAlone(Client):
    def on_answer(self, answer: Answer) -> None:
        ours = RequestId(self.address, self.incarnation, answer.id.number)
        super().on_answer(Answer(ours, answer.balance, answer.refused))


# -- the server -------------------------------------------------------------------------------------------------------


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


def _mutant(
    name: str,
    replaces: str,
    by: object,
    breaks: str,
    kind: str,
    story: str,
    source: str = "ours",
    code: str = "",
) -> Mutant:
    return Mutant(
        name=name,
        code=code,
        part="B",
        replaces=replaces,
        by=by,
        story=story,
        source=source,
        breaks=breaks,
        kind=kind,
    )


MUTANTS = (
    _mutant(
        "fresh-id-per-attempt",
        "client:Client",
        FreshIdPerAttempt,
        "RPC-S3",
        "safety",
        "Each attempt gets an id of its own, so the server cannot see that it is the same wish.",
        "Stripe's and AWS's advice on idempotency keys: the key is of the operation, not of the "
        "request",
    ),
    _mutant(
        "unknown-is-failed",
        "client:Client",
        UnknownIsFailed,
        "RPC-S4",
        "safety",
        "A time-out is reported as a failure; whoever asked will ask again, and pay twice.",
        "Jepsen: an operation that timed out is indeterminate (:info)",
    ),
    _mutant(
        "unknown-is-done",
        "client:Client",
        UnknownIsDone,
        "RPC-S4",
        "safety",
        "A time-out is reported as done: it was sent, after all.",
    ),
    _mutant(
        "refused-is-unknown",
        "client:Client",
        RefusedIsUnknown,
        "RPC-S4",
        "safety",
        "Everything that is not a success is Info: never wrong, and of no use.",
    ),
    _mutant(
        "refused-is-done",
        "client:Client",
        RefusedIsDone,
        "RPC-S4",
        "safety",
        "An answer came, so it is Ok; what the answer says is not read.",
    ),
    _mutant(
        "id-used-after-restart",
        "client:Client",
        SameLifeAgain,
        "RPC-S3",
        "safety",
        "A restarted client counts from 1 again under the same name: the server takes its new "
        "calls for old ones.",
        "Kafka KIP-98: a producer id must not be used again after a restart without a new epoch",
    ),
    _mutant(
        "life-not-synced",
        "client:Client",
        LifeNotSynced,
        "RPC-S3",
        "safety",
        "The life's number is written and not synced; a crash takes it back, and the next life "
        "has it again.",
    ),
    _mutant(
        "life-without-a-name",
        "client:Client",
        LifeWithoutAName,
        "RPC-S3",
        "safety",
        "The file of lives is synced and its name is not: after a power failure it never existed.",
        "T. Pillai et al., 'All file systems are not created equal', OSDI 2014",
    ),
    _mutant(
        "settled-too-far",
        "client:Client",
        SettledTooFar,
        "RPC-L2",
        "liveness",
        "Says that all but the newest call is settled: the server drops what is still asked for.",
    ),
    _mutant(
        "unknown-never-settles",
        "client:Client",
        UnknownNeverSettles,
        "RPC-L2",
        "liveness",
        "What ended as unknown is never settled: the window fills up with it, and the rest is "
        "turned away.",
    ),
    _mutant(
        "window-of-one",
        "client:Client",
        WindowOfOne,
        "RPC-L2",
        "cost",
        "Turns everything away while anything is under way.",
    ),
    _mutant(
        "random-life",
        "client:Client",
        RandomLife,
        "RPC-L2",
        "liveness",
        "Each life draws its number: another, but not a greater one, so that the server takes it "
        "for an earlier life.",
    ),
    _mutant(
        "hardly-any-jitter",
        "client:Client",
        HardlyAnyJitter,
        "RPC-C2",
        "cost",
        "Two per cent of jitter: it was asked for, and it does not help.",
    ),
    _mutant(
        "no-backoff",
        "client:Client",
        NoBackoff,
        "RPC-C2",
        "cost",
        "Tries again at the same short intervals, for as long as it takes: a server in trouble "
        "stays there.",
        "AWS Builders' Library, 'Timeouts, retries and backoff with jitter'",
    ),
    _mutant(
        "no-jitter",
        "client:Client",
        NoJitter,
        "RPC-C2",
        "cost",
        "Waits grow, but are the same for everybody: clients that failed together come back "
        "together.",
        "M. Brooker, 'Exponential backoff and jitter', 2015",
        "m8",
    ),
    _mutant(
        "endless-backoff",
        "client:Client",
        EndlessBackoff,
        "RPC-L2",
        "liveness",
        "Waits grow without limit: the network heals, and the client sleeps on until its deadline.",
    ),
    _mutant(
        "no-retry",
        "client:Client",
        NoRetry,
        "RPC-L2",
        "liveness",
        "Sends once, and waits for an answer until time is up.",
    ),
    _mutant(
        "retries-for-ever",
        "client:Client",
        RetriesForEver,
        "RPC-C2",
        "cost",
        "Reports Info, and goes on trying: what nobody waits for any more happens in the end.",
    ),
    _mutant(
        "all-again",
        "client:Client",
        GoesBackN,
        "RPC-C2",
        "cost",
        "When one call is due, all that is under way is sent again: the square of what is needed.",
        "go-back-N against selective repeat",
    ),
    _mutant(
        "deadline-moves",
        "client:Client",
        DeadlineMovesWithRetries,
        "RPC-L2",
        "liveness",
        "Each attempt starts the deadline anew: while the network is down the operation never "
        "ends.",
        "gRPC: a deadline is of the call, a time-out of the attempt",
    ),
    _mutant(
        "gives-up-early",
        "client:Client",
        GivesUpEarly,
        "RPC-L2",
        "liveness",
        "Three attempts, then no more, however much time is left.",
    ),
    _mutant(
        "number-without-life",
        "client:Client",
        AnswersByNumberAlone,
        "RPC-S4",
        "safety",
        "An answer to an earlier life's call of the same number is taken for an answer to this "
        "one's.",
    ),
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
