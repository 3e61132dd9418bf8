"""What comes out of a pipeline, against what should: each record once, at least once, at most once; equal replicas.

The oracle is a multiset: the same input, worked through by one process that never fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from enum import Enum
from typing import Any

from distlab.check.verdict import Verdict, broken, kept, unknown
from distlab.core.errors import ScenarioError


class Delivery(Enum):
    """How often each record may come out."""

    EXACTLY_ONCE = "exactly once"
    AT_LEAST_ONCE = "at least once"
    AT_MOST_ONCE = "at most once"


def delivered(
    expected: Iterable[Hashable],
    got: Iterable[Hashable],
    delivery: Delivery = Delivery.EXACTLY_ONCE,
    *,
    empty_is_fine: bool = False,
) -> Verdict:
    """The output is the oracle's multiset: as often, at least as often, or at most as often, and nothing else.

    Where nothing was expected and nothing came, nothing was shown: unknown, unless ``empty_is_fine``.
    """
    wanted, came = _counted(expected), _counted(got)
    if not wanted and not came and not empty_is_fine:
        return unknown("no record was expected, and none came")
    for record, times in came.items():
        if record not in wanted:
            return broken(
                f"{record!r} came out, which nothing that went in explains",
                expected="never",
                got=_times(times),
            )
        if times > wanted[record] and delivery is not Delivery.AT_LEAST_ONCE:
            return broken(
                f"{record!r} came out too often", expected=_times(wanted[record]), got=_times(times)
            )
    if delivery is not Delivery.AT_MOST_ONCE:
        for record, times in wanted.items():
            if came[record] < times:
                return broken(
                    f"{record!r} is missing", expected=_times(times), got=_times(came[record])
                )
    return kept()


def _counted(records: Iterable[Hashable]) -> Counter[Hashable]:
    counted: Counter[Hashable] = Counter()
    for record in records:
        try:
            counted[record] += 1
        except TypeError:
            raise ScenarioError(f"record {record!r} cannot be compared") from None
    return counted


def _times(times: int) -> str:
    return ("never", "once", "twice")[times] if times < 3 else f"{times} times"


def converged(replicas: Mapping[str, Any]) -> Verdict:
    """All replicas hold the same; of two mappings that differ, the first key that does is named."""
    if len(replicas) < 2:
        return unknown("there are no two replicas to compare")
    (first, one), *others = sorted(replicas.items())
    for name, other in others:
        if other != one:
            where, mine, theirs = _difference(one, other)
            return broken(
                f"{first} and {name} differ{where}",
                expected=f"{first}: {mine!r}",
                got=f"{name}: {theirs!r}",
            )
    return kept()


def converged_by(
    healed_at: int, within: int, observed: Iterable[tuple[int, str, Any]], replicas: Iterable[str]
) -> Verdict:
    """Replicas are equal at the latest ``within`` microseconds after the network healed, and stay so if nobody writes.

    ``observed``: (time, replica, state), whenever a state changed or was looked at, in the order of time. Judged are
    the states that hold at the end of the time allowed, and at every later observation.
    """
    names = sorted(set(replicas))
    deadline = healed_at + within
    state: dict[str, Any] = {}
    last = 0
    due = False
    for time, replica, value in observed:
        if time < last:
            raise ScenarioError(f"an observation at {time} comes after one at {last}")
        if replica not in names:
            raise ScenarioError(
                f"{replica!r} was observed and is none of the replicas {', '.join(names)}"
            )
        if time > deadline and not due:
            due = True
            if (verdict := _all_equal(names, state, deadline)).is_broken:
                return verdict
        state[replica] = value
        last = time
        if due and (verdict := _all_equal(names, state, time)).is_broken:
            return verdict
    if last < deadline:
        missing = [name for name in names if name not in state]
        if missing or not converged(state).is_kept:
            return unknown(
                f"nobody looked at the replicas after {last}, and they had until {deadline}"
            )
    return _all_equal(names, state, max(last, deadline))


def _all_equal(names: list[str], state: dict[str, Any], time: int) -> Verdict:
    if missing := [name for name in names if name not in state]:
        return unknown(f"nothing is known of {', '.join(missing)}")
    verdict = converged({name: state[name] for name in names})
    if not verdict.is_broken:
        return verdict
    return broken(f"at {time}, {verdict.reason}", expected=verdict.expected, got=verdict.got)


def _difference(one: Any, other: Any) -> tuple[str, Any, Any]:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}, key=repr):
            if (key in one) != (key in other) or one.get(key) != other.get(key):
                return f" at {key!r}", one.get(key, "nothing"), other.get(key, "nothing")
    return "", one, other
