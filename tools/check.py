"""`make test`: every check of distlab itself, one line each, stopping at the first that fails.

Rule: this file only runs other tools, each with its settings in pyproject.toml. A tool's output is
shown when it fails; pytest speaks for itself, where it runs alone.
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
TYPED = ("src", "tools", "labs", "grading")
TIMEOUT = 300
HUNT = 1000
"""Seconds that one test may take."""


@dataclass(frozen=True)
class Step:
    """One tool and what it makes sure of."""

    claim: str
    command: tuple[str, ...]
    speaks: bool = False


def rows() -> list[tuple[Step, ...]]:
    """All checks, cheap ones first; those of a row run side by side."""
    typed = [name for name in TYPED if any((ROOT / name).rglob("*.py"))]
    pytest = ("pytest", "--quiet", f"--timeout={TIMEOUT}", "--timeout-method=signal")
    graders = "tests/grade/test_graders.py"  # its first test of a lab hunts all bugs of it
    return [
        (Step("lint", ("ruff", "check", "--quiet")),),
        (Step("format", ("ruff", "format", "--check", "--quiet")),),
        (Step("types", ("mypy", *typed)),),
        (Step("layers", ("lint-imports",)),),
        # A strict build, its links, and every example on its pages.
        (Step("documentation", (*pytest, "tests/docs"), speaks=True),),
        (
            Step("graders", (*pytest, f"--timeout={HUNT}", graders)),
            Step(
                "tests",
                (*pytest, "--ignore=tests/docs", f"--ignore={graders}", "tests"),
                speaks=True,
            ),
        ),
    ]


def pass_all(row: tuple[Step, ...]) -> bool:
    """Run the steps of a row at once, and say how each went."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        running = [(step, Path(folder, step.claim)) for step in row]
        processes = [_begin(step, said) for step, said in running]
        passed = [
            _has_passed(step, process, said, started)
            for (step, said), process in zip(running, processes, strict=True)
        ]
    return all(passed)


def _begin(step: Step, said: Path) -> subprocess.Popen[bytes]:
    command = [str(BIN / step.command[0]), *step.command[1:]]
    with said.open("wb") as file:
        stdout = None if step.speaks else file
        return subprocess.Popen(command, cwd=ROOT, stdout=stdout, stderr=stdout)


def _has_passed(step: Step, process: subprocess.Popen[bytes], said: Path, started: float) -> bool:
    code = process.wait()
    took = f"{time.monotonic() - started:.1f} s"
    if code:
        print(said.read_text(errors="replace"), end="")
        print(f"FAIL  {step.claim:<15}{took:>8}   {' '.join(step.command)}", flush=True)
        return False
    print(f"ok    {step.claim:<15}{took:>8}", flush=True)
    return True


def main() -> int:
    """0 when every step passes, else 1."""
    return 0 if all(pass_all(row) for row in rows()) else 1


if __name__ == "__main__":
    sys.exit(main())
