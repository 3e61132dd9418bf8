"""Small scopes, searched whole, as one way in which a part is graded."""

from pathlib import Path

from distlab.grade.result import State
from tests.grade.toygrader import grade, promise, reference, tree

SCOPE = "exhaustive: one put, one crash"

# The directed schedules of the toy lab and its sweep would catch these bugs too. Here the scope is to do it.
ALONE = (
    ("directed=(", "directed=()[:0] and ("),
    ("runs=100,", "runs=0, exhaustive=(SMALL,),"),
    ("needs=(", "needs=()[:0] and ("),
)


def alone(folder: Path, keeper: str, *changes: tuple[str, str]) -> Path:
    """The toy lab's tree, graded by its scope only."""
    root = tree(folder, keeper)
    lab = root / "grading/lab9_toy/__init__.py"
    text = lab.read_text()
    for old, new in (*ALONE, *changes):
        assert old in text, old
        text = text.replace(old, new)
    lab.write_text(text)
    return root


def without_sync() -> str:
    return reference().replace('        self.disk.sync("wal", "/")\n', "")


def test_a_correct_solution_is_searched_whole_and_kept(tmp_path: Path) -> None:
    result = promise(grade(alone(tmp_path, reference())))
    assert (result.state, result.runs) == (State.PASSED, 1)


def test_a_violation_is_an_ordinary_counterexample(tmp_path: Path) -> None:
    root = alone(tmp_path, without_sync())
    result = promise(grade(root))
    assert result.state is State.FAILED
    assert result.broken is not None
    assert result.broken.found == SCOPE
    assert result.broken.size.endswith("steps, the fewest there can be")
    saved = root / ".distlab" / "runs" / f"{result.broken.counterexample}.json"
    assert b'"type": "Hold"' in saved.read_bytes()
    assert saved.with_name(f"{saved.stem}.trace.jsonl").exists()


def test_a_second_copy_is_found_by_the_judge_too(tmp_path: Path) -> None:
    twice = reference().replace("if put.id not in self.kept:", "if True:")
    result = promise(grade(alone(tmp_path, twice)))
    assert result.state is State.FAILED
    assert result.broken is not None
    assert result.broken.counterexample
    assert "applied 2 times" in result.broken.reason


def test_out_of_budget_is_unknown_and_earns_nothing(tmp_path: Path) -> None:
    result = promise(grade(alone(tmp_path, reference(), ("budget=5_000", "budget=5"))))
    assert (result.state, result.earned) == (State.UNKNOWN, 0)
    assert "the budget of 5 states is spent" in result.unseen[0]


def test_what_never_occurred_is_unknown(tmp_path: Path) -> None:
    silent = reference().replace("        self.send(sender, Stored(put.id))\n", "")
    result = promise(grade(alone(tmp_path, silent)))
    assert result.state is State.UNKNOWN
    assert "never seen in" in result.unseen[0]
    assert "the put was answered" in result.unseen[0]


def test_a_program_that_cannot_be_explored_is_unknown_and_told_why(tmp_path: Path) -> None:
    timed = reference().replace(
        "        if put.id not in self.kept:\n",
        "        if self.now() < 0:\n            return\n        if put.id not in self.kept:\n",
    )
    result = promise(grade(alone(tmp_path, timed)))
    assert result.state is State.UNKNOWN
    assert "cannot be explored: Keeper.on_put (keeper.py:" in result.unseen[0]
    assert "now() is compared" in result.unseen[0]


def test_an_exception_is_a_crash_with_its_line(tmp_path: Path) -> None:
    trips = reference().replace(
        "        self.send(sender, Stored(put.id))\n", "        raise KeyError(put.id)\n"
    )
    result = promise(grade(alone(tmp_path, trips)))
    assert result.state is State.CRASHED
    assert result.broken is not None
    assert result.broken.problem is not None
    assert result.broken.problem.text == "KeyError: 7"


def test_sealed_grading_cannot_search_and_says_so(tmp_path: Path) -> None:
    result = promise(grade(alone(tmp_path, reference()), isolation="sealed"))
    assert (result.state, result.earned) == (State.UNKNOWN, 0)
    assert "states cannot be copied" in result.unseen[0]
