"""The world of part 4E3, an initiator and some banks; and what each promise says of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from distlab.check import Entry, Verdict, broken, kept
from distlab.core import MS, SECOND, Address
from distlab.core.cluster import Cluster, Member
from distlab.faults import Fault, Noise, Plan
from distlab.grade.draw import (
    Swarm,
    clog,
    crash,
    draw_noise,
    draw_plan,
    one_way_cut,
    partition,
    pause,
)
from distlab.grade.lab import Run, Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from distlab.trace import Event, Kind
from labs.lab4_transactions.tcc import BankConfig, Cancel, Confirm, Confirmed, Statement
from labs.lab4_transactions.xts import InitiatorConfig, InitiatorView, Pay, SetPeak

BUYERS = (("ann", 1000), ("bob", 100))
SELLERS = (("shop", 0), ("cafe", 0))
BANKS = ("bank-1", "bank-2", "bank-3")
CONFIG = InitiatorConfig(BANKS, BUYERS)
HORIZON = 800 * MS
IN_TIME = 3 * SECOND
"""TX2-L2's bound for the backlog, after the peak, and after all is well."""
PROMPT = 100 * MS
"""TX2-L2's bound for phase 1, where messages take a millisecond."""
FAIR = 1_500 * MS
"""Within so long a payment is over whose bank is well, whatever other banks do."""


def stage(solution: Solution, scenario: Scenario) -> Stage:
    bank = solution.module("tcc_bank").Bank
    members = {
        "initiator": Member(solution.module("xts_initiator").Initiator, CONFIG, "initiator"),
        **{name: Member(bank, BankConfig(SELLERS), "bank") for name in BANKS},
    }
    last = max((call.at for call in scenario.calls), default=0)
    until = max(scenario.plan.heal_at or 0, last) + IN_TIME
    return Stage(cluster=Cluster(members), operations=(Pay, SetPeak), until=until, settle=None)


def share(bank: int, amount: int = 5, account: str = "shop") -> dict[str, Any]:
    return {"bank": f"bank-{bank}", "account": account, "amount": amount}


def pay(at: int, payment: int, *shares: dict[str, Any], buyer: str = "ann") -> Call:
    arguments = {"id": payment, "buyer": buyer, "shares": list(shares)}
    return Call(at, "initiator", "Pay", arguments)


def peak(at: int, on: bool) -> Call:
    return Call(at, "initiator", "SetPeak", {"on": on})


def of(
    calls: Sequence[Call],
    *faults: Fault,
    noise: Noise | None = None,
    heal_at: int = HORIZON,
    **shape: Any,
) -> Scenario:
    return Scenario(
        tuple(calls), Plan(faults, heal_at if faults else None), noise or Noise(), shape
    )


def draw(random: Random) -> Scenario:
    """Payments to one to three banks, some of which cannot be paid; a peak in half of the runs; anything may happen."""
    calls = []
    for payment in range(1, random.choice([3, 8, 20])):
        shares = [
            share(random.randint(1, 3), random.randint(1, 40), random.choice(["shop", "cafe"]))
            for _ in range(random.randint(1, 3))
        ]
        if random.random() < 0.1:
            shares[-1] |= random.choice([{"account": "nobody"}, {"amount": 0}, {"amount": -5}])
        buyer = random.choice(["ann", "ann", "bob"])
        calls.append(pay(random.randrange(HORIZON // MS) * MS, payment, *shares, buyer=buyer))
    if random.random() < 0.5:
        begins = random.randrange(400) * MS
        calls += [peak(begins, True), peak(begins + random.randint(100, 800) * MS, False)]
    swarm = Swarm(
        nodes=["initiator", *BANKS],
        targets=["initiator", "initiator", *BANKS],
        kinds=[crash, crash, pause, partition, one_way_cut, clog],
        horizon=HORIZON,
        most=6,
        outage=(5 * MS, 500 * MS),
    )
    calls.sort(key=lambda call: call.at)
    # The peak ends when everybody is well, and is heard of: an initiator that is down is asked nothing.
    calls.append(peak(HORIZON + 50 * MS, False))
    return Scenario(tuple(calls), draw_plan(random, swarm), draw_noise(random, swarm))


# -- judges -----------------------------------------------------------------------------------------------------------


def _views(run: Run) -> tuple[InitiatorView, dict[str, Statement]] | None:
    if any(name not in run.probes for name in ("initiator", *BANKS)):
        return None
    return run.probes[Address("initiator")], {bank: run.probes[Address(bank)] for bank in BANKS}


def all_or_nothing(run: Run) -> Verdict:
    """TX2-S12."""
    views = _views(run)
    if views is None:
        return kept()
    initiator, banks = views
    asked: dict[int, Entry] = {}
    for entry in run.history.of_type(Pay):
        first = asked.setdefault(entry.operation.id, entry)  # type: ignore[attr-defined]
        if first.operation != entry.operation and not (first.is_failed or entry.is_failed):
            return broken(
                f"payment {entry.operation.id} was asked for twice, with two contents, and both are Ok",  # type: ignore[attr-defined]
                entry.ret or entry.call,
                expected="an id means one payment: the second one fails",
                got=entry.outcome or "no answer",
            )
    for payment, entry in asked.items():
        is_paid = payment in initiator.committed
        if (entry.is_ok and not is_paid) or (entry.is_failed and is_paid):
            return broken(
                f"payment {payment} was answered {'Ok' if entry.is_ok else 'Fail'}, and was "
                f"{'committed' if is_paid else 'not committed'}",
                entry.ret,
            )
    is_quiet = not initiator.pending and not any(s.tried for s in banks.values())
    expected = Counter({("initiator", name): balance for name, balance in BUYERS})
    for payment in initiator.committed:
        if payment not in asked:
            return broken(f"payment {payment} was committed, and nobody has asked for it")
        op = asked[payment].operation
        assert isinstance(op, Pay)
        if not op.shares or any(each.amount <= 0 for each in op.shares):
            return broken(f"payment {payment} was committed, and is none", got=op.shares)
        for each in op.shares:
            expected["initiator", op.buyer] -= each.amount
            expected[each.bank, each.account] += each.amount
    for account in initiator.accounts:
        owned = account.available + account.frozen
        if owned != expected["initiator", account.name] or account.available < 0:
            return broken(
                f"{account.name} has not what the committed payments leave",
                expected=expected["initiator", account.name],
                got=f"{account.available} available, {account.frozen} frozen",
            )
    for bank, statement in banks.items() if is_quiet else ():
        for account in statement.accounts:
            if account.available != expected[bank, account.name]:
                return broken(
                    f"everything is over, and {account.name} at {bank} has not what it was paid",
                    expected=expected[bank, account.name],
                    got=account.available,
                )
    return kept()


def peak_is_spared(run: Run) -> Verdict:
    """TX2-L2: nothing of phase 2 in a peak; phase 1 is prompt; the backlog drains, at its pace, and nobody starves."""
    for check in (_deferred, _prompt, _paced, _fair, _drained):
        verdict = check(run)
        if not verdict.is_kept:
            return verdict
    return kept()


def _phase_two(run: Run) -> Iterator[Event]:
    return (e for e in run.trace.of(Kind.SEND) if isinstance(e.what, (Confirm, Cancel)))


def _peaks(run: Run) -> list[tuple[int, int]]:
    """From the event of the answer to the event of the next question: in between the peak is on for certain."""
    entries = run.history.of_type(SetPeak)
    found = []
    for n, entry in enumerate(entries):
        if entry.is_ok and entry.operation.on:  # type: ignore[attr-defined]
            later = [e.call for e in entries[n + 1 :] if not e.operation.on]  # type: ignore[attr-defined]
            found.append((entry.ret, min(later, default=10**9)))
    return found


def _is_still_peak(run: Run) -> bool:
    switches = run.history.of_type(SetPeak)
    return bool(switches) and switches[-1].operation.on  # type: ignore[attr-defined]


def _deferred(run: Run) -> Verdict:
    peaks = _peaks(run)
    for event in _phase_two(run) if peaks else ():
        for begun, over in peaks:
            if begun < event.cause and event.id < over:
                return broken(
                    f"in the midst of a peak the initiator says {type(event.what).__name__}",
                    begun,
                    event.id,
                    expected="phase 2 waits until the peak is over",
                )
    return kept()


def _prompt(run: Run) -> Verdict:
    if not run.scenario.shape.get("prompt"):
        return kept()
    for entry in run.history.of_type(Pay):
        took = (entry.ended or run.time) - entry.began
        if run.scenario.shape.get("fine") and entry.is_failed:
            return broken(
                "nothing goes wrong, and a payment is not paid",
                entry.ret,
                expected="Ok",
                got=entry.outcome,
            )
        if took > PROMPT and not entry.is_failed:  # patience with a bank is longer
            return Verdict(
                broken("").finding,
                f"payment {entry.operation.id} waits for what is not its phase 1",  # type: ignore[attr-defined]
                (entry.call,),
                expected=f"an answer within {PROMPT // MS} ms",
                got="none" if entry.ended is None else f"after {took // MS} ms",
                is_absence=True,
            )
    return kept()


def _paced(run: Run) -> Verdict:
    """At most two batches between any two ticks (a job may run a little early, or late)."""
    if not run.scenario.shape.get("prompt"):
        return kept()
    times: list[int] = []
    for event in _phase_two(run):
        times = [time for time in times if time > event.time - CONFIG.tick] + [event.time]
        if len(times) > 2 * CONFIG.batch:
            return broken(
                f"{len(times)} messages of phase 2 within {CONFIG.tick // MS} ms: the banks are flooded",
                event.id,
                expected=f"at most {CONFIG.batch} for each tick",
            )
    return kept()


def _fair(run: Run) -> Verdict:
    dead = run.scenario.shape.get("dead")
    if dead is None or _is_still_peak(run):
        return kept()
    free = max((e.ended or 0 for e in run.history.of_type(SetPeak)), default=0)
    confirmed = {
        (e.what.xid, e.what.branch): e.time
        for e in run.trace.of(Kind.DELIVER)
        if isinstance(e.what, Confirmed)
    }
    for entry in run.history.of_type(Pay):
        op = entry.operation
        assert isinstance(op, Pay)
        for branch, each in enumerate(op.shares):
            deadline = max(entry.ended or 0, free) + FAIR
            if (
                entry.is_ok
                and each.bank != dead
                and confirmed.get((op.id, branch), deadline + 1) > deadline
            ):
                return Verdict(
                    broken("").finding,
                    f"payment {op.id} to {each.bank} is not confirmed in time, whatever keeps the others",
                    (entry.ret,),
                    expected=f"by {deadline // MS} ms",
                    is_absence=True,
                )
    return kept()


def _drained(run: Run) -> Verdict:
    views = _views(run)
    if views is None or _is_still_peak(run):
        return kept()
    if views[0].pending or any(statement.tried for statement in views[1].values()):
        return Verdict(
            broken("").finding,
            f"{IN_TIME // MS} ms after all is well, {views[0].pending} payments are not over, and the banks "
            f"have {sum(s.tried for s in views[1].values())} branches that are TRIED",
            is_absence=True,
            expected="the backlog has drained",
        )
    last = max([e.time for e in run.trace.of(Kind.START) if e.node == "initiator"], default=0)
    for entry in run.history:
        if entry.is_open and entry.began >= last:
            return Verdict(
                broken("").finding,
                f"{type(entry.operation).__name__} has no answer",
                (entry.call,),
                is_absence=True,
            )
    return kept()


# -- situations -------------------------------------------------------------------------------------------------------


def backlog(run: Run) -> bool:
    """Five payments and more were answered in a peak."""
    for begun, over in _peaks(run):
        if sum(e.is_ok and begun < e.ret < over for e in run.history.of_type(Pay)) >= 5:
            return True
    return False


def died_with_backlog(run: Run) -> bool:
    answered = False
    for event in run.trace.of(Kind.RETURN, Kind.CRASH):
        if event.kind == Kind.CRASH and event.node == "initiator" and answered:
            return True
        answered = answered or event.kind == Kind.RETURN
    return False


def some_cancelled(run: Run) -> bool:
    return any(isinstance(e.what, Cancel) for e in _phase_two(run))
