"""Makes the project's own environment in .venv: once, and again only when a lock has changed.

Rule: the standard library only, no sudo, nothing outside .venv, and pip's own words when pip
fails. Down to the version check this file must parse *and run* on Python 3.6, so that an old
python3 gets a sentence and not a traceback.

Three ways to an environment, the first that the machine can go:

    uv on PATH          uv venv, uv pip install                        fastest
    venv, ensurepip     python3 -m venv, and the pip in it             the ordinary case
    venv, pip           venv --without-pip, pip --python .venv         Debian, no python3-venv

Then two installs, because pip refuses `-e .` beside hashes: the lock, and the project itself,
built by the backend that the lock has just brought (no second download).

A stamp in .venv says what was installed. `make` compares its time with the locks' and calls this
script when one is newer; the script compares digests, so a mere touch costs nothing.
Exit: 0 ready, 3 the machine lacks something (one sentence, and the fix).
"""

import os
import shutil
import subprocess
import sys
from typing import NoReturn

OLDEST = (3, 11)


def fail(problem: str, fix: str) -> NoReturn:
    """Say what is missing and how to get it; exit 3."""
    sys.stderr.write("distlab cannot set itself up: " + problem + ".\nFix: " + fix + "\n")
    sys.exit(3)


if sys.version_info < OLDEST:  # the case that this script is here to notice
    for _minor in ("14", "13", "12", "11"):
        _newer = shutil.which("python3." + _minor)
        # A version manager's shim is on PATH even where the version behind it is not chosen.
        if _newer and subprocess.call([_newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(_newer, [_newer] + sys.argv)  # noqa: RUF005  # in the words of Python 3.6
    fail(
        "it needs Python 3.11 or newer, and this is " + ".".join(map(str, sys.version_info[:3])),
        "install Python 3.11 or newer; if it is not on PATH: make PYTHON=/path/to/python3 ...",
    )

import argparse
import hashlib
import importlib.util
from pathlib import Path
from typing import Literal

Way = Literal["uv", "venv", "pip"]

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def main() -> None:
    """Bring .venv up to one of the two locks."""
    parser = argparse.ArgumentParser(description="Make .venv from a lock.")
    parser.add_argument("--dev", action="store_true", help="with the tools for working on distlab")
    dev = parser.parse_args().dev

    lock = ROOT / ("requirements-dev.lock" if dev else "requirements.lock")
    stamp = VENV / ("stamp-dev" if dev else "stamp")
    if is_current(stamp, lock):
        stamp.touch()
        return

    way = choose()
    print(f"Setting up .venv from {lock.name} (once; up to a minute) ...", flush=True)
    if was_moved() or not is_usable(way):
        create(way)
    stamp.unlink(missing_ok=True)
    install = installer(way)
    run([*install, "--require-hashes", "-r", lock.name])
    run([*install, "--no-build-isolation", "--no-deps", "-e", "."])
    stamp.write_text(stamp_text(lock))
    if dev:  # it holds the students' pins too
        (VENV / "stamp").write_text(stamp_text(ROOT / "requirements.lock"))


def stamp_text(lock: Path) -> str:
    """The digest of all that decides what is installed, and where the tree stands.

    The place counts because the scripts in .venv/bin name it: a tree that was moved gets a new
    environment (the Makefile reads the second line to notice).
    """
    digest = hashlib.sha256()
    for path in (lock, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return f"{digest.hexdigest()}\n{ROOT}\n"


def is_current(stamp: Path, lock: Path) -> bool:
    """True when the environment holds what the lock says, and works."""
    return stamp.is_file() and stamp.read_text() == stamp_text(lock) and runs("pass")


def was_moved() -> bool:
    """True when .venv was filled while the tree stood elsewhere."""
    stamp = VENV / "stamp"  # a development environment has this one too
    return stamp.is_file() and stamp.read_text().splitlines()[1:] != [str(ROOT)]


def runs(code: str) -> bool:
    """True when .venv has an interpreter in which the code succeeds."""
    try:
        result = subprocess.run([PYTHON, "-c", code], check=False, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    return result.returncode == 0


def choose() -> Way:
    """The first way to an environment that this machine can go."""
    if shutil.which("uv"):
        return "uv"
    if has_module("venv") and has_module("ensurepip"):
        return "venv"
    if has_module("venv") and has_module("pip"):
        return "pip"
    fail(
        "python3 has no venv module to make an environment with",
        "sudo apt install python3-venv"
        if shutil.which("apt-get")
        else f"install the venv and ensurepip modules of {sys.executable}, or install uv",
    )


def has_module(name: str) -> bool:
    """True when this interpreter can import it (python3-minimal lacks half the library)."""
    return importlib.util.find_spec(name) is not None


def is_usable(way: Way) -> bool:
    """True when the .venv that stands there can be installed into as it is."""
    needs = "import pip" if way == "venv" else "pass"
    return runs(f"import sys; assert sys.version_info >= {OLDEST}; {needs}")


def create(way: Way) -> None:
    """Make an empty .venv, in place of whatever half-made one stands there."""
    commands = {
        "uv": ["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)],
        "venv": [sys.executable, "-m", "venv", "--clear", str(VENV)],
        "pip": [sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)],
    }
    run(commands[way])


def installer(way: Way) -> list[str]:
    """The command that installs into .venv, less what to install."""
    options = ["install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-user"]
    commands = {
        "uv": ["uv", "pip", "install", "--quiet", "--python", str(PYTHON)],
        "venv": [str(PYTHON), "-m", "pip", *options],
        "pip": [sys.executable, "-m", "pip", "--python", str(PYTHON), *options],
    }
    return commands[way]


def run(command: list[str]) -> None:
    """Run one step in the project's folder; when it fails its own words stand, ours follow."""
    if subprocess.run(command, check=False, cwd=ROOT).returncode:
        fail(
            f"this step failed, for the reason above: {' '.join(command)}",
            "see to that, then give the same make command again",
        )


if __name__ == "__main__":
    main()
