"""How exams of part 2E ask: a module of the program, and a verdict where it decides what it must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs

from distlab.check import Verdict, broken, kept
from distlab.grade.lab import Exam
from distlab.grade.solution import Solution
from labs.lab2_log.brokers import PartitionState

ALL3 = ("b1", "b2", "b3")
P = "orders-0"


class Wrong(Exception):
    """A decision that is not the one that was promised."""

    def __init__(self, reason: str, expected: object, got: object) -> None:
        super().__init__(reason)
        self.verdict = broken(reason, expected=expected, got=got)


def exam(name: str, module: str, check: Callable[[Any], None]) -> Exam:
    """``check`` is given the module, and raises :class:`Wrong`."""

    def guarded(solution: Solution) -> Verdict:
        try:
            check(solution.module(module))
        except Wrong as wrong:
            return wrong.verdict
        return kept()

    return Exam(name, guarded, module)


def moved_on(story: str, old: PartitionState, new: PartitionState) -> None:
    """Versions and epochs rise with what they count."""
    plain = structs.replace(new, version=old.version, leader_epoch=old.leader_epoch)
    if plain != old and new.version <= old.version:
        raise Wrong(f"{story}: the version", f"more than {old.version}", new.version)
    if new.leader != old.leader and new.leader_epoch <= old.leader_epoch:
        raise Wrong(f"{story}: the leader epoch", f"more than {old.leader_epoch}", new.leader_epoch)
