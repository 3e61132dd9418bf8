"""Runs scenarios with a solution in this process and sealed, and says what came of each: a process of its own.

``python sealedcompare.py ROOT LAB PART SOLUTION COUNT [plain] [sealed] [crashes] [name=value of a limit ...]`` prints
JSON: for each way, for each scenario, a :class:`Outcome`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from distlab.grade.result import Problem


class Outcome(msgspec.Struct):
    """What came of one run."""

    found: str
    digest: int
    problem: Problem | None
    trace: list[str]
    probes: str
    lines: dict[int, Any]


def compare(
    root: Path, lab: str, part: str, solution: str, count: int, *words: str, hash_seed: str = "0"
) -> dict[str, list[Outcome]]:
    """Outcomes by way, and under ``seconds`` how long each way took for an event."""
    command = [sys.executable, __file__, str(root), lab, part, solution, str(count), *words]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, capture_output=True, check=False, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=dict[str, list[Outcome]])


def _main(root: str, lab_name: str, part_code: str, solution: str, count: str, *words: str) -> None:
    os.environ["DISTLAB_ROOT"] = root
    from distlab.grade.grading import Grading, quick_scenarios
    from distlab.grade.perform import perform
    from distlab.grade.sealed import link
    from distlab.grade.sealed.solution import load_sealed
    from distlab.grade.solution import load_lab, load_solution
    from distlab.trace import EVERYTHING

    for word in words:
        if "=" in word:
            name, value = word.split("=")
            setattr(link, name, float(value))
    lab = load_lab(lab_name)
    part = lab.part(part_code)
    found: dict[str, list[Outcome]] = {}
    for way, load in (("plain", load_solution), ("sealed", load_sealed)):
        if way not in words and {"plain", "sealed"} & set(words):
            continue
        loaded = load(lab, part, solution)
        grading = Grading(lab, part, loaded)
        problem = grading._import_problem()
        if problem is not None:
            found[way] = [Outcome("import", 0, problem, [], "", {})]
            continue
        scenarios = list(quick_scenarios(grading, int(count)))
        if "crashes" in words:
            scenarios += _crashes(scenarios[0][1])
        found[way] = []
        for name, scenario in scenarios:
            done = perform(part, loaded, scenario, record=EVERYTHING, limit=1.0)
            events = done.run.trace.events if done.run is not None else []
            found[way].append(
                Outcome(
                    name,
                    done.digest,
                    done.problem,
                    [repr(event) for event in events],
                    repr(done.run.probes) if done.run is not None else "",
                    dict(done.lines),
                )
            )
        loaded.close()
    sys.stdout.buffer.write(msgspec.json.encode(found))


def _crashes(quiet: Any) -> Iterator[tuple[str, Any]]:
    """The same calls, with a crash of the server when it does its n-th thing of each kind, or a second one of it."""
    from distlab.core import MS
    from distlab.faults import Crash, Doing, Fault, Plan, Survival, Twin

    calls = tuple(
        msgspec.structs.replace(quiet.calls[0], at=n * 20 * MS, arguments={"id": n})
        for n in range(4)
    )
    for verb in ("start", "send", "sync", "job", "store"):
        for n in (1, 2, 3):
            for do in (Crash("server", 10 * MS, Survival.TORN), Twin("server", 30 * MS)):
                plan = Plan((Fault(Doing("server", verb, "", n), do),), heal_at=300 * MS)
                scenario = msgspec.structs.replace(quiet, calls=calls, plan=plan)
                yield f"{type(do).__name__} at {verb} {n}", scenario


if __name__ == "__main__":
    _main(*sys.argv[1:])
