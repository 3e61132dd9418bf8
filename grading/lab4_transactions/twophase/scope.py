"""One transfer, one coordinator, two participants, a crash of anybody at any step: small enough to be searched whole.

Every message may arrive never, once and again, in any order, and every timer fire at any time. Only what is said is
looked at, so that any program can be judged that the explorer can run. (It cannot run one that draws the number of its
life at random, which is right, too. So this is a proof about our reference, and no part of a grade.)
"""

from __future__ import annotations

from distlab.core.cluster import Cluster
from distlab.explore import Scope, World
from labs.lab4_transactions.twophase import Ack, Began, Decision, Outcome, Step, Transact, Txn, Vote

TRANSFER = Transact((Step("rm1/a", -30), Step("rm2/a", 30)))


def one_word(world: World) -> str | None:
    """What somebody voted yes for is not said to be committed, and to be aborted."""
    voted = {parcel.message.txn for parcel in _votes(world, "yes")}
    said: dict[Txn, bool] = {}
    for parcel in world.messages(Decision, Outcome):
        message = parcel.message
        commit = message.commit if isinstance(message, Decision) else message.committed
        if said.setdefault(message.txn, commit) != commit and message.txn in voted:
            return f"{message.txn} is said to be committed, and to be aborted"
    return None


def all_said_yes(world: World) -> str | None:
    """What is committed has a yes of both."""
    for parcel in world.messages(Decision):
        if parcel.message.commit:
            txn = parcel.message.txn
            voters = {p.source for p in _votes(world, "yes") if p.message.txn == txn}
            if len(voters) < 2:
                return f"{txn} is committed with a yes of {sorted(voters)} only"
    return None


def _votes(world: World, vote: str) -> list:
    return [parcel for parcel in world.messages(Vote) if parcel.message.vote == vote]


def one_crash(cluster: Cluster, crashes: int = 1) -> Scope:
    """So many crashes. A name that is asked for twice is not gone on with: there is always a next one."""
    return Scope(
        cluster=cluster,
        calls={"ap1": (TRANSFER,)},
        crashes=crashes,
        invariants={"one outcome": one_word, "commit only if all said yes": all_said_yes},
        prune=lambda world: any(p.message.txn.number > 1 for p in world.messages(Began)),
        seen={
            "it is committed everywhere": lambda world: len(world.messages(Ack)) > 1,
            "it is aborted": lambda world: any(
                not p.message.committed for p in world.messages(Outcome)
            ),
        },
    )
