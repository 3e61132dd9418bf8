"""PostgreSQL's two-phase commit over two databases, under the load of benchmarks/transactions.py; prints JSON.

    python benchmarks/transactions_peers.py {steps,packed,driver} SOCKET_FOLDER PORT SERVER_PID CLIENTS SECONDS ACCOUNTS

A client is the coordinator of its own transfers, and has one connection to each database. It keeps no log, so that what
it had decided is lost when it dies.

``steps``   asyncpg, both databases at once: BEGIN; UPDATE ... RETURNING, parsed before; PREPARE TRANSACTION; COMMIT
            PREPARED. Four round trips.
``packed``  the same, the first three in one request. Two round trips; nobody is told the balance.
``driver``  psycopg's own calls for it (PEP 249's ``tpc_begin``, ``tpc_prepare``, ``tpc_commit``), one database after
            the other, a thread for each client.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import measuring

WARM_UP = 2.0
DATABASES = ("rm1", "rm2")
TABLE = "CREATE TABLE account (name text PRIMARY KEY, balance bigint CHECK (balance >= 0))"
MOVE = "UPDATE account SET balance = balance + {} WHERE name = {} RETURNING balance"


class Clock:
    """Times transfers, from the end of the warm-up on, and the processor time of both sides."""

    def __init__(self, seconds: float, server: int) -> None:
        self._server = server
        self._begin = time.perf_counter() + WARM_UP
        self._end = self._begin + seconds
        self._seconds = seconds
        self._cpu: tuple[float, float] | None = None
        self.latencies: list[float] = []

    def is_over(self) -> bool:
        return time.perf_counter() >= self._end

    def took(self, began: float) -> None:
        """A transfer that began then is committed in both databases."""
        now = time.perf_counter()
        if began >= self._begin and now < self._end:
            if self._cpu is None:
                self._cpu = self._used()
            self.latencies.append(now - began)

    def _used(self) -> tuple[float, float]:
        own = resource.getrusage(resource.RUSAGE_SELF)
        server = 0.0
        for process in (self._server, *measuring.descendants(self._server)):
            with suppress(OSError):
                server += measuring.processor_time(process)
        return server, own.ru_utime + own.ru_stime

    def figures(self) -> dict[str, Any]:
        assert self._cpu is not None
        servers, client = self._used()
        return {
            "seconds": self._seconds,
            "latencies": [round(took * 1e6) for took in self.latencies],
            "servers": servers - self._cpu[0],
            "client": client - self._cpu[1],
        }


def moves(client: int, accounts: int) -> Iterator[tuple[str, tuple[tuple[int, str], ...]]]:
    """Names of transactions, and what each does at the two databases. No two clients meet on an account."""
    draws, number = Random(client), 0
    while True:
        number += 1
        source, target = (f"a{client}.{draws.randrange(accounts)}" for _ in DATABASES)
        yield f"c{client}.{number}", ((-1, source), (1, target))


# -- asyncpg -----------------------------------------------------------------------------------------


async def run_asyncpg(
    packed: bool, where: dict[str, Any], server: int, clients: int, seconds: float, accounts: int
) -> dict[str, Any]:
    import asyncpg

    async def connections() -> list[Any]:
        return [
            await asyncpg.connect(**where, user="postgres", database=name) for name in DATABASES
        ]

    for setup in await connections():
        await setup.execute(TABLE)
        rows = [(f"a{c}.{n}", 10**9) for c in range(clients) for n in range(accounts)]
        await setup.executemany("INSERT INTO account VALUES ($1, $2)", rows)
        await setup.close()
    open_ = [await connections() for _ in range(clients)]
    clock = Clock(seconds, server)

    async def at_both(banks: list[Any], statements: list[str]) -> None:
        pairs = zip(banks, statements, strict=True)
        await asyncio.gather(*(bank.execute(statement) for bank, statement in pairs))

    async def client(number: int) -> None:
        banks = open_[number]
        move = [await bank.prepare(MOVE.format("$1", "$2")) for bank in banks]
        for name, work in moves(number, accounts):
            began = time.perf_counter()
            names = [f"'{name} at {database}'" for database in DATABASES]
            prepare = [f"PREPARE TRANSACTION {own}" for own in names]
            if packed:
                updates = [MOVE.format(amount, f"'{account}'") for amount, account in work]
                both = zip(updates, prepare, strict=True)
                await at_both(banks, [f"BEGIN; {update}; {then}" for update, then in both])
            else:
                await at_both(banks, ["BEGIN", "BEGIN"])
                await asyncio.gather(*(m.fetch(*to) for m, to in zip(move, work, strict=True)))
                await at_both(banks, prepare)
            await at_both(banks, [f"COMMIT PREPARED {own}" for own in names])
            clock.took(began)
            if clock.is_over():
                return

    await asyncio.gather(*map(client, range(clients)))
    told = clock.figures()
    for banks in open_:
        for bank in banks:
            await bank.close()
    return told


# -- psycopg -----------------------------------------------------------------------------------------


def run_psycopg(
    where: dict[str, Any], server: int, clients: int, seconds: float, accounts: int
) -> dict[str, Any]:
    import psycopg

    def connections() -> list[Any]:
        return [psycopg.connect(**where, user="postgres", dbname=name) for name in DATABASES]

    for setup in connections():
        with setup:
            setup.execute(TABLE)
            rows = [(f"a{c}.{n}", 10**9) for c in range(clients) for n in range(accounts)]
            setup.cursor().executemany("INSERT INTO account VALUES (%s, %s)", rows)
    open_ = [connections() for _ in range(clients)]
    clock = Clock(seconds, server)

    def client(number: int) -> None:
        banks = open_[number]
        for name, work in moves(number, accounts):
            began = time.perf_counter()
            for bank, to in zip(banks, work, strict=True):
                bank.tpc_begin(bank.xid(1, name, bank.info.dbname))
                bank.execute(MOVE.format("%s", "%s"), to).fetchone()
            for bank in banks:
                bank.tpc_prepare()
            for bank in banks:
                bank.tpc_commit()
            clock.took(began)
            if clock.is_over():
                return

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return clock.figures()


def measure() -> int:
    how, folder, port, server, clients, seconds, accounts = sys.argv[1:]
    where = {"host": folder, "port": int(port)}
    load = int(server), int(clients), float(seconds), int(accounts)
    if how == "driver":
        figures = run_psycopg(where, *load)
    else:
        figures = asyncio.run(run_asyncpg(how == "packed", where, *load))
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(measure())
