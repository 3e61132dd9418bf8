"""Lab 4 before real databases: SQLite, and PostgreSQL where a server of our own can be started.

``make live LAB=4``. Two applications move money between a file of SQLite (rm1) and a database of PostgreSQL with its
own PREPARE TRANSACTION (rm2); without PostgreSQL, rm2 has another file. Every role is killed (-9) in turn: the
coordinator behind its commit point, each gateway behind its yes, and PostgreSQL's server with a promise that it has
just given. In the end the two databases themselves are asked what they hold, and what is in doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from distlab.check import Verdict, broken, kept
from distlab.core import MS, SECOND, Address, EnvironmentFault, Operation
from distlab.core.cluster import Cluster, Member
from distlab.faults import Crash, Doing, Fault, Noise, Plan, Survival
from distlab.grade.lab import RECORD_MESSAGES, Run
from distlab.grade.live import BadInput, Judged, LiveStage
from distlab.grade.solution import Solution
from distlab.trace import NOTICED
from grading.lab4_transactions import LAB, postgres
from grading.lab4_transactions.books import Books
from grading.lab4_transactions.twophase import scenarios
from grading.lab4_transactions.twophase.promises import contents, outcomes
from labs.lab4_transactions.databases import GatewayConfig, Shelf, Store, open_store
from labs.lab4_transactions.hosting import Dba, DbaConfig
from labs.lab4_transactions.teller import Teller
from labs.lab4_transactions.twophase import CoordinatorConfig, Step, TellerConfig, Transact

ROUNDS: Final = 15
SHAPE: Final[dict[str, Any]] = {"tms": 1, "rms": 2, "aps": 2, "is_over": True}
KILLS: Final[tuple[Fault, ...]] = (
    Fault(Doing("tm1", "send", "Outcome", n=3), Crash("tm1", 700 * MS, Survival.ALL)),
    Fault(Doing("rm1", "send", "Vote", n=6), Crash("rm1", 500 * MS, Survival.ALL)),
    Fault(Doing("rm2", "send", "Vote", n=15), Crash("rm2", 500 * MS, Survival.ALL)),
)
KILL_SERVER: Final = Fault(Doing("rm2", "send", "Vote", n=10), Crash("pg", 700 * MS, Survival.ALL))
NOISE: Final = Noise(seed=1, delay=(1 * MS, 5 * MS), loss=0.02, duplicate=0.05)


def stage(solution: Solution, folder: Path | None, workspace: Path) -> LiveStage:
    """Two applications, a coordinator, two gateways before two databases."""
    if folder is not None:
        raise BadInput("lab 4 reads no INPUT")
    rms = scenarios.names(SHAPE, "rm", 2)
    databases = {str(rm): f"sqlite:{workspace.resolve() / f'{rm}.db'}" for rm in rms}
    cast: dict[str, Member] = {}
    kills, victims = KILLS, "tm1, rm1 and rm2"
    ask: Asking = holdings
    try:
        home = postgres.make()
    except (postgres.NoServer, OSError) as error:
        about = f"rm1 and rm2 are files of SQLite; PostgreSQL is left out: {error}"
    else:
        databases["rm2"] = f"postgres:{postgres.place(home)}/postgres"
        cast["pg"] = Member(postgres.Server, postgres.ServerConfig(str(home)), "database")
        kills, victims = (*KILLS, KILL_SERVER), "tm1, rm1, PostgreSQL's server (pg) and rm2"
        ask = _with_server(home, holdings)
        about = "rm1 is a file of SQLite, rm2 a database of PostgreSQL (PREPARE TRANSACTION)"
    everything = scenarios.accounts(SHAPE)
    deadlocks = solution.module("deadlocks")
    gateway = solution.module("gateway").Gateway
    # Databases on a busy machine are slower than a simulated disk: five times as much patience.
    cast["tm1"] = Member(
        solution.module("coordinator").Coordinator,
        CoordinatorConfig(rms, retry=300 * MS, patience=3 * SECOND),
        "coordinator",
    )
    for rm in rms:
        own = tuple((n, scenarios.OPENING) for n in everything if n.startswith(f"{rm}/"))
        config = GatewayConfig(
            own, databases[rm], lock_wait=1_500 * MS, idle=2 * SECOND, ask=500 * MS, tell=250 * MS
        )
        cast[rm] = Member(gateway, config, "participant")
    cast["detector"] = Member(deadlocks.Detector, deadlocks.DetectorConfig(), "detector")
    cast["dba"] = Member(Dba, DbaConfig(), "dba")
    for ap in ("ap1", "ap2"):
        config_of = TellerConfig((Address("tm1"),), retry=400 * MS, patience=60 * SECOND)
        cast[ap] = Member(Teller, config_of, "application")
    rounds = _rounds(everything)
    kinds = {rm: url.partition(":")[0] for rm, url in databases.items()}
    found: list[str] = []
    return LiveStage(
        about=[
            about,
            f"two applications have {sum(map(len, rounds))} transactions, by one coordinator",
            f"the network loses {NOISE.loss:.0%} of all messages and repeats {NOISE.duplicate:.0%}",
            f"{victims} will be killed (-9), one after the other, each behind its promise",
        ],
        cluster=Cluster(cast),
        plan=Plan(kills),
        noise=NOISE,
        rounds=rounds,
        progress=Books(rounds, kinds, len(everything)),
        judge=lambda run: judged(run, found, ask(databases, found)),
        shape=SHAPE,
        record=NOTICED | RECORD_MESSAGES,
        keep=lambda run: found,
    )


def _rounds(everything: Sequence[str]) -> list[list[tuple[str, Operation]]]:
    random = Random(4)
    look = Transact(tuple(map(Step, everything)))
    rounds: list[list[tuple[str, Operation]]] = []
    for number in range(ROUNDS):
        asked: list[tuple[str, Operation]] = []
        for ap in ("ap1", "ap2"):
            source, target = random.sample(list(everything), 2)
            amount = random.choice([1, 5, 20])
            asked.append((ap, Transact((Step(source, -amount), Step(target, amount)))))
        rounds.append(asked)
        if number % 5 == 4:
            rounds[-1].append(("ap1", look))
    return [*rounds, [("ap1", look)]]


# -- the databases themselves -----------------------------------------------------------------------------------------

Asking = Callable[[dict[str, str], list[str]], Verdict]


def holdings(databases: dict[str, str], found: list[str]) -> Verdict:
    """What the databases say, now that nobody is running, goes to ``found``; whether it adds up."""
    total, doubts, opening = 0, [], 2 * len(databases) * scenarios.OPENING
    for rm, url in databases.items():
        store: Store = open_store(url, None, Shelf())  # type: ignore[arg-type]  # neither is a vault
        try:
            seen = store.read((f"{rm}/a", f"{rm}/b"))
            doubts += [f"{doubt.txn} at {rm}" for doubt in store.recover()]
        except EnvironmentFault as error:
            return broken(f"{rm} cannot be asked what it holds: {error}")
        total += sum(account.balance for account in seen.values())
        balances = ", ".join(f"{name} {account.balance}" for name, account in sorted(seen.items()))
        found.append(f"{rm} ({url.partition(':')[0]}) holds {balances}")
    found.append(f"total {total} of {opening}; in doubt: {', '.join(doubts) or 'nobody'}")
    if doubts:
        return broken("a database is still in doubt", expected="nobody", got=", ".join(doubts))
    if total != opening:
        return broken("what the databases hold", expected=opening, got=total)
    return kept()


def _with_server(home: Path, ask: Asking) -> Asking:
    """The same, with PostgreSQL started once more: it was killed with all the others."""

    def asked(databases: dict[str, str], found: list[str]) -> Verdict:
        try:
            server = postgres.start(home)
        except postgres.NoServer as error:
            return broken(f"PostgreSQL does not recover: {error}")
        try:
            return ask(databases, found)
        finally:
            postgres.stop(server)

    return asked


def judged(run: Run, found: list[str], holds: Verdict) -> list[Judged]:
    """One outcome, money, isolation. (What is on disk before it is said, only the databases know.)"""
    judges = {
        "TX2-S1": outcomes.one_outcome,
        "TX2-S3": outcomes.waits_in_doubt,
        "TX2-S4": lambda run: contents.money_stays(run) if holds.is_kept else holds,
        "TX2-I1": contents.isolated,
    }
    return [
        Judged(promise, judges[promise.code](run))
        for promise in LAB.part("A").promises
        if promise.code in judges
    ]
