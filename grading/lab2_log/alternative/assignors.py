"""Who gets which partition, built otherwise: one table of owners, partition by partition, and quotas instead of moves.

With equal subscriptions the sticky answer follows from counting: of n partitions and m members, n mod m get one more
than the others, and those are who claim most. With unequal ones, partitions are pushed along chains of members, as in a
flow network, from the fullest to the emptiest that can be reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle

from labs.lab2_log.groups import COOPERATIVE, RANGE, ROUND_ROBIN, STICKY, Owned
from labs.lab2_log.groups import Subscription as Member
from labs.lab2_log.groups import TopicPartition as Part

Table = dict[Part, str]


def assign(name: str, members: Iterable[Member], sizes: Mapping[str, int]) -> dict[str, Owned]:
    """Each member's partitions, in order."""
    everybody = sorted(members, key=lambda m: m.member)
    table = {RANGE: _range, ROUND_ROBIN: _deal, STICKY: _sticky, COOPERATIVE: _cooperative}[name](
        everybody, sizes
    )
    answer: dict[str, list[Part]] = {m.member: [] for m in everybody}
    for part in sorted(table):
        answer[table[part]].append(part)
    return {member: tuple(parts) for member, parts in answer.items()}


def _range(members: list[Member], sizes: Mapping[str, int]) -> Table:
    table = {}
    for topic, size in sizes.items():
        names = [m.member for m in members if topic in m.topics]
        rest = [size]
        for left in range(len(names), 0, -1):
            rest.append(rest[-1] - -(-rest[-1] // left))
        for n, name in enumerate(names):
            for number in range(size - rest[n], size - rest[n + 1]):
                table[Part(topic, number)] = name
    return table


def _deal(members: list[Member], sizes: Mapping[str, int]) -> Table:
    table: Table = {}
    seats = cycle(members)
    for part in _all(members, sizes):
        table[part] = next(m.member for m in seats if part.topic in m.topics)
    return table


def _claims(members: list[Member], sizes: Mapping[str, int]) -> dict[Part, tuple[int, set[str]]]:
    found: dict[Part, tuple[int, set[str]]] = {}
    for m in members:
        for part in set(m.owned):
            if part.topic in m.topics and part.number < sizes.get(part.topic, 0):
                newest, who = found.get(part, (m.generation, set()))
                if m.generation > newest:
                    newest, who = m.generation, set()
                if m.generation == newest:
                    who = who | {m.member}
                found[part] = newest, who
    return found


def _sticky(members: list[Member], sizes: Mapping[str, int]) -> Table:
    everything = _all(members, sizes)
    table: Table = {}
    for part, (_, who) in sorted(_claims(members, sizes).items()):
        if len(who) == 1:
            table[part] = next(iter(who))
    if len({m.topics for m in members}) == 1:
        return _by_quota(members, everything, table)
    load = {m.member: sum(owner == m.member for owner in table.values()) for m in members}
    for part in everything:
        if part not in table:
            table[part] = min(_takers(members, part), key=lambda name: (load[name], name))
            load[table[part]] += 1
    while chain := _uneven(members, table, load):
        part, taker = chain
        load[table[part]] -= 1
        load[taker] += 1
        table[part] = taker
    return table


def _by_quota(members: list[Member], everything: list[Part], owned: Table) -> Table:
    least, more = divmod(len(everything), len(members))
    claims: dict[str, list[Part]] = {m.member: [] for m in members}
    for part, owner in owned.items():
        claims[owner].append(part)
    order = sorted(claims, key=lambda name: (-len(claims[name]), name))
    quota = {name: least + (n < more) for n, name in enumerate(order)}
    table = {part: name for name in order for part in claims[name][: quota[name]]}
    room = [name for name in order for _ in range(quota[name] - len(claims[name][: quota[name]]))]
    table |= dict(zip([part for part in everything if part not in table], room, strict=True))
    return table


def _uneven(
    members: list[Member], table: Table, load: Mapping[str, int]
) -> tuple[Part, str] | None:
    for part in sorted(table, key=lambda p: (-load[table[p]], p)):
        taker = min(_takers(members, part), key=lambda name: (load[name], name))
        if load[table[part]] >= load[taker] + 2:
            return part, taker
    return None


def _cooperative(members: list[Member], sizes: Mapping[str, int]) -> Table:
    claims = _claims(members, sizes)
    return {
        part: member
        for part, member in _sticky(members, sizes).items()
        if part not in claims or claims[part][1] == {member}
    }


def _takers(members: list[Member], part: Part) -> list[str]:
    return [m.member for m in members if part.topic in m.topics]


def _all(members: list[Member], sizes: Mapping[str, int]) -> list[Part]:
    topics = {topic for m in members for topic in m.topics}
    return [Part(t, n) for t in sorted(sizes) if t in topics for n in range(sizes[t])]
