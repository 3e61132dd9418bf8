"""A class that nobody attends: makes submissions of every kind, to see that each gets what it earned, and how fast.

``python tools/synthetic_class.py FOLDER --lab 0 --count 60`` writes FOLDER/NAME/labs/... and FOLDER.json: name -> the
points it must get ("all", "none", or a promise that must be broken). Then ``distlab class FOLDER --lab 0 --out OUT``,
and ``python tools/synthetic_class.py FOLDER --judge OUT`` compares.

Kinds, in turn: the reference, a known bug, the alternative, the skeleton, and attacks from tests/hostile. A known bug
is handed in as a student would hand it in: the reference with the bug's class appended to the module that it changes.
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from distlab.grade.lab import Lab, Mutant
from distlab.grade.skeleton import derive
from distlab.grade.solution import load_lab, load_solution

ROOT = Path(__file__).resolve().parent.parent
ATTACKS = (
    "exit_in_handler",
    "endless_loop_at_import",
    "threads",
    "reads_the_environment",
    "memory_bomb_at_import",
)
"""Those that harm without knowing the toy lab: put at the top of each module."""


def members(lab: Lab) -> Iterator[tuple[str, dict[str, str], str]]:
    """Name, files (below labs/LAB), and what must come of it: forever."""
    folder = ROOT / "grading" / lab.name
    right = {file.name: file.read_text() for file in (folder / "reference").glob("*.py")}
    other = right | {file.name: file.read_text() for file in (folder / "alternative").glob("*.py")}
    nothing = {name: derive(text, name) for name, text in right.items()}
    bugs = itertools.cycle(list(_bugs(lab)))
    attacks = itertools.cycle([(ROOT / f"tests/hostile/{name}.py") for name in ATTACKS])
    while True:
        yield "reference", right, "all"
        for _ in range(2):
            mutant, module, text = next(bugs)
            yield f"bug-{mutant.name}", right | {module: right[module] + text}, mutant.breaks
        yield "alternative", other, "all"
        yield "skeleton", nothing, "none"
        attack = next(attacks)
        first = attack.read_text() + "\n\nif 'attack' in globals():\n    attack(None)\n\n"
        yield (
            f"hostile-{attack.stem}",
            {n: first + _without_future(t) for n, t in right.items()},
            "none",
        )


def _without_future(text: str) -> str:
    return text.replace("from __future__ import annotations\n", "")


def _bugs(lab: Lab) -> Iterator[tuple[Mutant, str, str]]:
    """Bugs that can be written at the end of a module: a class or function that uses nothing but its own module."""
    load_solution(lab, lab.parts[0], "reference")
    for mutant in lab.mutants():
        module, _, name = mutant.replaces.partition(":")
        written = _as_text(mutant, module, name, lab)
        if written:
            yield mutant, f"{module}.py", written


def _as_text(mutant: Mutant, module: str, name: str, lab: Lab) -> str:
    try:
        source = inspect.getsource(mutant.by)
    except (OSError, TypeError):
        return ""
    home = sys.modules[mutant.by.__module__]
    own = vars(sys.modules[f"{lab.package}.{module}"])
    needed = [
        word
        for word in mutant_names(mutant.by)
        if word in vars(home) and word not in own and word != mutant.by.__name__
    ]
    if needed or name not in own:
        return ""
    return f"\n\n{source}\n\n{name} = {mutant.by.__name__}\n"


def mutant_names(thing: object) -> set[str]:
    """Global names that a class or function uses."""
    found: set[str] = set()
    waiting = [getattr(thing, "__code__", None)]
    if isinstance(thing, type):
        waiting = [getattr(value, "__code__", None) for value in vars(thing).values()]
        found |= {base.__name__ for base in thing.__bases__}
    while waiting:
        code = waiting.pop()
        if code is not None:
            found |= set(code.co_names)
            waiting += [const for const in code.co_consts if hasattr(const, "co_names")]
    return found


def make(folder: Path, lab: Lab, count: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    expected = {}
    for number, (kind, files, outcome) in zip(range(count), members(lab), strict=False):
        name = f"{number:03}-{kind}"
        expected[name] = outcome
        for file, text in files.items():
            path = folder / name / "labs" / lab.name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    folder.with_suffix(".json").write_text(
        json.dumps({"lab": lab.name, "expected": expected}, indent=1)
    )
    print(f"{folder}: {len(expected)} submissions")


def judge(folder: Path, out: Path) -> int:
    """Whether each got what it must; how many did not."""
    about = json.loads(folder.with_suffix(".json").read_text())
    wrong = 0
    for name, outcome in about["expected"].items():
        record = json.loads((out / "students" / name / "record.json").read_text())
        promises = [
            p for lab in record["report"]["labs"] for part in lab["parts"] for p in part["promises"]
        ]
        kept = {p["code"] for p in promises if p["state"] == "passed"}
        broken = {p["code"] for p in promises} - kept
        is_right = (
            not broken if outcome == "all" else not kept if outcome == "none" else outcome in broken
        )
        if not is_right:
            wrong += 1
            print(f"{name}: wanted {outcome}, kept {sorted(kept)}, broken {sorted(broken)}")
    print(f"{len(about['expected'])} submissions, {wrong} with another verdict than they must have")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lab", default="0")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--judge", type=Path)
    given = parser.parse_args()
    if given.judge:
        return 1 if judge(given.folder, given.judge) else 0
    make(given.folder, load_lab(given.lab), given.count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
