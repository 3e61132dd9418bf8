"""``distlab release``: cuts a student repository, and proves three things of it before it says that it is done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from distlab.cli.keeping import shown
from distlab.cli.program import FAILED, PASSED, NotReady, usage
from distlab.cli.screen import Screen, plural
from distlab.grade import release as cutting
from distlab.grade.exports import from_json
from distlab.grade.result import State
from distlab.grade.skeleton import apply, changes
from distlab.grade.solution import root


@click.command()
@click.option("--through", type=click.IntRange(0), required=True, help="the last lab that is in it")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
def release(through: int, out: Path) -> int:
    """Cut a student repository: labs up to a number, and no solutions."""
    project, screen = root(), Screen()
    if not any((project / "grading").glob("lab*_*/reference")):
        raise NotReady("this is a release already: it has no reference solutions")
    if out.exists() and any(out.iterdir()) and not (out / cutting.MANIFEST).exists():
        usage(f"{shown(out)} is not empty, and no release: name another folder")
    tree = cutting.release_tree(project, through)
    labs = sorted({path.split("/")[1] for path in tree if path.startswith("labs/")})
    if not labs or int(labs[-1].removeprefix("lab").split("_")[0]) < through:
        usage(f"there is no lab {through}; there are {', '.join(labs)}")
    if out.exists():
        shutil.rmtree(out)
    apply(out, tree, changes(out, tree, manifest=cutting.MANIFEST), manifest=cutting.MANIFEST)
    screen.say(f"{shown(out)}: {plural(len(tree), 'file')}, {', '.join(labs)}")
    faults = 0
    for claim, wrong in _proofs(project, out, tree):
        screen.say(f"  {'ok  ' if not wrong else 'BAD '}  {claim}", "" if not wrong else "bad")
        for line in wrong[:20]:
            screen.say(f"        {line}", "bad")
        faults += len(wrong)
    return FAILED if faults else PASSED


def _proofs(project: Path, out: Path, tree: cutting.Tree) -> Iterator[tuple[str, list[str]]]:
    """What is claimed, and what is wrong with it."""
    found = [str(leak) for leak in cutting.leaks(project, tree)]
    yield "no line of a solution is in it", found
    yield "every part of its skeletons is not started", _not_untouched(out)
    yield "its pages build, and every link leads somewhere", _bad_pages(out)


def _not_untouched(out: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "report.json")
        command = [sys.executable, "-m", "distlab", "grade", "--export", f"json:{file}"]
        done = subprocess.run(
            command, cwd=out, env=_environment(out), capture_output=True, text=True, check=False
        )
        if not file.exists():
            return [f"grading fails: {(done.stdout + done.stderr).strip()[-400:]}"]
        report = from_json(file.read_bytes())
    shutil.rmtree(out / ".distlab", ignore_errors=True)
    return [
        f"{lab.number}{part.code} {promise.code}: {promise.state.value}"
        for lab in report.labs
        for part in lab.parts
        for promise in part.promises
        if promise.state is not State.NOT_STARTED
    ]


def _bad_pages(out: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--quiet",
            "--site-dir",
            folder,
        ]
        done = subprocess.run(
            command, cwd=out, env=_environment(out), capture_output=True, text=True, check=False
        )
    return (done.stdout + done.stderr).strip().splitlines()[-20:] if done.returncode else []


def _environment(out: Path) -> dict[str, str]:
    """The release's own code, and none of ours."""
    return {
        **os.environ,
        "PYTHONPATH": str(out.resolve() / "src"),
        "DISTLAB_ROOT": str(out.resolve()),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_MKDOCS_2_WARNING": "1",
    }
