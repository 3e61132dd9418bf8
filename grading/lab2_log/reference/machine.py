"""Executing commands, each of them once (part D2; §8, thesis §6.3).

A client that hears nothing asks again, so one command may stand in the log several times. The state
machine itself tells them apart, by session and number, and what it remembers for that is part of the
state: every server decides alike.
"""

from __future__ import annotations

from labs.lab2_log.quorum import Answered, Command, State
from labs.lab2_log.store import execute


def apply(state: State, command: Command | None) -> str | None:
    """Execute the command on ``state``, unless it has been executed; its answer either way.

    A session asks for one thing at a time, so only its newest answer can still be wanted.
    """
    # BEGIN SOLUTION D2: nothing for a no-op; the answer again for what was executed
    if command is None:
        return None
    known = state.sessions.get(command.session)
    if known is not None and command.seq <= known.seq:
        return known.result
    result = execute(state.items, command.operation)
    state.sessions[command.session] = Answered(command.seq, result)
    return result
    # END SOLUTION


def answer_of(state: State, command: Command) -> Answered | None:
    """What the session was answered, if the command has been executed."""
    # BEGIN SOLUTION D2: look at the session's newest answer
    known = state.sessions.get(command.session)
    return known if known is not None and known.seq >= command.seq else None
    # END SOLUTION
