"""Grading the graders: correct solutions pass, every known bug is caught, and which promise catches which."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from msgspec import Struct

from distlab.core.errors import HarnessBug
from distlab.grade.hunt import Kill
from distlab.grade.lab import Lab, Part
from distlab.grade.request import Graded, GradePart, Hunt, Hunted
from distlab.grade.result import PartResult, State
from distlab.grade.runner import open_children, parts_of
from distlab.grade.solution import load_lab, load_solution, root


class Acquittal(Struct, frozen=True):
    """A correct solution over many random scenarios: anything but passed is a bug of the grader, or its own."""

    lab: str
    part: str
    solution: str
    result: PartResult

    @property
    def is_clean(self) -> bool:
        return all(promise.state is State.PASSED for promise in self.result.promises)


def campaign(
    lab_names: Sequence[str],
    *,
    part: str = "",
    runs: int | None,
    seed: int = 1,
    record: bool = False,
    quick: bool = False,
    jobs: int = 0,
) -> Iterator[Acquittal | Kill]:
    """Acquit both correct solutions of each lab over ``runs`` random scenarios a part, and hunt every mutant.

    ``part`` names the only part to look at. ``quick`` hunts end once the promise meant for the bug is broken. Each in
    a child process, as many at a time as there are processors; results come as they are ready.
    """

    with open_children() as children, ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:

        def acquit(lab: Lab, part: Part, name: str) -> Acquittal:
            ask = GradePart(lab.name, part.code, name, seed=seed, runs=runs)
            answer = children.ask(ask, "0")
            if not isinstance(answer, Graded):
                raise HarnessBug(f"{lab.name} {part.code}: the child that graded {name} died")
            return Acquittal(lab.name, part.code, name, answer.result)

        def hunted(lab: Lab, name: str) -> Kill:
            answer = children.ask(Hunt(lab.name, name, seed, record, quick), "0")
            if not isinstance(answer, Hunted):
                raise HarnessBug(f"{lab.name}: the child that hunted {name} died")
            return answer.kill

        futures: list[Future[Acquittal | Kill]] = []
        for lab in map(load_lab, lab_names):
            load_solution(lab, lab.parts[0], "reference")
            parts, names = scope(lab, part)
            futures += [pool.submit(hunted, lab, name) for name in names]
            solutions = ["reference", *(["alternative"] if has_alternative(lab) else [])]
            futures += [pool.submit(acquit, lab, p, s) for p in parts for s in solutions]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            children.kill_all()
            pool.shutdown(cancel_futures=True)
            raise


def scope(lab: Lab, part: str = "") -> tuple[Sequence[Part], list[str]]:
    """The parts that are meant, and the names of their bugs. Raises ``NoSuchThing``."""
    parts = parts_of(lab, part)
    codes = {known.code for known in parts}
    return parts, [mutant.name for mutant in lab.mutants() if mutant.part in codes]


def has_alternative(lab: Lab) -> bool:
    return (root() / "grading" / lab.name / "alternative").is_dir()


def kill_matrix_page(
    kills_by_lab: Iterable[tuple[Lab, Sequence[Kill]]], *, whole: bool = True
) -> str:
    """The matrix as a page of the docs: mutants down, promises across, how each was first seen."""
    lines = [
        "---\nsearch:\n  boost: 0.1\n---",  # it has every word there is; who searches wants the page that explains
        "# Kill matrix",
        "",
        "Every known bug of every lab, put into the reference solution one at a time, and graded like a",
        "student's submission. A cell says how the promise first saw the bug: *directed* by a schedule written",
        "for it, *exam* by a vector or law, a number by that random run. Bold is the promise meant to catch it.",
    ]
    if not whole:
        lines += [
            "",
            "For this page each bug was shown only to the promise that is meant to catch it.",
        ]
    for lab, kills in kills_by_lab:
        lines += ["", f"## Lab {lab.number}: {lab.title}", ""]
        for part in lab.parts:
            of_part = [kill for kill in kills if kill.part == part.code]
            if not of_part:
                continue
            codes = [promise.code for promise in part.promises]
            lines += [f"### {lab.number}{part.code} {part.title}", ""]
            lines += [
                "| bug | kind | " + " | ".join(codes) + " |",
                "|---|---|" + "---|" * len(codes),
            ]
            for kill in of_part:
                cells = [_cell(kill, code) for code in codes]
                lines.append(f"| {_bug(kill)} | {kill.kind} | " + " | ".join(cells) + " |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _bug(kill: Kill) -> str:
    code = f" ({kill.code})" if kill.code else ""
    return f"**{kill.mutant}**{code}: {kill.story}<br>*{kill.source}*"


def _cell(kill: Kill, code: str) -> str:
    found = kill.caught_by.get(code, "")
    short = found.partition(":")[0].removeprefix("run ")
    return f"**{short}**" if short and code == kill.expected else short
