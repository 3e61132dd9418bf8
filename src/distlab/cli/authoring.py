"""Commands for whoever works on distlab: ``skeleton`` and ``bench``. The work is done elsewhere."""

from __future__ import annotations

import sys

import click

from distlab.cli.program import FAILED, PASSED, NotReady
from distlab.grade import skeleton as maker
from distlab.grade.hunt import likenesses
from distlab.grade.likeness import as_file, file_of
from distlab.grade.solution import find_lab_name, lab_names, load_lab, root


@click.command()
@click.option("--lab", default="", help="only this lab: 1, lab1 or lab1_mapreduce")
@click.option("--check", is_flag=True, help="change nothing; fail if something would change")
@click.option("--force", is_flag=True, help="also overwrite files that somebody has worked on")
def skeleton(lab: str, check: bool, force: bool) -> int:
    """Write labs/ anew from the reference solutions, and what known bugs look like from their witnesses."""
    grading, labs = root() / "grading", root() / "labs"
    if not any(grading.glob("lab*_*/reference")):
        raise NotReady("there are no reference solutions here: a student's release has none")
    tree = maker.derived_tree(grading)
    todo = maker.changes(labs, tree, lab=_folder(lab) if lab else "")
    if not check:
        maker.apply(labs, tree, todo, force=force)
        for name in [find_lab_name(lab)] if lab else lab_names():
            known = load_lab(name)
            file_of(known).write_bytes(as_file(likenesses(known)))
    words = {
        "new": "new",
        "update": "update",
        "remove": "remove",
        "keep": "overwrite" if force else "KEPT",
    }
    for change in todo:
        click.echo(f"  {words[change.kind]:<9} labs/{change.path}")
    kept = [change for change in todo if change.kind == "keep"]
    if check:
        click.echo(
            f"{len(todo)} files of labs/ differ: make skeleton" if todo else "labs/ is up to date"
        )
        return FAILED if todo else PASSED
    if kept and not force:
        click.echo(f"{len(kept)} files were changed by hand and kept; --force overwrites them")
        return FAILED
    click.echo(
        f"labs/ is up to date ({len(todo)} files changed)" if todo else "labs/ is up to date"
    )
    return PASSED


def _folder(name: str) -> str:
    """A lab's folder, also of one that is not finished and so cannot be graded yet."""
    folders = sorted(f.name for f in (root() / "grading").glob("lab*_*") if f.is_dir())
    for full in folders:
        if name.lower() in (full, full.split("_")[0], full.split("_")[0].removeprefix("lab")):
            return full
    return find_lab_name(name)


@click.command()
@click.option("--lab", default="", help="only this lab")
def bench(lab: str) -> int:
    """Run the benchmarks in benchmarks/, one after the other."""
    import subprocess

    subject = find_lab_name(lab).partition("_")[2] if lab else ""
    scripts = sorted(
        script
        for script in (root() / "benchmarks").glob("*.py")
        if script.stem.startswith(subject) and "\ndef main(" in script.read_text()
    )  # the others are their helpers
    if not scripts:
        raise NotReady(f"there are no benchmarks{f' for {subject}' if lab else ''} in this tree")
    codes = []
    for script in scripts:
        click.echo(f"-- {script.name}")
        codes.append(
            subprocess.run([sys.executable, str(script)], cwd=root(), check=False).returncode
        )
    return FAILED if any(codes) else PASSED
