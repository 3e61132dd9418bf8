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
    raise NotImplementedError("D2: nothing for a no-op; the answer again for what was executed")


def answer_of(state: State, command: Command) -> Answered | None:
    """What the session was answered, if the command has been executed."""
    raise NotImplementedError("D2: look at the session's newest answer")
