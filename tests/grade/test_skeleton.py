"""Skeletons: what becomes of the marked blocks, and that nobody's work is overwritten."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from distlab.grade.skeleton import MarkerError, apply, blocks, changes, derive, derived_tree

ROOT = Path(__file__).resolve().parents[2]

REFERENCE = '''"""A module."""


class Store:
    """Keeps things."""

    # BEGIN SOLUTION 1A: declare what you remember
    seen: dict[int, str]
    # END SOLUTION

    def put(self, key, value):
        """Keep it."""
        # BEGIN SOLUTION 1A: keep it, "once"
        if key not in self.seen:
            self.seen[key] = value
        # END SOLUTION

    def text(self):
        return "# BEGIN SOLUTION in a string"
'''

SKELETON = '''"""A module."""


class Store:
    """Keeps things."""

    # TODO 1A: declare what you remember

    def put(self, key, value):
        """Keep it."""
        raise NotImplementedError('1A: keep it, "once"')

    def text(self):
        return "# BEGIN SOLUTION in a string"
'''


def test_a_block_becomes_what_is_to_be_done() -> None:
    assert derive(REFERENCE) == SKELETON


def test_a_skeleton_has_no_markers_left() -> None:
    assert blocks(derive(REFERENCE)) == []
    assert derive(SKELETON) == SKELETON


def test_a_long_text_is_laid_out_as_the_formatter_does() -> None:
    text = "1A: " + "a word and " * 8 + "end"
    source = f"def f():\n    # BEGIN SOLUTION {text}\n    return 1\n    # END SOLUTION\n"
    assert derive(source) == f'def f():\n    raise NotImplementedError(\n        "{text}"\n    )\n'


@pytest.mark.parametrize("text", ['say "no"', "don't", "a \\ and \"both\" 'kinds'"])
def test_any_text_survives_quoting(text: str) -> None:
    source = f"def f():\n    # BEGIN SOLUTION {text}\n    return 1\n    # END SOLUTION\n"
    raised = ast.parse(derive(source)).body[0].body[0].exc  # type: ignore[attr-defined]
    assert raised.args[0].value == text


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (
            "# BEGIN SOLUTION a\nx = 1\n# BEGIN SOLUTION b\ny = 1\n# END SOLUTION\n",
            "inside the one",
        ),
        ("x = 1\n# BEGIN SOLUTION a\ny = 1\n", "never closed"),
        ("x = 1\n# END SOLUTION\n", "without a BEGIN"),
        ("# BEGIN SOLUTION\nx = 1\n# END SOLUTION\n", "say after"),
        ("x = 1  # BEGIN SOLUTION a\ny = 1\n# END SOLUTION\n", "line for itself"),
        ("# BEGIN SOLUTION a\n# nothing\n# END SOLUTION\n", "no code"),
        ("#BEGIN SOLUTION a\nx = 1\n", "almost a marker"),
        ("# begin solution a\nx = 1\n", "almost a marker"),
        ("def f():\n    # BEGIN SOLUTION a\n    x = 1\n# END SOLUTION\n", "not indented like its"),
        ("def f():\n# BEGIN SOLUTION a\n    x = 1\n# END SOLUTION\n", "not indented like the code"),
        (
            "def f(x):\n    # BEGIN SOLUTION a\n    if x:\n    # END SOLUTION\n        return 1\n",
            "whole statements",
        ),
        ("def f(:\n", "not Python"),
    ],
)
def test_wrong_markers_are_refused_by_line(source: str, complaint: str) -> None:
    with pytest.raises(MarkerError, match=complaint) as caught:
        derive(source, "lab9/x.py")
    assert str(caught.value).startswith("lab9/x.py")


@pytest.fixture
def grading(tmp_path: Path) -> Path:
    lab = tmp_path / "grading" / "lab1_things"
    (lab / "given").mkdir(parents=True)
    (lab / "reference").mkdir()
    (lab / "given" / "protocol.py").write_text("KEY = 1  # as it is\n")
    (lab / "reference" / "store.py").write_text(REFERENCE)
    return tmp_path / "grading"


def test_the_tree_has_given_files_as_they_are_and_skeletons(grading: Path, tmp_path: Path) -> None:
    tree = derived_tree(grading)
    assert tree == {
        "lab1_things/protocol.py": b"KEY = 1  # as it is\n",
        "lab1_things/store.py": SKELETON.encode(),
    }
    labs = tmp_path / "labs"
    apply(labs, tree, changes(labs, tree))
    assert (labs / "lab1_things" / "store.py").read_text() == SKELETON
    assert changes(labs, tree) == []


def test_an_untouched_skeleton_follows_the_reference(grading: Path, tmp_path: Path) -> None:
    labs, tree = tmp_path / "labs", derived_tree(grading)
    apply(labs, tree, changes(labs, tree))
    newer = {"lab1_things/store.py": b"# newer\n"}  # and protocol.py is no more
    todo = changes(labs, newer)
    assert [(c.path, c.kind) for c in todo] == [
        ("lab1_things/protocol.py", "remove"),
        ("lab1_things/store.py", "update"),
    ]
    apply(labs, newer, todo)
    assert (labs / "lab1_things" / "store.py").read_bytes() == b"# newer\n"
    assert not (labs / "lab1_things" / "protocol.py").exists()


def test_a_students_work_is_kept_unless_forced(grading: Path, tmp_path: Path) -> None:
    labs, tree = tmp_path / "labs", derived_tree(grading)
    apply(labs, tree, changes(labs, tree))
    work = labs / "lab1_things" / "store.py"
    work.write_text("# my work\n")
    todo = changes(labs, tree)
    assert [c.kind for c in todo] == ["keep"]
    apply(labs, tree, todo)
    assert work.read_text() == "# my work\n"
    assert [c.kind for c in changes(labs, tree)] == ["keep"]  # also the second time
    apply(labs, tree, changes(labs, tree), force=True)
    assert work.read_text() == SKELETON


def test_a_file_that_was_there_before_any_skeleton_is_kept(grading: Path, tmp_path: Path) -> None:
    labs, tree = tmp_path / "labs", derived_tree(grading)
    (labs / "lab1_things").mkdir(parents=True)
    (labs / "lab1_things" / "store.py").write_text("# written before\n")
    kinds = {c.path: c.kind for c in changes(labs, tree)}
    assert kinds == {"lab1_things/protocol.py": "new", "lab1_things/store.py": "keep"}


def test_the_skeletons_in_this_repository_are_up_to_date() -> None:
    stale = changes(ROOT / "labs", derived_tree(ROOT / "grading"))
    assert stale == [], "run: make skeleton"


IMPORT_ALL = """
import importlib, sys
from pathlib import Path
from distlab.core.overlay import overlay
root, names = Path(sys.argv[1]), sys.argv[2:]
for name in names:
    overlay(f"labs.{name}", [root / "labs" / name])
for name in names:
    for file in sorted((root / "labs" / name).glob("*.py")):
        importlib.import_module(f"labs.{name}.{file.stem}")
"""


def test_the_skeletons_in_this_repository_can_be_imported() -> None:
    names = sorted(folder.name for folder in (ROOT / "labs").glob("lab*_*"))
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, str(ROOT), *names],
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
