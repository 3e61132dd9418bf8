"""Nothing that a submission does earns it a point, harms another one, or goes by without a word.

All of them take minutes: every fifth one is run, and with ``DISTLAB_HOSTILE=all`` every one.
"""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from distlab.grade.classroom.course import Record
from distlab.grade.classroom.submissions import Submission
from tests.grade.test_class import SOURCE
from tests.grade.toygrader import reference, tree

FILES = sorted((Path(__file__).parents[1] / "hostile").glob("*.py"))
ALSO = ("escapes_in_text",)
"""A test of its own asks for these."""
PROGRAMS = {
    file.stem: file.read_text()
    for number, file in enumerate(FILES)
    if number % 5 == 0 or file.stem in ALSO or os.environ.get("DISTLAB_HOSTILE") == "all"
}
WRONG = """

from distlab.core import Address, Node
from labs.lab9_toy.protocol import Put, Stored


class Keeper(Node):
    kept: list[int]

    def on_start(self) -> None:
        self.kept = []

    def on_put(self, put: Put, sender: Address) -> None:
        globals().get("attack", lambda node: None)(self)
        self.kept.append(put.id)
        self.send(sender, Stored(put.id))

    def probe(self) -> list[int]:
        return self.kept
"""
HONEST = ("a-honest", "zz-honest")


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """All of them, graded as one class."""
    place = tmp_path_factory.mktemp("hostile")
    tree(place / "project")
    programs = {
        name: text + (WRONG if "class Keeper" not in text else "")
        for name, text in PROGRAMS.items()
    }
    for name, text in {**programs, **dict.fromkeys(HONEST, reference())}.items():
        file = place / "in" / name / "labs/lab9_toy/keeper.py"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "distlab", "class", str(place / "in"), "--out", str(place / "out"),
         "--lab", "9", "--runs", "30"],
        env={**os.environ, "DISTLAB_ROOT": str(place / "project"), "PYTHONPATH": SOURCE, "TMPDIR": str(place)},
        capture_output=True, text=True, timeout=550, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(place.glob("distlab-*"))
    return {
        name: msgspec.json.decode(
            (place / "out/students" / Submission(name, {}).slug / "record.json").read_bytes(),
            type=Record,
        )
        for name in (*programs, *HONEST)
    }


def test_there_are_many() -> None:
    assert len(FILES) >= 40


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_earns_nothing_and_is_called_by_its_name(name: str, records: dict[str, Record]) -> None:
    _, verdict, says = PROGRAMS[name].splitlines()[:3]
    record = records[name]
    assert record.earned == 0
    assert record.report is not None
    (promise,) = record.report.labs[0].parts[0].promises
    reason = promise.broken.reason if promise.broken is not None else ""
    assert promise.state.value in verdict.partition(": ")[2].split(" or "), reason
    assert says.partition(": ")[2] in reason


@pytest.mark.parametrize("name", HONEST)
def test_who_is_honest_gets_the_same_beside_them(name: str, records: dict[str, Record]) -> None:
    assert records[name].earned == 10
    assert not Path("/tmp/owned").exists()


def test_what_they_say_is_only_text(records: dict[str, Record]) -> None:
    """No character that a terminal obeys, and none that turns the order of letters."""
    text = msgspec.json.decode(msgspec.json.encode(records["escapes_in_text"]))
    found = str(text["report"])
    assert "<script>" in found
    assert not any(mark in found for mark in ("\x1b", "\u202e", "\x07"))
