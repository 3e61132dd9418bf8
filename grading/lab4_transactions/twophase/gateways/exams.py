"""Exams of part 4B: the SQLite store on real files, killed before every statement; and wait-for graphs."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from distlab.check import Verdict, broken, kept, unknown
from distlab.core import Address
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from labs.lab4_transactions.databases import Change, UnknownTransaction, Wait, WasForced, age
from labs.lab4_transactions.twophase import Txn

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


class _Clock:
    """Counts statements of all connections, and kills at one of them."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0
        self.open: list[sqlite3.Connection] = []

    def tick(self) -> None:
        self.count += 1
        if self.count == self.at:
            raise Killed


@contextmanager
def killing(at: int) -> Iterator[_Clock]:
    """Within: the program dies before its statement of that number (from 1), and its connections with it."""
    clock, connect = _Clock(at), sqlite3.connect

    class Connection(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            clock.tick()
            return super().execute(*arguments)

        def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
            for row in rows:
                cursor = self.execute(sql, row)
            return cursor

        def executescript(self, script: str) -> sqlite3.Cursor:
            clock.tick()
            return super().executescript(script)

        def commit(self) -> None:
            clock.tick()
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


def _killed(solution: Solution) -> Verdict:
    """Killed before every statement of every call: all of the call has happened, or nothing."""
    store_class = solution.module("sqlite_store").SqliteStore
    calls: tuple[tuple[str, Callable[[Any], None]], ...] = (
        ("prepare", lambda store: store.prepare(T2, (Change("rm1/b", 50, 49), CHANGES[0]))),
        ("commit", lambda store: store.commit(T1)),
        ("rollback", lambda store: store.rollback(T1)),
        ("force", lambda store: store.force(T1, True)),
    )
    seen_any = False
    for name, call in calls:
        ends = set()
        for at in range(1, 60):
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / "bank.db")
                store = store_class(path)
                store.open(ACCOUNTS)
                store.prepare(T1, CHANGES)
                before = _all(store)
                with killing(at) as clock:
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
)
EXAMS_L4 = (
    Exam("who gives way", _victims, "deadlocks"),
    Exam("who is the youngest", _age, "deadlocks"),
    Exam("drawn for people", _drawn, "deadlocks"),
)
