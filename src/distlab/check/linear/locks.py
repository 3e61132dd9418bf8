"""A lock: each holder's turn is a chain of two, acquired and released.

Theory. Turns exclude each other, so they are what a version is for a register: the turn of a holder who released
overlapping its own acquisition fits into one instant; any other lasts at least from the return of ``acquire`` to the
call of ``release``, and for ever if there is no release. The zones of all turns must leave room for each other, as
:mod:`~distlab.check.linear.zones` has it. An open acquisition counts if its holder released; an open release may have
happened at once, or never.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from distlab.check.history import Entry
from distlab.check.linear.conflict import Decision, Quick
from distlab.check.linear.model import Model
from distlab.check.linear.operations import Acquire
from distlab.check.linear.parts import NEVER, Part, answer_of
from distlab.check.linear.words import said
from distlab.check.linear.zones import Chains


def lock(part: Part, model: Model) -> Decision:
    """Declines where a holder releases what it has not acquired, acquires twice, or was refused."""
    if model.initial is not None:
        return Quick.DECLINED
    chains = Chains(part, with_first_value=False)
    held: dict[Hashable, int] = {}
    for i, entry in enumerate(part.entries):
        operation: Any = entry.operation
        if type(operation) is Acquire:
            before = held.get(operation.holder)
            if answer_of(entry) is False or (before is not None and part.returned[before] != NEVER):
                return Quick.DECLINED
            held[operation.holder] = i
        elif operation.holder not in held:
            return Quick.DECLINED
        else:
            acquired = held.pop(operation.holder)
            if part.returned[i] != NEVER or part.returned[acquired] != NEVER:
                chains.read(chains.add(acquired), i)
    for acquired in held.values():
        if part.returned[acquired] != NEVER:
            turn = chains.add(acquired)
            chains.read_called[turn] = NEVER
    return chains.judge(both_held)


def both_held(first: Entry | None, last: Entry, other_first: Entry, other_last: Entry) -> str:
    """Why two turns have no room."""
    assert first is not None
    until = "and never let go" if first is last else "and had not begun to release it"
    return f"{said(first)} had returned, {until}, when {said(other_first)} returned: two held it at once"
