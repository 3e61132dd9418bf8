"""Reads that need no entry, and are linearizable all the same (part D4; §8, thesis §6.4).

Theory of operation. A leader has executed all that was committed before it was asked, as far as it
knows: but it may have been replaced and not know it, and at the beginning of its term it does not know
what its predecessors committed. So it notes its commit index, and at least that of its own no-op;
asks a majority whether they still follow it, by a round of heartbeats that begins *after* the read
came; and answers when both are done: the round answered, the index executed (*ReadIndex*). No clock
is asked, so no clock can be wrong.
"""

from __future__ import annotations

from distlab.core import Address
from labs.lab2_log import election, replication
from labs.lab2_log.quorum import AppendReply, Command, Get, Reply
from labs.lab2_log.raft_state import Reading, Server
from labs.lab2_log.store import execute


def on_read(server: Server, command: Command, client: Address) -> None:
    """A client wants to read, and this server leads, as far as it knows."""
    # BEGIN SOLUTION D4: note what must be executed and who must answer; ask the others
    if any(reading.command == command for reading in server.readings):
        return  # it asks again, and its round is under way
    server.round += 1
    index = max(server.commit, server.began)
    server.readings.append(Reading(client, command, index, server.round))
    replication.broadcast(server)
    answer(server)
    # END SOLUTION


def on_round(server: Server, reply: AppendReply, sender: Address) -> None:
    """A follower has answered a round: so it followed us when it did."""
    # BEGIN SOLUTION D4: note the newest round; perhaps somebody can be answered
    if server.role == "leader":
        progress = server.progress_of(sender)
        progress.round = max(progress.round, reply.round)
        answer(server)
    # END SOLUTION


def answer(server: Server) -> None:
    """Answer the reads for which both have come: the round, and the execution of what they must see."""
    # BEGIN SOLUTION D4: those whose round a majority has answered and whose index is executed
    left = []
    for reading in server.readings:
        confirmed = {p for p, known in server.progress.items() if known.round >= reading.round}
        is_confirmed = election.is_majority(server, confirmed | {server.address})
        if is_confirmed and server.applied >= reading.index:
            command = reading.command
            assert isinstance(command.operation, Get)
            result = execute(server.kv.items, command.operation)
            server.send(reading.client, Reply(command.session, command.seq, result))
        else:
            left.append(reading)
    server.readings = left
    # END SOLUTION


def end_leadership(server: Server) -> None:
    """No leader any more: whoever waits for a read asks the next one."""
    # BEGIN SOLUTION D4: send those that wait away
    readings, server.readings = server.readings, []
    for reading in readings:
        command = reading.command
        replication.send_away(server, command.session, command.seq, reading.client)
    # END SOLUTION
