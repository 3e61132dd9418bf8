"""What the checkers' benchmark judges: histories of one object, as busy clients record them.

Clients run in virtual time. Each calls, waits for a while drawn at random, and returns; the operation takes effect at a
random moment between. All is drawn from one seed, so a history is the same on every machine.
"""

from heapq import heappop, heappush
from random import Random

from distlab.check import Entry, History
from distlab.check.linear import Cas, Read, Write
from distlab.core import Ok


def register(operations: int, clients: int, seed: int = 1, *, distinct: int = 0) -> History:
    """Half reads, half writes of one register. ``distinct``: so many values in turn; 0: every one new."""
    return _run(operations, clients, seed, distinct, cas=False)


def compare_and_set(operations: int, clients: int, seed: int = 1) -> History:
    """Each client reads, then swaps what it saw for a new value; many find that somebody was faster."""
    return _run(operations, clients, seed, 0, cas=True)


def _run(operations: int, clients: int, seed: int, distinct: int, *, cas: bool) -> History:
    random = Random(seed)
    # Events: (time, order, client, what); an operation is called, takes effect, returns.
    events = [(random.randrange(1000), client, client, "call") for client in range(clients)]
    events.sort()
    entries: list[Entry] = []
    asked = [0] * clients  # when each called, and the id of that event
    calls = [0] * clients
    doing: list[Read | Write | Cas] = [Read()] * clients
    answers: list[int | None] = [None] * clients
    value: int | None = None
    known: list[int | None] = [None] * clients
    number = order = fresh = 0
    while events:
        now, _, client, what = heappop(events)
        order += 1
        if what == "call":
            if number == operations:
                continue
            number += 1
            if random.random() < 0.5:
                operation: Read | Write | Cas = Read()
            else:
                fresh += 1
                new = fresh % distinct if distinct else fresh
                operation = Cas(known[client], new) if cas else Write(new)
            doing[client], asked[client], calls[client] = operation, now, order
            heappush(events, (now + random.randint(1, 1000), order, client, "effect"))
        elif what == "effect":
            operation = doing[client]
            if isinstance(operation, Write):
                value = operation.value
            else:
                answers[client] = known[client] = value
                if isinstance(operation, Cas) and operation.old == value:
                    value = operation.new
            heappush(events, (now + random.randint(1, 1000), order, client, "return"))
        else:
            name, operation = f"c{client}", doing[client]
            answer = None if isinstance(operation, Write) else answers[client]
            entries.append(
                Entry(
                    len(entries) + 1,
                    name,
                    operation,
                    asked[client],
                    calls[client],
                    Ok(answer),
                    now,
                    order,
                )
            )
            heappush(events, (now + random.randint(1, 300), order, client, "call"))
    return History(entries)
