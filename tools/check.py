"""`make test`: every check of distlab itself, one line each, stopping at the first that fails.

Rule: this file only runs other tools, each with its settings in pyproject.toml. A tool's output is
shown when it fails; pytest speaks for itself.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
TYPED = ("src", "tools", "labs", "grading")
TIMEOUT = 300


@dataclass(frozen=True)
class Step:
    """One tool and what it makes sure of."""

    claim: str
    command: tuple[str, ...]
    speaks: bool = False


def steps() -> list[Step]:
    """All checks, cheap ones first."""
    typed = [name for name in TYPED if any((ROOT / name).rglob("*.py"))]
    pytest = ("pytest", "--quiet", f"--timeout={TIMEOUT}", "--timeout-method=signal")
    return [
        Step("lint", ("ruff", "check", "--quiet")),
        Step("format", ("ruff", "format", "--check", "--quiet")),
        Step("types", ("mypy", *typed)),
        Step("layers", ("lint-imports",)),
        # A strict build, its links, and every example on its pages.
        Step("documentation", (*pytest, "tests/docs"), speaks=True),
        Step("tests", (*pytest, "--ignore=tests/docs"), speaks=True),
    ]


def passes(step: Step) -> bool:
    """Run one step and say how it went."""
    started = time.monotonic()
    result = subprocess.run(
        [BIN / step.command[0], *step.command[1:]],
        check=False,
        cwd=ROOT,
        stdout=None if step.speaks else subprocess.PIPE,
        stderr=None if step.speaks else subprocess.STDOUT,
        text=True,
    )
    took = f"{time.monotonic() - started:.1f} s"
    if result.returncode:
        print(result.stdout or "", end="")
        print(f"FAIL  {step.claim:<15}{took:>8}   {' '.join(step.command)}", flush=True)
        return False
    print(f"ok    {step.claim:<15}{took:>8}", flush=True)
    return True


def main() -> int:
    """0 when every step passes, else 1."""
    return 0 if all(passes(step) for step in steps()) else 1


if __name__ == "__main__":
    sys.exit(main())
