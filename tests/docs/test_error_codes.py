"""The handout of lab 2 explains every error code that anybody can be told."""

import re
from pathlib import Path

from distlab.cli.log_cluster import WORDS

ROOT = Path(__file__).resolve().parents[2]
GIVEN = ROOT / "grading" / "lab2_log" / "given"
SERVING = ROOT / "grading" / "lab2_log" / "serving"


def codes(file: Path) -> set[str]:
    """What stands there as a constant of capital letters with a value of capital letters."""
    found = re.findall(r'^[A-Z_]+ = "([A-Z_]{8,})"$', file.read_text(), re.MULTILINE)
    return set(found)


def test_the_table_of_the_handout_has_every_code() -> None:
    said = set(WORDS)
    for name in ("brokers", "producing", "groups"):
        said |= codes(GIVEN / f"{name}.py")
    for name in ("requests", "topics"):
        said |= codes(SERVING / f"{name}.py")
    page = (ROOT / "docs" / "labs" / "lab2.md").read_text()
    table = page.split("### What errors say")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    explained = {code for cell in rows for code in re.findall(r"`([A-Z_]+)`", cell)}
    assert len(said) > 25
    assert said == explained
