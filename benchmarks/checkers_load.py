"""What the checkers' benchmark judges: histories of one object, as busy clients record them.

Clients run in virtual time. Each calls, waits for a while drawn at random, and returns; the operation takes effect at a
random moment between. All is drawn from one seed, so a history is the same on every machine.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any

from distlab.check import Entry, History
from distlab.check.linear import UNSAID, Append, Cas, Read, Write
from distlab.core import Ok

Doing = Read | Write | Cas | Append


def register(operations: int, clients: int, seed: int = 1, *, distinct: int = 0) -> History:
    """Half reads, half writes of one register. ``distinct``: so many values in turn; 0: every one new."""
    return _run(
        operations, clients, seed, lambda new, known: Write(new % distinct if distinct else new)
    )


def compare_and_set(operations: int, clients: int, seed: int = 1) -> History:
    """Each client reads, or swaps what it saw last for a new value; many find that somebody was faster."""
    return _run(operations, clients, seed, lambda new, known: Cas(known, new))


def appends(operations: int, clients: int, seed: int = 1) -> History:
    """Half reads of a whole list, half appends."""
    return _run(operations, clients, seed, lambda new, known: Append(new), first=())


def _run(
    operations: int,
    clients: int,
    seed: int,
    change: Callable[[int, Any], Doing],
    first: Any = None,
) -> History:
    """``change`` makes an operation of a new number and of what this client saw last."""
    random = Random(seed)
    # Events: (time, order, client, what). An operation is called, takes effect, returns.
    events = [(random.randrange(1000), client, client, "call") for client in range(clients)]
    events.sort()
    entries: list[Entry] = []
    called = [(0, 0)] * clients  # when each client called last, and the id of that event
    doing: list[Doing] = [Read()] * clients
    seen: list[Any] = [None] * clients
    state, number, order = first, 0, clients
    while events:
        now, _, client, what = heappop(events)
        order += 1
        if what == "call" and number < operations:
            number += 1
            doing[client] = Read() if random.random() < 0.5 else change(number, seen[client])
            called[client] = now, order
            heappush(events, (now + random.randint(1, 1000), order, client, "effect"))
        elif what == "effect":
            state, answer = _effect(doing[client], state)
            if answer is not UNSAID:
                seen[client] = answer
            heappush(events, (now + random.randint(1, 1000), order, client, "return"))
        elif what == "return":
            operation = doing[client]
            answer = seen[client] if isinstance(operation, Read | Cas) else None
            began, call = called[client]
            entries.append(
                Entry(
                    len(entries) + 1, f"c{client}", operation, began, call, Ok(answer), now, order
                )
            )
            heappush(events, (now + random.randint(1, 300), order, client, "call"))
    return History(entries)


def _effect(operation: Doing, state: Any) -> tuple[Any, Any]:
    """The next state, and what the client sees."""
    match operation:
        case Write(value=value):
            return value, UNSAID
        case Append(element=element):
            return (*state, element), UNSAID
        case Cas(old=old, new=new):
            return (new if state == old else state), state
    return state, state
