"""``distlab submit`` makes the file to hand in; ``distlab update`` brings in a new release, and leaves
what somebody has changed."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import click
import msgspec

from distlab import __version__
from distlab.cli.keeping import shown, write
from distlab.cli.memory import last_report
from distlab.cli.program import PASSED, NotReady, usage
from distlab.cli.screen import Screen, plural
from distlab.grade.release import MANIFEST as RELEASE
from distlab.grade.skeleton import MANIFEST, apply, changes
from distlab.grade.solution import find_lab_name, root

LARGEST = 5 * 1024 * 1024
"""Bytes of one file in a submission: source code is smaller."""


@click.command()
@click.option("--lab", default="", help="only this lab")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="default: submission.tar.gz"
)
def submit(lab: str, output: Path | None) -> int:
    """Make the file to hand in: everything of yours in labs/, and what the last grading said."""
    labs = root() / "labs"
    folders = (
        [labs / find_lab_name(lab)] if lab else sorted(f for f in labs.glob("lab*_*") if f.is_dir())
    )
    files = [file for folder in folders for file in _files(folder)]
    if not files:
        raise NotReady(f"there is nothing to hand in below {shown(labs)}")
    target = output or root() / "submission.tar.gz"
    write(target, _archive(files))
    report, screen = last_report(), Screen()
    screen.say(
        f"{shown(target)}: {plural(len(files), 'file')} of {', '.join(f.name for f in folders)}"
    )
    if report is None:
        screen.say("  it has not been graded here; make grade does it", "odd")
    else:
        screen.say(
            f"  last graded here: {report.earned}/{report.points} points with practice seeds", "dim"
        )
    return PASSED


def _files(folder: Path) -> list[Path]:
    hidden = ("__pycache__", ".distlab", ".git")
    found = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and not file.is_symlink()
        and not any(part in hidden for part in file.parts)
    ]
    for file in found:
        if file.stat().st_size > LARGEST:
            raise NotReady(
                f"{shown(file)} is larger than {LARGEST // 1024**2} MB: is it part of your work?"
            )
    return [file for file in found if file.suffix != ".pyc" and file.name != MANIFEST]


def _archive(files: list[Path]) -> bytes:
    """A tar file that is the same, byte for byte, for the same work: no times and no names of users."""
    base, buffer = root(), io.BytesIO()
    contents = {file.relative_to(base).as_posix(): file.read_bytes() for file in files}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    index = {"release": __version__, "files": digests}
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in {**contents, "submission.json": msgspec.json.encode(index)}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@click.command()
@click.option(
    "--input",
    "source",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="the folder of the new release",
)
def update(source: Path | None) -> int:
    """Bring in a new release without losing work."""
    if any((root() / "grading").glob("lab*_*/reference")):
        raise NotReady(
            "this is the whole project and not a student's release, so there is nothing to update: use git. "
            "In a release, update replaces everything but what you changed"
        )
    if source is None or not (source / RELEASE).exists():
        usage(f"which release? make update INPUT=folder, where it is unpacked (it has a {RELEASE})")
    new = msgspec.json.decode((source / RELEASE).read_bytes(), type=dict[str, str])
    tree = {path: (source / path).read_bytes() for path in new}
    todo = changes(root(), tree, manifest=RELEASE)
    apply(root(), tree, todo, manifest=RELEASE)
    screen = Screen()
    kept = [change.path for change in todo if change.kind == "keep"]
    for path in kept:
        screen.say(f"  kept      {path}: you have changed it", "odd")
        if path in tree:
            beside = write(root() / ".distlab" / "update" / path, tree[path])
            screen.say(f"            the release's own is {shown(beside)}", "dim")
    screen.say(f"{plural(len(todo) - len(kept), 'file')} brought up to date, {len(kept)} kept")
    return PASSED
