"""Transactions for the checkers' benchmark: *Elle*'s workload, executed by a strictly serializable store.

List-append, ten hot keys that are replaced every 80 transactions, one to four steps each.
"""

import random

from distlab.check import History
from distlab.check.transactions import Append, Read, Step, committed


def transactions(number: int, clients: int, seed: int = 1) -> History:
    """A strictly serializable execution, in which as many transactions overlap as there are clients."""
    chance = random.Random(seed)
    lists: dict[str, tuple[int, ...]] = {}
    entries = []
    half = 50 * clients  # of the time between two transactions of one client
    for ticket in range(number):
        at = 100 * ticket + half
        steps: list[Step] = []
        for step in range(chance.randint(1, 4)):
            key = f"k{ticket // 80}.{chance.randrange(10)}"
            if chance.random() < 0.5:
                steps.append(Read(key, lists.get(key, ())))
            else:
                lists[key] = (*lists.get(key, ()), 10 * ticket + step)
                steps.append(Append(key, 10 * ticket + step))
        began, ended = at - chance.randrange(half), at + 1 + chance.randrange(half - 1)
        entries.append(committed(ticket, f"c{ticket % clients}", began, ended, *steps))
    return History(entries)
