"""Linearizable or not: zones where they apply, the search where they do not, and what to show for it.

A history is *linearizable* if its operations can be put into one order in which each answers as the object would if
one client used it alone, and in which none comes before another that had returned before it was called. Open operations
may be in that order or not; failed ones are not (Herlihy and Wing 1990).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from distlab.check.history import Entry
from distlab.check.linear.conflict import Conflict, Quick
from distlab.check.linear.model import Model
from distlab.check.linear.parts import NEVER, Part, parts
from distlab.check.linear.search import Search
from distlab.check.linear.words import said
from distlab.check.verdict import Verdict, broken, kept, unknown
from distlab.core.errors import ScenarioError

BUDGET = 5_000_000
"""Steps of the search, over all objects of a history: some seconds."""
TURN = 2_000
"""Steps after which the search turns to the next object, since one that has no order decides for all."""
CORE_STEPS = 20_000
"""Steps for each question of which operations are to blame, and for all of them thirty times as many."""

NAMED = 3
"""Operations that a reason names at most, where the search found it: the latest of those to blame."""


class Examination(Struct, frozen=True):
    """A verdict, and what it rests on."""

    verdict: Verdict
    conflict: Conflict | None = None
    """The operations that cannot be ordered."""
    part: Part | None = None
    """The operations on the object that they concern."""
    objects: int = 0
    searched: int = 0
    """How many of the objects the zones could not decide."""
    steps: int = 0
    """What the search took."""


def linearizable(history: Iterable[Entry], model: Model, *, budget: int = BUDGET) -> Verdict:
    """Whether the history is linearizable as ``model`` says. Raises ``ScenarioError`` where it does not fit it.

    Unknown if the search runs out of its budget of steps: never where written values are unique, so make them so.
    """
    return examine(history, model, budget=budget).verdict


def examine(history: Iterable[Entry], model: Model, *, budget: int = BUDGET) -> Examination:
    """The same, with the evidence."""
    try:
        return _examine(parts(history, model), model, budget)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        raise ScenarioError(f"values and keys must be hashable: {error}") from None


def _examine(objects: list[Part], model: Model, budget: int) -> Examination:
    undecided = []
    for part in objects:
        decision = model.zones(part, model) if model.zones is not None else Quick.DECLINED
        if isinstance(decision, Conflict):
            return Examination(_broken(decision), decision, part, len(objects))
        if decision is Quick.DECLINED:
            undecided.append(part)
    searches = [Search(part, model) for part in undecided]
    open_ones = _round_robin(searches, budget)
    steps = sum(search.steps for search in searches)
    found = (len(objects), len(searches), steps)
    for search in searches:
        if search.is_linearizable is False:
            conflict = _blame(search, model)
            return Examination(_broken(conflict), conflict, search.part, *found)
    if open_ones:
        return Examination(_undecided(open_ones, steps, model), None, open_ones[0].part, *found)
    return Examination(kept(), None, None, *found)


def _round_robin(searches: Sequence[Search], budget: int) -> list[Search]:
    """Run them in turns until one fails, all are done, or the budget is spent; returns those that are not done."""
    going, spent = list(searches), 0
    while going and spent < budget:
        for search in list(going):
            before = search.steps
            answer = search.run(min(TURN, budget - spent))
            spent += search.steps - before
            if answer is False:
                return []
            if answer:
                going.remove(search)
            if spent >= budget:
                break
    return going


def _broken(conflict: Conflict) -> Verdict:
    events = [event for entry in conflict.entries for event in (entry.call, entry.ret) if event]
    return broken(conflict.reason, *events, expected=conflict.expected, got=conflict.got)


def _undecided(open_ones: list[Search], steps: int, model: Model) -> Verdict:
    search = open_ones[0]
    on = f" on {search.part.key!r}" if search.part.key not in ("", None) else ""
    advice = " Unique values would let it be decided at once." if model.zones is not None else ""
    return unknown(
        f"no order was found, nor ruled out, for the {len(search.part)} operations{on} in {steps:,} steps.{advice}"
    )


# ---------------------------------------------------------------- evidence


def _blame(search: Search, model: Model) -> Conflict:
    """The operations whose returns rule out every order: take one return away, and there is one.

    Begins with all that had returned when the search got stuck. An operation that is made open can only help, so those
    that can be made open while there is still no order are not to blame.
    """
    part, stuck = search.part, search.stuck_at
    assert stuck is not None
    moment = part.returned[stuck]
    indices = [i for i, called in enumerate(part.called) if called <= moment]
    suspects = [i for i in indices if part.returned[i] <= moment and i != stuck]
    left = CORE_STEPS * 30

    def has_none(opened: set[int]) -> bool:
        nonlocal left
        trial = Search(part.until(moment, opened), model)
        answer = trial.run(min(CORE_STEPS, left))
        left -= trial.steps
        return answer is False

    opened: set[int] = set()
    size = len(suspects)
    while size and left > 0:
        for start in range(0, len(suspects), size):
            chunk = [i for i in suspects[start : start + size] if i not in opened]
            if chunk and left > 0 and has_none(opened | set(chunk)):
                opened |= set(chunk)
        size //= 2
    entries = [part.entries[i] for i in suspects if i not in opened] + [part.entries[stuck]]
    return Conflict(_blame_words(entries), tuple(entries[-NAMED:]))


def _blame_words(entries: Sequence[Entry]) -> str:
    if len(entries) == 1:
        return f"{said(entries[0])}: no order of the operations lets it answer that"
    shown = [said(entry) for entry in entries[-NAMED:]]
    more = f", and {len(entries) - NAMED} before them" if len(entries) > NAMED else ""
    return f"no order of the operations has room for {', '.join(shown[:-1])} and {shown[-1]}{more}"


def longest_order(examination: Examination, model: Model, *, steps: int = 200_000) -> list[Entry]:
    """For a picture: how far an order goes on the object that has none. At most so many steps are spent on it.

    The operations that took effect before the first return that no order gets past, in such an order.
    """
    part = examination.part
    if part is None:
        return []
    search = Search(shortest_bad(part, model), model)
    search.run(steps)
    return [search.part.entries[i] for i in search.order]


def shortest_bad(part: Part, model: Model) -> Part:
    """The operations up to the first return at which there is no order any more, where zones can tell.

    What has an order has one at every earlier moment, so the first bad moment is found by halving.
    """
    if model.zones is None or not isinstance(model.zones(part, model), Conflict):
        return part
    moments = sorted(_returns(part))
    low, high = 0, len(moments) - 1
    while low < high:
        middle = (low + high) // 2
        if isinstance(model.zones(part.until(moments[middle]), model), Conflict):
            high = middle
        else:
            low = middle + 1
    return part.until(moments[low])


def _returns(part: Part) -> Iterator[int]:
    yield from {returned for returned in part.returned if returned != NEVER}
