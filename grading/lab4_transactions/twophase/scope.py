"""One transfer, one coordinator, two participants, a crash of anybody at any step: small enough to be searched whole.

Every message may arrive never, once and again, in any order, and every timer fire at any time. Only what is said is
looked at, so that any program can be judged that the explorer can run. (It cannot run one that draws the number of its
life at random, which is right, too. So this is a proof about our reference, and no part of a grade.)
"""

from __future__ import annotations

from typing import Any

from distlab.core import Message
from distlab.core.cluster import Cluster
from distlab.explore import Scope, World
from labs.lab4_transactions.twophase import Ack, Began, Decision, Outcome, Step, Transact, Txn, Vote

TRANSFER = Transact((Step("rm1/a", -30), Step("rm2/a", 30)))


def said_of(world: World, *classes: type[Message]) -> list[tuple[str, Any]]:
    """Who said what, of these classes."""
    return [(parcel.source, parcel.message) for parcel in world.messages(*classes)]


def one_word(world: World) -> str | None:
    """What somebody voted yes for is not said to be committed, and to be aborted."""
    voted = {vote.txn for _, vote in said_of(world, Vote) if vote.vote == "yes"}
    said: dict[Txn, bool] = {}
    for _, word in said_of(world, Decision, Outcome):
        commit = word.commit if isinstance(word, Decision) else word.committed
        if said.setdefault(word.txn, commit) != commit and word.txn in voted:
            return f"{word.txn} is said to be committed, and to be aborted"
    return None


def all_said_yes(world: World) -> str | None:
    """What is committed has a yes of both."""
    votes = said_of(world, Vote)
    for _, decision in said_of(world, Decision):
        if decision.commit:
            txn = decision.txn
            voters = {who for who, vote in votes if vote.txn == txn and vote.vote == "yes"}
            if len(voters) < 2:
                return f"{txn} is committed with a yes of {sorted(voters)} only"
    return None


def one_crash(cluster: Cluster, crashes: int = 1) -> Scope:
    """So many crashes. A name that is asked for twice is not gone on with: there is always a next one."""
    return Scope(
        cluster=cluster,
        calls={"ap1": (TRANSFER,)},
        crashes=crashes,
        invariants={"one outcome": one_word, "commit only if all said yes": all_said_yes},
        prune=lambda world: any(began.txn.number > 1 for _, began in said_of(world, Began)),
        seen={
            "it is committed everywhere": lambda world: len(world.messages(Ack)) > 1,
            "it is aborted": lambda world: any(
                not outcome.committed for _, outcome in said_of(world, Outcome)
            ),
        },
    )
