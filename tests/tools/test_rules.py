"""The rules in pyproject.toml catch what they are there for: each is broken once, on purpose."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def banned(path: str, code: str) -> list[str]:
    """The messages with which ruff refuses this code in a file of that name."""
    options = ["--select=TID251", "--output-format=concise", "--no-cache"]
    result = subprocess.run(
        [str(BIN / "ruff"), "check", *options, "--stdin-filename", path, "-"],
        check=False,
        capture_output=True,
        cwd=ROOT,
        input=code,
        text=True,
    )
    assert result.returncode in (0, 1), result.stderr
    return [line for line in result.stdout.splitlines() if "TID251" in line]


@pytest.mark.parametrize(
    "code",
    [
        "import time\n",
        "from time import monotonic\n",
        "import random\n",
        "import threading\n",
        "import asyncio\n",
        "import os.path\n",
        "import zmq\n",
        "import distlab.sim\n",
        "from distlab.grade import promise\n",
    ],
)
def test_node_code_may_not_reach_past_its_node(code: str) -> None:
    assert len(banned("labs/lab0_rpc/client.py", code)) == 1
    assert len(banned("grading/lab0_rpc/reference/client.py", code)) == 1
    assert len(banned("grading/lab0_rpc/alternative.py", code)) == 1
    assert banned("grading/lab0_rpc/promises.py", code) == []
    assert banned("src/distlab/live/run.py", code) == []


def test_a_ban_says_what_to_use_instead() -> None:
    (message,) = banned("labs/lab0_rpc/client.py", "import time\n")
    assert "self.now" in message


def test_node_code_may_use_the_core_and_pure_modules() -> None:
    code = "import collections\nimport math\nfrom distlab.core import Node\n"
    assert banned("labs/lab0_rpc/client.py", code) == []


def broken_contracts(tree: Path) -> set[str]:
    """The names of the contracts that import-linter finds broken in a copy of the project."""
    program = "import sys; from importlinter.cli import lint_imports_command as main; main()"
    result = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        check=False,
        capture_output=True,
        cwd=tree,
        env={"PYTHONPATH": str(tree / "src"), "COLUMNS": "200"},
        text=True,
    )
    assert "Contracts: " in result.stdout, result.stdout + result.stderr
    return {line.removesuffix(" BROKEN") for line in result.stdout.splitlines() if "BROKEN" in line}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the package, with every layer there is to be."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    package = tmp_path / "src" / "distlab"
    shutil.copytree(ROOT / "src" / "distlab", package)
    for layer in ("core", "faults", "trace", "sim", "explore", "live", "check", "grade", "cli"):
        (package / layer).mkdir(exist_ok=True)
        (package / layer / "__init__.py").touch()
    return tmp_path


def test_the_layers_hold_as_they_stand(tree: Path) -> None:
    assert broken_contracts(tree) == set()


@pytest.mark.parametrize(
    ("module", "imported", "contract"),
    [
        ("core", "distlab.trace", "arrows point one way"),
        ("faults", "distlab.trace", "arrows point one way"),
        ("sim", "distlab.live", "arrows point one way"),
        ("explore", "distlab.sim", "arrows point one way"),
        ("check", "distlab.sim", "arrows point one way"),
        ("grade", "distlab.cli", "arrows point one way"),
        ("core", "networkx", "core needs the standard library"),
        ("grade", "labs.lab0_rpc", "nothing in distlab imports labs"),
        ("grade", "grading", "nothing in distlab imports labs"),
    ],
)
def test_an_arrow_that_points_the_wrong_way_is_found(
    tree: Path, module: str, imported: str, contract: str
) -> None:
    (tree / "src" / "distlab" / module / "planted.py").write_text(f"import {imported}\n")
    (broken,) = broken_contracts(tree)
    assert broken.startswith(contract)


def test_a_package_outside_the_layers_is_found(tree: Path) -> None:
    (tree / "src" / "distlab" / "utils").mkdir()
    (tree / "src" / "distlab" / "utils" / "__init__.py").touch()
    (broken,) = broken_contracts(tree)
    assert broken.startswith("arrows point one way")
