"""What became of a counterexample on today's code, in a sentence or two."""

from __future__ import annotations

from rich.text import Text

from distlab.cli.screen import joined, plural, styled, wrapped
from distlab.grade.counterexample import Counterexample
from distlab.grade.replay import Outcome, Replayed


class ReplayVerdict:
    """The last lines of ``make replay``."""

    def __init__(self, saved: Counterexample, answer: Replayed) -> None:
        self.saved = saved
        self.answer = answer

    def render(self, width: int) -> list[Text]:
        saved, answer = self.saved, self.answer
        name, promise = saved.id, saved.promise or "the program's own error"
        match answer.outcome:
            case Outcome.BROKEN:
                word, style = "still broken", "bad"
                how = "as before" if self._same() else "but in another way"
                text = f"{name} breaks {promise}, {how}."
            case Outcome.FIXED:
                word, style = "fixed", "good"
                text = f"{name} keeps {promise} now, and so do {plural(answer.neighbours, 'neighbour')} of it."
                if not answer.neighbours:
                    text = f"{name} keeps {promise} now; no neighbours were tried."
                text += f" To look everywhere: make grade LAB={saved.lab.split('_')[0].removeprefix('lab')}"
            case Outcome.MOVED:
                word, style = "moved", "bad"
                text = f"{name} passes now, but its neighbour no. {answer.neighbours} breaks {promise}."
            case _:
                word, style = "no longer applies", "odd"
                text = f"some faults of {name} found nothing to strike, so it proves nothing about today's code:"
        lines = wrapped(text, width, " " * (len(word) + 2), f"{word}: ")
        first = joined((word, style), lines[0][len(word) :])
        missed = [line for words in answer.missed for line in wrapped(words, width, "    ", "  - ")]
        return [first, *map(styled, lines[1:]), *map(styled, missed)]

    def _same(self) -> bool:
        broken = self.answer.broken
        return broken is not None and broken.reason == self.saved.reason
