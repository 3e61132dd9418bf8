"""Is there one interleaving of several threads of reads and writes in which every read sees the last write?

A depth-first search over (how far each thread is, the last write of each key). A read that can be done is done at once:
it changes nothing, so waiting gains nothing. States are visited once; a budget bounds them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

Move = tuple[bool, Hashable, int | None]
"""(is a write, key, for a read the index of the write that it names, None for the initial value)."""


def interleaves(
    ops: Sequence[Move],
    threads: Sequence[Sequence[int]],
    after: Sequence[tuple[int, int, int]],
    budget: int,
) -> list[int] | None:
    """None if there is one; else the operations at which the longest attempt is stuck; empty if the budget ran out.

    ``after`` lists optional writes as (index, thread, how much of that thread comes before it); each may be left out.
    """
    keys = sorted({key for _, key, _ in ops}, key=repr)
    slot = {key: i for i, key in enumerate(keys)}
    chains = [*threads, *([index] for index, _, _ in after)]
    needs = {len(threads) + i: (thread, count) for i, (_, thread, count) in enumerate(after)}

    def settled(at: tuple[int, ...], last: tuple[int | None, ...]) -> tuple[int, ...]:
        """Do every read that can be done."""
        places = list(at)
        for thread, chain in enumerate(chains):
            place = places[thread]
            while place < len(chain):
                is_write, key, source = ops[chain[place]]
                if is_write or last[slot[key]] != source:
                    break
                place += 1
            places[thread] = place
        return tuple(places)

    nothing: tuple[int | None, ...] = (None,) * len(keys)
    start = (settled((0,) * len(chains), nothing), nothing)
    seen = {start}
    stack = [start]
    farthest = start[0]
    while stack:
        at, last = stack.pop()
        if sum(at[: len(threads)]) > sum(farthest[: len(threads)]):
            farthest = at
        if all(at[i] == len(chain) for i, chain in enumerate(threads)):
            return None
        for thread, chain in enumerate(chains):
            place = at[thread]
            if place == len(chain) or not ops[chain[place]][0]:
                continue
            if thread in needs and at[needs[thread][0]] < needs[thread][1]:
                continue
            index = chain[place]
            where = slot[ops[index][1]]
            now = (*last[:where], index, *last[where + 1 :])
            state = (settled((*at[:thread], place + 1, *at[thread + 1 :]), now), now)
            if state not in seen:
                if len(seen) >= budget:
                    return []
                seen.add(state)
                stack.append(state)
    return [chain[farthest[i]] for i, chain in enumerate(threads) if farthest[i] < len(chain)]
