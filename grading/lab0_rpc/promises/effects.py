"""Part 0B: each effect once, outcomes that are true, a bounded memory, and attempts that do no harm.

What happened is read off the balances at the end, when everything has healed: a balance must be the sum of the amounts
that were answered Ok, and of some of those of which nobody knows. Amounts are mostly powers of ten, so that few
other sums come to the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from distlab.check import Entry, Verdict, broken, kept, unknown
from distlab.core import MS, SECOND, Address
from distlab.grade.lab import Promise, Run, Situation
from distlab.trace import Event, Kind
from grading.lab0_rpc.promises import inner, is_a, messages, role

PAGE = "labs/lab0.md#part-0b-exactly-once-effects"

MOST_ATTEMPTS = 16
"""Per operation. Doubling waits from 50 ms to 800 ms makes about eight in two seconds, with jitter a few more."""
SLACK = 20 * MS
"""How much later than its deadline an operation may end."""
STAMPEDE = 3 * MS
"""Retries of more than half of many clients within so short a time are one too many for a server."""
GOOD_NETWORK = 1 * SECOND
"""Of a healed network, before its deadline, is enough for an operation: the longest wait and some."""


def _adds(run: Run) -> list[Entry]:
    return [entry for entry in run.history if is_a(entry.operation, "Add")]


def account_of(entry: Entry) -> str:
    add: Any = entry.operation
    return str(add.account)


def amount_of(entry: Entry) -> int:
    add: Any = entry.operation
    return int(add.amount)


def _deadline(run: Run, entry: Entry) -> int:
    """How long the client was given for an operation."""
    config: Any = run.cluster.members[Address(entry.client)].config
    return int(config.deadline)


def _balances(run: Run) -> dict[str, int] | None:
    """All accounts at the end; None where a server did not run then."""
    total: dict[str, int] = {}
    for server in run.cluster.with_role("server"):
        if (view := run.probes.get(server)) is None:
            return None
        total.update(view.balances)
    return total


def _sums(amounts: list[int]) -> set[int]:
    """All sums of some of the amounts."""
    found = {0}
    for amount in amounts:
        found |= {sum_ + amount for sum_ in found}
    return found


def _by_account(run: Run) -> Iterator[tuple[str, list[Entry]]]:
    accounts: dict[str, list[Entry]] = defaultdict(list)
    for entry in _adds(run):
        accounts[account_of(entry)].append(entry)
    yield from accounts.items()


# -- each effect once -------------------------------------------------------------------------------------------------


def each_effect_once(run: Run) -> Verdict:
    """Balances are what the outcomes say: every Ok once, an open one at most once. (Fails: see the next promise.)"""
    balances = _balances(run)
    if balances is None:
        return unknown("a server was not running at the end")
    for account, entries in _by_account(run):
        ok = [e for e in entries if e.is_ok]
        certain = sum(amount_of(e) for e in ok)
        # What a Fail did all the same is judged as a dishonest outcome, not here.
        doubtful = _sums([amount_of(e) for e in entries if not e.is_ok])
        balance = balances.get(account, 0)
        if balance - certain in doubtful:
            continue
        what, entry = _culprit(ok, doubtful, balance - certain)
        return broken(
            f"account {account}: {what}",
            *([entry.call, entry.ret, *_written(run, entry)] if entry else []),
            expected=f"{certain}"
            + (", and perhaps some of the unknown ones" if doubtful != {0} else ""),
            got=f"{balance}",
        )
    return kept()


def _written(run: Run, entry: Entry) -> list[int]:
    """Where servers wrote for the operation, if they did so several times: the last is one too many."""
    synced = {event.cause: event.id for event in run.trace.of(Kind.SYNCED)}
    syncs = {e.cause: synced.get(e.id, e.id) for e in run.trace.of(Kind.SYNC)}
    calls = [
        event.id
        for event in messages(run, Kind.DELIVER, "Call")
        if event.id in syncs
        and event.what.id.client == entry.client
        and (event.what.account, event.what.amount) == (account_of(entry), amount_of(entry))
    ]
    return [*calls, syncs[calls[-1]]] if len(calls) > 1 else []


def _culprit(ok: list[Entry], doubtful: set[int], excess: int) -> tuple[str, Entry | None]:
    """Which operations explain the balance: lost ones, or ones applied again."""
    for count in (1, 2, 3):
        for some in combinations(ok, count):
            amount = sum(amount_of(e) for e in some)
            names = ", ".join(f"{amount_of(e):+}" for e in some)
            if excess + amount in doubtful:
                return f"{names} was answered Ok, and its effect is not there", some[-1]
            if excess - amount in doubtful:
                return f"{names} was applied twice", some[-1]
    return "the balance is no sum of what was asked for", ok[-1] if ok else None


# -- honest outcomes --------------------------------------------------------------------------------------------------


class _Talk:
    """What the messages say about each thing asked for: (client, account, amount) -> ids, and what became of them."""

    def __init__(self, run: Run) -> None:
        self.sent: dict[Any, set[Any]] = defaultdict(set)
        self.refused: dict[Any, set[Any]] = defaultdict(set)
        self.granted: dict[Any, set[Any]] = defaultdict(set)
        self.answered_at: dict[Any, Event] = {}
        """The first answer to each id that its client received."""
        what: dict[Any, Any] = {}
        clients = run.cluster.with_role("client")
        for event in run.trace.of(Kind.SEND, Kind.DELIVER):
            message = inner(event.what)
            if event.node not in clients:
                continue
            if event.kind == Kind.SEND and is_a(message, "Call"):
                what[message.id] = wish = (event.node, message.account, message.amount)
                self.sent[wish].add(message.id)
            elif event.kind == Kind.DELIVER and is_a(message, "Answer") and message.id in what:
                table = self.refused if message.refused else self.granted
                table[what[message.id]].add(message.id)
                self.answered_at.setdefault(message.id, event)


def outcomes_are_true(run: Run) -> Verdict:
    """A Fail has no effect and a reason, an Ok has an answer; an answer that came in time is not called unknown."""
    if (verdict := _fails_without_effect(run)).is_broken:
        return verdict
    talk = _Talk(run)
    wishes: dict[Any, list[Entry]] = defaultdict(list)
    for entry in _adds(run):
        wishes[entry.client, account_of(entry), amount_of(entry)].append(entry)
    for wish, entries in wishes.items():
        failed = [e for e in entries if e.is_failed]
        never_sent = len(entries) - len(talk.sent[wish])
        if len(failed) > max(0, never_sent) + len(talk.refused[wish]):
            return broken(
                f"{failed[-1].operation!r} was reported as certainly failed: it had been sent, "
                f"and no server refused it",
                failed[-1].call,
                failed[-1].ret,
                expected="Info",
                got=failed[-1].outcome,
            )
        ok = [e for e in entries if e.is_ok]
        if len(ok) > len(talk.granted[wish]):
            return broken(
                f"{ok[-1].operation!r} was reported as done, and no server had said so",
                ok[-1].call,
                ok[-1].ret,
                expected="Info",
                got=ok[-1].outcome,
            )
        if len(entries) == 1 and entries[0].outcome is not None and entries[0].is_open:
            for id_ in talk.sent[wish]:
                answer = talk.answered_at.get(id_)
                if answer is not None and answer.id < entries[0].ret:
                    return broken(
                        f"{entries[0].operation!r} was reported as unknown, though its answer had "
                        f"come",
                        entries[0].call,
                        answer.id,
                        entries[0].ret,
                        expected="Fail" if answer.what.refused else f"Ok({answer.what.balance})",
                        got=entries[0].outcome,
                    )
    return kept()


def _fails_without_effect(run: Run) -> Verdict:
    balances = _balances(run)
    if balances is None:
        return unknown("a server was not running at the end")
    for account, entries in _by_account(run):
        excess = balances.get(account, 0) - sum(amount_of(e) for e in entries if e.is_ok)
        doubtful = _sums([amount_of(e) for e in entries if e.is_open])
        if excess in doubtful:
            continue
        for entry in entries:
            if entry.is_failed and excess - amount_of(entry) in doubtful:
                return broken(
                    f"{entry.operation!r} was reported as certainly failed, and its effect is "
                    f"there",
                    entry.call,
                    entry.ret,
                    *_written(run, entry),
                    expected=f"{balances.get(account, 0) - amount_of(entry)}",
                    got=f"{balances.get(account, 0)}",
                )
    return kept()


def answers_are_true(run: Run) -> Verdict:
    """Each Ok says the balance right after its own effect: into accounts with deposits only, they form one ladder."""
    for account, entries in _by_account(run):
        if any(amount_of(e) <= 0 for e in entries):
            continue
        open_sums = _sums([amount_of(e) for e in entries if e.is_open])
        before: Entry | None = None
        balance = 0
        for entry in sorted((e for e in entries if e.is_ok), key=lambda e: (e.value, e.call)):
            gap = entry.value - amount_of(entry) - balance
            if gap not in open_sums:
                return broken(
                    f"account {account}: {entry.operation!r} was answered with a balance that it "
                    f"never had",
                    *([before.ret] if before else []),
                    entry.ret,
                    expected=f"{balance + amount_of(entry)}, or more by what is unknown",
                    got=entry.value,
                )
            balance, before = entry.value, entry
    return kept()


# -- costs and liveness -----------------------------------------------------------------------------------------------


def memory_is_bounded(run: Run) -> Verdict:
    """What servers remember grows with accounts, clients and windows, never with the number of calls."""
    clients = len(run.cluster.with_role("client"))
    window = run.scenario.shape.get("window", 8)
    accounts = len({account_of(e) for e in _adds(run)})
    bound = 20 + 6 * accounts + clients * (20 + 16 * max(window, 8))
    for server in run.cluster.with_role("server"):
        view = run.probes.get(server)
        if view is not None and view.entries > bound:
            return broken(
                f"{server} remembers {view.entries} things after {len(_adds(run))} operations of "
                f"{clients} clients "
                f"with {window} under way at most",
                expected=f"at most {bound}",
                got=f"{view.entries}",
            )
    return kept()


def attempts_do_no_harm(run: Run) -> Verdict:
    """Few attempts for each operation, none once it is over, and clients do not strike all at once."""
    attempts: dict[Any, list[Event]] = defaultdict(list)
    for event in messages(run, Kind.SEND, "Call"):
        if role(run, event.node) == "client":
            attempts[event.what.id].append(event)
    for id_, sends in attempts.items():
        if len(sends) > MOST_ATTEMPTS:
            took = (sends[-1].time - sends[0].time) / SECOND
            return broken(
                f"{id_.client} sent its call {id_.number} {len(sends)} times in {took:.1f} s",
                sends[0].id,
                sends[-1].id,
                expected=f"at most {MOST_ATTEMPTS}",
                got=len(sends),
            )
    if (verdict := _none_after_the_end(run, attempts)).is_broken:
        return verdict
    return _no_stampede(run, attempts)


def _none_after_the_end(run: Run, attempts: dict[Any, list[Event]]) -> Verdict:
    wishes = Counter((e.client, account_of(e), amount_of(e)) for e in _adds(run))
    for entry in _adds(run):
        wish = (entry.client, account_of(entry), amount_of(entry))
        if entry.ended is None or wishes[wish] > 1:
            continue
        for sends in attempts.values():
            last = sends[-1]
            said = (last.node, last.what.account, last.what.amount)
            # By its cause: a call held back behind a sync was decided on before.
            if said == wish and last.cause > entry.ret:
                return broken(
                    f"{entry.client} went on asking for {entry.operation!r} after it had been "
                    f"reported",
                    entry.ret,
                    last.id,
                    expected="no call after the outcome",
                    got=f"one {(last.time - entry.ended) / MS:.0f} ms later",
                )
    return kept()


def _no_stampede(run: Run, attempts: dict[Any, list[Event]]) -> Verdict:
    """At no moment do most of many clients try again together."""
    many = run.cluster.with_role("client")
    if len(many) < 8:
        return kept()
    retries = sorted((s.time, s.node, s.id) for sends in attempts.values() for s in sends[1:])
    for at, (since, _, _) in enumerate(retries):
        together = [retry for retry in retries[at:] if retry[0] < since + STAMPEDE]
        who = {node for _, node, _ in together}
        if len(who) > len(many) // 2:
            return broken(
                f"{len(who)} of {len(many)} clients tried again within {STAMPEDE // MS} ms",
                *[id_ for _, _, id_ in together[:3]],
                expected=f"at most {len(many) // 2}",
                got=len(who),
            )
    return kept()


def _disturbed(run: Run) -> dict[str, list[tuple[int, int]]]:
    """For each node, when it could not act: crashed or paused."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for event in run.trace.of(Kind.CRASH, Kind.STOP):
        restarts = (
            e.time for e in run.trace.of(Kind.START) if e.node == event.node and e.id > event.id
        )
        found[event.node].append((event.time, next(restarts, run.time)))
    for event in run.trace.of(Kind.FAULT):
        if is_a(event.what, "Pause", "SlowNode"):
            found[event.what.node].append((event.time, event.time + event.what.duration))
    return found


def answered_in_time(run: Run) -> Verdict:
    """Every operation ends by its deadline; one with a second of good network before it ends with an answer.

    And none is turned away while there is room for it in the window.
    """
    if (verdict := _none_turned_away(run)).is_broken:
        return verdict
    disturbed = _disturbed(run)
    heal = run.scenario.plan.heal_at or 0
    # A run without noise or faults is as good as healed from the start.
    noise = run.scenario.noise
    if not run.scenario.plan.faults and not (noise.loss or noise.straggle):
        heal = 0
    for entry in _adds(run):
        deadline = entry.began + _deadline(run, entry)
        if any(
            began <= deadline and entry.began <= ended for began, ended in disturbed[entry.client]
        ):
            continue
        if entry.outcome is None:
            return broken(
                f"{entry.operation!r} never ended", entry.call, expected="an outcome", got="none"
            )
        assert entry.ended is not None
        if entry.ended > deadline + SLACK:
            return broken(
                f"{entry.operation!r} ended after its deadline",
                entry.call,
                entry.ret,
                expected=f"by {deadline / MS:.0f} ms",
                got=f"{entry.ended / MS:.0f} ms",
            )
        if entry.is_open and max(heal, entry.began) + GOOD_NETWORK <= deadline:
            return broken(
                f"{entry.operation!r} had a second of good network before its deadline, and was "
                f"not answered",
                entry.call,
                entry.ret,
                expected="Ok or Fail",
                got=entry.outcome,
            )
        if entry.is_open and entry.ended < deadline - SLACK:
            return broken(
                f"{entry.operation!r} was given up before its deadline",
                entry.call,
                entry.ret,
                expected=f"not before {deadline / MS:.0f} ms",
                got=f"{entry.ended / MS:.0f} ms",
            )
    return kept()


def is_transparent(run: Run) -> Verdict:
    """Under a layer, operations end as they would without it: in time, with an answer, once."""
    verdict = answered_in_time(run)
    return verdict if verdict.is_broken else each_effect_once(run)


def _none_turned_away(run: Run) -> Verdict:
    """A Fail of something never sent needs a full window: as many operations from the oldest open one on."""
    talk = _Talk(run)
    window = run.scenario.shape.get("window", 8)
    started: dict[str, list[int]] = defaultdict(list)
    for event in run.trace.of(Kind.START):
        started[event.node].append(event.id)
    admitted: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    for entry in _adds(run):
        life = entry.client, sum(start < entry.call for start in started[entry.client])
        wish = entry.client, account_of(entry), amount_of(entry)
        if not entry.is_failed or talk.sent[wish]:
            admitted[life].append(entry)
            continue
        # An operation that ends in this very moment may count as under way or not.
        is_open = [e.ended is None or e.ended >= entry.began for e in admitted[life]]
        under_way = len(is_open) - is_open.index(True) if any(is_open) else 0
        if under_way < window:
            return broken(
                f"{entry.operation!r} was turned away with {under_way} under way, room for "
                f"{window}",
                entry.call,
                entry.ret,
                expected="an attempt",
                got=entry.outcome,
            )
    return kept()


# -- situations -------------------------------------------------------------------------------------------------------


def healed_under_way(run: Run) -> bool:
    """An operation was under way when the network healed."""
    heal = run.scenario.plan.heal_at or 0
    return any(e.began <= heal <= (e.ended or 0) for e in _adds(run))


def _came_again(run: Run) -> bool:
    """A server received a call that it had answered before."""
    answered: set[Any] = set()
    for event in run.trace.of(Kind.SEND, Kind.DELIVER):
        if role(run, event.node) == "server":
            if event.kind == Kind.SEND and is_a(event.what, "Answer"):
                answered.add(event.what.id)
            elif is_a(event.what, "Call") and event.what.id in answered:
                return True
    return False


def _crashed_with_accounts(run: Run) -> bool:
    """A server that had answered crashed, and received a call that it had answered in an earlier life."""
    answered: set[Any] = set()
    before: set[Any] = set()
    for event in run.trace.of(Kind.SEND, Kind.DELIVER, Kind.CRASH):
        if role(run, event.node) != "server":
            continue
        if event.kind == Kind.CRASH:
            before |= answered
        elif event.kind == Kind.SEND and is_a(event.what, "Answer"):
            answered.add((event.node, event.what.id))
        elif is_a(event.what, "Call") and (event.node, event.what.id) in before:
            return True
    return False


def _unknown_and_done(run: Run) -> bool:
    """An operation ended in Info, and had taken effect."""
    balances = _balances(run) or {}
    return any(
        any(e.is_open and e.outcome is not None for e in entries)
        and balances.get(account, 0) != sum(amount_of(e) for e in entries if e.is_ok)
        for account, entries in _by_account(run)
    )


def _refused_again(run: Run) -> bool:
    refused: Counter[Any] = Counter(
        e.what.id
        for e in messages(run, Kind.SEND, "Answer")
        if e.what.refused and role(run, e.node) == "server"
    )
    return any(times > 1 for times in refused.values())


def _client_lived_twice(run: Run) -> bool:
    crashed = {e.node for e in run.trace.of(Kind.CRASH) if role(run, e.node) == "client"}
    sent = {(e.node, e.incarnation) for e in messages(run, Kind.SEND, "Call") if e.node in crashed}
    return any((node, life + 1) in sent for node, life in sent)


def _through_a_small_window(run: Run) -> bool:
    window = run.scenario.shape.get("window", 8)
    done = Counter(e.client for e in _adds(run) if e.is_ok)
    return any(count >= 5 * window for count in done.values())


def _retried_often(run: Run) -> bool:
    sends = Counter(
        e.what.id for e in messages(run, Kind.SEND, "Call") if role(run, e.node) == "client"
    )
    return any(count >= 4 for count in sends.values())


PROMISES = (
    Promise(
        code="RPC-S3",
        title="each effect happens once, however often it is asked for and whoever crashes",
        points=5,
        judge=each_effect_once,
        needs=(
            Situation("a call came again after it had been answered", _came_again),
            Situation("it came again after the server had crashed", _crashed_with_accounts),
            Situation("a client asked for more after it had crashed", _client_lived_twice),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-S4",
        title="outcomes are true: Fail means never, unknown is Info, and what is known is said",
        points=3,
        judge=outcomes_are_true,
        needs=(
            Situation("an operation was unknown, and had happened", _unknown_and_done),
            Situation("a refused call came again", _refused_again),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-S5",
        title="an answer says the balance right after its own effect, also when it is repeated",
        points=1,
        judge=answers_are_true,
        needs=(Situation("a call came again after it had been answered", _came_again),),
        page=PAGE,
    ),
    Promise(
        code="RPC-C1",
        title="a server remembers no more than what can still be asked for again",
        points=2,
        judge=memory_is_bounded,
        needs=(
            Situation("a client had far more done than its window holds", _through_a_small_window),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-C2",
        title="attempts are few, end with the outcome, and are spread out",
        points=2,
        judge=attempts_do_no_harm,
        needs=(
            Situation("an operation took four attempts or more", _retried_often),
            Situation(
                "many clients had to try again",
                lambda run: len(run.cluster.with_role("client")) >= 8,
            ),
        ),
        page=PAGE,
    ),
    Promise(
        code="RPC-L2",
        title="an operation ends by its deadline, and with an answer if the network lets it",
        points=2,
        judge=answered_in_time,
        needs=(Situation("an operation was under way when the network healed", healed_under_way),),
        page=PAGE,
    ),
)
