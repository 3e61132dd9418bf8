"""A failing scenario as a file: what was broken, and all that is needed to see it again on any machine.

``.distlab/runs/<id>.json``. The id is made from the contents, so that the same failure has the same name wherever it is
found. Nothing in the file depends on Hypothesis or on a version of Python.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec
from msgspec import Struct

from distlab import __version__
from distlab.core.errors import DistlabError, ScenarioError
from distlab.grade.result import FORMAT
from distlab.grade.scenario import Scenario
from distlab.grade.solution import NoSuchThing, root


class Counterexample(Struct, frozen=True):
    """One scenario that breaks one promise."""

    lab: str
    part: str
    promise: str
    """Code; empty where it was a crash and not a promise."""
    title: str
    scenario: Scenario
    reason: str
    found: str
    """How: ``run 37``, ``directed: ...``."""
    was: str = ""
    """Size before minimising."""
    solution: str = "own"
    prior: str = "oracle"
    seed: int = 1
    digest: int = 0
    release: str = __version__
    format: int = FORMAT

    @property
    def id(self) -> str:
        """Six hexadecimal digits."""
        key = msgspec.json.encode((self.lab, self.part, self.promise, self.scenario, self.solution))
        return f"{zlib.crc32(key):08x}"[:6]


class DamagedCounterexample(DistlabError):
    """The file is not one of ours, is damaged, or is of a format that this release does not know."""


def folder() -> Path:
    return root() / ".distlab" / "runs"


def trace_file(name: str) -> Path:
    """Where the run of the counterexample of that id is kept, as it was when it was last seen."""
    return folder() / f"{name}.trace.jsonl"


def save(counterexample: Counterexample) -> Path:
    """Write the file, whole or not at all."""
    folder().mkdir(parents=True, exist_ok=True)
    target = folder() / f"{counterexample.id}.json"
    draft = target.with_suffix(".draft")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(counterexample)))
    draft.replace(target)
    return target


def load(name: str) -> Counterexample:
    """The counterexample of that id, or in that file. Raises ``NoSuchThing`` or :class:`DamagedCounterexample`."""
    path = Path(name) if name.endswith(".json") else folder() / f"{name}.json"
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise NoSuchThing("counterexample", name, known()) from None
    advice = "remove it, and `make grade` finds the run anew"
    try:
        found = msgspec.json.decode(text, type=Counterexample)
        found.scenario.plan.check()
    except (msgspec.DecodeError, UnicodeDecodeError, ScenarioError, RecursionError) as error:
        raise DamagedCounterexample(f"{path} is not a replay file ({error}); {advice}") from None
    if found.format != FORMAT:
        raise DamagedCounterexample(
            f"{path} has format {found.format}, and this release reads {FORMAT}; {advice}"
        )
    return found


def known() -> list[str]:
    """Ids of the saved counterexamples, newest first."""
    files = sorted(folder().glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    return [file.stem for file in files]
