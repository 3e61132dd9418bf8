"""Small scopes of part 4C, searched whole: one bank, one branch, a network that repeats, loses and overtakes."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from distlab.core import Address, Config, Node
from distlab.core.cluster import Cluster, Member
from distlab.explore import Scope, World
from labs.lab4_transactions.tcc import (
    BankConfig,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Impossible,
    Refused,
    Tried,
    Try,
)

AMOUNT = 30
FREE, FROZEN, SPENT = (100, 0), (100 - AMOUNT, AMOUNT), (100 - AMOUNT, 0)


class Hand(Config, frozen=True):
    commits: bool


class Pusher(Node):
    """Says all that a manager would ever say; the network chooses when, in which order, and how often."""

    config: Hand

    def on_start(self) -> None:
        self.send(Address("bank-1"), Try(1, 0, "alice", -AMOUNT))
        if not self.config.commits:
            self.send(Address("bank-1"), Cancel(1, 0))

    def on_tried(self, tried: Tried) -> None:
        if self.config.commits:
            self.send(Address("bank-1"), Confirm(1, 0))

    def on_refused(self, refused: Refused) -> None:
        pass

    def on_confirmed(self, confirmed: Confirmed) -> None:
        pass

    def on_cancelled(self, cancelled: Cancelled) -> None:
        pass

    def on_impossible(self, impossible: Impossible) -> None:
        pass


def _money(world: World) -> tuple[int, int] | None:
    bank = world["bank-1"]
    statement = bank.probe() if bank.is_up else None
    if statement is None:
        return None
    return next((a.available, a.frozen) for a in statement.accounts if a.name == "alice")


def nothing_hangs(world: World) -> str | None:
    money = _money(world)
    if money not in (None, FREE, FROZEN):
        return "the branch is neither reserved nor free, and nobody confirmed it"
    if money == FROZEN and world.messages(Cancelled):
        return "the bank has said Cancelled, and the money is frozen: nobody will ever free it"
    return None


def once_confirmed(world: World) -> str | None:
    money = _money(world)
    if money not in (None, FREE, FROZEN, SPENT):
        return "the amount was taken more than once, or in part"
    if money not in (None, SPENT) and world.messages(Confirmed):
        return "the bank has said Confirmed, and the money was not taken"
    if money == FREE and world.messages(Tried):
        return "the bank has said Tried, and nothing is reserved"
    return None


def _scope(commits: bool) -> Callable[[Cluster], Scope]:
    def build(cluster: Cluster) -> Scope:
        bank = structs.replace(
            cluster.members[Address("bank-1")], config=BankConfig((("alice", 100),))
        )
        ends, seen = (Confirmed, SPENT) if commits else (Cancelled, FROZEN)
        return Scope(
            cluster=Cluster({"bank-1": bank, "manager": Member(Pusher, Hand(commits))}),
            invariants={"each branch ends once": once_confirmed if commits else nothing_hangs},
            crashes=2,
            may_crash=("bank-1",),
            seen={
                "the branch ended": lambda world: bool(world.messages(ends)),
                "the money was in between": lambda world: _money(world) == seen,
            },
        )

    return build


tried_and_cancelled = _scope(commits=False)
"""Try and Cancel, each any number of times, in any order, and two crashes."""

tried_and_confirmed = _scope(commits=True)
"""Try and Confirm, each any number of times, in any order, and two crashes."""
