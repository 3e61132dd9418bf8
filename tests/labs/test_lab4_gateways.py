"""Both solutions of part 4B: gateways alone, SQLite on a real file, wait-for graphs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from distlab.core.solo import Solo
from tests.labs.lab4_twophase import Modules, lab, sent, steps

__all__ = ["lab"]


def gateway(lab: Modules, **balances: int) -> Solo:
    accounts = tuple((f"rm1/{name}", balance) for name, balance in balances.items())
    return Solo(lab.gateway.Gateway, lab.databases.GatewayConfig(accounts), "rm1")


def doubtful(lab: Modules, solo: Solo) -> Any:
    """A transaction that has said yes."""
    m = lab.twophase
    txn = m.Txn("tm1", 1, 1)
    life = sent(solo.deliver(m.Work(txn, steps(lab, rm1_a=-5)), "tm1"))[0].life
    assert m.Vote(txn, "yes") in sent(solo.deliver(m.Prepare(txn, life), "tm1"))
    return txn


def test_a_gateway_finds_its_promises_in_the_database(lab: Modules) -> None:
    solo = gateway(lab, a=100)
    txn = doubtful(lab, solo)
    solo.crash()
    assert lab.twophase.Inquiry(txn) in sent(solo.start())
    assert solo.node.probe().in_doubt == (txn,)
    assert lab.twophase.Ack(txn) in sent(solo.deliver(lab.twophase.Decision(txn, True), "tm1"))
    assert solo.node.probe().accounts[0].balance == 95


def test_what_is_forced_is_free_and_asked_about(lab: Modules) -> None:
    m, d, solo = lab.twophase, lab.databases, gateway(lab, a=100)
    txn = doubtful(lab, solo)
    solo.deliver(d.Force(commit=False), "dba")
    assert solo.node.probe().locked == ()
    solo.crash()
    assert m.Inquiry(txn) in sent(solo.start())


@pytest.mark.parametrize("commit", [True, False])
def test_a_mix_is_reported_until_it_is_noted(lab: Modules, commit: bool) -> None:
    m, d, solo = lab.twophase, lab.databases, gateway(lab, a=100)
    txn = doubtful(lab, solo)
    solo.deliver(d.Force(commit=not commit), "dba")
    report = d.Report(txn, decided=commit, done=not commit)
    assert report in sent(solo.deliver(m.Decision(txn, commit), "tm1"))
    assert report in sent(solo.advance(200_000))
    solo.deliver(d.Noted(txn), "dba")
    assert sent(solo.advance(200_000), d.Report) == []
    assert solo.node.probe().forced == ()


def test_a_guess_that_was_right_is_forgotten(lab: Modules) -> None:
    m, d, solo = lab.twophase, lab.databases, gateway(lab, a=100)
    txn = doubtful(lab, solo)
    solo.deliver(d.Force(commit=True), "dba")
    assert sent(solo.deliver(m.Decision(txn, True), "tm1")) == [m.Ack(txn)]
    assert solo.node.probe().forced == ()


def test_who_waits_is_told_to_the_detector(lab: Modules) -> None:
    m, d, solo = lab.twophase, lab.databases, gateway(lab, a=100)
    txn, other = doubtful(lab, solo), m.Txn("tm2", 1, 1)
    solo.deliver(m.Work(other, steps(lab, rm1_a=0)), "tm2")
    told = sent(solo.advance(100_000), d.Waits)
    assert told[0].waits == (d.Wait(other, txn, "rm1/a"),)
    assert isinstance(sent(solo.deliver(d.Victim(other), "detector"))[0], m.Refused)


def test_sqlite_keeps_what_it_has_promised(lab: Modules, tmp_path: Path) -> None:
    m, d = lab.twophase, lab.databases
    path, txn = str(tmp_path / "bank.db"), m.Txn("tm1", 2, 30)
    store = lab.sqlite_store.SqliteStore(path)
    store.open((("rm1/a", 100),))
    store.prepare(txn, (d.Change("rm1/a", 100, 70),))
    again = lab.sqlite_store.SqliteStore(path)
    assert [doubt.txn for doubt in again.recover()] == [txn]
    again.commit(txn)
    assert store.read(("rm1/a",)) == {"rm1/a": m.Seen("rm1/a", 70, txn)}
    with pytest.raises(d.UnknownTransaction):
        store.rollback(txn)


def test_the_simulators_database_does_what_sqlite_does(lab: Modules, tmp_path: Path) -> None:
    m, d, solo = lab.twophase, lab.databases, gateway(lab, a=100)
    sqlite = lab.sqlite_store.SqliteStore(str(tmp_path / "bank.db"))
    vault = d.Vault(solo.disk, d.Shelf())
    answers: list[list[Any]] = []
    for store in (vault, sqlite):
        said: list[Any] = []
        store.open((("rm1/a", 100), ("rm1/b", 50)))
        for number, how in enumerate(("commit", "rollback", "force", "nothing")):
            txn = m.Txn("tm1", 1, number)
            store.prepare(txn, (d.Change("rm1/a", 100 - number, 99 - number),))
            if how == "force":
                store.force(txn, True)
            elif how != "nothing":
                getattr(store, how)(txn)
            for call in (store.commit, store.rollback) if how != "nothing" else ():
                try:
                    call(txn)
                except (d.UnknownTransaction, d.WasForced) as error:
                    said.append((number, type(error)))
            said += [store.read(("rm1/a", "rm1/c")), store.recover(), store.forced()]
        store.forget(m.Txn("tm1", 1, 2))
        answers.append([*said, store.forced()])
    assert answers[0] == answers[1]


def test_a_file_that_is_no_database_or_not_there_is_named(lab: Modules, tmp_path: Path) -> None:
    failed = lab.databases.DatabaseFailed
    (tmp_path / "rotten").write_bytes(b"no database at all, and long enough to be read as one" * 20)
    with pytest.raises(failed, match="file is not a database"):
        lab.sqlite_store.SqliteStore(str(tmp_path / "rotten")).recover()
    with pytest.raises(failed, match="unable to open database file"):
        lab.sqlite_store.SqliteStore(str(tmp_path / "no" / "bank")).recover()


def test_a_database_that_is_really_full_has_done_nothing(lab: Modules, tmp_path: Path) -> None:
    databases, txn = lab.databases, lab.twophase.Txn("tm1", 1, 1)
    store = lab.sqlite_store.SqliteStore(str(tmp_path / "bank"))
    store.open((("rm1/a", 100),))
    long = tuple(databases.Change(f"rm1/{n}" + "x" * 500, n, n) for n in range(200))
    connect = sqlite3.connect

    def small(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.execute("PRAGMA max_page_count = 12")
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        with pytest.raises(databases.DatabaseFailed, match="database or disk is full"):
            store.prepare(txn, long)
    assert store.recover() == []
    store.prepare(txn, long)
    assert len(store.recover()[0].changes) == 200
