"""Makes the project's own environment in .venv, once, and again only when a lock has changed.

Rule: the standard library only, no sudo, nothing outside .venv, and pip's own words whenever pip fails. Everything down
to the version check below must parse *and run* on Python 3.6, so that an old python3 gets a sentence, not a traceback.

Three ways to an environment, the first that the machine can do:

    uv on PATH              uv venv, uv pip install                          fastest
    venv and ensurepip      python3 -m venv, its own pip                     the ordinary case
    venv and pip            venv --without-pip, then pip --python .venv      Debian with python3-pip but no python3-venv

Then two installs, because pip refuses `-e .` in the same command as hashes: the lock, and the project itself, built by
the backend that the lock has just installed (no second download).

A stamp in .venv holds the digest of what was installed; `make` compares its time with the locks and calls this script only
when one is newer. Exit: 0 ready, 3 the machine lacks something (said in one sentence, with the fix).
"""

import os
import shutil
import sys

OLDEST = (3, 11)


def fail(problem, fix):  # type: ignore[no-untyped-def]  # annotations come after the version check
    """Say what is missing and how to get it; stop with exit 3."""
    sys.stderr.write("distlab cannot set itself up: {}.\nFix: {}\n".format(problem, fix))  # noqa: UP032
    sys.exit(3)


if sys.version_info < OLDEST:  # noqa: UP036  # running on an older Python is the case at hand
    for _minor in (14, 13, 12, 11):
        _newer = shutil.which("python3.%d" % _minor)  # noqa: UP031
        if _newer:
            os.execv(_newer, [_newer, *sys.argv])
    fail(
        "it needs Python 3.11 or newer, and python3 is %d.%d" % sys.version_info[:2],  # noqa: UP031
        "install Python 3.11 or newer, then: make PYTHON=/path/to/python3.11",
    )

import argparse
import hashlib
import importlib.util
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def stamp_text(lock: Path) -> str:
    """What a current stamp says: the digest of everything that decides what is installed, and where the tree stands.

    The place counts because the scripts in .venv/bin name it: a tree that was moved is set up again.
    """
    digest = hashlib.sha256()
    for path in (lock, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return f"{digest.hexdigest()}\n{ROOT}\n"


def is_current(stamp: Path, text: str) -> bool:
    """True when the environment holds exactly what `text` stands for."""
    return stamp.is_file() and stamp.read_text() == text and runs(str(PYTHON), "pass")


def runs(python: str, code: str) -> bool:
    """True when this interpreter exists and the code succeeds in it."""
    try:
        return subprocess.run([python, "-c", code], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def has_module(name: str) -> bool:
    """True when this interpreter has the module (python3-minimal lacks much of the standard library)."""
    return importlib.util.find_spec(name) is not None


def choose() -> str:
    """The first way to an environment that this machine can do: uv, venv or pip."""
    if shutil.which("uv"):
        return "uv"
    if has_module("venv") and has_module("ensurepip"):
        return "venv"
    if has_module("venv") and has_module("pip"):
        return "pip"
    if shutil.which("apt-get"):
        fix = "sudo apt install python3-venv"
    else:
        fix = f"install the venv and ensurepip modules for {sys.executable}, or uv"
    fail("python3 has no venv module to make an environment with", fix)
    raise AssertionError("fail() does not return")


def create(way: str) -> None:
    """Make an empty .venv, in place of whatever half-made one stands there."""
    command = {
        "uv": ["uv", "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)],
        "venv": [sys.executable, "-m", "venv", "--clear", str(VENV)],
        "pip": [sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)],
    }[way]
    run(command)


def installer(way: str) -> list[str]:
    """The command that installs into .venv, less what to install."""
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-user"]
    return {
        "uv": ["uv", "pip", "install", "--quiet", "--python", str(PYTHON)],
        "venv": [str(PYTHON), "-m", "pip", "install", *options],
        "pip": [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", *options],
    }[way]


def is_usable(way: str) -> bool:
    """True when the .venv that stands there can be installed into as it is."""
    needs = "import pip" if way == "venv" else "pass"
    return runs(str(PYTHON), f"import sys; assert sys.version_info >= {OLDEST}; {needs}")


def run(command: list[str]) -> None:
    """Run one step in the project's folder; if it fails, its own words stand and ours follow."""
    if subprocess.run(command, cwd=ROOT).returncode:
        fail(
            f"this step failed, for the reason above: {' '.join(command)}",
            "see to that, then run the same make command again",
        )


def main() -> None:
    """Bring .venv up to date with one lock."""
    parser = argparse.ArgumentParser(description="Make .venv from a lock.")
    parser.add_argument("--dev", action="store_true", help="with the tools for working on distlab")
    dev = parser.parse_args().dev

    lock = ROOT / ("requirements-dev.lock" if dev else "requirements.lock")
    stamp = VENV / ("stamp-dev" if dev else "stamp")
    text = stamp_text(lock)
    if is_current(stamp, text):
        stamp.touch()
        return

    way = choose()
    print(f"Setting up .venv from {lock.name} (once; up to a minute) ...", flush=True)
    stamp.unlink(missing_ok=True)
    if not is_usable(way):
        create(way)
    install = installer(way)
    run([*install, "--require-hashes", "-r", lock.name])
    run([*install, "--no-build-isolation", "--no-deps", "-e", "."])
    stamp.write_text(text)
    if dev:  # the development lock holds the students' pins too
        (VENV / "stamp").write_text(stamp_text(ROOT / "requirements.lock"))


if __name__ == "__main__":
    main()
