"""Small stores that execute random transactions at a known level, and ways to falsify what they recorded.

Every store promises at least what its name says, and usually breaks what is stronger: both ends of a judge are fed.
Times are whole numbers; no two things happen at the same time, but for what is said to.
"""

import random
from collections.abc import Callable
from typing import Any

import msgspec

from distlab.check import Entry, History
from distlab.check.logs import Assign, Commit, Poll, Record, Send
from distlab.check.transactions import Append, Read, Step, Transaction, Write
from distlab.core.values import Fail, Info, Ok

KEYS = "xyz"


class Running(msgspec.Struct):
    """A transaction under way."""

    ticket: int
    client: str
    began: int
    asked: list[Step]
    done: list[Step]
    snapshot: dict[str, tuple[Any, ...]]
    version: int
    own: dict[str, list[Any]]


def execute(
    chance: random.Random, kind: str, transactions: int, keys: int, registers: bool
) -> History:
    """A history of a store: 'strict', 'serializable', 'snapshot', 'stale snapshot', 'committed' or 'uncommitted'.

    A list is a tuple of elements; a register is the tuple of all its values, of which readers see the last.
    """
    kinds = {key: registers and chance.random() < 0.5 for key in KEYS[:keys]}
    blind = chance.random() < 0.2
    state: dict[str, tuple[Any, ...]] = dict.fromkeys(kinds, ())
    versions = [dict(state)]
    written_at = dict.fromkeys(kinds, 0)
    running: list[Running] = []
    idle = [f"c{i}" for i in range(chance.randint(1, 3))]
    clock, ticket, number = 0, 0, 0
    entries: list[Entry] = []

    def finish(txn: Running, outcome: Any, ended: int | None) -> None:
        operation = Transaction(tuple(txn.asked))
        call, ret = 2 * txn.ticket, 2 * txn.ticket + 1
        entries.append(
            Entry(
                txn.ticket,
                txn.client,
                operation,
                txn.began,
                call,
                outcome,
                ended,
                ret if ended else 0,
            )
        )
        running.remove(txn)

    def view(txn: Running, key: str) -> tuple[Any, ...]:
        late = kind in ("strict", "committed", "uncommitted")
        seen = state[key] if late else txn.snapshot[key]
        return seen if kind == "uncommitted" else (*seen, *txn.own.get(key, ()))

    def step(txn: Running) -> None:
        asked = txn.asked[len(txn.done)]
        if isinstance(asked, Read):
            seen = view(txn, asked.key)
            value = (seen[-1] if seen else None) if kinds[asked.key] else seen
            txn.done.append(Read(asked.key, value))
            return
        txn.own.setdefault(asked.key, []).append(asked.value)
        if kind == "uncommitted":
            state[asked.key] = (*state[asked.key], asked.value)
        txn.done.append(asked)

    def rolled_back(txn: Running) -> None:
        if kind == "uncommitted":
            for key, mine in txn.own.items():
                state[key] = tuple(value for value in state[key] if value not in mine)

    def may_commit(txn: Running) -> bool:
        if kind in ("snapshot", "stale snapshot"):
            return all(written_at[key] <= txn.version for key in txn.own)
        if kind == "serializable":
            touched = {one.key for one in txn.done}
            return not txn.own or all(written_at[key] <= txn.version for key in touched)
        return True

    def commit(txn: Running) -> None:
        if kind != "uncommitted":
            for key, mine in txn.own.items():
                state[key] = (*state[key], *mine)
        versions.append(dict(state))
        for key in txn.own:
            written_at[key] = len(versions) - 1

    while ticket < transactions or running:
        clock += 1
        if ticket < transactions and idle and (not running or chance.random() < 0.4):
            ticket += 1
            asked: list[Step] = []
            for _ in range(chance.randint(1, 3)):
                key = chance.choice(list(kinds))
                number += 1
                if chance.random() < 0.5:
                    asked.append(Read(key))
                elif kinds[key]:
                    if not blind and not any(one.key == key for one in asked):
                        asked.append(Read(key))
                    asked.append(Write(key, number))
                else:
                    asked.append(Append(key, number))
            stale = kind in ("serializable", "stale snapshot") and chance.random() < 0.5
            version = chance.randrange(len(versions)) if stale else len(versions) - 1
            client = idle.pop(chance.randrange(len(idle)))
            running.append(
                Running(ticket, client, clock, asked, [], versions[version], version, {})
            )
            continue
        txn = chance.choice(running)
        if len(txn.done) < len(txn.asked):
            step(txn)
            while kind == "strict" and len(txn.done) < len(txn.asked):
                step(txn)
            if kind == "strict" and len(txn.done) == len(txn.asked):
                commit(txn)
            continue
        fate = chance.random()
        took_effect = kind == "strict"
        if not took_effect:
            if not may_commit(txn) or (fate < 0.15):
                rolled_back(txn)
                finish(txn, Fail() if fate < 0.1 or fate > 0.15 else Info(), clock)
                idle.append(txn.client)
                continue
            commit(txn)
        if 0.15 < fate < 0.27:
            finish(txn, *((Info(), clock) if fate < 0.2 else (None, None)))
            idle.append(txn.client if fate < 0.2 else f"d{ticket}.{clock}")
        else:
            finish(txn, Ok(tuple(txn.done)), clock)
            idle.append(txn.client)
    return History(entries)


def wild(chance: random.Random, transactions: int, keys: int, registers: bool) -> History:
    """What no store did: every list has one order, and everybody reads any beginning of it. Rich in cycles."""
    kinds = {key: registers and chance.random() < 0.5 for key in KEYS[:keys]}
    number = 0
    plans: list[list[Step]] = []
    for _ in range(transactions):
        plan: list[Step] = []
        for _ in range(chance.randint(1, 3)):
            key = chance.choice(list(kinds))
            number += 1
            if chance.random() < 0.5 or (kinds[key] and not any(s.key == key for s in plan)):
                plan.append(Read(key))
            elif kinds[key]:
                plan.append(Write(key, number))
            else:
                plan.append(Append(key, number))
        plans.append(plan)
    made = {
        key: [s.value for plan in plans for s in plan if not isinstance(s, Read) and s.key == key]
        for key in kinds
    }
    for values in made.values():
        if chance.random() < 0.5:
            chance.shuffle(values)
    clients: dict[str, int] = {}
    entries = []
    for ticket, plan in enumerate(plans, 1):
        client = f"c{chance.randrange(3)}"
        began = clients.get(client, 0) + chance.randint(0, 6)
        clients[client] = ended = began + chance.randint(1, 6)
        steps: list[Step] = []
        own: dict[Any, list[Any]] = {}
        for s in plan:
            if not isinstance(s, Read):
                own.setdefault(s.key, []).append(s.value)
                steps.append(s)
            elif kinds[s.key]:
                others = [
                    None,
                    *(v for v in made[s.key] if not any(x == Write(s.key, v) for x in plan)),
                ]
                steps.append(Read(s.key, own[s.key][-1] if s.key in own else chance.choice(others)))
            else:
                mine = [x.value for x in plan if isinstance(x, Append) and x.key == s.key]
                until = min((made[s.key].index(v) for v in mine), default=len(made[s.key]))
                seen = made[s.key][: chance.randint(0, until)]
                steps.append(Read(s.key, (*seen, *own.get(s.key, []))))
        outcome: Any = (
            Ok(tuple(steps)) if chance.random() < 0.9 else chance.choice([Info(), Fail()])
        )
        entries.append(
            Entry(
                ticket,
                client,
                Transaction(tuple(plan)),
                began,
                2 * ticket,
                outcome,
                ended,
                2 * ticket + 1,
            )
        )
    return History(entries)


STORES = ("strict", "serializable", "snapshot", "stale snapshot", "committed", "uncommitted")


def falsify(chance: random.Random, history: History) -> History:
    """One thing in it changed: a value that was read, an outcome, a time or a client."""
    entries = list(history.entries)
    for _ in range(5):
        index = chance.randrange(len(entries))
        entry = entries[index]
        changed = chance.choice(_WAYS)(chance, entry)
        if changed is not None:
            entries[index] = changed
            break
    return History(entries)


def _other_read(chance: random.Random, entry: Entry) -> Entry | None:
    if not isinstance(entry.outcome, Ok):
        return None
    steps = list(entry.outcome.value)
    reads = [i for i, step in enumerate(steps) if isinstance(step, Read)]
    if not reads:
        return None
    at = chance.choice(reads)
    value = steps[at].value
    if isinstance(value, tuple):
        items = list(value)
        way = chance.choice([0, 1, 1, 1, 2, 3, 4])
        if way == 0 and items:
            items.pop(chance.randrange(len(items)))
        elif way == 1 and items:
            items.pop()
        elif way == 2 and len(items) > 1:
            chance.shuffle(items)
        elif way == 3 and items:
            items.append(chance.choice(items))
        elif chance.random() < 0.7:
            return None
        else:
            items.append(chance.randint(1, 12))
        value = tuple(items)
    else:
        value = chance.choice([None, chance.randint(1, 12)])
    steps[at] = Read(steps[at].key, value)
    return msgspec.structs.replace(entry, outcome=Ok(tuple(steps)))


def _other_outcome(chance: random.Random, entry: Entry) -> Entry | None:
    if not isinstance(entry.outcome, Ok):
        return None
    return msgspec.structs.replace(entry, outcome=chance.choice([Fail(), Info()]))


def _other_time(chance: random.Random, entry: Entry) -> Entry | None:
    if entry.ended is None or entry.ended - entry.began < 2:
        return None
    if chance.random() < 0.5:
        return msgspec.structs.replace(entry, began=chance.randint(entry.began, entry.ended - 1))
    return msgspec.structs.replace(entry, ended=chance.randint(entry.began + 1, entry.ended))


def _other_client(chance: random.Random, entry: Entry) -> Entry | None:
    return msgspec.structs.replace(entry, client=f"e{entry.ticket}")


_WAYS: list[Callable[[random.Random, Entry], Entry | None]] = [
    _other_read,
    _other_read,
    _other_read,
    _other_outcome,
    _other_time,
    _other_client,
]


def any_history(seed: int, transactions: int = 4) -> tuple[str, bool, History]:
    """The history of a seed: of which store, whether it was falsified, and itself."""
    chance = random.Random(seed)
    kind = chance.choice((*STORES, *["wild"] * len(STORES)))
    size = chance.randint(2, transactions), chance.choice([1, 1, 2, 2, 3]), chance.random() < 0.5
    if kind == "wild":
        return kind, True, wild(chance, *size)
    history = execute(chance, kind, *size)
    false = chance.random() < 0.6
    for _ in range(chance.randint(1, 2) if false else 0):
        history = falsify(chance, history)
    return kind, false, history


def registers(seed: int, size: int = 6) -> tuple[str, History]:
    """Single reads and writes against replicas: 'atomic', 'causal', 'roaming' (any replica) or 'wild' (any value)."""
    chance = random.Random(seed)
    kind = chance.choice(["atomic", "causal", "roaming", "wild"])
    clients = [f"c{i}" for i in range(chance.randint(1, 3))]
    keys = KEYS[: chance.choice([1, 2, 2])]
    writes: list[tuple[str, int, frozenset[int]]] = []
    """(key, value, the writes that come before it)"""
    sees = {client: frozenset[int]() for client in clients}
    entries: list[Entry] = []
    reads = 0
    plan = [chance.random() < 0.45 for _ in range(chance.randint(2, size))]
    values = range(1, 1 + sum(plan[:3]) + 1)
    for ticket, is_write in enumerate(plan, 1):
        client = chance.choice(clients)
        outcome: Any = Ok if chance.random() < 0.9 else chance.choice([Info, Fail])
        key = chance.choice(keys)
        if is_write and len(writes) < 3:
            step: Step = Write(key, len(writes) + 1)
            past = frozenset(range(len(writes))) if kind == "atomic" else sees[client]
            writes.append((key, len(writes) + 1, past))
            if outcome is not Fail:
                sees[client] |= {len(writes) - 1} | past
            else:
                writes[-1] = ("", 0, past)
        elif reads < 3:
            reads += 1
            if kind == "atomic":
                sees[client] = frozenset(range(len(writes)))
            elif writes and chance.random() < 0.6:
                other = chance.randrange(len(writes))
                new = {other} | (writes[other][2] if kind == "causal" else frozenset())
                sees[client] = (sees[client] if kind == "causal" else frozenset()) | new
            last = max((w for w in sees[client] if writes[w][0] == key), default=None)
            value = None if last is None else writes[last][1]
            if kind == "wild":
                value = chance.choice([None, *values])
            step = Read(key, value)
        else:
            continue
        asked = Transaction((Read(key) if isinstance(step, Read) else step,))
        result = Ok((step,)) if outcome is Ok else outcome()
        entries.append(
            Entry(
                ticket,
                client,
                asked,
                2 * ticket,
                2 * ticket,
                result,
                2 * ticket + 1,
                2 * ticket + 1,
            )
        )
    return kind, History(entries)


def log(seed: int, size: int = 13) -> tuple[bool, bool, History]:
    """A partitioned log with producers and consumers in groups: whether it is honest, drained, and its history."""
    chance = random.Random(seed)
    honest = chance.random() < 0.4
    partitions = [0, 1][: chance.randint(1, 2)]
    logs: dict[int, list[tuple[int, int]]] = {p: [] for p in partitions}
    groups = ["", "g"][: chance.randint(1, 2)]
    member = {f"c{i}": chance.choice(groups) for i in range(chance.randint(1, 3))}
    at: dict[tuple[str, int], int] = {}
    seen: dict[tuple[str, int], int] = {}
    """Group and partition -> how many records from the beginning it has read."""
    entries: list[Entry] = []
    clock = 0

    def record(client: str, operation: Any, outcome: Any, long: int = 1) -> None:
        nonlocal clock
        ticket = len(entries) + 1
        began, clock = clock, clock + chance.randint(1, 2)
        ended = began + long if outcome is not None else None
        entries.append(
            Entry(ticket, client, operation, began, 2 * ticket, outcome, ended, 2 * ticket + 1)
        )

    def poll(client: str, fate: float = 1.0) -> None:
        group = member[client]
        took = []
        for p in partitions:
            start = at.get((client, p), seen.get((group, p), 0))
            end = min(len(logs[p]), start + chance.randint(0, 3)) if fate < 1 else len(logs[p])
            took += [Record(p, o, v) for o, v in logs[p][start:end]]
            at[client, p] = end
            if fate > 0.1 and start <= seen.get((group, p), 0):
                seen[group, p] = max(seen.get((group, p), 0), end)
        record(
            client, Poll(group), chance.choice([Info(), None]) if fate < 0.1 else Ok(tuple(took))
        )

    for number in range(1, chance.randint(4, size + 1)):
        what = chance.random()
        client = chance.choice(list(member))
        if what < 0.45:
            p = chance.choice(partitions)
            offset = logs[p][-1][0] + chance.choice([1, 1, 1, 2]) if logs[p] else 0
            fate = chance.random()
            if fate > 0.1:
                logs[p].append((offset, number))
            answer: Any = Ok(chance.choice([offset, offset, None]))
            if fate < 0.2:
                answer = Fail() if fate < 0.1 else chance.choice([Info(), None])
            record(chance.choice("ab"), Send(p, number), answer)
        elif what < 0.8:
            poll(client, 0.05 + 0.94 * chance.random())
        elif what < 0.87:
            for p in partitions:
                at.pop((client, p), None)
            record(client, Assign(member[client]), Ok())
        else:
            p = chance.choice(partitions)
            read = seen.get((member[client], p), 0)
            offset = logs[p][read - 1][0] + 1 if read else 0
            record(client, Commit(p, offset, member[client]), chance.choice([Ok(), Info()]))
    drained = chance.random() < 0.5
    if drained:
        member["last"], at_start = "all", {("last", p): 0 for p in partitions}
        at.update(at_start)
        poll("last")
    if not honest:
        for _ in range(chance.randint(1, 3)):
            _falsify_log(chance, entries)
    return honest, drained, History(entries)


def _falsify_log(chance: random.Random, entries: list[Entry]) -> None:
    index = chance.randrange(len(entries))
    entry = entries[index]
    if not isinstance(entry.outcome, Ok):
        return
    match entry.operation:
        case Send() if entry.value is not None:
            outcome = chance.choice([Ok(chance.randint(0, 6)), Fail()])
            entries[index] = msgspec.structs.replace(entry, outcome=outcome)
        case Poll() if entry.value:
            records = list(entry.value)
            at = chance.randrange(len(records))
            match chance.randrange(5):
                case 0:
                    records.pop(at)
                case 1:
                    records.append(records[at])
                case 2:
                    records[at] = msgspec.structs.replace(records[at], offset=chance.randint(0, 6))
                case 3:
                    records[at] = msgspec.structs.replace(records[at], value=chance.randint(1, 15))
                case 4:
                    records[at] = msgspec.structs.replace(records[at], partition=0)
            entries[index] = msgspec.structs.replace(entry, outcome=Ok(tuple(records)))
        case Commit(partition=p, group=group):
            entries[index] = msgspec.structs.replace(
                entry, operation=Commit(p, chance.randint(0, 7), group)
            )
