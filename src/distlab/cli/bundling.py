"""``distlab gradescope``: makes the file that Gradescope wants: setup.sh and run_autograder, and what they run.

As Gradescope's "Autograder Specifications" have it: both scripts at the root of the zip file, which is unpacked below
/autograder/source; the submission comes in /autograder/submission; results go to /autograder/results/results.json. The
submission is graded as a class of one, sealed. Solutions and secret go to Gradescope with it, and not to students.
"""

from __future__ import annotations

import io
import shlex
import zipfile
from pathlib import Path

import click

from distlab.cli.choosing import chosen
from distlab.cli.keeping import shown, write
from distlab.cli.program import PASSED
from distlab.cli.screen import Screen, plural
from distlab.grade.solution import root

FOLDERS = ("src", "grading", "labs", "tools")
FILES = ("Makefile", "LICENSE", "README.md", "pyproject.toml", "requirements.lock")

SETUP = """\
#!/usr/bin/env bash
# Run once by Gradescope, when the image is built.
set -euo pipefail
apt-get update
apt-get install --yes --no-install-recommends make python3 python3-venv
cd /autograder/source/distlab
make setup
"""

RUN = """\
#!/usr/bin/env bash
# Run by Gradescope for each submission.
set -uo pipefail
cd /autograder/source/distlab
rm -rf /autograder/class && mkdir -p /autograder/class/in
cp -r /autograder/submission /autograder/class/in/submission
.venv/bin/distlab class /autograder/class/in --out /autograder/class/out {options}
if [ -f /autograder/class/out/students/submission/results.json ]; then
    cp /autograder/class/out/students/submission/results.json /autograder/results/results.json
else
    echo '{{"score": 0, "output": "Not graded: ask your instructor. The log says why."}}' \\
        > /autograder/results/results.json
fi
"""


@click.command()
@click.option("--lab", default="", help="only this lab")
@click.option("--part", default="", help="only this part: c or 1c")
@click.option("--seed", default=1, help="known to students")
@click.option(
    "--secret", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="a file: the seed is made from it",
)  # fmt: skip
@click.option(
    "--partly-sealed",
    is_flag=True,
    help="grade also where Gradescope's machine cannot put up every wall",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("autograder.zip")
)
def gradescope(
    lab: str, part: str, seed: int, secret: Path | None, partly_sealed: bool, out: Path
) -> int:
    """Make the autograder that Gradescope wants."""
    chosen(lab, part, "", seed, "own", "oracle")  # says what is wrong with them
    options = [*(("--lab", lab) if lab else ()), *(("--part", part) if part else ())]
    options += ["--secret", "secret"] if secret else ["--seed", str(seed)]
    options += ["--partly-sealed"] if partly_sealed else []
    run = RUN.format(options=" ".join(map(shlex.quote, options)))
    files = {"setup.sh": SETUP.encode(), "run_autograder": run.encode(), **_project()}
    if secret is not None:
        files["distlab/secret"] = secret.read_bytes()
    write(out, _zipped(files))
    screen = Screen()
    screen.say(f"{shown(out)}: {plural(len(files), 'file')}, {out.stat().st_size / 1e6:.1f} MB")
    screen.say("  it holds the reference solutions: for Gradescope, not for students", "odd")
    return PASSED


def _project() -> dict[str, bytes]:
    base = root()
    found = [base / name for name in FILES]
    for folder in FOLDERS:
        found += sorted(file for file in (base / folder).rglob("*") if file.is_file())
    return {
        f"distlab/{file.relative_to(base).as_posix()}": file.read_bytes()
        for file in found
        if "__pycache__" not in file.parts and file.suffix != ".pyc"
    }


def _zipped(files: dict[str, bytes]) -> bytes:
    """The same, byte for byte, for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            is_program = name in ("setup.sh", "run_autograder")
            entry.external_attr = (0o100755 if is_program else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()
