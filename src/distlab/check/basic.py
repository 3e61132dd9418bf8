"""The four judges that every lab needs: effects once, equal outputs, prefixes, bounded liveness.

Pure: they know histories and values, no world and no lab. Each returns a verdict that names the first thing wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import structs

from distlab.check.history import Entry, History
from distlab.check.verdict import Verdict, broken, kept


def each_effect_once(
    history: History, effects: Iterable[Hashable], key: Callable[[Entry], Hashable]
) -> Verdict:
    """Each operation's effect happened once if it is ok, not at all if it failed, at most once if nobody knows.

    ``effects`` are the keys of the effects that really happened, repeated as often as they did; ``key`` names the
    effect that an operation asks for. Keys must be unique among operations.
    """
    happened = Counter(effects)
    for entry in history:
        times = happened.pop(key(entry), 0)
        if entry.is_ok and times != 1:
            what = "lost" if times == 0 else f"applied {times} times"
            reason = f"{entry.operation!r} was answered Ok, and its effect was {what}"
        elif entry.is_failed and times:
            reason = (
                f"{entry.operation!r} was reported as certainly failed, and its effect happened"
            )
        elif times > 1:
            reason = f"{entry.operation!r} was applied {times} times"
        else:
            continue
        return broken(
            reason,
            entry.call,
            *([entry.ret] if entry.ret else []),
            expected="once",
            got=f"{times} times",
        )
    for stranger in happened:
        return broken(
            f"an effect happened that nobody asked for: {stranger!r}",
            expected="no such effect",
            got=stranger,
        )
    return kept()


def equal_outputs(expected: Mapping[str, bytes], got: Mapping[str, bytes]) -> Verdict:
    """Every expected output is there, byte for byte, and no other."""
    for name in sorted(expected.keys() | got.keys()):
        if name not in got:
            return broken(
                f"output {name} is missing", expected=f"{len(expected[name])} bytes", got="nothing"
            )
        if name not in expected:
            return broken(
                f"output {name} should not exist", expected="nothing", got=f"{len(got[name])} bytes"
            )
        if expected[name] != got[name]:
            at = next(
                (
                    i
                    for i, (a, b) in enumerate(zip(expected[name], got[name], strict=False))
                    if a != b
                ),
                min(len(expected[name]), len(got[name])),
            )
            return broken(
                f"output {name} differs from the sequential run at byte {at}",
                expected=_excerpt(expected[name], at),
                got=_excerpt(got[name], at),
            )
    return kept()


def _excerpt(content: bytes, at: int) -> str:
    """What stands there: from the beginning of the line on, if that is near."""
    start = max(content.rfind(b"\n", 0, at) + 1, at - 30)
    return repr(content[start : start + 60]) if start < len(content) else "end of output"


def is_prefix(shorter: Sequence[Any], longer: Sequence[Any], *, of: str = "log") -> Verdict:
    """``shorter`` is how ``longer`` begins: nothing was reordered, changed or taken out."""
    for index, item in enumerate(shorter):
        if index >= len(longer):
            return broken(f"the {of} ends at {index}, too early", expected=item, got="nothing")
        if longer[index] != item:
            return broken(f"the {of} differs at {index}", expected=item, got=longer[index])
    return kept()


def bounded_liveness(
    done_at: int | None, deadline: int, goal: str, *, waiting_for: str = ""
) -> Verdict:
    """The goal was reached, and in time. Times in microseconds of virtual time."""
    if done_at is None:
        detail = f"; {waiting_for}" if waiting_for else ""
        never = broken(
            f"{goal} did not happen within {deadline / 1000:.0f} ms{detail}",
            expected=f"by {deadline / 1000:.0f} ms",
            got="never",
        )
        return structs.replace(never, is_absence=True)
    if done_at > deadline:
        return broken(
            f"{goal} came too late",
            expected=f"by {deadline / 1000:.0f} ms",
            got=f"{done_at / 1000:.0f} ms",
        )
    return kept()
