"""A student repository: no solution in it, everything in it works, and an update takes nothing away."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copytree

import pytest

from distlab.core.overlay import code_of, is_there, packed
from distlab.grade.release import MANIFEST, Leak, leaks, release_tree

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tree() -> dict[str, bytes]:
    return release_tree(PROJECT, 1)


def lay_out(tree: dict[str, bytes], folder: Path) -> Path:
    from distlab.grade.skeleton import apply, changes

    apply(folder, tree, changes(folder, tree, manifest=MANIFEST), manifest=MANIFEST)
    return folder


def run(folder: Path, *command: str, code: int = 0) -> str:
    environment = {
        **os.environ, "PYTHONPATH": str(folder / "src"), "DISTLAB_ROOT": str(folder), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "distlab", *command], cwd=folder, env=environment,
        capture_output=True, text=True, timeout=250,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_release_has_labs_and_graders_and_no_secrets(tree: dict[str, bytes]) -> None:
    judgement = {part for path in tree if path.startswith("grading/") for part in path.split("/")}
    assert {"lab0_rpc", "lab1_mapreduce"} <= judgement
    assert not {"lab2_log", "reference", "alternative", "mutants", "witnesses"} & judgement
    assert "tests" not in {path.split("/")[0] for path in tree}
    assert "grading/lab0_rpc/reference.pack" in tree
    assert "docs/labs/lab1.md" in tree
    assert not [path for path in tree if "kill-matrix" in path or "instructors" in path]


def test_no_line_of_a_solution_is_in_it(tree: dict[str, bytes]) -> None:
    assert list(leaks(PROJECT, tree)) == []


def test_a_line_of_a_solution_would_be_found(tree: dict[str, bytes]) -> None:
    reference = (PROJECT / "grading/lab0_rpc/reference/framing.py").read_bytes()
    (path,) = {leak.found_in for leak in leaks(PROJECT, {"docs/oops.md": reference, **tree})}
    assert path == "docs/oops.md"
    assert isinstance(next(leaks(PROJECT, {"docs/oops.md": reference})), Leak)


def test_what_is_packed_can_be_run_and_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "reference/x.py"
    secret.parent.mkdir()
    secret.write_text("WORD = 'a secret line'\n")
    (tmp_path / "reference.pack").write_bytes(packed([secret]))
    secret.unlink()
    assert b"secret" not in (tmp_path / "reference.pack").read_bytes()
    assert is_there(secret)
    assert not is_there(secret.with_name("y.py"))
    found: dict[str, str] = {}
    exec(code_of("x", secret), found)
    assert found["WORD"] == "a secret line"


def test_a_part_stands_on_the_packed_reference_of_the_others(
    tree: dict[str, bytes], tmp_path: Path
) -> None:
    folder = lay_out(tree, tmp_path / "release")
    name = "labs/lab0_rpc/framing.py"
    (folder / name).write_text((PROJECT / "grading/lab0_rpc/reference/framing.py").read_text())
    (folder / "labs/lab0_rpc/echo.py").write_text(
        (PROJECT / "grading/lab0_rpc/reference/echo.py").read_text()
    )
    run(folder, "grade", "--lab", "0", "--part", "a", "--runs", "10")
    assert "Begin in labs/lab0_rpc/client.py" in run(
        folder, "grade", "--lab", "0", "--part", "b", "--runs", "10", code=1
    )
    assert "there is no solution 'reference'" in run(
        folder, "grade", "--lab", "0", "--solution", "reference", code=2
    )


def test_an_update_keeps_what_somebody_has_changed(tree: dict[str, bytes], tmp_path: Path) -> None:
    folder = lay_out(tree, tmp_path / "mine")
    mine, theirs, gone = "labs/lab0_rpc/framing.py", "labs/lab0_rpc/server.py", "docs/start.md"
    (folder / mine).write_text("my work\n")
    (folder / "labs/lab0_rpc/notes.md").write_text("mine, too\n")
    new = {path: content for path, content in tree.items() if path != gone}
    new |= {mine: b"new skeleton\n", theirs: b"new\n", "labs/lab0_rpc/added.py": b"added\n"}
    lay_out(new, tmp_path / "new")
    said = run(folder, "update", "--input", str(tmp_path / "new"))
    assert f"kept      {mine}" in said
    assert (folder / mine).read_text() == "my work\n"
    assert (folder / ".distlab/update" / mine).read_text() == "new skeleton\n"
    assert (folder / "labs/lab0_rpc/notes.md").read_text() == "mine, too\n"
    assert (folder / theirs).read_text() == "new\n"
    assert (folder / "labs/lab0_rpc/added.py").exists()
    assert not (folder / gone).exists()
    assert "0 files brought up to date, 1 kept" in run(
        folder, "update", "--input", str(tmp_path / "new")
    )
    assert "which release?" in run(folder, "update", "--input", str(tmp_path), code=2)


def test_gradescope_gets_its_two_scripts_and_all_that_they_run(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("0123456789abcdef")
    command = ["--lab", "0", "--secret", str(tmp_path / "secret"), "--out", str(tmp_path / "a.zip")]
    run(PROJECT, "gradescope", *command)
    first = (tmp_path / "a.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = set(archive.namelist())
        assert {
            "setup.sh",
            "run_autograder",
            "distlab/secret",
            "distlab/requirements.lock",
        } <= names
        assert "distlab/grading/lab0_rpc/reference/framing.py" in names
        for name in ("setup.sh", "run_autograder"):
            assert archive.getinfo(name).external_attr >> 16 & 0o111
            text = archive.read(name).decode()
            assert subprocess.run(["bash", "-n"], input=text, text=True).returncode == 0
        assert "--lab 0 --secret secret" in archive.read("run_autograder").decode()
    run(PROJECT, "gradescope", *command)
    assert (tmp_path / "a.zip").read_bytes() == first


def test_what_gradescope_runs_grades_a_submission(tmp_path: Path) -> None:
    """The script itself, with its folders moved below a temporary one."""
    run(PROJECT, "gradescope", "--lab", "0", "--part", "a", "--out", str(tmp_path / "a.zip"))
    source = tmp_path / "autograder/source"
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(source)
    (tmp_path / "autograder/results").mkdir()
    copytree(PROJECT / "labs/lab0_rpc", tmp_path / "autograder/submission/labs/lab0_rpc")
    program = source / "distlab/.venv/bin/distlab"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m distlab "$@"\n')
    program.chmod(0o755)
    script = (
        (source / "run_autograder").read_text().replace("/autograder", str(tmp_path / "autograder"))
    )
    environment = {**os.environ, "PYTHONPATH": str(source / "distlab/src")}
    environment.pop("DISTLAB_ROOT", None)
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "autograder/results/results.json").read_text())
    assert [test["status"] for test in found["tests"]] == ["failed"] * len(found["tests"])
    assert {test["extra_data"]["state"] for test in found["tests"]} == {"not started"}
