"""Who the servers are, and how that changes while they serve (part D5; thesis chapter 4).

Theory of operation. Who belongs to the cluster stands in its log, and the newest entry that says so counts
from the moment in which it is *in the log*, committed or not (§4.1): majorities of votes, of answers and of
logs are taken among those. Servers may differ about it for a while. If one server is added or removed at a
time, a majority of the old ones and a majority of the new ones still share a server, and nothing is lost.
That argument takes two neighbours in the history of changes, so a leader begins a change only from firm
ground: the change before is committed, and so is an entry of the leader's own term. Without the second
condition two leaders, each with an uncommitted change of its own, use members that are no neighbours
(Ongaro, raft-dev, July 2015).

A leader may be the one that is removed. It leads until that is committed, and counts itself no more
(§4.2.2). Whoever was removed need not hear of it: it stands again and again, and pre-votes see to it
that nobody is disturbed (§4.2.3).
"""

from __future__ import annotations

from distlab.core import Address
from labs.lab2_log import election, replication
from labs.lab2_log.quorum import AddServer, Command, Entry, RemoveServer
from labs.lab2_log.raft_state import Server


def in_effect(server: Server) -> tuple[Address, ...]:
    """Who the servers are, for all that this one knows."""
    raise NotImplementedError(
        "D5: the newest that is in the log counts; the config, where nothing is"
    )


def may_stand(server: Server) -> bool:
    """Whether it may ask for votes: as a member, or as one whose removal is not certain yet (§4.2.2)."""
    raise NotImplementedError(
        "D5: it is among those in effect, or among those as of the commit index"
    )


def on_change(server: Server, command: Command, client: Address) -> None:
    """A client wants another server, or one less, and this server leads.

    Where it cannot begin now it stays silent, and the client asks again.
    """
    raise NotImplementedError(
        "D5: from firm ground only, put the command into the log, with the members it makes"
    )


def is_on_firm_ground(server: Server) -> bool:
    """Whether a leader may begin a change: the one before is committed, and an entry of its term is."""
    raise NotImplementedError(
        "D5: compare the commit index with those of the newest change and of the no-op"
    )


def changed(
    members: tuple[Address, ...], operation: AddServer | RemoveServer
) -> tuple[Address, ...] | None:
    """One member more, or one less; None where that changes nothing, or would leave nobody."""
    raise NotImplementedError("D5: a tuple with it at the end, or without it")


def on_commit(server: Server) -> None:
    """More is committed: a leader whose removal is among it has done its duty."""
    raise NotImplementedError(
        "D5: follow, if the members as of the commit index are without this leader"
    )
