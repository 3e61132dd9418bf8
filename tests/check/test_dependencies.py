"""The graph of dependencies: time by its definition, and nobody before itself."""

import random

from distlab.check import History
from distlab.check.isolation.cycles import LINK
from distlab.check.isolation.dependencies import Dependencies
from distlab.check.isolation.facts import REALTIME, SESSION
from distlab.check.transactions import Read, aborted, committed, in_doubt
from tests.check.stores import any_history


def test_real_time_and_sessions_are_what_the_definition_says() -> None:
    chance = random.Random(11)
    for _ in range(300):
        entries = []
        free = dict.fromkeys("abcd", 0)
        for ticket in range(chance.randint(1, 12)):
            client = chance.choice("abcd")
            began = free[client] + chance.randint(0, 4)
            free[client] = ended = began + chance.randint(0, 8)
            make = chance.choice([committed, committed, committed, aborted])
            entries.append(make(ticket, client, began, ended, Read("x")))
        found = Dependencies(
            History([*entries, in_doubt(99, "e", chance.randint(0, 20), Read("x"))])
        )
        for a, one in enumerate(found.entries):
            after, front = set(), [b for b, why in found.graph[a].items() if why & REALTIME]
            while front:
                node = front.pop()
                after.add(node)
                front += [b for b, why in found.graph[node].items() if why & LINK]
            later = [
                e
                for e in found.entries
                if e.client == one.client and e.ticket > one.ticket and e.is_ok
            ]
            for b, two in enumerate(found.entries):
                assert (b in after) == (one.is_ok and two.is_ok and one.ended < two.began)  # type: ignore[operator]
                in_session = bool(found.graph[a].get(b, 0) & SESSION)
                assert in_session == (one.is_ok and bool(later) and two is later[0])


def test_nobody_comes_before_itself_nor_before_what_did_not_happen() -> None:
    for seed in range(1000):
        _, _, history = any_history(seed)
        for aborts in (False, True):
            found = Dependencies(history, doubt_aborts=aborts)
            assert all(node not in row for node, row in enumerate(found.graph))
            dead = {node for node, alive in enumerate(found.alive) if not alive}
            assert not any(dead & row.keys() for row in found.graph)
            assert not any(found.graph[node] for node in dead)
