"""All of a lab at once, as live runs need it: what is written is the student's, the rest the reference's."""

import shutil
from pathlib import Path

import pytest

from distlab.grade.solution import load_lab, load_whole, unwritten

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which nothing of lab 2 is written."""
    (tmp_path / "grading").symlink_to(ROOT / "grading")
    shutil.copytree(ROOT / "labs", tmp_path / "labs")
    monkeypatch.setenv("DISTLAB_ROOT", str(tmp_path))
    return tmp_path


def write(project: Path, *modules: str) -> None:
    """Do the work."""
    for module in modules:
        file = Path("lab2_log") / f"{module}.py"
        shutil.copy(
            ROOT / "grading" / "lab2_log" / "reference" / file.name, project / "labs" / file
        )


def test_nothing_written_cannot_be_run(project: Path) -> None:
    lab = load_lab("2")
    assert unwritten(lab) == list(lab.parts)
    with pytest.raises(NotImplementedError, match="nothing of it is written yet"):
        load_whole(lab, "own")


def test_what_is_written_is_run_and_the_rest_is_the_references(project: Path) -> None:
    write(project, "leader", "follower", "epochs", "reconcile", "roles")
    lab = load_lab("2")
    loaded, missing = load_whole(lab, "own")
    codes = [part.code for part in missing]
    assert "B" not in codes
    assert "C" not in codes
    assert {"A", "E", "G2"} <= set(codes)
    theirs = loaded.module("controller").__file__ or ""
    assert "reference" in theirs
    for mine in ("leader", "roles", "broker"):
        assert str(project / "labs") in (loaded.module(mine).__file__ or "")


def test_a_part_that_is_half_written_is_the_references(project: Path) -> None:
    write(project, "leader", "follower", "epochs", "reconcile")
    _, missing = load_whole(load_lab("2"), "own")
    codes = [part.code for part in missing]
    assert "C" in codes
    assert "B" not in codes
