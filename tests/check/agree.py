"""All judges of linearizability against the plain one: ``python -m tests.check.agree [HISTORIES] [FIRST_SEED]``.

100,000 histories unless told otherwise, over all kinds of object. Each history is judged by brute force, by the zones
alone, by the search alone, and by both as graders use them. They must agree wherever they decide; every order that the
search finds must be a proof. Prints how often each decided what, and the first history on which they differ.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from distlab.check import Entry, Finding, History
from distlab.check.linear import MODELS, Model, examine, linearizable
from distlab.check.linear.conflict import Conflict, Quick
from distlab.check.linear.parts import parts
from distlab.check.linear.search import Search
from tests.check.histories import KINDS, damaged, right
from tests.check.plain import explains, has_order


class Disagreement(AssertionError):
    """Two judges differ on one history."""


def compare(entries: Sequence[Entry], kind: str, *, is_right: bool = False) -> Counter[str]:
    """Judge one history in every way. Raises ``Disagreement``. Returns what happened, to be counted."""
    model = MODELS[kind]
    history = History(entries)
    expected = has_order(history.entries, kind)
    seen = Counter(["has an order" if expected else "has none"])
    if is_right and not expected:
        raise _differ(history, kind, "brute force refuses a history of a real object")
    examination = examine(history, model)
    if examination.verdict.finding is not (Finding.KEPT if expected else Finding.BROKEN):
        raise _differ(history, kind, f"{examination.verdict}, brute force says {expected}")
    _check_evidence(history, kind, examination.conflict, expected)
    searching = replace(model, zones=None)
    if linearizable(history, searching).is_kept is not expected:
        raise _differ(history, kind, f"the search differs from brute force, which says {expected}")
    seen += _each_alone(history, kind, model)
    return seen


def _each_alone(history: History, kind: str, model: Model) -> Counter[str]:
    """The zones of each object by themselves, and the proof that the search gives."""
    seen: Counter[str] = Counter()
    assert model.zones is not None
    for part in parts(history.entries, model):
        search = Search(part, model)
        found = search.run(10**6)
        decision = model.zones(part, model)
        if decision is Quick.DECLINED:
            seen["zones declined"] += 1
        else:
            seen["zones decided"] += 1
            if (decision is Quick.ORDERED) is not found:
                raise _differ(history, kind, f"zones say {decision}, the search {found}")
        if found and not explains([part.entries[i] for i in search.order], part.entries, kind):
            raise _differ(history, kind, f"the order that the search found is none: {search.order}")
    return seen


def _check_evidence(history: History, kind: str, conflict: Conflict | None, expected: bool) -> None:
    if (conflict is None) is not expected:
        raise _differ(history, kind, "a conflict goes with a broken verdict, and with no other")
    if conflict is not None:
        tickets = [entry.ticket for entry in conflict.entries]
        known = {entry.ticket for entry in history}
        if not conflict.reason or not tickets or not known.issuperset(tickets):
            raise _differ(history, kind, f"the evidence names other operations: {conflict}")
        if len(tickets) != len(set(tickets)):
            raise _differ(history, kind, f"the evidence names an operation twice: {conflict}")


def _differ(history: History, kind: str, what: str) -> Disagreement:
    lines = "\n".join(f"  {entry}" for entry in history)
    return Disagreement(f"{kind}: {what}\n{lines}")


def campaign(histories: int, first_seed: int = 0) -> dict[str, Counter[str]]:
    """So many histories, kinds in turn, every third one right and the others damaged."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    for number in range(histories):
        seed, kind = first_seed + number // len(KINDS), KINDS[number % len(KINDS)]
        is_right = seed % 3 == 0
        entries = right(seed, kind) if is_right else damaged(seed, kind)
        try:
            counts[kind] += compare(entries, kind, is_right=is_right)
        except Disagreement as error:
            raise Disagreement(f"seed {seed}, {error}") from None
        except Exception as error:
            raise Disagreement(f"seed {seed}, {kind}: {error!r}") from error
    return counts


def main() -> int:
    histories = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    began = time.monotonic()
    try:
        counts = campaign(histories, first)
    except Disagreement as error:
        print(error)
        return 1
    columns = ("has an order", "has none", "zones decided", "zones declined")
    print(f"{'':10}" + "".join(f"{column:>16}" for column in columns))
    for kind, count in counts.items():
        print(f"{kind:10}" + "".join(f"{count[column]:>16,}" for column in columns))
    print(f"{histories:,} histories in {time.monotonic() - began:.0f} s: all judges agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
