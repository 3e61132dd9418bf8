"""Bugs of gateways: what was forced and never told, what is in doubt and not listed, deadlocks nobody sees."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from copy import deepcopy
from itertools import pairwise

import networkx as nx

from distlab.core import Address
from distlab.grade.lab import bug
from labs.lab4_transactions.databases import (
    Change,
    DatabaseFailed,
    InDoubt,
    Noted,
    Standing,
    Tell,
    UnknownTransaction,
    Vault,
    Victim,
    Wait,
    Waits,
    age,
)
from labs.lab4_transactions.deadlocks import Detector
from labs.lab4_transactions.gateway import Gateway
from labs.lab4_transactions.sqlite_store import SqliteStore
from labs.lab4_transactions.twophase import Ack, Ask, Decision, Prepare, Txn, Vote

XA = "X/Open XA: XA_HEURMIX"

# -- heuristics -------------------------------------------------------------------------------------------------------


class SaysNothingOfIt(Gateway):
    """What was forced is over: it is forgotten, whatever was decided, and nobody is told."""

    def compare(self, txn: Txn, decided: bool, done: bool) -> None:
        self.forced.discard(txn)
        self.db.forget(txn)


class SaysItOnce(Gateway):
    """Reports a mix once, and forgets it. The message was lost."""

    def compare(self, txn: Txn, decided: bool, done: bool) -> None:
        super().compare(txn, decided, done)
        if self.unnoted.pop(txn, None) is not None:
            self.db.forget(txn)


class RemembersReports(Gateway):
    """Forgets in the database what it has yet to report: it knows it itself, until it crashes."""

    def compare(self, txn: Txn, decided: bool, done: bool) -> None:
        super().compare(txn, decided, done)
        self.db.forget(txn)


class StopsAsking(Gateway):
    """Does not ask how it ended once somebody has ended it: an abort is told once, and lost, and never heard of."""

    def was_forced(self, txn: Txn) -> None:
        super().was_forced(txn)
        self.cancel_timer(Ask(txn))


class AsksInOneLifeOnly(Gateway):
    """After a crash it takes up what is in doubt, and not what was forced."""

    def on_start(self) -> None:
        super().on_start()
        for txn in self.forced:
            self.cancel_timer(Ask(txn))


class CriesWolf(Gateway):
    """Reports everything that was forced, also what came to the same: after a week nobody reads the reports."""

    def compare(self, txn: Txn, decided: bool, done: bool) -> None:
        super().compare(txn, decided, not decided)


class NeverForgets(Gateway):
    """Leaves what was forced in the database's list, noted or not."""

    def on_noted(self, noted: Noted, dba: Address) -> None:
        self.unnoted.pop(noted.txn, None)


class BelievesTheForce(Gateway):
    """Somebody has ended it, so it votes no. But it has said yes before, and the coordinator may have counted that."""

    def on_prepare(self, prepare: Prepare, coordinator: Address) -> None:
        if prepare.txn in self.forced:
            self.send(coordinator, Vote(prepare.txn, "no"))
            self.forced.discard(prepare.txn)
        else:
            super().on_prepare(prepare, coordinator)


class HoldsOn(Gateway):
    """Keeps its locks on what was forced, though freeing them was what it was forced for."""

    def was_forced(self, txn: Txn) -> None:
        before = deepcopy(self.locks)
        super().was_forced(txn)
        self.locks = before


# -- lists, and recovery ----------------------------------------------------------------------------------------------


class RecoversNothing(Gateway):
    """Does not ask its database what is in doubt: for this life, nothing is."""

    def on_start(self) -> None:
        super().on_start()
        for txn in list(self.branches):
            self.cancel_timer(Ask(txn))
            self.locks.release(txn)
            del self.branches[txn]


class ListsItsOwn(Gateway):
    """Lists as in doubt what it has prepared in this life."""

    def probe(self) -> Standing:
        full = super().probe()
        mine = tuple(t for t in full.in_doubt if t in self.branches and self.branches[t].worked)
        return Standing(full.accounts, mine, full.locked, full.blocked, full.forced)


class BlamesTheFirst(Gateway):
    """Says that everybody waits for the first in the queue: a second one that shares the lock is never found."""

    def waits(self) -> tuple[Wait, ...]:
        first = {account: queue[0].txn for account, queue in self.locks.queues.items()}
        return tuple(wait for wait in super().waits() if wait.holder == first[wait.account])


class BlamesTheQueue(Gateway):
    """Says that who waits waits for the one before it in the queue, who perhaps waits, too."""

    def waits(self) -> tuple[Wait, ...]:
        return tuple(
            Wait(claim.txn, before.txn, account)
            for account, queue in self.locks.queues.items()
            for before, claim in pairwise(queue)
            if claim.txn not in self.locks.holders(account)
        )


class CommitsTheUnknown(Gateway):
    """Acknowledges only what the database has just committed: the Ack was lost, and the next one never comes."""

    def on_decision(self, decision: Decision, coordinator: Address) -> None:
        known = {doubt.txn for doubt in self.db.recover()} | set(self.db.forced())
        if decision.commit and decision.txn not in known:
            return
        super().on_decision(decision, coordinator)


class PreparesLater(Gateway):
    """Keeps in memory what it would write, and has the database prepare it when the decision comes."""

    def prepare(self, txn: Txn, branch) -> None:  # type: ignore[no-untyped-def]
        real, Vault.prepare = Vault.prepare, lambda *_: None
        try:
            super().prepare(txn, branch)
        finally:
            Vault.prepare = real

    def on_decision(self, decision: Decision, coordinator: Address) -> None:
        branch = self.branches.get(decision.txn)
        if branch is not None and branch.is_prepared and branch.worked and decision.commit:
            super().prepare(decision.txn, branch)
        super().on_decision(decision, coordinator)


class AcksFirst(Gateway):
    """Acknowledges a commit, and then has the database do it."""

    def on_decision(self, decision: Decision, coordinator: Address) -> None:
        if decision.commit:
            self.send(coordinator, Ack(decision.txn))
        super().on_decision(decision, coordinator)


# -- deadlocks --------------------------------------------------------------------------------------------------------


class DeafToVictims(Gateway):
    """Does not care who is to give way: the time-out will come."""

    def on_victim(self, victim: Victim, detector: Address) -> None:
        pass


class TellsOnce(Gateway):
    """Tells the detector once who waits."""

    def on_tell(self, timer: Tell) -> None:
        was = self.told_waits
        if not was or self.unnoted or not self.waits():
            super().on_tell(timer)
        self.told_waits = True
        self.set_timer(Tell(), self.config.tell)


class TellsNobody(Gateway):
    """Keeps to itself who waits here."""

    def waits(self) -> tuple[Wait, ...]:
        return ()


def everybody_in_it(waits: Iterable[Wait]) -> tuple[Txn, ...]:
    """Everybody who is in the cycle gives way: the deadlock is gone, and so is all the work."""
    graph = nx.DiGraph([(wait.waiter, wait.holder) for wait in waits])
    knots = [knot for knot in nx.strongly_connected_components(graph) if len(knot) > 1]
    return tuple(sorted((txn for knot in knots for txn in knot), key=age, reverse=True))


def everybody_who_waits(waits: Iterable[Wait]) -> tuple[Txn, ...]:
    """Whoever waits gives way: a queue is taken for a deadlock."""
    return tuple(sorted({wait.waiter for wait in waits}, key=age, reverse=True))


def the_oldest(waits: Iterable[Wait]) -> tuple[Txn, ...]:
    """The oldest gives way, which has done most; and it is the same one again, and never gets through."""
    graph = nx.DiGraph([(wait.waiter, wait.holder) for wait in waits])
    found: list[Txn] = []
    while knots := [knot for knot in nx.strongly_connected_components(graph) if len(knot) > 1]:
        chosen = [min(knot, key=age) for knot in knots]
        graph.remove_nodes_from(chosen)
        found += chosen
    return tuple(sorted(found, key=age, reverse=True))


def rings_of_two(waits: Iterable[Wait]) -> tuple[Txn, ...]:
    """Sees two that wait for each other, and no ring of three."""
    pairs = {(wait.waiter, wait.holder) for wait in waits}
    mutual = {max(a, b, key=age) for a, b in pairs if (b, a) in pairs}
    return tuple(sorted(mutual, key=age, reverse=True))


class OneGatewayAtATime(Detector):
    """Looks for cycles in what each gateway tells by itself: there is never one."""

    def on_waits(self, waits: Waits, gateway: Address) -> None:
        self.known.clear()
        super().on_waits(waits, gateway)


# -- SQLite -----------------------------------------------------------------------------------------------------------


class DoesItAtOnce(SqliteStore):
    """Changes the balances when it prepares, since it will have to anyway."""

    def prepare(self, txn: Txn, changes: tuple[Change, ...]) -> None:
        super().prepare(txn, changes)
        with self.local() as db:
            for change in changes:
                db.execute(
                    "UPDATE account SET balance = ? WHERE name = ?", (change.after, change.account)
                )


class InTwoSteps(SqliteStore):
    """Commits in two local transactions: balances, and then the rows. Killed in between, it is done and in doubt."""

    def commit(self, txn: Txn) -> None:
        if txn in self.forced() or txn not in [doubt.txn for doubt in self.recover()]:
            super().commit(txn)
        with self.local() as db:
            db.execute(
                "UPDATE account SET by = p.txn, balance = p.becomes FROM prepared AS p "
                "WHERE p.account = account.name AND p.txn = ?",
                (str(txn),),
            )
        with self.local() as db:
            db.execute("DELETE FROM prepared WHERE txn = ?", (str(txn),))


class RowByRow(SqliteStore):
    """Prepares row by row, each its own transaction: half of a promise is still a promise, after a kill."""

    def prepare(self, txn: Txn, changes: tuple[Change, ...]) -> None:
        for change in changes:
            super().prepare(txn, (change,))


class ForcesInTwoSteps(SqliteStore):
    """Ends what is forced, and then notes that it was forced: killed in between, nobody knows any more."""

    def force(self, txn: Txn, commit: bool) -> None:
        with self.local() as db:
            self.end(db, txn, commit)
        with self.local() as db:
            db.execute("INSERT INTO forced VALUES (?, ?)", (str(txn), commit))


class CommitsAnything(SqliteStore):
    """Commits what it has never heard of, without a word."""

    def end(self, db: sqlite3.Connection, txn: Txn, commit: bool) -> None:
        with suppress(UnknownTransaction):
            super().end(db, txn, commit)


class SaysYesWhenFull(SqliteStore):
    """Takes a database that is full for one that is slow, and says nothing: yes is said, and there is no promise."""

    def prepare(self, txn: Txn, changes: tuple[Change, ...]) -> None:
        with suppress(DatabaseFailed):
            super().prepare(txn, changes)


class HalfWhenFull(SqliteStore):
    """Commits in ``finally``, so that it is never forgotten: also what a full database has cut short."""

    @contextmanager
    def local(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                finally:
                    connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise DatabaseFailed(str(error)) from error


class JournalInMemory(SqliteStore):
    """Four times as fast, says a page about tuning: no journal on disk, no syncs. Killed while it commits, it is
    damaged."""

    @contextmanager
    def local(self) -> Iterator[sqlite3.Connection]:
        with super().local() as connection:
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN IMMEDIATE")
            yield connection


class GivesWayAnyway(Gateway):
    """Refuses whoever is named as a victim, waiting or not: the message was late, and it had said yes."""

    def on_victim(self, victim: Victim, detector: Address) -> None:
        if victim.txn in self.branches:
            self.refuse(victim.txn, "a deadlock, and it was the youngest")


class RemembersYesterday(Detector):
    """Believes what a gateway has said until it says something else: one that has crashed says nothing any more."""

    def on_waits(self, waits: Waits, gateway: Address) -> None:
        self.known = {who: (self.monotonic(), told) for who, (_, told) in self.known.items()}
        super().on_waits(waits, gateway)


class StartsOver(SqliteStore):
    """Opening sets the accounts to their opening balances."""

    def open(self, accounts: tuple[tuple[str, int], ...]) -> None:
        super().open(accounts)
        with self.local() as db:
            db.executemany("UPDATE account SET balance = ?2 WHERE name = ?1", accounts)


class OneDigit(SqliteStore):
    """Lists what is in doubt by the beginnings of names: 1.1 and 1.10 are the same to it."""

    def recover(self) -> list[InDoubt]:
        return [InDoubt(Txn(d.txn.coordinator, 1, 1), d.changes) for d in super().recover()]


def _gateway(name, by, breaks, **more):  # type: ignore[no-untyped-def]
    replaces = more.pop("replaces", "gateway:Gateway")
    return bug(name, by, part="B", replaces=replaces, breaks=breaks, **more)


def _detecting(name, by, **more):  # type: ignore[no-untyped-def]
    return _gateway(name, by, "TX2-L4", replaces="deadlocks:victims", **more)


def _sqlite(name, by):  # type: ignore[no-untyped-def]
    return _gateway(name, by, "DB-S1", replaces="sqlite_store:SqliteStore")


DETECTOR = "deadlocks:Detector"

DATABASES = (
    _gateway("says-nothing-of-it", SaysNothingOfIt, "TX2-H1", source=XA),
    _gateway("says-it-once", SaysItOnce, "TX2-H1"),
    _gateway("remembers-reports", RemembersReports, "TX2-H1"),
    _gateway("stops-asking", StopsAsking, "TX2-H1"),
    _gateway("asks-in-one-life-only", AsksInOneLifeOnly, "TX2-H1"),
    _gateway("cries-wolf", CriesWolf, "TX2-H1"),
    _gateway("never-forgets", NeverForgets, "TX2-H1", kind="liveness"),
    _gateway("believes-the-force", BelievesTheForce, "TX2-S1"),
    _gateway("holds-on", HoldsOn, "TX2-L1", kind="liveness"),
    _gateway("recovers-nothing", RecoversNothing, "TX2-L1", kind="liveness"),
    _gateway("lists-its-own", ListsItsOwn, "TX2-H2"),
    _gateway("blames-the-first", BlamesTheFirst, "TX2-H2"),
    _gateway("blames-the-queue", BlamesTheQueue, "TX2-H2"),
    _gateway("commits-the-unknown", CommitsTheUnknown, "TX2-L1", kind="liveness"),
    _gateway("prepares-later", PreparesLater, "TX2-S1"),
    _gateway("acks-first", AcksFirst, "TX2-S1"),
    _gateway("deaf-to-victims", DeafToVictims, "TX2-L4", kind="liveness"),
    _gateway("tells-once", TellsOnce, "TX2-L4", kind="liveness"),
    _gateway("tells-nobody", TellsNobody, "TX2-L4", kind="liveness"),
    _detecting("everybody-in-it", everybody_in_it, kind="cost"),
    _detecting("everybody-who-waits", everybody_who_waits, kind="cost"),
    _detecting("the-oldest", the_oldest, kind="liveness"),
    _detecting("rings-of-two", rings_of_two, kind="liveness"),
    _gateway(
        "one-gateway-at-a-time", OneGatewayAtATime, "TX2-L4", replaces=DETECTOR, kind="liveness"
    ),
    _sqlite("does-it-at-once", DoesItAtOnce),
    _sqlite("in-two-steps", InTwoSteps),
    _sqlite("row-by-row", RowByRow),
    _sqlite("forces-in-two-steps", ForcesInTwoSteps),
    _sqlite("commits-anything", CommitsAnything),
    _sqlite("says-yes-when-full", SaysYesWhenFull),
    _sqlite("half-when-full", HalfWhenFull),
    _sqlite("journal-in-memory", JournalInMemory),
    _gateway("gives-way-anyway", GivesWayAnyway, "TX2-L4"),
    _gateway("remembers-yesterday", RemembersYesterday, "TX2-L4", replaces=DETECTOR),
    _sqlite("starts-over", StartsOver),
    _sqlite("one-digit", OneDigit),
)
