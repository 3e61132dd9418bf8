"""``distlab class``: every student gets what they earned, a second time costs nothing, and nothing is left behind."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from distlab.grade.classroom.course import Record
from distlab.grade.classroom.seeds import Seeds, WeakSecret
from tests.grade.toygrader import reference, tree

SOURCE = str(Path(__file__).resolve().parents[2] / "src")
WRONG = reference().replace("if put.id not in self.kept:", "if True:")


def submission(folder: Path, name: str, keeper: str) -> None:
    file = folder / name / "labs/lab9_toy/keeper.py"
    file.parent.mkdir(parents=True)
    file.write_text(keeper)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A project with the toy lab, and three submissions."""
    tree(tmp_path / "project")
    submission(tmp_path / "in", "right", reference())
    submission(tmp_path / "in", "wrong", WRONG)
    (tmp_path / "in/empty").mkdir()
    return tmp_path


def command(place: Path, *options: str) -> list[str]:
    return [
        sys.executable, "-m", "distlab", "class", str(place / "in"), "--out", str(place / "out"),
        "--lab", "9", *options,
    ]  # fmt: skip


def environment(place: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DISTLAB_ROOT": str(place / "project"),
        "PYTHONPATH": os.pathsep.join(
            [SOURCE, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        ),
        "TMPDIR": str(place),
    }


def run(place: Path, *options: str, code: int = 0) -> str:
    done = subprocess.run(
        command(place, *options),
        capture_output=True,
        text=True,
        timeout=200,
        env=environment(place),
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def rows(place: Path) -> dict[str, dict[str, str]]:
    with (place / "out/class.csv").open(newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def record(place: Path, name: str) -> Record:
    return msgspec.json.decode(
        (place / f"out/students/{name}/record.json").read_bytes(), type=Record
    )


def test_each_gets_what_it_earned_in_every_format(place: Path) -> None:
    run(place)
    table = rows(place)
    assert {name: (row["state"], row["points"]) for name, row in table.items()} == {
        "right": ("graded", "10"),
        "wrong": ("graded", "0"),
        "empty": ("refused", ""),
    }
    assert table["right"]["isolation"].startswith("sealed")
    for name, points in (("right", 10), ("wrong", 0)):
        folder = place / "out/students" / name
        scope = json.loads((folder / "results.json").read_text())
        assert sum(test["score"] for test in scope["tests"]) == points
        assert {test["visibility"] for test in scope["tests"]} == {"visible"}
        fifty = json.loads((folder / "classroom50.json").read_text())
        assert (fifty["score"], fifty["max-score"]) == (points, 10)
        assert all(isinstance(test["score"], int) for test in fifty["tests"])
        assert "<testsuite" in (folder / "junit.xml").read_text()
        assert f"{points} of 10 points" in (folder / "index.html").read_text()
    assert list((place / "out/students/wrong/runs").glob("*.json"))
    about = json.loads((place / "out/class.json").read_text())
    assert about["submissions_per_core_hour"] > 0
    assert about["budget"]["9A"] > 0
    assert {"release", "seeds", "isolation", "prior"} <= about.keys()
    assert not list(place.glob("distlab-*"))


def test_only_what_changed_is_graded_again(place: Path) -> None:
    run(place)
    before = record(place, "right"), record(place, "wrong")
    (place / "in/wrong/labs/lab9_toy/keeper.py").write_text(reference())
    run(place)
    assert record(place, "right") == before[0]
    assert record(place, "wrong").earned == 10
    run(place, "--seed", "2")
    assert record(place, "right").key != before[0].key
    judgement = place / "project/grading/lab9_toy/__init__.py"
    judgement.write_text(judgement.read_text() + "\n# another release\n")
    seed_2 = record(place, "right").key
    run(place, "--seed", "2")
    assert record(place, "right").key != seed_2


def test_who_has_gone_has_no_results(place: Path) -> None:
    run(place)
    (place / "in/wrong").rename(place / "wrong")
    run(place)
    assert sorted(folder.name for folder in (place / "out/students").iterdir()) == [
        "empty",
        "right",
    ]


def test_a_damaged_record_is_not_believed(place: Path) -> None:
    run(place)
    file = place / "out/students/right/record.json"
    file.write_bytes(file.read_bytes()[:-40])
    run(place)
    assert record(place, "right").earned == 10


def test_a_hidden_seed_stands_nowhere_in_the_results(place: Path) -> None:
    (place / "secret").write_text("0123456789abcdef0123456789abcdef\n")
    run(place, "--secret", str(place / "secret"))
    seeds = Seeds(secret=b"0123456789abcdef0123456789abcdef")
    assert record(place, "right").earned == 10
    for file in (place / "out").rglob("*"):
        if file.is_file():
            assert str(seeds.of("right")) not in file.read_text(), file
            assert "0123456789abcdef" not in file.read_text(), file
    scope = json.loads((place / "out/students/right/results.json").read_text())
    assert {test["visibility"] for test in scope["tests"]} == {"after_published"}


def test_seeds_are_a_function_of_the_secret_and_the_name() -> None:
    one, other = Seeds(secret=b"a" * 16), Seeds(secret=b"b" * 16)
    own = Seeds(secret=b"a" * 16, per_student=True)
    assert one.of("x") == one.of("y") != other.of("x")
    assert own.of("x") != own.of("y")
    assert own.of("x") == Seeds(secret=b"a" * 16, per_student=True).of("x")
    assert Seeds(7).of("x") == 7
    for weak in ({"per_student": True}, {"secret": b"short"}):
        with pytest.raises(WeakSecret):
            Seeds(**weak)  # type: ignore[arg-type]


def test_it_is_told_what_is_missing(place: Path) -> None:
    if find_spec("ray") is None:
        assert "pip install 'distlab[ray]'" in run(place, "--executor", "ray", code=3)
    if find_spec("distributed") is None:
        assert "pip install 'distlab[dask]'" in run(place, "--executor", "dask", code=3)
    (place / "none").mkdir()
    assert "--secret" in run(place, "--per-student", code=2)


@pytest.mark.skipif(find_spec("distributed") is None, reason="Dask is not installed")
def test_dask_gives_the_same(place: Path) -> None:
    run(place)
    here = record(place, "right"), record(place, "wrong")
    (place / "out").rename(place / "here")
    run(place, "--executor", "dask")
    for before, after in zip(here, (record(place, "right"), record(place, "wrong")), strict=True):
        assert before.key == after.key
        assert [p.state for p in before.report.labs[0].parts[0].promises] == [  # type: ignore[union-attr]
            p.state
            for p in after.report.labs[0].parts[0].promises  # type: ignore[union-attr]
        ]


def test_ctrl_c_leaves_no_process_and_no_half_written_file(place: Path) -> None:
    endless = reference().replace(
        "def on_start(self) -> None:", "def on_start(self) -> None:\n        while True: pass"
    )
    for number in range(4):
        submission(place / "in", f"endless{number}", endless)
    child = subprocess.Popen(
        command(place, "--jobs", "2"), env=environment(place), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not _below(child.pid) and time.monotonic() < until:
        time.sleep(0.2)
    time.sleep(1.5)
    below = _below(child.pid)
    assert len(below) >= 2
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=40)
    assert child.returncode == 130, said
    until = time.monotonic() + 10
    while (
        left := [pid for pid in below if Path(f"/proc/{pid}").exists()]
    ) and time.monotonic() < until:
        time.sleep(0.1)
    assert not left
    assert not list(place.glob("distlab-*"))
    for file in (place / "out").rglob("*.json"):
        json.loads(file.read_text())
    assert not list((place / "out").rglob(".*"))


def _below(pid: int) -> list[int]:
    """All processes that descend from this one."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
        except (OSError, IndexError):
            continue
    found = [child for child, parent in parents.items() if parent == pid]
    return found + [below for child in found for below in _below(child)]
