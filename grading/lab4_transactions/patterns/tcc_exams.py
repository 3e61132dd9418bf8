"""Exams of part 4C: one bank, and every order of Try, Confirm and Cancel, each up to twice.

There are 90 orders of two copies of each, and every shorter order is the beginning of one of them. Each is played
plain; with a crash before every message, and before each single one; with 31 seconds before every message; and with
both. After every message the answer and the account are compared with the table of the handout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.core import SECOND
from distlab.core.effects import Sent
from distlab.core.solo import Solo
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from labs.lab4_transactions.tcc import (
    MAX_AMOUNT,
    BankConfig,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Forget,
    Impossible,
    Statement,
    Tried,
    Try,
)

NONE, TRIED, COMMITTED, CANCELLED = "none", "tried", "confirmed", "cancelled"
ROOM = 20
"""Rows that may be left of two hundred branches below the horizon."""


class Wrong(Exception):
    """A bank did something else than the table says."""

    def __init__(self, code: str, reason: str, expected: Any = "", got: Any = "") -> None:
        super().__init__(reason)
        self.code = code
        self.verdict = broken(reason, expected=expected, got=got)


class Bench:
    """A bank with two accounts, and what should have become of branch (1, 0)."""

    def __init__(self, solution: Solution) -> None:
        config = BankConfig((("alice", 100), ("bob", 0)))
        self.solo = Solo(solution.module("tcc_bank").Bank, config, "bank-1")
        self.story: list[str] = []

    def say(self, message: Any) -> list[Any]:
        self.story.append(_short(message))
        effects = self.solo.deliver(message, "manager")
        return [effect.message for effect in effects if isinstance(effect, Sent)]

    def crash(self) -> None:
        self.story.append("crash")
        self.solo.crash()
        self.solo.start()

    def wait(self, duration: int = 31 * SECOND) -> None:
        self.story.append(f"{duration // SECOND} s")
        self.solo.advance(duration)

    def money(self, name: str = "alice") -> tuple[int, int]:
        statement: Statement = self.solo.node.probe()
        return next((a.available, a.frozen) for a in statement.accounts if a.name == name)

    def require(self, holds: bool, code: str, reason: str, expected: Any, got: Any) -> None:
        if not holds:
            raise Wrong(code, f"{', '.join(self.story)}: {reason}", expected, got)


def _short(message: Any) -> str:
    fields = [str(getattr(message, name)) for name in message.__struct_fields__]
    return f"{type(message).__name__}({', '.join(fields)})"


# -- every order ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def orders() -> tuple[str, ...]:
    """The 90 orders of TTCCXX."""

    def walk(left: str) -> Iterator[str]:
        if not left:
            yield ""
        for letter in sorted(set(left)):
            for rest in walk(left.replace(letter, "", 1)):
                yield letter + rest

    return tuple(walk("CCTTXX"))


Between = Callable[[Bench, int], None]


def _variants(amount: int) -> Iterator[Between]:
    def nothing(bench: Bench, place: int) -> None:
        pass

    def crash(bench: Bench, place: int) -> None:
        bench.crash()

    def wait(bench: Bench, place: int) -> None:
        bench.wait()

    def both(bench: Bench, place: int) -> None:
        bench.wait()
        bench.crash()

    yield from (nothing, crash, wait, both)
    if amount < 0:
        for chosen in range(1, 6):

            def once(bench: Bench, place: int, chosen: int = chosen) -> None:
                if place == chosen:
                    bench.crash()

            yield once


@lru_cache(maxsize=4)
def every_order(solution: Solution) -> dict[str, Wrong]:
    """The first thing that is wrong, for each promise."""
    found: dict[str, Wrong] = {}
    for amount in (-30, 30):
        for between in _variants(amount):
            for order in orders():
                try:
                    _play(Bench(solution), order, amount, between)
                except Wrong as wrong:
                    found.setdefault(wrong.code, wrong)
                if len(found) == 2:
                    return found
    return found


def _play(bench: Bench, order: str, amount: int, between: Between) -> None:
    state = NONE
    for place, letter in enumerate(order):
        between(bench, place)
        code = "TX2-S6" if letter in order[:place] and _is_own(letter, state) else "TX2-S5"
        message = {
            "T": Try(1, 0, "alice", amount),
            "C": Confirm(1, 0),
            "X": Cancel(1, 0),
        }[letter]
        before = state
        state = _after(state, letter)
        answers = bench.say(message)
        wanted, unwanted = _answers(before, letter)
        names = {type(answer) for answer in answers}
        got = ", ".join(_short(a) for a in answers) or "no answer"
        if wanted is not None:
            bench.require(wanted in names, code, "wrong answer", wanted.__name__, got)
        for bad in unwanted:
            bench.require(bad not in names, code, "wrong answer", f"not {bad.__name__}", got)
        expected = _account(state, amount)
        bench.require(
            bench.money() == expected,
            code,
            f"the branch is {state}, and the account shows something else",
            f"{expected[0]} available, {expected[1]} frozen",
            "{} available, {} frozen".format(*bench.money()),
        )


def _is_own(letter: str, state: str) -> bool:
    """The state is what the first copy of this message made of it."""
    return {"T": TRIED, "C": COMMITTED, "X": CANCELLED}[letter] == state


def _after(state: str, letter: str) -> str:
    table = {(NONE, "T"): TRIED, (NONE, "X"): CANCELLED}
    table |= {(TRIED, "C"): COMMITTED, (TRIED, "X"): CANCELLED}
    return table.get((state, letter), state)


def _answers(state: str, letter: str) -> tuple[type | None, tuple[type, ...]]:
    """The answer that must come, and those that must not."""
    match letter, state:
        case "T", "none" | "tried":
            return Tried, ()
        case "T", "confirmed":
            return None, (Impossible,)
        case "T", _:
            return None, (Tried,)
        case "C", "tried" | "confirmed":
            return Confirmed, (Impossible,)
        case "C", _:
            return Impossible, (Confirmed,)
        case "X", "confirmed":
            return Impossible, (Cancelled,)
        case _:
            return Cancelled, (Impossible,)


def _account(state: str, amount: int) -> tuple[int, int]:
    if amount > 0:
        return (100 + amount, 0) if state == COMMITTED else (100, 0)
    return {
        NONE: (100, 0),
        TRIED: (100 + amount, -amount),
        COMMITTED: (100 + amount, 0),
        CANCELLED: (100, 0),
    }[state]


# -- single rules -----------------------------------------------------------------------------------------------------


def nonsense(solution: Solution) -> None:
    """What a Try may not ask for, and a second one with the same number and another content."""
    bench = Bench(solution)
    for name, amount in (
        ("alice", 0),
        ("alice", -101),
        ("alice", -(MAX_AMOUNT + 1)),
        ("alice", MAX_AMOUNT + 1),
        ("alice", 2**62),
        ("nobody", -1),
        ("nobody", 1),
        ("bob", -1),
    ):
        answers = bench.say(Try(len(bench.story) + 10, 0, name, amount))
        is_refused = not any(isinstance(answer, Tried) for answer in answers)
        bench.require(is_refused, "TX2-S4", "it was reserved", "Refused", answers)
        unchanged = bench.money() == (100, 0) and bench.money("bob") == (0, 0)
        bench.require(unchanged, "TX2-S4", "money moved", "100 for alice", bench.money())
    bench.say(Try(1, 0, "alice", -30))
    for name, amount in (("alice", -20), ("alice", 30), ("bob", 30), ("alice", -60)):
        answers = bench.say(Try(1, 0, name, amount))
        is_refused = not any(isinstance(answer, Tried) for answer in answers)
        reason = "another content, and it was reserved"
        bench.require(is_refused, "TX2-S4", reason, "Refused", answers)
        bench.require(bench.money() == (70, 30), "TX2-S4", "money moved", (70, 30), bench.money())
    bench.say(Confirm(1, 0))
    bench.require(bench.money() == (70, 0), "TX2-S4", "what was confirmed", (70, 0), bench.money())


def no_more_than_there_is(solution: Solution) -> None:
    """What is frozen is not available to others."""
    bench = Bench(solution)
    for branch in range(4):
        bench.say(Try(1, branch, "alice", -30))
    bench.require(bench.money() == (10, 90), "TX2-S4", "frozen twice", (10, 90), bench.money())


def branches_are_apart(solution: Solution) -> None:
    """Two branches of one transaction, or one number in two transactions, have nothing in common."""
    bench = Bench(solution)
    for xid, branch in ((1, 0), (1, 1), (2, 0)):
        bench.say(Try(xid, branch, "alice", -10))
    bench.require(bench.money() == (70, 30), "TX2-S5", "three branches", (70, 30), bench.money())
    bench.say(Confirm(1, 0))
    bench.say(Cancel(1, 1))
    bench.crash()
    bench.require(bench.money() == (80, 10), "TX2-S5", "one of each", (80, 10), bench.money())
    bench.say(Cancel(2, 0))
    bench.require(bench.money() == (90, 0), "TX2-S5", "all are over", (90, 0), bench.money())


def tombstones_stay(solution: Solution) -> None:
    """Hundreds of others, days, crashes: a row goes when the horizon stands for it, and not before."""
    bench = Bench(solution)
    bench.say(Cancel(5, 0))
    bench.say(Try(6, 0, "alice", -10))
    bench.say(Cancel(6, 0))
    bench.say(Forget(5))
    for xid in range(100, 300):
        bench.say(Cancel(xid, 0))
    bench.story = ["Cancel(5, 0)", "Try(6, 0)", "Cancel(6, 0)", "Forget(5)", "200 others"]
    for pause in (31 * SECOND, 24 * 3600 * SECOND):
        bench.wait(pause)
        bench.crash()
        for xid in (5, 6):
            _stays_cancelled(bench, xid)
    bench.say(Forget(250))
    for _ in range(2):
        _stays_cancelled(bench, 5)
        _stays_cancelled(bench, 6)
        _stays_cancelled(bench, 249)
        _stays_cancelled(bench, 250)
        bench.crash()
        bench.say(Forget(3))


def _stays_cancelled(bench: Bench, xid: int) -> None:
    answers = bench.say(Try(xid, 0, "alice", -10))
    is_refused = not any(isinstance(answer, Tried) for answer in answers)
    bench.require(is_refused, "TX2-S5", "it was reserved: a hanging branch", "Refused", answers)
    bench.require(bench.money() == (100, 0), "TX2-S5", "frozen", (100, 0), bench.money())


def rows_go(solution: Solution) -> None:
    """Two hundred branches are over, and the horizon has passed them."""
    bench = Bench(solution)
    for xid in range(1, 201):
        if xid % 5:
            bench.say(Try(xid, 0, "alice", -1 if xid % 2 else 1))
        bench.say(Confirm(xid, 0) if xid % 3 and xid % 5 else Cancel(xid, 0))
    before = bench.money()
    bench.say(Forget(201))
    for _ in range(2):
        rows = bench.solo.node.probe().fences
        bench.story = ["200 transactions", "Forget(201)"]
        bench.require(rows <= ROOM, "TX2-C3", "rows are kept", f"at most {ROOM}", rows)
        bench.require(bench.money() == before, "TX2-C3", "money moved", before, bench.money())
        bench.crash()


ORDERS = "every order of Try, Confirm and Cancel, with crashes and 31 s"
RULES: dict[str, Callable[[Solution], None]] = {
    "nonsense": nonsense,
    "no more than there is": no_more_than_there_is,
    "branches are apart": branches_are_apart,
    "tombstones stay": tombstones_stay,
    "rows go": rows_go,
}


def exams(code: str, *names: str) -> tuple[Exam, ...]:
    """The named checks, as far as this promise is concerned."""

    def exam(name: str) -> Exam:
        def check(solution: Solution) -> Verdict:
            if name == ORDERS:
                found = every_order(solution)
                return found[code].verdict if code in found else kept()
            try:
                RULES[name](solution)
            except Wrong as wrong:
                return wrong.verdict if wrong.code == code else kept()
            return kept()

        return Exam(name, check, "tcc_bank")

    return tuple(exam(name) for name in names)
