"""The ledger by itself: the spec's vector, every order of the same news, and the time of a tree."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from distlab.check import Verdict, broken, kept
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution

ROOT = 7
TREE = (0b0110, 0b0110 ^ 0b1010 ^ 0b0011, 0b1010, 0b0011)
"""The spout emits 0110, a bolt makes 1010 and 0011 of it, both are done. In between: 1001, 0011, 0."""


def told(ledger: Any, piece: int) -> str:
    """Tell the ledger piece 0, the Init, or another, an Ack: the spout that is to be told, or ''."""
    if piece == 0:
        return "spout" if ledger.init(ROOT, TREE[0], "spout") else ""
    return str(ledger.ack(ROOT, TREE[piece]))


def every_order(solution: Solution) -> Verdict:
    """Done with the last piece of news and not before, whatever the order; and then forgotten."""
    for order in permutations(range(len(TREE))):
        ledger = solution.module("acker").Ledger(3)
        for number, piece in enumerate(order, 1):
            got = told(ledger, piece)
            expected = "spout" if number == len(TREE) else ""
            if got != expected:
                return broken(
                    f"the Init is piece 0, the Acks are 1 to 3; told in the order {order}, after {number}:",
                    expected=expected or "not done",
                    got=got or "not done",
                )
        if ledger.pending():
            return broken("a tree that is done is still remembered", got=ledger.pending())
    return kept()


def its_time(solution: Solution) -> Verdict:
    """A tree is over at the third rotation after it began; without an Init it is only forgotten."""
    for before in range(3):
        ledger = solution.module("acker").Ledger(3)
        for _ in range(before):
            ledger.rotate()
        ledger.init(ROOT, 5, "spout")
        ledger.ack(8, 5)
        over = [[tuple(pair) for pair in ledger.rotate()] for _ in range(4)]
        if over != [[], [], [(ROOT, "spout")], []]:
            return broken(
                "with 3 buckets, over at each of four rotations after it began:",
                expected=[[], [], [(ROOT, "spout")], []],
                got=over,
            )
        if ledger.pending():
            return broken("what is over is still remembered", got=ledger.pending())
    return kept()


def apart(solution: Solution) -> Verdict:
    """Two trees do not mix, and one that is over begins anew with nothing."""
    ledger = solution.module("acker").Ledger(2)
    ledger.init(1, 5, "a")
    ledger.init(2, 9, "b")
    if (got := str(ledger.ack(2, 9))) != "b":
        return broken("of two trees, the second one is done", expected="b", got=got or "not done")
    for _ in range(2):
        ledger.rotate()
    ledger.ack(1, 5)
    if ledger.init(1, 6, "a"):
        return broken("a tree that was over is done by its late Ack")
    return kept()


EXAMS = (
    Exam("the tree 0110, 1010, 0011, told in every order", every_order, "acker"),
    Exam("when a tree is over", its_time, "acker"),
    Exam("trees do not mix", apart, "acker"),
)
