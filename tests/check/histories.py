"""Random small histories: right ones, from real objects used at random moments, and right ones with something changed.

A seed is a history. Half of them use each written value once, as a grader's workload does; the others repeat them. Some
records have event ids, some have times only; equal times are common in both.
"""

from __future__ import annotations

from random import Random
from typing import Any

from msgspec.structs import replace

from distlab.check import Entry
from distlab.check.linear import (
    Acquire,
    Append,
    Cas,
    Contains,
    Dequeue,
    Enqueue,
    FetchAdd,
    Insert,
    Members,
    Read,
    Release,
    Remove,
    Write,
)
from distlab.core import Fail, Info, Ok
from tests.check.plain import IMPOSSIBLE, Plain

KINDS = ("register", "cas", "list", "counter", "queue", "set", "growing-set", "lock")


class Maker:
    """One history in the making."""

    def __init__(self, seed: int, kind: str, longest: int) -> None:
        self.random = Random(f"{kind}/{seed}")
        self.kind = kind
        random = self.random
        self.is_unique = random.random() < 0.6
        self.has_ids = random.random() < 0.5
        self.trouble = random.choice([0.0, 0.0, 0.15, 0.4, 0.7])
        self.fails = random.choice([0.1, 0.5])
        self.keys = random.choice([("",), ("",), ("",), ("x", "y")])
        self.length = random.randint(1 if random.random() < 0.1 else longest // 2, longest)
        self.clients = random.randint(1, 4)
        self.fresh = 0
        self.plain = Plain(kind)
        self.now = 0
        self.event = 0
        self.entries: list[Entry] = []

    def value(self) -> int:
        self.fresh += 1
        return self.fresh if self.is_unique else self.random.randint(1, 2)

    def old_value(self) -> int | None:
        return self.random.choice([None, *range(1, self.fresh + 1)])

    def operation(self, client: str) -> Any:
        random, key = self.random, self.random.choice(self.keys)
        match self.kind:
            case "register":
                return Write(self.value(), key) if random.random() < 0.5 else Read(key)
            case "cas":
                draw = random.random()
                if draw < 0.2:
                    return Write(self.value(), key)
                if draw < 0.7:
                    seen = self.plain.register.get(key)
                    old = seen if random.random() < 0.6 else self.old_value()
                    return Cas(old, self.value(), key)
                return Read(key)
            case "list":
                return Append(self.value(), key) if random.random() < 0.5 else Read(key)
            case "counter":
                amount = random.randint(1, 3) if self.is_unique else random.randint(-1, 1)
                return FetchAdd(amount, key) if random.random() < 0.6 else Read(key)
            case "queue":
                return Enqueue(self.value(), key) if random.random() < 0.5 else Dequeue(key)
            case "set":
                element = random.randint(1, 2)
                return random.choice([Insert, Remove, Contains, Contains])(element, key)
            case "growing-set":
                return Insert(self.value(), key) if random.random() < 0.5 else Members(key)
        holder = client if random.random() < 0.9 else "c0"
        held = self.plain.holders.get(key) == (holder,)
        wants_release = held if random.random() < 0.9 else not held
        return Release(holder, key) if wants_release else Acquire(holder, key)

    def tick(self) -> tuple[int, int]:
        """The time and the id of a new event."""
        self.now += self.random.choice([0, 1, 1, 2])
        self.event += 1
        return self.now, self.event if self.has_ids else 0

    def make(self) -> list[Entry]:
        """Clients call, the object acts, clients hear of it, in any interleaving."""
        random = self.random
        running: dict[str, tuple[Entry, Any]] = {}
        waiting = object()
        names, number = [f"c{i}" for i in range(self.clients)], self.clients
        while len(self.entries) < self.length or running:
            client = random.choice(names)
            if client not in running:
                if len(self.entries) < self.length:
                    began, call = self.tick()
                    ticket = len(self.entries) + 1
                    operation = self.operation(client)
                    entry = Entry(ticket, client, operation, began, call)
                    self.entries.append(entry)
                    running[client] = (entry, waiting)
                continue
            entry, answer = running[client]
            place = entry.ticket - 1
            if answer is waiting:
                if random.random() < self.trouble:
                    if random.random() < self.fails:
                        self.entries[place] = self.ended(entry, Fail())
                        del running[client]
                        continue
                    if random.random() < 0.5:
                        self.plain.apply(entry.operation)
                    lost = Info() if random.random() < 0.5 else None
                    self.entries[place] = self.ended(entry, lost) if lost else entry
                    del running[client]
                    names[names.index(client)] = f"c{number}"
                    number += 1
                    continue
                answer = self.plain.apply(entry.operation)
                if answer is False and isinstance(entry.operation, Acquire):
                    if random.random() < 0.7:  # it waits, and gives up
                        self.entries[place] = self.ended(entry, Fail("it was held"))
                        del running[client]
                        continue
                elif answer is IMPOSSIBLE:
                    self.entries[place] = self.ended(entry, Fail("not the holder"))
                    del running[client]
                    continue
                running[client] = (entry, answer)
            elif random.random() < 0.6:
                if isinstance(entry.operation, Insert | Remove | FetchAdd) and (
                    random.random() < 0.1
                ):
                    answer = None
                self.entries[place] = self.ended(entry, Ok(answer))
                del running[client]
        return self.entries

    def ended(self, entry: Entry, outcome: Any) -> Entry:
        ended, ret = self.tick()
        return replace(entry, outcome=outcome, ended=ended, ret=ret)

    # ------------------------------------------------------------ damage

    def corrupt(self) -> None:
        """Change a few things, so that most such histories have no order any more."""
        if self.random.random() < 0.5:
            self.swap_answers()
        for _ in range(self.random.randint(0, 3)):
            place = self.random.randrange(len(self.entries))
            entry = self.entries[place]
            change = self.random.choice([self.other_answer, self.other_time, self.other_outcome])
            self.entries[place] = change(entry)

    def swap_answers(self) -> None:
        """Two operations of one kind hear each other's answers: nothing is lost, and nothing appears twice."""
        heard = [i for i, entry in enumerate(self.entries) if isinstance(entry.outcome, Ok)]
        one = self.random.choice(heard or [0])
        alike = [
            i for i in heard if type(self.entries[i].operation) is type(self.entries[one].operation)
        ]
        if alike:
            other = self.random.choice(alike)
            answers = self.entries[one].outcome, self.entries[other].outcome
            self.entries[one] = replace(self.entries[one], outcome=answers[1])
            self.entries[other] = replace(self.entries[other], outcome=answers[0])

    def other_answer(self, entry: Entry) -> Entry:
        """What another one heard, or what nobody did."""
        if not isinstance(entry.outcome, Ok):
            return entry
        alike = [
            other.outcome.value
            for other in self.entries
            if isinstance(other.outcome, Ok) and type(other.operation) is type(entry.operation)
        ]
        answer = self.random.choice(alike)
        if isinstance(answer, tuple) and self.random.random() < 0.5:
            answer = answer[:-1] if self.random.random() < 0.5 else answer[::-1]
        elif isinstance(answer, frozenset):
            for _ in range(self.random.randint(0, 2)):
                answer ^= {self.random.randint(1, self.fresh + 1)}
        elif isinstance(answer, bool) or isinstance(entry.operation, Insert | Remove | Contains):
            answer = self.random.choice([True, False])
        elif self.random.random() < 0.3 and not isinstance(answer, tuple):
            answer = self.random.randint(0, 4) or None
        return replace(entry, outcome=Ok(answer))

    def other_time(self, entry: Entry) -> Entry:
        """Called later, or returned earlier."""
        if entry.ended is None or entry.ended == entry.began:
            return entry
        draw = self.random.random()
        if draw < 0.3:  # as a client that hears of it as soon as it asks
            return replace(entry, ended=entry.began, ret=entry.call)
        if draw < 0.6:
            return replace(entry, began=entry.ended, call=entry.ret)
        moment = self.random.randint(entry.began, entry.ended)
        return replace(entry, ended=moment) if draw < 0.8 else replace(entry, began=moment)

    def other_outcome(self, entry: Entry) -> Entry:
        """Failed becomes ok, ok becomes failed."""
        if isinstance(entry.outcome, Ok):
            return replace(entry, outcome=Fail())
        if isinstance(entry.outcome, Fail):
            return replace(entry, outcome=Ok(None))
        return entry


def right(seed: int, kind: str, longest: int = 8) -> list[Entry]:
    """What real clients of a real object recorded."""
    return Maker(seed, kind, longest).make()


def damaged(seed: int, kind: str, longest: int = 8) -> list[Entry]:
    """The same, with something changed."""
    maker = Maker(seed, kind, longest)
    maker.make()
    maker.corrupt()
    return maker.entries
