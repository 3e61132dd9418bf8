"""Exams of part 4B: the SQLite store on real files, killed before every statement, and full; and wait-for graphs."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from distlab.check import Verdict, broken, kept, unknown
from distlab.core import MS, SECOND, Address
from distlab.core.effects import Sent
from distlab.core.solo import Solo
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from labs.lab4_transactions.databases import (
    Change,
    DatabaseFailed,
    GatewayConfig,
    UnknownTransaction,
    Victim,
    Wait,
    Waits,
    WasForced,
    age,
)
from labs.lab4_transactions.twophase import Prepare, Refused, Step, Txn, Work, Worked

ACCOUNTS = (("rm1/a", 100), ("rm1/b", 50))
NAMES = ("rm1/a", "rm1/b")
CHANGES = (Change("rm1/a", 100, 70), Change("rm1/b", 50, 80))
TM = Address("tm1")
T1, T2 = Txn(TM, 1, 1), Txn(TM, 12, 305)


def here(check: Callable[[Solution], Verdict]) -> Callable[[Solution], Verdict]:
    """The check, where the program is in this process: its database is real, and dies with it."""

    def examined(solution: Solution) -> Verdict:
        if solution.is_sealed:
            return unknown(
                "sealed, a real database cannot be killed between two statements: grade it plain"
            )
        return check(solution)

    return examined


class Killed(BaseException):
    """As kill -9: nothing of the program runs any more."""


def full() -> Exception:
    """What SQLite says when there is no room."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_FULL, "SQLITE_FULL"
    return error


class _Clock:
    """Counts statements of all connections; one of them, or all from there on, raise."""

    def __init__(self, at: int, error: Callable[[], BaseException], *, stays: bool) -> None:
        self.at = at
        self.error = error
        self.stays = stays
        self.count = 0
        self.open: list[sqlite3.Connection] = []
        self.look: Callable[[sqlite3.Connection, str], None] = lambda connection, sql: None

    @property
    def has_struck(self) -> bool:
        return self.count >= self.at > 0

    def tick(self, connection: sqlite3.Connection, sql: str) -> None:
        self.look(connection, sql)
        self.count += 1
        if self.count == self.at or (self.stays and self.has_struck):
            raise self.error()


@contextmanager
def striking(
    at: int, error: Callable[[], BaseException] = Killed, *, stays: bool = False
) -> Iterator[_Clock]:
    """Within: the statement of that number (from 1; 0: none) raises before it is done, and, if it ``stays`` so, all
    behind it; connections end with the program."""
    clock, connect = _Clock(at, error, stays=stays), sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            clock.tick(self, str(arguments[0]))
            return super().execute(*arguments)

        def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
            for row in rows:
                cursor = self.execute(sql, row)
            return cursor

        def executescript(self, script: str) -> sqlite3.Cursor:
            clock.tick(self, script)
            return super().executescript(script)

        def commit(self) -> None:
            clock.tick(self, "COMMIT")
            super().commit()

    def killable(*arguments: Any, **options: Any) -> sqlite3.Connection:
        options.setdefault("factory", Connection)
        connection = connect(*arguments, **options)
        clock.open.append(connection)
        return connection

    sqlite3.connect = killable  # type: ignore[assignment]
    try:
        yield clock
    finally:
        sqlite3.connect = connect
        for connection in clock.open:
            connection.close()  # rolls back, as the next one to open the file would


def _balances(store: Any) -> tuple[int, int]:
    seen = store.read(NAMES)
    return seen["rm1/a"].balance, seen["rm1/b"].balance


def _prepared(store: Any) -> list[Txn]:
    return [doubt.txn for doubt in store.recover()]


def _on_files(check: Callable[[Callable[[], Any]], Verdict]) -> Callable[[Solution], Verdict]:
    """The check, with something that opens the same file again and again."""

    def examined(solution: Solution) -> Verdict:
        store = solution.module("sqlite_store").SqliteStore
        with tempfile.TemporaryDirectory() as folder:
            return check(lambda: store(str(Path(folder) / "bank.db")))

    return examined


@_on_files
def _promises(again: Callable[[], Any]) -> Verdict:
    """Open, prepare, come back, commit, come back; and the same with rollback."""
    store = again()
    store.open(ACCOUNTS)
    store.prepare(T1, CHANGES)
    store = again()
    store.open(ACCOUNTS)
    if _balances(store) != (100, 50):
        return broken("prepared is not done", expected=(100, 50), got=_balances(store))
    if [(d.txn, d.changes) for d in store.recover()] != [(T1, CHANGES)]:
        return broken(
            "recover, after opening the file anew", expected=(T1, CHANGES), got=store.recover()
        )
    store.commit(T1)
    seen = again().read((*NAMES, "rm1/none"))
    if {n: (s.balance, s.by) for n, s in seen.items()} != {"rm1/a": (70, T1), "rm1/b": (80, T1)}:
        return broken("after a commit", expected="70 and 80, written by " + str(T1), got=seen)
    store.prepare(T2, (Change("rm1/a", 70, 0),))
    if _prepared(again()) != [T2]:
        return broken("recover, with another one in doubt", expected=[T2], got=_prepared(again()))
    store.rollback(T2)
    if _balances(again()) != (70, 80) or _prepared(store):
        return broken("after a rollback", expected="nothing is changed, nothing in doubt")
    return kept()


@_on_files
def _twice(again: Callable[[], Any]) -> Verdict:
    """What is over, or never was, is unknown; and changes nothing."""
    store = again()
    store.open(ACCOUNTS)
    store.prepare(T1, CHANGES)
    store.commit(T1)
    for words, call in (
        ("a second commit", lambda: store.commit(T1)),
        ("a rollback after a commit", lambda: store.rollback(T1)),
        ("a commit of what never was", lambda: store.commit(T2)),
        ("forcing what is over", lambda: store.force(T1, False)),
    ):
        try:
            call()
        except UnknownTransaction:
            if _balances(store) == (70, 80):
                continue
        return broken(
            words, expected="UnknownTransaction, and nothing changes", got=_balances(store)
        )
    return kept()


@_on_files
def _heuristics(again: Callable[[], Any]) -> Verdict:
    """What was forced is remembered, over restarts, until it is forgotten."""
    store = again()
    store.open(ACCOUNTS)
    store.prepare(T1, CHANGES)
    store.force(T1, True)
    store = again()
    if store.forced() != {T1: True} or _prepared(store) or _balances(store) != (70, 80):
        return broken("forced to commit", expected="done, listed, not in doubt", got=store.forced())
    for call in (store.commit, store.rollback):
        try:
            call(T1)
        except WasForced as was:
            if was.commit and _balances(store) == (70, 80):
                continue
        return broken("ended after it was forced", expected="WasForced, and nothing changes")
    store.forget(T1)
    store.forget(T1)
    if again().forced():
        return broken("forgotten", expected="not listed any more", got=again().forced())
    return kept()


CALLS: tuple[tuple[str, Callable[[Any], None]], ...] = (
    ("prepare", lambda store: store.prepare(T2, (Change("rm1/b", 50, 49), CHANGES[0]))),
    ("commit", lambda store: store.commit(T1)),
    ("rollback", lambda store: store.rollback(T1)),
    ("force", lambda store: store.force(T1, True)),
)
"""Whatever changes something, with T1 prepared."""


def _killed(solution: Solution) -> Verdict:
    """Killed before every statement of every call: all of the call has happened, or nothing."""
    store_class = solution.module("sqlite_store").SqliteStore
    seen_any = False
    for name, call in CALLS:
        ends = set()
        for at in range(1, 60):
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "bank.db")
                store = store_class(path)
                store.open(ACCOUNTS)
                store.prepare(T1, CHANGES)
                before = _all(store)
                with striking(at) as clock:
                    try:
                        call(store_class(path))
                        is_killed = False
                    except Killed:
                        is_killed = True
                seen_any = seen_any or clock.count > 0
                after = _all(store_class(path))
                ends.add(after)
            if not is_killed:
                break
        if len(ends - {before, after}):
            return broken(
                f"killed (-9) in the midst of {name}",
                expected=f"as before ({before}) or as after ({after})",
                got=sorted(ends - {before, after})[0],
            )
    return kept() if seen_any else unknown("the store does not use sqlite3.connect")


def _full(solution: Solution) -> Verdict:
    """There is no room for a statement, or from there on: ``DatabaseFailed``, and nothing is done. Then there is."""
    store_class = solution.module("sqlite_store").SqliteStore
    seen_any = False
    for (name, call), stays in product(CALLS, (False, True)):
        for at in range(1, 60):
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "bank.db")
                store = store_class(path)
                store.open(ACCOUNTS)
                store.prepare(T1, CHANGES)
                before = _all(store)
                said = "nothing at all, as if it were done"
                with striking(at, full, stays=stays) as clock:
                    try:
                        call(store)
                    except DatabaseFailed:
                        said = ""
                    except Exception as error:
                        said = f"{type(error).__name__}: {error}"
                if not clock.has_struck:
                    break
                seen_any = True
                if said:
                    return broken(f"full, in {name}", expected="DatabaseFailed", got=said)
                if _all(store) != before:
                    return broken(
                        f"full, in {name}: not all of it was undone",
                        expected=before,
                        got=_all(store),
                    )
                call(store)  # there is room again
    return kept() if seen_any else unknown("the store does not use sqlite3.connect")


def _all(store: Any) -> str:
    """Everything that a store shows, in a line."""
    doubts = sorted(f"{doubt.txn} {len(doubt.changes)} changes" for doubt in store.recover())
    forced = sorted(f"{txn} {done}" for txn, done in store.forced().items())
    return f"balances {_balances(store)}, in doubt {doubts}, forced {forced}"


@_on_files
def _half_open(again: Callable[[], Any]) -> Verdict:
    """Opening twice is as good as once: accounts keep what they hold."""
    for _ in range(2):
        again().open(ACCOUNTS)
    store = again()
    store.prepare(T1, CHANGES)
    store.commit(T1)
    again().open(ACCOUNTS)
    if _balances(store) != (70, 80):
        return broken("opened once more", expected=(70, 80), got=_balances(store))
    return kept()


def _durable(solution: Solution) -> Verdict:
    """What SQLite is told about the disk: without a journal, or without syncs, a kill in mid-commit is seen by all."""
    store = solution.module("sqlite_store").SqliteStore
    said: dict[str, str] = {}
    looking = sqlite3.Connection.execute

    def look(connection: sqlite3.Connection, sql: str) -> None:
        if sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE", "REPLACE")):
            for name in ("journal_mode", "synchronous"):
                said[name] = str(looking(connection, f"PRAGMA {name}").fetchone()[0]).lower()

    with tempfile.TemporaryDirectory() as folder, striking(0) as clock:
        clock.look = look
        bank = store(str(Path(folder) / "bank.db"))
        bank.open(ACCOUNTS)
        bank.prepare(T1, CHANGES)
        bank.commit(T1)
    if not said:
        return unknown("the store does not use sqlite3.connect")
    if said["journal_mode"] in ("off", "memory"):
        return broken(
            f"journal_mode is {said['journal_mode']}: killed while it commits, the file is damaged",
            expected="a journal on disk",
            got=said["journal_mode"],
        )
    if said["synchronous"] in ("0", "1"):
        return broken(
            "synchronous is below FULL: power fails, and what was promised is gone",
            expected="FULL (2), or EXTRA (3)",
            got=said["synchronous"],
        )
    return kept()


# -- gateways and detectors, alone ------------------------------------------------------------------------------------


def _sent(solo: Solo, kind: type) -> list[Any]:
    sent = (effect.message for effect in solo.effects if isinstance(effect, Sent))
    return [message for message in sent if isinstance(message, kind)]


def _late_victim(solution: Solution) -> Verdict:
    """A deadlock is over, and the message about it comes late: who does not wait any more does not give way."""
    config = GatewayConfig(ACCOUNTS)
    for is_prepared in (False, True):
        gateway = Solo(solution.module("gateway").Gateway, config, "rm1")
        gateway.deliver(Work(T1, (Step("rm1/a", -30),)), "tm1")
        life = _sent(gateway, Worked)[0].life
        if is_prepared:
            gateway.deliver(Prepare(T1, life), "tm1")
        gateway.deliver(Victim(T1), "detector")
        if _sent(gateway, Refused) or "rm1/a" not in gateway.node.probe().locked:
            when = "that is prepared" if is_prepared else "that has its locks"
            return broken(
                f"a victim is named {when}, and gives way",
                expected="only who waits gives way",
                got="refused, or not locked any more",
            )
    return kept()


def _yesterday(solution: Solution) -> Verdict:
    """One gateway says who waits, and then no more: it has crashed. Two seconds later another one says the rest."""
    module = solution.module("deadlocks")
    detector = Solo(module.Detector, module.DetectorConfig(), "detector")
    one, other = (_w(1, 2, "rm1/a"),), (_w(2, 1, "rm2/a"),)
    detector.deliver(Waits(one), "rm1")
    detector.advance(2 * SECOND)
    detector.deliver(Waits(other), "rm2")
    if _sent(detector, Victim):
        return broken(
            "what a gateway said two seconds ago, and has not said again, makes a victim",
            expected="nobody",
            got="a victim",
        )
    for _ in range(4):
        detector.deliver(Waits(one), "rm1")
        detector.deliver(Waits(other), "rm2")
        detector.advance(25 * MS)
    if not _sent(detector, Victim):
        return broken(
            "two wait for each other, and both are said again and again", expected="a victim"
        )
    return kept()


# -- wait-for graphs --------------------------------------------------------------------------------------------------


def _t(number: int, coordinator: str = "tm1", epoch: int = 1) -> Txn:
    return Txn(Address(coordinator), epoch, number)


def _w(waiter: int, holder: int, account: str = "rm1/a") -> Wait:
    return Wait(_t(waiter), _t(holder), account)


VECTORS: tuple[tuple[str, tuple[Wait, ...], tuple[int, ...]], ...] = (
    ("nobody waits", (), ()),
    ("a queue", (_w(2, 1), _w(3, 1), _w(3, 2), _w(4, 3)), ()),
    ("two", (_w(1, 2), _w(2, 1)), (2,)),
    ("two, and others behind them", (_w(1, 2), _w(2, 1), _w(9, 1), _w(8, 9)), (2,)),
    ("a ring of four", (_w(1, 2), _w(2, 3), _w(3, 4), _w(4, 1)), (4,)),
    ("two rings with one in common", (_w(5, 1), _w(1, 5), _w(5, 2), _w(2, 5)), (5,)),
    ("two rings with an old one in common", (_w(1, 4), _w(4, 1), _w(1, 3), _w(3, 1)), (4, 3)),
    ("two rings apart", (_w(1, 2), _w(2, 1), _w(7, 8), _w(8, 7)), (8, 2)),
    ("through two accounts", (_w(1, 2), _w(1, 2, "rm2/b"), _w(2, 1)), (2,)),
)


def _cycle(edges: set[tuple[Txn, Txn]]) -> set[Txn]:
    """All that reach themselves: the slow and obvious way."""
    reach = set(edges)
    while more := {(a, d) for a, b in reach for c, d in edges if b == c} - reach:
        reach |= more
    return {a for a, b in reach if a == b}


def _plain_victims(waits: tuple[Wait, ...]) -> tuple[Txn, ...]:
    edges = {(wait.waiter, wait.holder) for wait in waits}
    found: list[Txn] = []
    while knotted := _cycle(edges):
        youngest = max(knotted, key=age)
        found.append(youngest)
        edges = {(a, b) for a, b in edges if youngest not in (a, b)}
    return tuple(sorted(found, key=age, reverse=True))


def _victims(solution: Solution) -> Verdict:
    victims = solution.module("deadlocks").victims
    for name, waits, wanted in VECTORS:
        if tuple(victims(waits)) != tuple(map(_t, wanted)):
            return broken(f"{name}: {_said(waits)}", expected=wanted, got=victims(waits))
    random = Random(4)
    for _ in range(150):
        pairs = [random.sample(range(1, 9), 2) for _ in range(random.randint(1, 14))]
        waits = tuple(_w(a, b, f"rm{a % 3}/a") for a, b in pairs)
        if tuple(victims(waits)) != _plain_victims(waits):
            return broken(_said(waits), expected=_plain_victims(waits), got=victims(waits))
    return kept()


def _age(solution: Solution) -> Verdict:
    """Young is a late epoch first, then a great number; names of coordinators come last."""
    victims = solution.module("deadlocks").victims
    for old, young in (((9, "tm1", 1), (1, "tm1", 2)), ((1, "tm9", 1), (2, "tm1", 1))):
        a, b = (_t(number, tm, epoch) for number, tm, epoch in (old, young))
        got = tuple(victims((Wait(a, b, "rm1/a"), Wait(b, a, "rm2/a"))))
        if got != (b,):
            return broken(f"{a} and {b} wait for each other", expected=b, got=got)
    return kept()


def _drawn(solution: Solution) -> Verdict:
    drawn = solution.module("deadlocks").drawn
    waits = (_w(2, 1, "rm2/b"), _w(1, 2), _w(3, 1))
    wanted = ["tm1/1.1 waits for tm1/1.2 (rm1/a)", "tm1/1.2 waits for tm1/1.1 (rm2/b) *"]
    if list(drawn(waits)) != wanted:
        return broken(_said(waits), expected=wanted, got=drawn(waits))
    return kept()


def _said(waits: tuple[Wait, ...]) -> str:
    return ", ".join(f"{w.waiter.number} waits for {w.holder.number}" for w in waits) or "nothing"


EXAMS_DB = (
    Exam("prepared, committed, rolled back", here(_promises), "sqlite_store"),
    Exam("what is over", here(_twice), "sqlite_store"),
    Exam("what was forced", here(_heuristics), "sqlite_store"),
    Exam("opened again", here(_half_open), "sqlite_store"),
    Exam("killed before every statement", here(_killed), "sqlite_store"),
    Exam("full at every statement", here(_full), "sqlite_store"),
    Exam("on disk, and not in memory", here(_durable), "sqlite_store"),
)
EXAMS_L4 = (
    Exam("who gives way", _victims, "deadlocks"),
    Exam("who is the youngest", _age, "deadlocks"),
    Exam("drawn for people", _drawn, "deadlocks"),
    Exam("a victim that does not wait", _late_victim, "gateway"),
    Exam("who waited yesterday", _yesterday, "deadlocks"),
)
