"""Part 5B's functions by themselves: known vectors, and scripts that are played to the plain twin as well."""

from __future__ import annotations

from itertools import permutations
from random import Random
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from grading.lab5_streaming.eventtime.twin import PlainTimers, PlainValve
from labs.lab5_streaming.eventtime import MAX_TIME, Due, Window
from labs.lab5_streaming.stream import Status, Watermark

DISORDER = ((1000, -2001), (4000, 999), (2000, 999), (7000, 3999), (8000, 4999), (3999, 4999))
"""With a bound of 3000: (event time, watermark after it)."""


def disorder(solution: Solution) -> Verdict:
    """The watermark of one partition, event by event and in batches."""
    module = solution.module("watermarks")
    one = module.BoundedDisorder(3000)
    for number, (time, expected) in enumerate(DISORDER, 1):
        if (got := one.seen((time,))) != expected:
            return broken(
                f"bound 3000, after {[t for t, _ in DISORDER[:number]]}", expected=expected, got=got
            )
    if (got := module.BoundedDisorder(3).seen((5, 9, 2))) != 5:
        return broken("bound 3, one batch of 5, 9, 2", expected=5, got=got)
    two = module.BoundedDisorder(0)
    two.seen((-7,))
    if (got := two.seen((-12, -30))) != -8:
        return broken("bound 0, -7 and then -12, -30", expected=-8, got=got)
    return kept()


def _said(elements: Any) -> list[tuple[str, int]]:
    return [
        ("watermark", e.time) if isinstance(e, Watermark) else ("idle", int(e.is_idle))
        for e in elements
        if isinstance(e, (Watermark, Status))
    ]


def _played(solution: Solution, inputs: int, script: list[tuple[Any, ...]]) -> Verdict:
    """The script to the valve and to its twin: after each step both have said the same."""
    valve, plain = solution.module("watermarks").Valve(inputs), PlainValve(inputs)
    for number, (what, *arguments) in enumerate(script, 1):
        expected = getattr(plain, what)(*arguments)
        got = _said(getattr(valve, what)(*arguments))
        if got != expected:
            return broken(
                f"a valve of {inputs} inputs, after {_told(script[:number])}",
                expected=expected,
                got=got,
            )
    return kept()


def _told(script: list[tuple[Any, ...]]) -> str:
    words = []
    for what, number, value in script:
        said = {True: "idle", False: "active"}[value] if what == "status" else str(value)
        words.append(f"{number}: {said}")
    return ", ".join(words)


def all_idle(solution: Solution) -> Verdict:
    """Input 0 says 5 and is idle, input 1 says 4 and is idle, in any order: 5 is reached."""
    news = (
        ("watermark", 0, 5),
        ("status", 0, True),
        ("watermark", 1, 4),
        ("status", 1, True),
    )
    for order in permutations(range(4)):
        if order.index(0) < order.index(1) and order.index(2) < order.index(3):
            script = [news[n] for n in order]
            verdict = _played(solution, 2, script)
            if not verdict.is_kept:
                return verdict
    return kept()


SCRIPTS: tuple[tuple[int, list[tuple[Any, ...]]], ...] = (
    (2, [("watermark", 0, 9), ("watermark", 1, 3), ("watermark", 1, 7), ("watermark", 0, 8)]),
    # An idle input comes back behind, and must catch up before it counts.
    (
        2,
        [
            ("watermark", 0, 5),
            ("watermark", 1, 5),
            ("status", 1, True),
            ("watermark", 0, 20),
            ("status", 1, False),
            ("watermark", 1, 12),
            ("watermark", 0, 30),
            ("watermark", 1, 31),
            ("watermark", 0, 40),
            ("watermark", 1, 50),
        ],
    ),
    # An input that is behind is all that is active: the watermark waits for it to catch up.
    (
        2,
        [
            ("status", 1, True),
            ("watermark", 0, 20),
            ("status", 1, False),
            ("status", 0, True),
            ("watermark", 1, 12),
            ("watermark", 1, 20),
            ("watermark", 1, 21),
            ("status", 0, False),
            ("watermark", 0, 22),
            ("watermark", 1, 25),
        ],
    ),
    # What an idle input says counts for nothing.
    (
        2,
        [
            ("watermark", 0, 3),
            ("status", 1, True),
            ("watermark", 1, 99),
            ("status", 0, True),
            ("status", 0, False),
            ("watermark", 0, MAX_TIME),
        ],
    ),
    (1, [("status", 0, True), ("status", 0, True), ("status", 0, False), ("watermark", 0, 1)]),
)


def scripts(solution: Solution) -> Verdict:
    """Known scripts, and three hundred drawn ones."""
    random = Random(11)
    drawn: list[tuple[int, list[tuple[Any, ...]]]] = []
    for _ in range(300):
        inputs, times = random.randrange(1, 5), [0] * 5
        script: list[tuple[Any, ...]] = []
        for _ in range(random.randrange(4, 25)):
            number = random.randrange(inputs)
            if random.random() < 0.65:
                times[number] += random.randrange(8)
                script.append(("watermark", number, times[number]))
            else:
                script.append(("status", number, random.random() < 0.5))
        drawn.append((inputs, script))
    for inputs, script in (*SCRIPTS, *drawn):
        verdict = _played(solution, inputs, script)
        if not verdict.is_kept:
            return verdict
    return kept()


def silence(solution: Solution) -> Verdict:
    """When a partition becomes idle: counted from its last word, or from the beginning, and not from the first look."""
    steps: list[tuple[str, tuple[Any, ...], list[tuple[str, int]]]] = [
        ("tick", (99,), []),
        ("seen", (0, (50,), 100), []),
        ("tick", (101,), [("watermark", 39)]),
        ("seen", (0, (60,), 120), [("watermark", 49)]),
        ("seen", (1, (15,), 130), []),
        ("seen", (0, (70,), 150), [("watermark", 59)]),
        ("tick", (229,), []),
        ("tick", (231,), []),
        ("tick", (251,), [("idle", 1)]),
        ("tick", (900,), []),
        ("seen", (1, (90,), 910), [("idle", 0), ("watermark", 79)]),
        ("end", (), [("watermark", MAX_TIME)]),
    ]
    clock = solution.module("watermarks").SourceClock(2, 10, 100, 0)
    for number, (what, arguments, expected) in enumerate(steps, 1):
        got = _said(getattr(clock, what)(*arguments))
        if got != expected:
            told = ", ".join(f"{name}{given}" for name, given, _ in steps[:number])
            return broken(
                f"two partitions, bound 10, idle after 100, opened at 0; {told}",
                expected=expected,
                got=got,
            )
    late = solution.module("watermarks").SourceClock(1, 0, 100, 0)
    late.seen(0, (5,), 10)
    if (got := _said(late.tick(500))) != [("idle", 1)]:
        reason = "heard at 10, idle after 100, looked at for the first time at 500"
        return broken(reason, expected=[("idle", 1)], got=got)
    if (got := _said(late.end())) != [("idle", 0), ("watermark", MAX_TIME)]:
        return broken("the end of an idle source", expected="active, then MAX_TIME", got=got)
    return kept()


TUMBLING = (
    (1, 0, 7, 0),
    (6, 0, 7, 0),
    (7, 0, 7, 7),
    (8, 0, 7, 7),
    (1, 3, 7, -4),
    (2, 3, 7, -4),
    (3, 3, 7, 3),
    (-10, 0, 7, -14),
    (-7, 0, 7, -7),
    (-1, 0, 7, -7),
    (-1, -2, 7, -2),
    (-3, -2, 7, -9),
)
"""(event time, offset, size, start of its window)."""

SLIDING: tuple[tuple[tuple[int, ...], list[tuple[int, int]]], ...] = (
    ((12, 10, 5, 0), [(10, 20), (5, 15)]),
    ((10, 10, 5, 0), [(10, 20), (5, 15)]),
    ((-1, 10, 5, 0), [(-5, 5), (-10, 0)]),
    ((7, 10, 10, 3), [(3, 13)]),
    ((9, 5, 7, 0), [(7, 12)]),
    ((13, 5, 7, 0), []),
    ((20, 12, 5, 1), [(16, 28), (11, 23)]),
)
"""((event time, size, slide, offset), its windows)."""

MERGED: tuple[tuple[list[tuple[int, int]], list[tuple[int, int]]], ...] = (
    ([(10, 20), (19, 22)], [(10, 22)]),
    ([(10, 20), (20, 30)], [(10, 20), (20, 30)]),
    ([(19, 22), (0, 3), (10, 20)], [(0, 3), (10, 22)]),
    ([(0, 30), (5, 8), (29, 31)], [(0, 31)]),
    ([], []),
)


def assignment(solution: Solution) -> Verdict:
    """The windows of an event."""
    module = solution.module("windows")
    for time, offset, size, start in TUMBLING:
        if (got := module.tumbling(time, size, offset)) != Window(start, start + size):
            return broken(
                f"tumbling({time}, {size}, {offset})",
                expected=(start, start + size),
                got=_pair(got),
            )
    for arguments, windows in SLIDING:
        got = [_pair(window) for window in module.sliding(*arguments)]
        if got != windows:
            return broken(f"sliding{arguments}", expected=windows, got=got)
    for before, after in MERGED:
        got = [_pair(window) for window in module.merged([Window(*pair) for pair in before])]
        if got != after:
            return broken(f"merged({before})", expected=after, got=got)
    return kept()


def _pair(window: Any) -> tuple[int, int]:
    return window.start, window.end


def timers(solution: Solution) -> Verdict:
    """Two hundred scripts of setting, taking back and asking, against a plain set."""
    random = Random(3)
    for _ in range(200):
        timers, plain = solution.module("timers").Timers(), PlainTimers()
        told: list[str] = []
        now = 0
        for _ in range(random.randrange(3, 30)):
            due = Due(random.randrange(12), random.choice("ab"), random.choice(["", "x"]))
            step = random.random()
            if step < 0.5:
                told.append(f"set{(due.time, due.key, due.namespace)}")
                timers.set(due)
                plain.timers.add(due)
            elif step < 0.65:
                told.append(f"delete{(due.time, due.key, due.namespace)}")
                timers.delete(due)
                plain.timers.discard(due)
            else:
                now = max(now, random.randrange(14))
                told.append(f"due({now})")
                got, allowed = timers.due(now), plain.due(now)
                if (got is None) != (not allowed) or (got is not None and got not in allowed):
                    expected = sorted((d.time, d.key, d.namespace) for d in allowed)
                    return broken(
                        ", ".join(told), expected=f"one of {expected}" if allowed else None, got=got
                    )
                plain.timers.discard(got)
            first = timers.first()
            earliest = min((d.time for d in plain.timers), default=None)
            if (None if first is None else first.time) != earliest or timers.count() != len(
                plain.timers
            ):
                return broken(
                    f"{', '.join(told)}; first() and count()",
                    expected=f"{earliest}, {len(plain.timers)}",
                    got=f"{first}, {timers.count()}",
                )
    return kept()


EXAMS_S4 = (
    Exam("the watermark of one partition", disorder, "watermarks"),
    Exam("all inputs fall silent, in every order", all_idle, "watermarks"),
    Exam("a valve, script by script", scripts, "watermarks"),
)
EXAMS_L2 = (Exam("when a partition is idle", silence, "watermarks"),)
EXAMS_S5 = (Exam("which windows an event has", assignment, "windows"),)
EXAMS_S6 = (Exam("timers, script by script", timers, "timers"),)
