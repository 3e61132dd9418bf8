"""The lint: what it names, by line; and what it leaves alone."""

import tomllib
from pathlib import Path

import pytest

from distlab.grade.lint import BANNED, CALLS, DEFAULT, ORDER, SHARED, Finding, lint

ROOT = Path(__file__).resolve().parents[2]


def found(tmp_path: Path, code: str) -> list[tuple[int, str, str]]:
    file = tmp_path / "module.py"
    file.write_text(code)
    return [(f.line, f.what, f.text) for f in lint(file)]


def test_the_words_are_those_of_the_bans_in_pyproject() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    bans = settings["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert {name: ban["msg"] for name, ban in bans.items()} == BANNED


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import time", "time"),
        ("from time import monotonic", "time"),
        ("import os.path", "os"),
        ("from random import choice as pick", "random"),
        ("from distlab.sim import Simulation", "distlab.sim"),
        ("from distlab import trace", "distlab.trace"),
    ],
)
def test_an_import_is_named(tmp_path: Path, code: str, name: str) -> None:
    assert found(tmp_path, f"'''x'''\n{code}\n") == [(2, name, BANNED[name])]


def test_harmless_imports_are_left_alone(tmp_path: Path) -> None:
    assert (
        found(
            tmp_path,
            "import timeit\nimport collections\nfrom . import time_table\nfrom distlab.core import MS\n",
        )
        == []
    )


def test_hash_and_its_like_are_named_unless_the_module_has_its_own(tmp_path: Path) -> None:
    assert found(tmp_path, "x = hash('a')\n") == [(1, "hash()", CALLS["hash"])]
    assert found(tmp_path, "def hash(a):\n    return 1\nx = hash('a')\n") == []
    assert found(tmp_path, "from datetime import datetime\nx = datetime.now()\n")[0][:2] == (
        2,
        "datetime.now()",
    )


def test_state_that_outlives_a_crash_is_named(tmp_path: Path) -> None:
    code = "SEEN = {}\nTABLE = {1: 2}\n\ndef f(k):\n    SEEN[k] = TABLE[k]\n"
    assert found(tmp_path, code) == [(5, "SEEN", SHARED)]
    assert found(tmp_path, "SEEN = []\n\ndef f(k):\n    SEEN.append(k)\n") == [(4, "SEEN", SHARED)]
    assert found(tmp_path, "n = 0\n\ndef f():\n    global n\n    n += 1\n") == [(4, "n", SHARED)]


def test_a_table_filled_at_the_top_and_a_local_of_the_same_name_are_fine(tmp_path: Path) -> None:
    assert found(tmp_path, "T = []\nfor i in range(9):\n    T.append(i)\n") == []
    assert found(tmp_path, "T = []\n\ndef f():\n    T = []\n    T.append(1)\n") == []
    assert found(tmp_path, "T = []\n\ndef f(T):\n    T.append(1)\n") == []


def test_a_mutable_default_is_named(tmp_path: Path) -> None:
    assert found(tmp_path, "def f(a, b=[]):\n    return b\n") == [(1, "f([])", DEFAULT)]


NODE = """class Leader(Node):
    peers: set[str]
    order: list[str]

    def on_tick(self):
        {}
"""


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("for p in self.peers:\n            self.send(p, Ping())", "self.peers"),
        ("for p in self.peers - {'a'}:\n            self.send(p, Ping())", "self.peers - {'a'}"),
        ("[self.send(p, Ping()) for p in self.peers]", "self.peers"),
        ("chosen = self.peers.pop()", "self.peers.pop()"),
        ("first = next(iter(self.peers))", "iter(self.peers)"),
        ("self.send('a', Names(tuple(self.peers)))", "tuple(self.peers)"),
        (
            "live = set(self.order)\n        for p in live:\n            self.disk.append('f', p)",
            "live",
        ),
    ],
)
def test_the_order_of_a_set_is_named_where_it_shows(tmp_path: Path, line: str, what: str) -> None:
    ((_, name, text),) = found(tmp_path, NODE.format(line))
    assert (name, text) == (what, ORDER)


@pytest.mark.parametrize(
    "line",
    [
        "for p in sorted(self.peers):\n            self.send(p, Ping())",
        "for p in self.order:\n            self.send(p, Ping())",
        "for p in self.peers:\n            self.count += 1",
        "self.order.pop()",
        "total = sum(1 for p in self.peers)",
        "names = tuple(sorted(self.peers))",
    ],
)
def test_sorted_sets_and_lists_are_fine(tmp_path: Path, line: str) -> None:
    assert found(tmp_path, NODE.format(line)) == []


def test_a_file_that_is_no_python_has_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path, "def f(:\n") == []
    assert lint(tmp_path / "missing.py") == []


def test_a_finding_says_where_and_what_instead() -> None:
    assert (
        str(Finding("labs/lab0/a.py", 3, "time", "use self.now"))
        == "labs/lab0/a.py:3: time: use self.now"
    )


@pytest.mark.parametrize(
    "file",
    sorted((ROOT / "grading").glob("lab*/reference/*.py")),
    ids=lambda f: f"{f.parts[-3]}-{f.stem}",
)
def test_the_reference_solutions_are_clean(file: Path) -> None:
    assert list(map(str, lint(file))) == []
