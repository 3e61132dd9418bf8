"""The set-up script decides rightly and says what is missing, without installing anything."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import bootstrap

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools" / "bootstrap.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the script needs, with an interpreter in .venv but nothing installed."""
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock", "Makefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tools").mkdir()
    shutil.copy(SCRIPT, tmp_path / "tools")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


def run(tree: Path, prelude: str = "pass", path: str = "") -> subprocess.CompletedProcess[str]:
    """Run the tree's script after a line of code that changes what the machine looks like."""
    script = tree / "tools" / "bootstrap.py"
    code = f"import runpy, sys; sys.argv = [{str(script)!r}]; {prelude}; runpy.run_path("
    code += f"{str(script)!r}, run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": path or str(tree / "no-programs")},
    )


def write_stamp(tree: Path, name: str = "stamp", lock: str = "requirements.lock") -> Path:
    """A stamp as the tree's own script would write it."""
    code = f"import bootstrap; print(bootstrap.stamp_text(bootstrap.ROOT / {lock!r}), end='')"
    text = subprocess.check_output([sys.executable, "-c", code], cwd=tree / "tools", text=True)
    stamp = tree / ".venv" / name
    stamp.write_text(text)
    return stamp


def lacks(*modules: str) -> str:
    """Code after which these modules cannot be found."""
    return (
        "import importlib.util as u; find = u.find_spec; "
        f"u.find_spec = lambda name, *a: None if name in {modules!r} else find(name, *a)"
    )


# ------------------------------------------------------------------ what the machine lacks


def test_the_script_parses_on_python_3_6() -> None:
    ast.parse(SCRIPT.read_text(), feature_version=(3, 6))


def test_an_old_python_gets_a_sentence_and_the_fix(tree: Path) -> None:
    result = run(tree, "sys.version_info = (3, 9, 2, 'final', 0)")
    assert result.returncode == 3
    assert result.stderr.splitlines() == [
        "distlab cannot set itself up: it needs Python 3.11 or newer, and this is 3.9.2.",
        "Fix: install Python 3.11 or newer; if it is not on PATH: make PYTHON=/path/to/python3 ...",
    ]


def test_an_old_python_hands_over_to_a_newer_one(tree: Path) -> None:
    programs = tree / "programs"
    programs.mkdir()
    newer = programs / "python3.12"
    newer.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "handed over: $*"\n')
    newer.chmod(0o755)
    result = run(tree, "sys.version_info = (3, 6, 9, 'final', 0)", path=str(programs))
    assert result.returncode == 0
    assert result.stdout == f"handed over: {tree / 'tools' / 'bootstrap.py'}\n"


def test_a_shim_with_no_python_behind_it_is_passed_over(tree: Path) -> None:
    programs = tree / "programs"
    programs.mkdir()
    shim = programs / "python3.12"
    shim.write_text("#!/bin/sh\necho not chosen >&2\nexit 127\n")
    shim.chmod(0o755)
    result = run(tree, "sys.version_info = (3, 6, 9, 'final', 0)", path=str(programs))
    assert result.returncode == 3
    assert "not chosen" not in result.stderr


@pytest.mark.parametrize("missing", [("venv",), ("ensurepip", "pip"), ("venv", "ensurepip", "pip")])
def test_a_python_without_venv_gets_a_sentence_and_the_fix(
    tree: Path, missing: tuple[str, ...]
) -> None:
    result = run(tree, lacks(*missing))
    assert result.returncode == 3
    assert "no venv module" in result.stderr
    assert "Fix: install the venv and ensurepip modules" in result.stderr
    assert "Traceback" not in result.stderr


def test_on_debian_the_fix_names_the_package(tree: Path) -> None:
    programs = tree / "programs"
    programs.mkdir()
    (programs / "apt-get").write_text("#!/bin/sh\n")
    (programs / "apt-get").chmod(0o755)
    result = run(tree, lacks("venv"), path=str(programs))
    assert result.stderr.endswith("Fix: sudo apt install python3-venv\n")


# ------------------------------------------------------------------ which way is gone


@pytest.mark.parametrize(
    ("programs", "modules", "way"),
    [
        ({"uv"}, {"venv", "ensurepip", "pip"}, "uv"),
        ({"uv"}, set(), "uv"),
        (set(), {"venv", "ensurepip", "pip"}, "venv"),
        (set(), {"venv", "ensurepip"}, "venv"),
        (set(), {"venv", "pip"}, "pip"),
    ],
)
def test_the_first_way_that_the_machine_can_go_is_chosen(
    monkeypatch: pytest.MonkeyPatch, programs: set[str], modules: set[str], way: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: name if name in programs else None)
    monkeypatch.setattr(bootstrap, "has_module", lambda name: name in modules)
    assert bootstrap.choose() == way


# ------------------------------------------------------------------ whether anything is to be done


def test_a_current_stamp_costs_nothing(tree: Path) -> None:
    stamp = write_stamp(tree)
    os.utime(stamp, (0, 0))
    result = run(tree, lacks("venv", "ensurepip", "pip"))  # it could not install if it tried
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert stamp.stat().st_mtime > 0


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed_anew(tree: Path, changed: str) -> None:
    write_stamp(tree)
    with (tree / changed).open("a") as file:
        file.write("# changed\n")
    assert run(tree, lacks("venv", "ensurepip", "pip")).returncode == 3


def test_an_environment_without_its_interpreter_is_made_anew(tree: Path) -> None:
    write_stamp(tree)
    (tree / ".venv" / "bin" / "python").unlink()
    assert run(tree, lacks("venv", "ensurepip", "pip")).returncode == 3


def test_the_students_stamp_does_not_stand_for_the_developers(tree: Path) -> None:
    write_stamp(tree)
    result = run(tree, "sys.argv.append('--dev'); " + lacks("venv", "ensurepip", "pip"))
    assert result.returncode == 3


def test_a_failed_install_keeps_its_own_words_and_leaves_no_stamp(tree: Path) -> None:
    stamp = write_stamp(tree)
    programs = tree / "programs"
    programs.mkdir()
    (programs / "uv").write_text("#!/bin/sh\necho the disk is full >&2\nexit 1\n")
    (programs / "uv").chmod(0o755)
    (tree / "requirements.lock").write_text("changed\n")
    result = run(tree, path=str(programs))
    assert result.returncode == 3
    assert result.stderr.startswith("the disk is full\n")
    assert not stamp.exists()


def test_an_environment_from_another_place_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tree: Path
) -> None:
    write_stamp(tree)
    monkeypatch.setattr(bootstrap, "VENV", tree / ".venv")
    monkeypatch.setattr(bootstrap, "ROOT", tree)
    assert not bootstrap.was_moved()
    monkeypatch.setattr(bootstrap, "ROOT", tree / "elsewhere")
    assert bootstrap.was_moved()


# ------------------------------------------------------------------ what make makes of it


def plan(tree: Path, *words: str) -> str:
    """What make would do. It is to know nothing of a make that these tests run under."""
    return subprocess.check_output(
        ["make", "-n", *words], cwd=tree, text=True, env={"PATH": os.environ["PATH"]}
    )


def test_make_runs_the_script_only_when_something_is_newer(tree: Path) -> None:
    stamp = write_stamp(tree)
    assert "bootstrap.py" not in plan(tree, "setup")
    os.utime(stamp, (0, 0))
    assert "bootstrap.py" in plan(tree, "setup")


def test_make_sets_a_moved_tree_up_again(tree: Path) -> None:
    write_stamp(tree)
    moved = tree.parent / (tree.name + "-moved")
    tree.rename(moved)
    assert "bootstrap.py" in plan(moved, "setup")


@pytest.mark.parametrize(
    ("given", "command"),
    [
        (["grade"], "grade"),
        (["grade", "LAB=2", "PART=c"], "grade --lab '2' --part 'c'"),
        (["replay", "ID=3f2a", "STEP=1"], "replay --id '3f2a' --step '1'"),
        (["grade", "PROMISE=it's kept"], r"grade --promise 'it'\''s kept'"),
    ],
)
def test_make_passes_what_it_is_given(tree: Path, given: list[str], command: str) -> None:
    write_stamp(tree)
    assert plan(tree, *given).strip() == f".venv/bin/distlab {command}"
