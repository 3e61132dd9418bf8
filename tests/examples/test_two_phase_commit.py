"""The example `two_phase_commit`: what it promises, step by step and in bad weather."""

from collections import Counter
from functools import cache
from random import Random

import pytest

from distlab.core import MS, SECOND, Address, Fail, Ok
from distlab.core.cluster import Cluster, Member
from distlab.core.effects import Sent
from distlab.core.solo import Solo
from distlab.faults import QUIET, At, Crash, Doing, Fault, Noise, Partition, Plan, Survival
from distlab.sim import Simulation
from distlab.trace import EVERYTHING
from tests.examples.two_phase_commit import (
    Ack,
    Bank,
    BankConfig,
    Client,
    ClientConfig,
    Coordinator,
    Decision,
    Inquiry,
    Move,
    Prepare,
    Request,
    Result,
    Transfer,
    Txn,
    Vote,
)

BANKS = (Address("athens"), Address("berlin"), Address("cairo"))
CLIENTS = (Address("anna"), Address("otto"))
COORDINATOR = Address("coordinator")
OPENING = (("x", 100), ("y", 100))
TXN = Txn(epoch=1, client=CLIENTS[0], number=7)


def pay(source: Address, to: Address, amount: int) -> Transfer:
    return Transfer((Move(source, "x", -amount), Move(to, "y", amount)))


def a_bank() -> Solo:
    return Solo(Bank, BankConfig(coordinator=COORDINATOR, accounts=OPENING), address=BANKS[0])


def sent(effects: list) -> list:
    return [effect.message for effect in effects if isinstance(effect, Sent)]


def test_a_bank_that_voted_yes_is_still_in_doubt_after_a_crash_and_asks() -> None:
    bank = a_bank()
    assert sent(
        bank.deliver(Prepare(TXN, pay(BANKS[0], BANKS[1], 60).moves), sender=COORDINATOR)
    ) == [Vote(TXN, True)]
    bank.crash()
    assert sent(bank.start()) == [Inquiry(TXN)]
    assert sent(bank.deliver(Decision(TXN, committed=True), sender=COORDINATOR)) == [Ack(TXN)]
    assert bank.node.balances == {"x": 40, "y": 100}


def test_money_promised_once_is_not_promised_again() -> None:
    bank = a_bank()
    other = TXN._replace(number=8)
    moves = pay(BANKS[0], BANKS[1], 60).moves
    bank.deliver(Prepare(TXN, moves), sender=COORDINATOR)
    assert sent(bank.deliver(Prepare(other, moves), sender=COORDINATOR)) == [Vote(other, False)]
    bank.deliver(Decision(TXN, committed=False), sender=COORDINATOR)
    assert sent(bank.deliver(Prepare(other, moves), sender=COORDINATOR)) == [Vote(other, True)]


def test_a_coordinator_that_lost_its_memory_presumes_abort() -> None:
    coordinator = Solo(Coordinator)
    request = Request(TXN, pay(BANKS[0], BANKS[1], 60).moves)
    assert (
        sent(coordinator.deliver(request, sender=TXN.client)) == [Prepare(TXN, request.moves)] * 2
    )
    coordinator.deliver(Vote(TXN, True), sender=BANKS[0])
    assert sent(coordinator.deliver(Inquiry(TXN), sender=BANKS[0])) == []
    coordinator.crash()
    coordinator.start()
    assert sent(coordinator.deliver(Inquiry(TXN), sender=BANKS[0])) == [Decision(TXN, False)]
    assert sent(coordinator.deliver(Vote(TXN, True), sender=BANKS[1])) == []
    [result] = sent(coordinator.deliver(request, sender=TXN.client))
    assert (result.committed, result.epoch) == (False, 2)


def test_a_commit_is_told_again_after_a_crash_until_all_have_acknowledged_it() -> None:
    coordinator = Solo(Coordinator)
    coordinator.deliver(Request(TXN, pay(BANKS[0], BANKS[1], 60).moves), sender=TXN.client)
    for bank in BANKS[:2]:
        coordinator.deliver(Vote(TXN, True), sender=bank)
    coordinator.deliver(Ack(TXN), sender=BANKS[0])
    coordinator.crash()
    assert sent(coordinator.start()) == [Decision(TXN, True)] * 2
    for bank in BANKS[:2]:
        coordinator.deliver(Ack(TXN), sender=bank)
    assert coordinator.node.missing == {}


def run(plan: Plan, noise: Noise, calls: list[tuple[int, Address, Transfer]]) -> Simulation:
    """A run to its end, with everything that must hold then."""
    cluster = Cluster(
        {COORDINATOR: Member(Coordinator)}
        | {
            bank: Member(Bank, BankConfig(coordinator=COORDINATOR, accounts=OPENING))
            for bank in BANKS
        }
        | {client: Member(Client, ClientConfig(coordinator=COORDINATOR)) for client in CLIENTS}
    )
    sim = Simulation(cluster, plan, noise, record=EVERYTHING)
    for time, client, transfer in calls:
        sim.call(time, client, transfer)
    sim.run(until=6 * SECOND)

    # Nothing is in doubt, and nobody waits for anything.
    banks = {bank: sim.up[bank].node for bank in BANKS}
    coordinator = sim.up[COORDINATOR].node
    assert all(not bank.in_doubt for bank in banks.values())
    assert not coordinator.voting
    assert not coordinator.missing
    assert all(not sim.up[client].node.open for client in CLIENTS)

    # Nobody was ever told, or ever had in its log, two different decisions.
    verdicts: dict[Txn, set[bool]] = {}
    for event in sim.trace.events:
        if isinstance(event.what, Decision | Result):
            verdicts.setdefault(event.what.txn, set()).add(event.what.committed)
    for bank in banks.values():
        for txn, committed in bank.decided.items():
            verdicts.setdefault(txn, set()).add(committed)
    assert not [txn for txn, verdict in verdicts.items() if len(verdict) > 1]

    # What was committed, and nothing else, happened, and at all its banks.
    asked = {
        (event.node, event.what[0]): event.what[1]
        for event in sim.trace.events
        if event.kind == "call"
    }
    balances = {bank: dict(OPENING) for bank in BANKS}
    for txn in coordinator.committed:
        for move in asked[txn.client, txn.number].moves:
            assert banks[move.bank].decided[txn]
            balances[move.bank][move.account] += move.amount
    assert {name: bank.balances for name, bank in banks.items()} == balances
    assert sum(sum(accounts.values()) for accounts in balances.values()) == 200 * len(BANKS)
    assert all(balance >= 0 for accounts in balances.values() for balance in accounts.values())

    # And the clients were told the truth.
    times = Counter((txn.client, txn.number) for txn in coordinator.committed)
    assert all(count == 1 for count in times.values())
    for event in sim.trace.events:
        if event.kind == "return":
            ticket, outcome = event.what
            assert times[event.node, ticket] == isinstance(outcome, Ok)
    return sim


def outcomes(sim: Simulation) -> list:
    return [event.what[1] for event in sim.trace.events if event.kind == "return"]


def test_in_good_weather_a_transfer_happens_if_there_is_the_money_for_it() -> None:
    first, second = pay(BANKS[0], BANKS[1], 60), pay(BANKS[0], BANKS[2], 60)
    sim = run(Plan(), QUIET, [(0, CLIENTS[0], first), (SECOND, CLIENTS[1], second)])
    assert outcomes(sim) == [Ok(), Fail("athens refused")]


BEFORE_IT_IS_DURABLE = Doing(COORDINATOR, "sync", "log", n=2)  # the first one was for the epoch
BEFORE_IT_IS_TOLD = Doing(COORDINATOR, "send", "Decision")


@pytest.mark.parametrize(("doing", "epoch"), [(BEFORE_IT_IS_DURABLE, 2), (BEFORE_IT_IS_TOLD, 1)])
def test_the_commit_record_alone_divides_what_happened_from_what_did_not(
    doing: Doing, epoch: int
) -> None:
    crash = Crash(COORDINATOR, restart_after=400 * MS, unsynced=Survival.NOTHING)
    sim = run(Plan((Fault(doing, crash),)), QUIET, [(0, CLIENTS[0], pay(BANKS[0], BANKS[1], 30))])
    assert sim.tally["crash"] == 1
    assert outcomes(sim) == [Ok()]
    assert [txn.epoch for txn in sim.up[COORDINATOR].node.committed] == [epoch]
    asking = [
        event
        for event in sim.trace.events
        if event.kind == "send" and isinstance(event.what, Inquiry)
    ]
    assert len(asking) >= 6  # both banks are blocked all the while


@cache
def bad_weather(seed: int) -> Counter[str]:
    """What was seen in a run in which nodes crash, links break, and messages get lost or come twice."""
    random = Random(seed)
    nodes = (COORDINATOR, *BANKS, *CLIENTS)
    faults = []
    for _ in range(6):
        node = random.choice((COORDINATOR, *nodes))
        when, lasts = At(random.randrange(1500 * MS)), random.randrange(10 * MS, 400 * MS)
        faults.append(Fault(when, Crash(node, lasts, random.choice(list(Survival)))))
    for _ in range(2):
        some = tuple(random.sample(nodes, 3))
        rest = tuple(node for node in nodes if node not in some)
        when = At(random.randrange(1500 * MS))
        faults.append(Fault(when, Partition((some, rest), 300 * MS)))
    calls = []
    for i in range(12):
        source, to = random.sample(BANKS, 2)
        transfer = pay(source, to, random.randrange(1, 80))
        calls.append((i * 100 * MS, random.choice(CLIENTS), transfer))
    noise = Noise(seed=seed, loss=0.1, duplicate=0.1, delay=(1 * MS, 20 * MS))
    sim = run(Plan(tuple(faults)), noise, calls)

    seen = Counter(type(outcome).__name__ for outcome in outcomes(sim))
    epoch = 1
    for event in sim.trace.events:
        match event.kind, event.what:
            case "send", Result():
                epoch = event.what.epoch
            case "send", Decision(txn, committed) if txn.epoch < epoch:
                seen["commit of a former life"] += committed
                seen["presumed abort"] += not committed
    return seen


@pytest.mark.parametrize("seed", range(50))
def test_in_bad_weather_all_decide_alike_and_all_is_decided(seed: int) -> None:
    bad_weather(seed)


def test_the_bad_weather_was_bad_enough() -> None:
    seen = sum((bad_weather(seed) for seed in range(50)), Counter())
    for what in ("Ok", "Fail", "commit of a former life", "presumed abort"):
        assert seen[what] > 10
