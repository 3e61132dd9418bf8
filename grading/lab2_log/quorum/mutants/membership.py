"""Bugs of part D5: who counts, changes that begin too early, leaders that stay, members that are forgotten."""

from __future__ import annotations

from distlab.core import Address
from distlab.grade.lab import bug
from labs.lab2_log import members, persistence, replication
from labs.lab2_log.quorum import (
    AddServer,
    AppendEntries,
    Command,
    InstallSnapshot,
    RemoveServer,
    Reply,
)
from labs.lab2_log.raft import Raft
from labs.lab2_log.raft_state import Server

in_effect = members.in_effect
on_change = members.on_change
changed = members.changed
load = persistence.load


def before_its_own_term(server: Server) -> bool:
    """Begins a change when the one before is committed, as the text of 2014 had it: data can be lost."""
    changes = server.raft_log.changes
    return server.commit >= (changes[-1] if changes else 0)


def two_at_once(server: Server) -> bool:
    """Begins a change while another one is under way."""
    return server.commit >= server.began


def counts_itself_though_gone(server: Server) -> None:
    """Takes itself for one of the members when it counts who has an entry; it is about to be none."""
    match = [server.progress_of(peer).match for peer in server.peers]
    match.append(server.saved)
    index = sorted(match, reverse=True)[len(server.members) // 2]
    is_new = index > server.commit and server.raft_log.term_at(index) == server.term
    replication.commit_to(server, index if is_new else server.commit)


def in_force_when_committed(server: Server) -> tuple[Address, ...]:
    """Goes by the members that are committed: for a while two majorities need not share a server."""
    return server.raft_log.members_at(server.commit) or server.config.members


def votes_of_the_config(server: Server, voters: set[Address]) -> bool:
    """Replicates to all members, and counts votes among those that it was started with."""
    members = server.config.members
    return 2 * len(voters.intersection(members)) > len(members)


class KeepsWhatWasCut(Raft):
    """Remembers the newest members that it was told of, and does not forget them when their entry is cut."""

    newest: tuple[Address, ...] | None

    def on_start(self) -> None:
        self.newest = None
        super().on_start()

    @property
    def members(self) -> tuple[Address, ...]:
        return self.newest or in_effect(self)

    def on_append_entries(self, request: AppendEntries, sender: Address) -> None:
        super().on_append_entries(request, sender)
        self.newest = self.raft_log.members_at(self.raft_log.last_index) or self.newest


def clings_to_office(server: Server) -> None:
    """Leads on when its own removal is committed."""


class NotInTheSnapshot(Raft):
    """Takes the state of a snapshot, and not who the servers are."""

    def on_install_snapshot(self, request: InstallSnapshot, sender: Address) -> None:
        bare = InstallSnapshot(
            request.term, request.last_index, request.last_term, request.state, request.round
        )
        super().on_install_snapshot(bare, sender)


def not_on_disk(server: Server) -> None:
    """Reads a snapshot back, and not who the servers were: entries that said so are gone."""
    load(server)
    server.raft_log.base_members = None


def stands_uninvited(server: Server) -> bool:
    """Stands for election though it was never a member."""
    return True


def never_stands(server: Server) -> bool:
    """Stands only if its config names it: one that was added later never does."""
    return server.address in server.config.members


def adds_twice(
    names: tuple[Address, ...], operation: AddServer | RemoveServer
) -> tuple[Address, ...] | None:
    """Adds a server that is a member already: it counts twice."""
    if isinstance(operation, AddServer):
        return (*names, operation.server)
    return changed(names, operation)


def answers_at_once(server: Server, command: Command, client: Address) -> None:
    """Answers when the change is in its log, where it counts, after all; that it stays there nobody knows."""
    before = server.raft_log.last_index
    on_change(server, command, client)
    if server.raft_log.last_index > before:
        server.send(client, Reply(command.session, command.seq, None))


def will_not_go(server: Server, command: Command, client: Address) -> None:
    """Removes everybody but itself."""
    operation = command.operation
    if not isinstance(operation, RemoveServer) or operation.server != server.address:
        on_change(server, command, client)


BUGS = (
    bug(
        "before-its-own-term",
        before_its_own_term,
        part="D5",
        replaces="members:is_on_firm_ground",
        breaks="RF-M1",
        code="m19",
        source="Ongaro, raft-dev, July 2015",
    ),
    bug(
        "two-at-once",
        two_at_once,
        part="D5",
        replaces="members:is_on_firm_ground",
        breaks="RF-M1",
        source="Ongaro 2014, section 4.1",
    ),
    bug(
        "adds-twice",
        adds_twice,
        part="D5",
        replaces="members:changed",
        breaks="RF-M1",
    ),
    bug(
        "counts-itself-though-gone",
        counts_itself_though_gone,
        part="D5",
        replaces="replication:advance_commit",
        breaks="RF-S7",
        code="m15",
        source="KAFKA-16530",
    ),
    bug(
        "in-force-when-committed",
        in_force_when_committed,
        part="D5",
        replaces="members:in_effect",
        breaks="RF-S1",
        source="Ongaro 2014, section 4.1",
    ),
    bug(
        "votes-of-the-config",
        votes_of_the_config,
        part="D5",
        replaces="election:is_majority",
        breaks="RF-S1",
    ),
    bug(
        "keeps-what-was-cut",
        KeepsWhatWasCut,
        part="D5",
        replaces="raft:Raft",
        breaks="RF-L1",
        kind="liveness",
    ),
    bug(
        "not-in-the-snapshot",
        NotInTheSnapshot,
        part="D5",
        replaces="raft:Raft",
        breaks="RF-S1",
        source="Ongaro 2014, section 5.1",
    ),
    bug(
        "members-not-on-disk",
        not_on_disk,
        part="D5",
        replaces="persistence:load",
        breaks="RF-S1",
    ),
    bug(
        "answers-a-change-at-once",
        answers_at_once,
        part="D5",
        replaces="members:on_change",
        breaks="RF-M2",
    ),
    bug(
        "clings-to-office",
        clings_to_office,
        part="D5",
        replaces="members:on_commit",
        breaks="RF-M2",
        kind="liveness",
        source="Ongaro 2014, section 4.2.2",
    ),
    bug(
        "stands-uninvited",
        stands_uninvited,
        part="D5",
        replaces="members:may_stand",
        breaks="RF-M2",
    ),
    bug(
        "never-stands",
        never_stands,
        part="D5",
        replaces="members:may_stand",
        breaks="RF-L1",
        kind="liveness",
    ),
    bug(
        "sends-everybody-else-away",
        will_not_go,
        part="D5",
        replaces="members:on_change",
        breaks="RF-L1",
        kind="liveness",
    ),
)
