"""Every way in which a submission can go wrong has an outcome of its own, and names what to look at."""

from pathlib import Path

import pytest

from distlab.grade.result import PromiseResult, State
from tests.grade.toygrader import grade, promise, reference, tree

HANDLER = "        if put.id not in self.kept:\n"


def outcome(folder: Path, keeper: str) -> PromiseResult:
    return promise(grade(tree(folder, keeper)))


def with_line(line: str, *, top: str = "") -> str:
    """The reference with a line put first into its handler, and ``top`` below its imports."""
    source = reference().replace(HANDLER, f"        {line}\n{HANDLER}")
    return source.replace("\n\n\nclass Keeper", f"\n\n{top}\n\nclass Keeper")


def test_a_correct_solution_passes_and_its_points_count(tmp_path: Path) -> None:
    report = grade(tree(tmp_path, reference()))
    assert promise(report).state is State.PASSED
    assert (report.earned, report.points) == (10, 10)


def test_a_skeleton_is_not_started_and_says_what_to_do(tmp_path: Path) -> None:
    result = outcome(
        tmp_path, with_line('raise NotImplementedError("lab 9 part A: keep each put once")')
    )
    assert result.state is State.NOT_STARTED
    assert result.broken is not None
    assert "keep each put once" in result.broken.reason


def test_an_exception_in_a_handler_is_a_crash_that_names_the_line(tmp_path: Path) -> None:
    result = outcome(tmp_path, with_line('{}["w1"]'))
    assert result.state is State.CRASHED
    assert result.broken is not None
    assert result.broken.problem is not None
    assert result.broken.problem.text == "KeyError: 'w1'"
    assert result.broken.problem.frames[-1].code == '{}["w1"]'
    assert "Put(id=7)" in result.broken.problem.handling


def test_only_the_students_own_frames_are_shown(tmp_path: Path) -> None:
    result = outcome(tmp_path, with_line("self.disk.read('nowhere/../x')"))
    assert result.broken is not None
    assert result.broken.problem is not None
    assert {frame.file for frame in result.broken.problem.frames} == {"labs/lab9_toy/keeper.py"}


def test_an_endless_loop_is_stuck_and_its_line_is_shown(tmp_path: Path) -> None:
    result = outcome(tmp_path, with_line("while True: pass"))
    assert result.state is State.STUCK
    assert result.broken is not None
    assert result.broken.problem is not None
    assert result.broken.problem.frames[-1].code == "while True: pass"


def test_a_loop_that_swallows_every_exception_is_stuck_all_the_same(tmp_path: Path) -> None:
    loop = "while True:\n            try: pass\n            except BaseException: pass"
    result = outcome(tmp_path, with_line(loop))
    assert result.state is State.STUCK


def test_timers_that_never_let_time_pass_are_stuck(tmp_path: Path) -> None:
    top = "class Again(Timer, frozen=True):\n    pass\n"
    source = with_line("self.set_timer(Again(), 0)", top=top).replace(
        "Address, Node", "Address, Node, Timer"
    )
    source += "\n    def on_again(self) -> None:\n        self.set_timer(Again(), 0)\n"
    result = outcome(tmp_path, source)
    assert result.state is State.STUCK
    assert result.broken is not None
    assert "keeps itself busy" in result.broken.reason


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("self.send(sender, 'nonsense')", "send takes a Message"),
        ("self.send(sender, Stored(id=object()))", "cannot be sent"),
        ("self.send(sender, Stored(id='seven'))", "whose fields do not fit"),
        ("self.send('nobody', Stored(1))", "there is no node 'nobody'"),
        ("self.send(sender, Put(put.id))", "no handler for Put"),
        ("self.hidden = 1", "does not declare"),
        ("self.finish(99, None)", "no open operation"),
        ("self.set_timer(put, 5)", "has no handler for it"),
        ("exit(0)", "SystemExit"),
    ],
)
def test_nonsense_is_a_crash_with_a_sentence(tmp_path: Path, line: str, said: str) -> None:
    result = outcome(tmp_path, with_line(line))
    assert result.state is State.CRASHED
    assert result.broken is not None
    assert said in result.broken.reason


def test_a_message_over_the_limit_is_refused(tmp_path: Path) -> None:
    top = "class Big(Message, frozen=True):\n    body: bytes\n"
    source = with_line("self.send(sender, Big(bytes(17 << 20)))", top=top)
    result = outcome(tmp_path, source.replace("Address, Node", "Address, Message, Node"))
    assert result.state is State.CRASHED
    assert result.broken is not None
    assert "a message has at most" in result.broken.reason


@pytest.mark.parametrize(
    "line",
    [
        "self.kept and time.time_ns() % 2 and self.send(sender, Stored(99))",
        "self.send(sender, Stored(random.randrange(1 << 40)))",
        "self.send(sender, Stored(id(put) % 100003))",
    ],
)
def test_clock_and_chance_make_it_not_deterministic(tmp_path: Path, line: str) -> None:
    source = with_line(line).replace('"""\n\nfrom', '"""\n\nimport random\nimport time\n\nfrom', 1)
    source = source.replace(
        "self.kept and time.time_ns() % 2 and", "self.send(sender, Stored(time.time_ns()));"
    )
    assert outcome(tmp_path, source).state is State.NOT_DETERMINISTIC


def test_dependence_on_the_hash_seed_is_found(tmp_path: Path) -> None:
    result = outcome(tmp_path, with_line("self.send(sender, Stored(hash('a') % 1000))"))
    assert result.state is State.NOT_DETERMINISTIC
    assert result.broken is not None
    assert "PYTHONHASHSEED" in result.broken.reason


def test_a_file_that_cannot_be_parsed_names_its_line(tmp_path: Path) -> None:
    result = outcome(
        tmp_path, reference().replace("def on_start(self) -> None:", "def on_start(self -> None:")
    )
    assert result.state is State.CRASHED
    assert result.broken is not None
    assert result.broken.problem is not None
    assert result.broken.problem.frames[0].line > 0


def test_a_misspelt_handler_is_reported_at_import(tmp_path: Path) -> None:
    result = outcome(tmp_path, reference().replace("def on_put", "def on_putt"))
    assert result.state is State.CRASHED
    assert result.broken is not None
    assert "must be on_put" in result.broken.reason


@pytest.mark.parametrize("line", ["import os; os._exit(0)", "import os; os.kill(os.getpid(), 9)"])
def test_a_program_that_ends_the_grading_process_earns_nothing(tmp_path: Path, line: str) -> None:
    result = outcome(tmp_path, with_line(line))
    assert result.state is State.STUCK
    assert result.earned == 0


def test_threads_do_not_keep_the_grader_waiting(tmp_path: Path) -> None:
    line = (
        "import threading; threading.Thread(target=lambda: __import__('time').sleep(1e6)).start()"
    )
    assert outcome(tmp_path, with_line(line)).state in (State.PASSED, State.NOT_DETERMINISTIC)


def test_prints_do_not_disturb(tmp_path: Path) -> None:
    assert (
        outcome(tmp_path, with_line("print('hello', put)", top="print('imported')")).state
        is State.PASSED
    )


def test_reading_the_keyboard_does_not_hang(tmp_path: Path) -> None:
    result = outcome(tmp_path, with_line("input('name? ')"))
    assert result.state is State.CRASHED
    assert result.broken is not None
    assert "EOFError" in result.broken.reason


def test_a_broken_promise_is_cut_down_and_saved(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        reference()
        .replace('self.disk.sync("wal", "/")', "pass")
        .replace(HANDLER, "        if True:\n"),
    )
    result = promise(grade(root))
    assert result.state is State.FAILED
    assert result.broken is not None
    assert result.broken.size == "1 operation and 1 fault"
    assert (root / f".distlab/runs/{result.broken.counterexample}.json").exists()


def test_a_situation_never_seen_makes_it_unknown(tmp_path: Path) -> None:
    root = tree(tmp_path, reference())
    lab = root / "grading/lab9_toy/__init__.py"
    lab.write_text(lab.read_text().replace('run.tally.get("crash", 0) > 0', "False"))
    result = promise(grade(root))
    assert result.state is State.UNKNOWN
    assert result.unseen == ("the server crashed",)
    assert result.earned == 0


def test_a_changed_protocol_file_is_not_what_is_graded(tmp_path: Path) -> None:
    root = tree(tmp_path, reference())
    (root / "labs/lab9_toy/protocol.py").write_text("raise SystemExit('tampered')")
    assert promise(grade(root)).state is State.PASSED


def test_the_same_seed_gives_the_same_result_and_another_seed_other_runs(tmp_path: Path) -> None:
    root = tree(tmp_path, reference())
    one, again, other = grade(root), grade(root), grade(root, seed="2")
    digest = [report.labs[0].parts[0].digest for report in (one, again, other)]
    assert digest[0] == digest[1] != digest[2]


def test_both_mutants_die_as_their_author_says(tmp_path: Path) -> None:
    root = tree(tmp_path)
    for name in ("keeps-twice", "forgets-to-sync"):
        assert promise(grade(root, solution=f"mutant:{name}")).state is State.FAILED
