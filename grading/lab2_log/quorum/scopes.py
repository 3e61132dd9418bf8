"""Small scopes of part 2D, searched whole: votes over crashes, and figure 8. The rules are the reference's functions.

    distlab explore grading.lab2_log.quorum.scopes:votes mutant:votes-in-memory

Theory. A scope must be small, so what does not bear on it is left out by leaving messages and timers out: that is a
network that loses them, and clocks that never come so far. A server stands whenever it likes (pre-votes only ever keep
one from standing), or not at all. So every world of a scope is one that can happen. This is for the reference and the
bugs made from it; another solution has other functions.
"""

from __future__ import annotations

from typing import Any

from distlab.core import Address, Message
from distlab.core.cluster import Cluster, Member
from distlab.explore import Alarms, Scope, World
from distlab.grade.solution import load_lab, load_solution

NAMES = (Address("s1"), Address("s2"), Address("s3"))


def votes(solution: str = "reference", terms: int = 1, crashes: int = 1) -> Scope:
    """Three servers stand, vote, crash and come back; no leader is ever heard."""
    modules = _modules(solution)
    Election: Any = modules.raft_state.Election  # noqa: N806

    class Voter(modules.raft.Raft):  # type: ignore[misc,name-defined]
        def on_election(self, timer: Election) -> None:
            modules.election.stand(self)

        def send(self, to: Address, message: Message) -> None:
            if not isinstance(message, modules.quorum.AppendEntries):
                super().send(to, message)

        def set_timer(self, timer: Any, after: int) -> None:
            if isinstance(timer, Election):
                super().set_timer(timer, after)

    return Scope(
        cluster=_cluster(Voter, modules),
        invariants={"a term has one leader": one_leader, "a server votes once": one_vote(modules)},
        crashes=crashes,
        prune=lambda world: any(node.term > terms for node in world.up()),
        seen={
            f"somebody leads in term {terms}": lambda world: any(
                node.role == "leader" and node.term == terms for node in world.up()
            )
        },
    )


def one_leader(world: World) -> str | None:
    leaders: dict[int, Address] = {}
    for node in world.up():
        if node.role == "leader" and leaders.setdefault(node.term, node.address) != node.address:
            return f"{leaders[node.term]} and {node.address} both lead in term {node.term}"
    return None


def one_vote(modules: Any) -> Any:
    def invariant(world: World) -> str | None:
        given: dict[tuple[Address, int], Address] = {}
        for parcel in world.messages(modules.quorum.VoteReply):
            vote: Any = parcel.message
            key = (parcel.source, vote.term)
            if vote.granted and given.setdefault(key, parcel.to) != parcel.to:
                return f"{parcel.source} votes for {given[key]} and {parcel.to} in term {vote.term}"
        return None

    return invariant


def figure_8(solution: str = "reference") -> Scope:
    """Half way through figure 8: s1 has an entry of term 1 that nobody else has, and s3 one of term 2.

    Entries go one by one. What anybody holds for committed must be in the log of whoever leads a later term.
    """
    modules = _modules(solution)
    Election: Any = modules.raft_state.Election  # noqa: N806
    entry = modules.quorum.Entry
    begins = {"s1": (2, [entry(1)]), "s2": (2, []), "s3": (3, [entry(2)])}

    class Server(modules.raft.Raft):  # type: ignore[misc,name-defined]
        def on_start(self) -> None:
            super().on_start()
            self.term, entries = begins[self.address]
            self.raft_log.append(entries)
            self.saved = len(entries)

        def on_election(self, timer: Election) -> None:
            modules.election.stand(self)

        def set_timer(self, timer: Any, after: int) -> None:
            if isinstance(timer, Election) and self.address != "s2":
                super().set_timer(timer, after)

    def committed_stays(world: World) -> str | None:
        nodes = list(world.up())
        for leader in nodes:
            if leader.role != "leader":
                continue
            for node in nodes:
                for index in range(1, node.commit + 1):
                    mine = _term_at(leader.raft_log, index)
                    theirs = _term_at(node.raft_log, index)
                    if node.term <= leader.term and mine != theirs:
                        return (
                            f"{node.address} holds entry {index} of term {theirs} for committed; "
                            f"{leader.address}, who leads term {leader.term}, has one of term {mine}"
                        )
        return None

    return Scope(
        cluster=_cluster(Server, modules, batch=1),
        invariants={"what is committed is in the log of every later leader": committed_stays},
        alarms=Alarms.ANY,
        prune=lambda world: any(
            node.term > 4 or (node.term == 4 and node.role == "leader") for node in world.up()
        ),
        seen={
            "an entry of an earlier term is committed": lambda world: any(
                node.commit > 0 for node in world.up()
            )
        },
    )


def _term_at(log: Any, index: int) -> int | None:
    return log.term_at(index) if log.has(index) else None


def _cluster(program: type, modules: Any, **config: Any) -> Cluster:
    return Cluster(
        {n: Member(program, modules.quorum.ServerConfig(NAMES, **config)) for n in NAMES}
    )


class _Modules:
    def __init__(self, solution: str) -> None:
        lab = load_lab("2")
        self._solution = load_solution(lab, lab.part("D1"), solution)

    def __getattr__(self, name: str) -> Any:
        return self._solution.module(name)


def _modules(solution: str) -> Any:
    return _Modules(solution)
