"""One element of a set that is inserted at most once and removed at most once.

Theory. Such an element is absent, present, absent: a chain of at most three versions, with the insertion and the
removal as writers, and those that found it present as readers of the second. Who found it absent has a choice: before
the insertion or after the removal. That choice never ties another's hands: of two that found it absent, one that can
only be late and one that can only be early are in that order in time already. So each needs a place, and no more: to
have been called before the first of the chain's others returned, or to return after the last of them was called.
"""

from __future__ import annotations

from distlab.check.linear.conflict import Conflict, Decision, Quick
from distlab.check.linear.model import UNSAID, Model
from distlab.check.linear.operations import Contains, Insert, Remove
from distlab.check.linear.parts import NEVER, Part, answer_of
from distlab.check.linear.words import said, short
from distlab.check.linear.zones import Chains


def element(part: Part, model: Model) -> Decision:
    """Declines for a second insertion or removal, an open removal, and one that does not say what it found."""
    if model.initial is not False:
        return Quick.DECLINED
    insertion = removal = -1
    present: list[int] = []
    absent: list[int] = []
    for i, entry in enumerate(part.entries):
        kind, answer = type(entry.operation), answer_of(entry)
        if answer is UNSAID and kind is Contains:
            continue
        if kind is Insert and answer is not False:
            if insertion >= 0 or answer not in (UNSAID, None, True):
                return Quick.DECLINED
            insertion = i
        elif kind is Remove and answer is not False:
            if removal >= 0 or answer is not True:
                return Quick.DECLINED
            removal = i
        elif kind is Insert or (kind is Contains and answer is True):
            present.append(i)
        elif kind is Remove or answer is False:
            absent.append(i)
        else:
            return Conflict(
                f"{said(entry)} is neither yes nor no", (entry,), "yes or no", short(entry)
            )
    if insertion < 0:
        for i in sorted({*present, removal} - {-1}):
            entry = part.entries[i]
            return Conflict(f"{said(entry)} found what nobody had inserted", (entry,))
        return Quick.ORDERED
    return _three_versions(part, insertion, removal, present, absent)


def _three_versions(
    part: Part, insertion: int, removal: int, present: list[int], absent: list[int]
) -> Decision:
    chains = Chains(part, with_first_value=False)
    here = chains.add(insertion)
    for i in present:
        chains.read(here, i)
    if removal >= 0:
        gone = chains.add(removal)
        chains.preceding[gone], chains.following[here] = here, gone
        chains.want(gone)
    decision = chains.judge()
    if decision is not Quick.ORDERED:
        return decision
    among = [i for i in (insertion, removal, *present) if i >= 0]
    first = min(among, key=lambda i: part.returned[i])
    last = max(among, key=lambda i: part.called[i])
    latest = part.called[last] if removal >= 0 else NEVER
    for i in absent:
        if part.called[i] > part.returned[first] and part.returned[i] < latest:
            entry, one, other = part.entries[i], part.entries[first], part.entries[last]
            until = f" and returned before {said(other)} was called" if removal >= 0 else ""
            named = (one, other, entry) if removal >= 0 else (one, entry)
            return Conflict(
                f"{said(entry)} found it absent, but was called after {said(one)} had returned{until}",
                named,
            )
    return Quick.ORDERED
