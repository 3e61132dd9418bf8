"""What judging isolation costs: ``.venv/bin/python benchmarks/isolation.py [--quick]``.

Processor time of :func:`distlab.check.isolation.isolation`, from the recorded history to the verdict, against the
number of transactions and against the number of clients. The workload is *Elle*'s: list-append, ten hot keys that are
replaced every 80 transactions, one to four steps each, executed by a strictly serializable store.
"""

import argparse
import gc
import random
import time
from collections.abc import Sequence

from distlab.check import History
from distlab.check.isolation import Level, isolation
from distlab.check.transactions import Append, Read, Step, committed


def history_of(transactions: int, clients: int, seed: int = 1) -> History:
    """A strictly serializable execution, in which as many transactions overlap as there are clients."""
    chance = random.Random(seed)
    lists: dict[str, tuple[int, ...]] = {}
    entries = []
    half = 50 * clients  # of the time between two transactions of one client
    for ticket in range(transactions):
        at = 100 * ticket + half
        steps: list[Step] = []
        for number in range(chance.randint(1, 4)):
            key = f"k{ticket // 80}.{chance.randrange(10)}"
            if chance.random() < 0.5:
                steps.append(Read(key, lists.get(key, ())))
            else:
                lists[key] = (*lists.get(key, ()), 10 * ticket + number)
                steps.append(Append(key, 10 * ticket + number))
        began, ended = at - chance.randrange(half), at + 1 + chance.randrange(half - 1)
        entries.append(committed(ticket, f"c{ticket % clients}", began, ended, *steps))
    return History(entries)


def seconds(history: History, rounds: int) -> float:
    """Processor time of one judgement, the median of several."""
    times = []
    for _ in range(rounds):
        gc.collect()
        started = time.process_time()
        found = isolation(history)
        times.append(time.process_time() - started)
        if not found.verdict(Level.STRICT_SERIALIZABLE).is_kept:
            raise SystemExit("a strictly serializable history was refused")
    return sorted(times)[len(times) // 2]


def measure(
    sizes: Sequence[int] = (1_000, 10_000, 50_000),
    clients: Sequence[int] = (2, 10, 50, 200),
    rounds: int = 5,
) -> list[dict[str, float]]:
    """One row for each size with 10 clients, then one for each number of clients with 10,000 transactions."""
    rows = [(size, 10) for size in sizes] + [(min(10_000, max(sizes)), many) for many in clients]
    result = []
    for size, many in rows:
        took = seconds(history_of(size, many), rounds)
        result.append(
            {
                "transactions": size,
                "clients": many,
                "milliseconds": round(1000 * took, 1),
                "transactions_per_second": round(size / took),
            }
        )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small histories, once: does it run?")
    if parser.parse_args().quick:
        rows = measure((200, 1_000), (2, 50), 1)
    else:
        rows = measure()
    print(f"{'transactions':>12}{'clients':>9}{'ms':>9}{'a second':>11}")
    for row in rows:
        print(
            f"{row['transactions']:>12,}{row['clients']:>9}{row['milliseconds']:>9}"
            f"{row['transactions_per_second']:>11,}"
        )


if __name__ == "__main__":
    main()
