"""PostgreSQL as a participant: its server dies, and answers get lost, at every point; a call is done or it is not."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distlab.core import Address
from distlab.grade.solution import load_lab, load_solution

LAB = load_lab("4")
load_solution(LAB, LAB.part("B"), "reference")

from grading.lab4_transactions import postgres  # noqa: E402 - it needs a solution
from labs.lab4_transactions import postgres_store  # noqa: E402
from labs.lab4_transactions.databases import Change, DatabaseFailed  # noqa: E402
from labs.lab4_transactions.postgres_store import ConnectionLost, PostgresStore  # noqa: E402
from labs.lab4_transactions.twophase import Txn  # noqa: E402

CHANGES = (Change("rm1/a", 100, 70), Change("rm1/b", 100, 130))


class Bank:
    """A server that can be killed, and a store in front of it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.server = postgres.start(home)
        self.store = PostgresStore(f"{postgres.place(home)}/postgres")
        self.number = 0

    def kill(self) -> None:
        os.kill(self.server.pid, signal.SIGKILL)
        self.server.wait()
        self.server = postgres.start(self.home)

    def fresh(self) -> Txn:
        """A name of its own, and the accounts as on the first day."""
        self.number += 1
        self.store.open((("rm1/a", 100), ("rm1/b", 100)))
        self.store.say("UPDATE account SET balance = 100, by = '';")
        return Txn(Address("tm1"), 1, self.number)

    @property
    def balances(self) -> list[int]:
        return [seen.balance for seen in self.store.read(("rm1/a", "rm1/b")).values()]


class BreakingLine:
    """Breaks at one statement: before it arrives, or when it is done and its answer is on its way."""

    def __init__(self, at: int, is_done: bool) -> None:
        self.at, self.is_done = at, is_done
        self.statements = 0
        self._say = postgres_store._say

    def say(self, session: Any, sql: str) -> list[str]:
        self.statements += 1
        if self.statements != self.at:
            return self._say(session, sql)
        if self.is_done:
            self._say(session, sql)
        session.kill()
        raise ConnectionLost("the connection broke")


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    try:
        one = Bank(postgres.make())
    except postgres.NoServer as error:
        pytest.skip(str(error))
    yield one
    one.store.disconnect()
    postgres.stop(one.server)


def test_a_promise_outlives_the_server(bank: Bank) -> None:
    txn = bank.fresh()
    bank.store.prepare(txn, CHANGES)
    bank.kill()
    assert [(doubt.txn, doubt.changes) for doubt in bank.store.recover()] == [(txn, CHANGES)]
    assert bank.balances == [100, 100]
    bank.kill()
    bank.store.commit(txn)
    bank.kill()
    assert bank.balances == [70, 130]
    assert bank.store.recover() == []
    assert bank.store.forced() == {}


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("call", ["prepare", "commit", "rollback"])
def test_a_connection_breaks_at_any_statement_of_a_call(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, call: str, is_done: bool
) -> None:
    for at in range(1, 9):
        txn = bank.fresh()
        if call != "prepare":
            bank.store.prepare(txn, CHANGES)
        line = BreakingLine(at, is_done)
        with monkeypatch.context() as patch:
            patch.setattr(postgres_store, "_say", line.say)
            if call == "prepare":
                bank.store.prepare(txn, CHANGES)
            else:
                getattr(bank.store, call)(txn)
        in_doubt = [doubt.txn for doubt in bank.store.recover()]
        assert in_doubt == ([txn] if call == "prepare" else [])
        assert bank.balances == ([70, 130] if call == "commit" else [100, 100])
        if call == "prepare":
            bank.store.rollback(txn)
        for left in bank.store.forced():
            assert left == txn, "at most it looks forced, the way it was decided"
            bank.store.forget(left)
        if line.statements < at:
            return
    pytest.fail(f"{call} takes more than eight statements")


def test_a_server_that_is_gone_is_named(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_store, "PATIENCE", 0.2)
    with pytest.raises(DatabaseFailed, match="No such file or directory"):
        PostgresStore(f"{bank.home}/nowhere:{postgres.PORT}/postgres").recover()
