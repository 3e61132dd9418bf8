"""Bugs of part 0B, the client's half: names that change, outcomes that are not true, retries that do harm."""

from __future__ import annotations

from functools import partial

from distlab.core import MS, Fail, Info, Ok, Ticket
from grading.lab0_rpc.mutants import listed
from labs.lab0_rpc.client import Asked, Client, Life
from labs.lab0_rpc.protocol import Add, Answer, Call, Deadline, RequestId, Retry


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


class WindowByCount(Client):
    """Counts what is under way, not the numbers from the oldest of them on."""

    def on_add(self, add: Add, ticket: Ticket) -> None:
        if len(self.asked) >= self.config.window:
            self.finish(ticket, Fail("too much under way"))
            return
        self.last_number += 1
        number = self.last_number
        self.asked[number] = Asked(add, ticket, RequestId(self.address, self.incarnation, number))
        self.set_timer(Deadline(number), self.config.deadline)
        self.attempt(self.asked[number])


class LifeByTheClock(Client):
    """No file: a life begun later has a greater number, if the clock is right."""

    def on_start(self) -> None:
        self.last_number = 0
        self.asked = {}
        self.incarnation = self.now()


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


class SteadyWait(Client):
    """Well spread, slow enough, and the same after every attempt."""

    def wait_after(self, attempts: int) -> int:
        return 100 * MS + int(self.random.random() * 100 * MS)


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


_mutant = partial(listed, "B")

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
        "window-by-count",
        "client:Client",
        WindowByCount,
        "RPC-C1",
        "cost",
        "Counts what is under way. While one call is stuck, any number of later ones are used and "
        "answered, and the server must remember them all.",
        "TCP's window is one of numbers, not a count of what is unacknowledged",
    ),
    _mutant(
        "life-by-the-clock",
        "client:Client",
        LifeByTheClock,
        "RPC-L2",
        "liveness",
        "A life's number is the time at which it began: when the clock has been set back, the "
        "server takes the new life for an earlier one.",
        "D. Mills, RFC 5905: clocks are stepped when they are far off",
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
        "steady-wait",
        "client:Client",
        SteadyWait,
        "RPC-C2",
        "cost",
        "The wait is drawn, but does not grow: a server that is slow because it has too much to do "
        "is asked as often as before.",
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
)
