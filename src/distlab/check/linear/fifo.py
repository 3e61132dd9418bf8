"""A FIFO queue of unique values, decided by its four forbidden patterns.

Theory (Henzinger, Sezgin and Vafeiadis, CONCUR 2013): a history of a queue whose values are unique is linearizable if
and only if no value

1. is dequeued that was never enqueued, or returned by a dequeue before its enqueue was called;
2. is dequeued twice;
3. *b* is dequeued though an *a*, enqueued certainly before it, is dequeued certainly after it or never;
4. is surely inside the queue at every instant of a dequeue that found it empty. A value is surely inside between the
   return of its enqueue and the call of its dequeue; what must not be covered is the union of these open intervals.

An open enqueue counts if its value was dequeued. An open dequeue may have taken any value: those that pattern 3 says
must have left, each by its deadline, are given one, the most urgent first; the rest of them need not have happened.
Where open dequeues and empty answers meet, this judge declines.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable
from heapq import heappop, heappush

from distlab.check.linear.conflict import Conflict, Decision, Quick
from distlab.check.linear.model import UNSAID, Model
from distlab.check.linear.operations import Enqueue
from distlab.check.linear.parts import NEVER, Part, answer_of
from distlab.check.linear.words import said, value_words


def queue(part: Part, model: Model) -> Decision:
    """Unique values in one queue that was empty at first."""
    if model.initial != ():
        return Quick.DECLINED
    enqueues: dict[Hashable, int] = {}
    dequeues: dict[Hashable, int] = {}
    empties: list[int] = []
    open_dequeues: list[int] = []
    twice: Conflict | None = None
    for i, entry in enumerate(part.entries):
        operation, answer = entry.operation, answer_of(entry)
        if type(operation) is Enqueue:
            if operation.value in enqueues or operation.value is None:
                return Quick.DECLINED
            enqueues[operation.value] = i
        elif answer is UNSAID:
            open_dequeues.append(i)
        elif answer is None:
            empties.append(i)
        elif answer in dequeues:
            one = part.entries[dequeues[answer]]
            twice = twice or Conflict(
                f"{said(one)} and {said(entry)} took the same value", (one, entry)
            )
        else:
            dequeues[answer] = i
    if twice is not None:
        return twice
    if open_dequeues and empties:
        return Quick.DECLINED
    return (
        _fresh(part, enqueues, dequeues)
        or _ordered(part, enqueues, dequeues, [part.called[i] for i in open_dequeues])
        or _empty(part, enqueues, dequeues, empties)
        or Quick.ORDERED
    )


def _fresh(
    part: Part, enqueues: dict[Hashable, int], dequeues: dict[Hashable, int]
) -> Conflict | None:
    """Pattern 1."""
    for value, taken in dequeues.items():
        entry = part.entries[taken]
        if value not in enqueues:
            for failed in part.failed:
                if getattr(failed.operation, "value", UNSAID) == value:
                    return Conflict(
                        f"{said(entry)}, though {said(failed)} certainly failed", (failed, entry)
                    )
            return Conflict(
                f"{said(entry)} took {value_words(value)}, which nobody enqueued", (entry,)
            )
        put = enqueues[value]
        if part.returned[taken] < part.called[put]:
            return Conflict(
                f"{said(entry)} returned before {said(part.entries[put])} was called",
                (entry, part.entries[put]),
            )
    return None


def _ordered(
    part: Part,
    enqueues: dict[Hashable, int],
    dequeues: dict[Hashable, int],
    open_calls: list[int],
) -> Conflict | None:
    """Pattern 3. The calls of open dequeues stand in for the dequeues that nobody saw."""
    called, returned = part.called, part.returned
    # Values in the order in which their enqueues were called, and in which they returned.
    by_call = sorted(enqueues, key=lambda value: called[enqueues[value]])
    by_return = sorted(enqueues, key=lambda value: returned[enqueues[value]])
    latest, latest_value, reached = -1, None, 0
    for value in by_call:
        while returned[enqueues[by_return[reached]]] < called[enqueues[value]]:
            earlier = by_return[reached]
            reached += 1
            if earlier in dequeues and called[dequeues[earlier]] > latest:
                latest, latest_value = called[dequeues[earlier]], earlier
        if value in dequeues and returned[dequeues[value]] < latest:
            return _overtaken(part, enqueues, dequeues, latest_value, value)
    return _left_behind(part, enqueues, dequeues, by_call, open_calls)


def _left_behind(
    part: Part,
    enqueues: dict[Hashable, int],
    dequeues: dict[Hashable, int],
    by_call: list[Hashable],
    open_calls: list[int],
) -> Conflict | None:
    """Values that were never seen to leave, and that a later one overtook: each needs an open dequeue in time."""
    called, returned = part.called, part.returned
    calls = [called[enqueues[value]] for value in by_call]
    # For each place in by_call: who, from there on, was seen to leave first.
    soonest: list[tuple[int, Hashable]] = [(NEVER, None)] * (len(by_call) + 1)
    for place in range(len(by_call) - 1, -1, -1):
        value = by_call[place]
        left = returned[dequeues[value]] if value in dequeues else NEVER
        soonest[place] = min(soonest[place + 1], (left, value), key=lambda pair: pair[0])
    waiting: list[tuple[int, int, Hashable, Hashable]] = []
    for number, value in enumerate(by_call):
        if value not in dequeues:
            deadline, overtaker = soonest[bisect_left(calls, returned[enqueues[value]])]
            if deadline != NEVER:
                heappush(waiting, (deadline, number, value, overtaker))
    open_calls = sorted(open_calls)
    for taken in range(len(waiting)):
        deadline, _, value, overtaker = heappop(waiting)
        if taken >= len(open_calls) or open_calls[taken] > deadline:
            return _overtaken(part, enqueues, dequeues, value, overtaker)
    return None


def _overtaken(
    part: Part,
    enqueues: dict[Hashable, int],
    dequeues: dict[Hashable, int],
    value: Hashable,
    overtaker: Hashable,
) -> Conflict:
    entries = part.entries
    put, later = entries[enqueues[value]], entries[enqueues[overtaker]]
    out = entries[dequeues[overtaker]]
    before = f"{said(put)} had returned before {said(later)} was called"
    if value not in dequeues:
        return Conflict(
            f"{before}; yet {said(out)} took the later value, and no dequeue can have taken the earlier one",
            (put, later, out),
        )
    late = entries[dequeues[value]]
    return Conflict(
        f"{before}; yet {said(out)} had returned before {said(late)} was called",
        (put, later, out, late),
    )


def _empty(
    part: Part,
    enqueues: dict[Hashable, int],
    dequeues: dict[Hashable, int],
    empties: list[int],
) -> Conflict | None:
    """Pattern 4."""
    if not empties:
        return None
    inside: list[tuple[int, int, int]] = []
    for value, put in enqueues.items():
        enters = part.returned[put]
        leaves = part.called[dequeues[value]] if value in dequeues else NEVER
        if enters < leaves:
            inside.append((enters, leaves, put))
    inside.sort()
    starts: list[int] = []
    ends: list[int] = []
    by: list[int] = []
    for enters, leaves, put in inside:
        if starts and enters < ends[-1]:
            ends[-1] = max(ends[-1], leaves)
        else:
            starts.append(enters)
            ends.append(leaves)
            by.append(put)
    for empty in empties:
        around = bisect_left(starts, part.called[empty]) - 1
        if around >= 0 and part.returned[empty] < ends[around]:
            entry = part.entries[empty]
            witness = part.entries[by[around]]
            whole = part.called[empty]
            for enters, leaves, put in inside:
                if enters < whole and leaves > part.returned[empty]:
                    witness = part.entries[put]
                    return Conflict(
                        f"{said(entry)} found nothing, though what {said(witness)} had put in was there all the time",
                        (witness, entry),
                    )
            return Conflict(
                f"{said(entry)} found nothing, though from the return of {said(witness)} on, and as long as it "
                "looked, the queue always held something",
                (witness, entry),
            )
    return None
