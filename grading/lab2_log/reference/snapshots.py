"""A log that does not grow for ever (part D4; §7).

Theory of operation. What has been executed is in the state, and the entries that made it are needed
only by followers that lack them. Every now and then a server keeps a copy of its state, and drops the
entries before it; a follower that would have needed them gets the copy instead. A snapshot holds all
of the state, the sessions too: without them an old command would be executed again.
"""

from __future__ import annotations

from distlab.core import Address
from labs.lab2_log import persistence
from labs.lab2_log.quorum import AppendReply, InstallSnapshot
from labs.lab2_log.raft_state import Server


def compact(server: Server) -> None:
    """Take a snapshot if more than ``config.snapshot_after`` applied entries are in the log."""
    limit = server.config.snapshot_after
    if limit is not None:
        # BEGIN SOLUTION D4: if it is time, keep a copy of the state, forget the entries, save
        log = server.raft_log
        if server.applied - log.base_index > limit:
            server.snapshot = persistence.copied(server.kv)
            log.forget(server.applied, log.term_at(server.applied))
            persistence.save_snapshot(server)
        # END SOLUTION


def send_snapshot(server: Server, peer: Address) -> None:
    """The follower needs entries that are gone."""
    # BEGIN SOLUTION D4: send the snapshot; go on behind it
    log = server.raft_log
    assert server.snapshot is not None
    message = InstallSnapshot(
        server.term,
        log.base_index,
        log.base_term,
        server.snapshot,
        server.round,
        log.base_members,
    )
    server.send(peer, message)
    server.progress_of(peer).next = log.base_index + 1
    # END SOLUTION


def on_install_snapshot(server: Server, request: InstallSnapshot, sender: Address) -> None:
    """From the leader of this term: take its state, unless ours is as new (§7)."""
    # BEGIN SOLUTION D4: ignore an old one; else replace state and log; keep what stands behind it
    if request.last_index > server.commit:
        server.snapshot = request.state
        server.kv = persistence.copied(request.state)
        server.raft_log.forget(request.last_index, request.last_term)
        server.raft_log.base_members = request.members
        server.commit = server.applied = request.last_index
        persistence.save_snapshot(server)
    reply = AppendReply(server.term, True, request.last_index, request.round)
    server.send(sender, reply)
    # END SOLUTION
