"""How far a live run is, and what its record says: the parts that every lab's ``live.py`` needs.

Theory of operation. Lines of a run's record are seen one by one, as they are written (:class:`Operations`); what the
finished run is held to are promises of the lab (:func:`judged_by`). A lab that shows more of what is going on, such as
who leads, adds it in a subclass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from distlab.grade.lab import Promise, Run
from distlab.grade.live import Judged
from distlab.live.portable import from_plain
from distlab.live.recorder import Line
from distlab.trace import Kind


class Operations:
    """The progress of a run whose clients have ``rounds`` to do: how many operations have ended, and how."""

    def __init__(self, rounds: Sequence[Sequence[object]]) -> None:
        self.total = sum(map(len, rounds))
        self.outcomes: Counter[str] = Counter()
        self.lost = 0
        """Messages."""

    def see(self, line: Line) -> None:
        """Something happened."""
        if line.kind == Kind.RETURN:
            _, outcome = from_plain(line.what)
            self.outcomes[type(outcome).__name__] += 1
        elif line.kind == Kind.DROP:
            self.lost += 1

    def ended(self, noun: str = "operations", words: Mapping[str, str] | None = None) -> str:
        """How many have ended; ``words`` for ``Ok``, ``Fail`` and ``Info``, where they have others."""
        told = sorted(self.outcomes.items())
        counts = "  ".join(f"{words[name] if words else name} {count}" for name, count in told)
        return f"{noun} {self.outcomes.total()}/{self.total}  {counts}".rstrip()

    def lines(self) -> list[str]:
        """For the screen."""
        return [self.ended(), f"messages lost {self.lost}"]


def sends(line: Line, message: str) -> bool:
    """Whether a node sends a message of that class."""
    return line.kind == Kind.SEND and line.what.get("$blob", "").endswith(f":{message}")


def judged_by(
    promises: Iterable[Promise], codes: Collection[str]
) -> Callable[[Run], Sequence[Judged]]:
    """Holds a run to those of the promises that have such a code: each code once, the first one that runs can judge."""
    chosen: dict[str, Promise] = {}
    for promise in promises:
        if promise.code in codes and promise.judge is not None:
            chosen.setdefault(promise.code, promise)

    def judged(run: Run) -> list[Judged]:
        return [
            Judged(promise, promise.judge(run))
            for promise in chosen.values()
            if promise.judge is not None
        ]

    return judged
