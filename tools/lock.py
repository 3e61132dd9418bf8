"""Resolves the dependencies in pyproject.toml anew and writes both locks.

Rule: the locks hold names, versions, markers and hashes, and no address: whoever installs chooses
where from. They are universal: one file for every platform and every Python that we support.
The development lock is resolved under the students' lock, so both agree on every shared pin.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = "3.11"
COMPILE = [
    *["pip", "compile", "pyproject.toml", "--quiet", "--upgrade"],
    *["--universal", "--python-version", OLDEST, "--generate-hashes"],
    *["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"],
]


def main() -> None:
    """Write requirements.lock, then requirements-dev.lock."""
    with tempfile.TemporaryDirectory() as scratch:
        uv = find_uv(Path(scratch))
        lock(uv, "requirements.lock", "--group", "build")
        groups = [word for group in ("build", "dev", "docs") for word in ("--group", group)]
        lock(uv, "requirements-dev.lock", *groups, "-c", "requirements.lock")


def find_uv(scratch: Path) -> str:
    """The uv on PATH, or one installed for this run only."""
    if on_path := shutil.which("uv"):
        return on_path
    subprocess.run([sys.executable, "-m", "venv", scratch], check=True)
    subprocess.run([scratch / "bin" / "pip", "install", "--quiet", "uv"], check=True)
    return str(scratch / "bin" / "uv")


def lock(uv: str, name: str, *options: str) -> None:
    """Resolve into one file and report its size; an address in it is our mistake."""
    subprocess.run([uv, *COMPILE, *options, "--output-file", name], check=True, cwd=ROOT)
    text = (ROOT / name).read_text()
    if "://" in text:
        sys.exit(f"{name} names an address; it must not")
    pins = [line for line in text.splitlines() if not line.startswith(" ")]
    print(f"{name}: {len(pins)} pins")


if __name__ == "__main__":
    main()
