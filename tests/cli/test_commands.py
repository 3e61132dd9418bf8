"""The program as it is run: exit codes, what it says and keeps, and that it leaves nothing behind."""

import errno
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from distlab.cli import program
from distlab.core.errors import HarnessBug
from distlab.grade.exports import from_json
from tests.grade.toygrader import reference, tree
from tests.live.listing import below

FORGETFUL = reference().replace("            self.write(put)\n", "            pass\n")
CRASHING = reference().replace("            self.write(put)\n", "            self.written(put)\n")
NOT_STARTED = """
from distlab.core import Address, Node
from labs.lab9_toy.protocol import Put


class Keeper(Node):
    def on_put(self, put: Put, sender: Address) -> None:
        raise NotImplementedError("9A: keep it once")
"""
COMMAND = [sys.executable, "-c", "import sys; from distlab.cli import main; sys.exit(main())"]


class Toy:
    """A tree with one lab, and the program run in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {
            **{k: v for k, v in os.environ.items() if k not in ("VERBOSE", "NO_COLOR", "TERM")},
            "DISTLAB_ROOT": str(root),
            "PYTHONUTF8": "1",
            "COLUMNS": "80",
        }

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            check=False,
            cwd=self.root,
            env=self.environment | environment,
            text=True,
            timeout=60,
        )

    def write(self, keeper: str) -> None:
        (self.root / "labs/lab9_toy/keeper.py").write_text(keeper)


def planted(folder: Path, keeper: str | None = None) -> Toy:
    """A fresh tree, with ``keeper`` as what the student wrote."""
    root = tree(folder / "tree", keeper)
    shutil.rmtree(root / ".distlab", ignore_errors=True)
    return Toy(root)


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return planted(tmp_path)


@pytest.fixture(scope="module")
def broken(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Toy, subprocess.CompletedProcess[str]]:
    """A tree whose solution forgets to write, graded once."""
    toy = planted(tmp_path_factory.mktemp("broken"), FORGETFUL)
    return toy, toy.run("grade", "--lab", "9")


def saved_id(toy: Toy) -> str:
    return next(f.stem for f in (toy.root / ".distlab/runs").glob("*.json"))


# -- grade ------------------------------------------------------------------------------------------


def test_all_kept_is_exit_code_0(toy: Toy) -> None:
    done = toy.run("grade")
    assert (done.returncode, done.stderr) == (0, "")
    assert "lab9 toy  ██████████    10/10   done" in done.stdout
    assert (toy.root / ".distlab/progress.html").read_text().startswith("<!doctype html>")


def test_a_broken_promise_is_exit_code_1_and_its_screen_comes_last(
    broken: tuple[Toy, subprocess.CompletedProcess[str]],
) -> None:
    toy, done = broken
    assert (done.returncode, done.stderr) == (1, "")
    assert "FAIL     0/10   TOY-S1" in done.stdout
    assert "Broken:   Keep(id=7) was answered Ok, and its effect was lost" in done.stdout
    assert "server crashes, loses all it had not synced" in done.stdout
    assert "in on_put\n" in done.stdout
    assert "|         self.send(sender, Stored(put.id))\n" in done.stdout
    assert done.stdout.rstrip().endswith(f"make show ID={saved_id(toy)}")


def test_a_crash_shows_the_students_line_and_none_of_ours(toy: Toy) -> None:
    toy.write(CRASHING)
    done = toy.run("grade", "--lab", "9")
    assert done.returncode == 1
    assert "CRASHED AttributeError in on_put" in done.stdout
    assert "AttributeError" in done.stdout
    assert "| " + "            self.written(put)" in done.stdout
    assert "simulation.py" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_what_cannot_be_replayed_is_warned_of_and_costs_nothing(toy: Toy) -> None:
    toy.write("import time\n\n\n" + reference())
    done = toy.run("grade", "--lab", "9")
    assert done.returncode == 0
    assert "warning labs/lab9_toy/keeper.py:1: time: node code uses self.now" in done.stdout


def test_not_started_is_exit_code_1_and_names_what_to_write(toy: Toy) -> None:
    toy.write(NOT_STARTED)
    done = toy.run("grade", "--lab", "9")
    assert done.returncode == 1
    assert "to do" in done.stdout
    assert "9A: keep it once" in " ".join(done.stdout.split())
    assert "FAIL" not in done.stdout


@pytest.mark.parametrize("name", ["9", "lab9", "lab9_toy", "LAB9"])
def test_a_lab_has_three_names(toy: Toy, name: str) -> None:
    assert toy.run("grade", "--lab", name, "--runs", "3").returncode in (0, 1)


@pytest.mark.parametrize(
    "part", [["--part", "9a"], ["--lab", "9", "--part", "A"], ["--promise", "toy-s1"]]
)
def test_a_part_or_promise_is_found_by_any_of_its_names(toy: Toy, part: list[str]) -> None:
    assert toy.run("grade", *part).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["grad"], "there is no command 'grad'. Did you mean grade?"),
        (["grade", "--lab", "lab9_toi"], "there are lab9_toy. Did you mean lab9_toy?"),
        (["grade", "--lab", "9", "--part", "z"], "there is no part 'z'; there are 9A"),
        (
            ["grade", "--promise", "TOY-S2"],
            "there is no promise 'TOY-S2'; there are TOY-S1. Did you mean TOY-S1?",
        ),
        (["grade", "--solution", "refrence"], "Did you mean reference?"),
        (
            ["grade", "--solution", "mutant:x"],
            "there is no mutant 'x'; there are keeps-twice, forgets-to-sync.",
        ),
        (["grade", "--prior", "mine"], "there is no prior 'mine'"),
        (["grade", "--seed", "x"], "'x' is not a valid integer"),
        (["grade", "--part", "a"], "which lab's part a?"),
        (["grade", "--export", "word:x"], "--export takes FORMAT:PATH"),
        (["grade", "--export", "csv:/no/such/folder/x"], "there is no folder"),
        (["replay", "--id", "zzz"], "there is no counterexample 'zzz'"),
        (["show"], "no counterexample has been saved yet"),
        (["watch"], "which lab?"),
    ],
)
def test_what_cannot_be_meant_is_exit_code_2_and_says_what_there_is(
    toy: Toy, arguments: list[str], complaint: str
) -> None:
    done = toy.run(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_in_the_way_of_our_folder_is_exit_code_3(toy: Toy) -> None:
    (toy.root / ".distlab").write_text("a file, not a folder")
    done = toy.run("grade")
    assert done.returncode == 3
    assert "something is in the way" in done.stderr
    assert ".distlab" in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.ENOSPC, "full", "x"), 3, "the disk is full (x). Make room"),
        (OSError(errno.EROFS, "read-only", "x"), 3, "not allowed (x)"),
        (PermissionError(errno.EACCES, "no", "x"), 3, "not allowed (x)"),
        (HarnessBug("OSError: [Errno 28] No space left on device"), 3, "the disk is full"),
        (KeyboardInterrupt(), 130, "Nothing is left running"),
    ],
)
def test_each_trouble_has_its_exit_code_and_one_sentence(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(program.program, "main", fail)
    assert program.run([]) == code
    shown = capfd.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


def test_a_tree_without_labs_is_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "labs").mkdir()
    (tmp_path / "grading").mkdir()
    done = Toy(tmp_path).run("grade")
    assert done.returncode == 3
    assert "no labs to grade" in done.stderr


def test_our_own_fault_is_exit_code_4_with_the_trace_in_a_file(toy: Toy) -> None:
    promises = toy.root / "grading/lab9_toy/__init__.py"
    promises.write_text(
        promises.read_text().replace(
            "def once(run: Run) -> Verdict:\n", "def once(run: Run) -> Verdict:\n    1 / 0\n"
        )
    )
    done = toy.run("grade")
    assert done.returncode == 4
    assert "a fault of our own, not of your code" in done.stderr
    assert "Traceback" not in done.stderr
    assert "ZeroDivisionError" in (toy.root / ".distlab/crash.txt").read_text()
    assert "Traceback" in toy.run("grade", VERBOSE="1").stderr


def test_a_reader_that_goes_away_is_no_accident(
    broken: tuple[Toy, subprocess.CompletedProcess[str]],
) -> None:
    toy, _ = broken
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "trace"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        env=toy.environment,
        cwd=toy.root,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_exports_are_written(toy: Toy, tmp_path: Path) -> None:
    kinds = ("json", "gradescope", "junit", "csv")
    done = toy.run("grade", *(f"--export={kind}:{tmp_path / kind}" for kind in kinds))
    assert done.returncode == 0
    assert from_json((tmp_path / "json").read_bytes()).earned == 10
    assert json.loads((tmp_path / "gradescope").read_text())["tests"][0]["score"] == 10
    assert ElementTree.parse(tmp_path / "junit").getroot().tag == "testsuites"
    assert "TOY-S1" in (tmp_path / "csv").read_text()


def test_ctrl_c_ends_with_130_and_leaves_no_process(toy: Toy) -> None:
    slow = reference().replace(
        "        if put.id not in self.kept:",
        "        while True:\n            pass\n        if put.id not in self.kept:",
    )
    toy.write(slow)
    running = subprocess.Popen(
        [*COMMAND, "grade"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=toy.environment,
        cwd=toy.root,
    )
    deadline = time.monotonic() + 20
    while not (children := below(running.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert b"stopped. Nothing is left running" in said
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_the_progress_page_has_no_dead_link(
    broken: tuple[Toy, subprocess.CompletedProcess[str]],
) -> None:
    toy, _ = broken
    links = re.findall('href="([^"]*)"', (toy.root / ".distlab/progress.html").read_text())
    assert len(links) == 1
    assert all((toy.root / ".distlab" / link).is_file() for link in links)


# -- after a failure --------------------------------------------------------------------------------


def test_a_replay_says_still_broken_then_fixed(tmp_path: Path) -> None:
    toy = planted(tmp_path, FORGETFUL)
    toy.run("grade")
    before = toy.run("replay")
    assert before.returncode == 1
    assert "still broken: " in before.stdout
    assert "BROKEN TOY-S1" in before.stdout
    toy.write(reference())
    after = toy.run("replay", "--id", saved_id(toy)[:4], "--neighbours", "20")
    assert after.returncode == 0
    assert "fixed: " in after.stdout
    assert "20 neighbours" in after.stdout


def _first_letter_lost(text: str) -> str:
    return text[1:]


def _cut_short(text: str) -> str:
    return text[: len(text) // 2]


def _of_another_format(text: str) -> str:
    return text.replace('"format": 1', '"format": 99')


def _calls_are_a_number(text: str) -> str:
    return re.sub(r'"calls": \[.*?\],\n    "plan"', '"calls": 7,\n    "plan"', text, flags=re.S)


def _heals_before_time(text: str) -> str:
    return re.sub(r'"heal_at": (null|\d+)', '"heal_at": -5', text)


def _deep(text: str) -> str:
    return "[" * 100_000


@pytest.mark.parametrize(
    "damage",
    [
        _first_letter_lost,
        _cut_short,
        _of_another_format,
        _calls_are_a_number,
        _heals_before_time,
        _deep,
    ],
)
def test_a_damaged_replay_is_exit_code_3_and_says_what_to_do(
    broken: tuple[Toy, subprocess.CompletedProcess[str]],
    tmp_path: Path,
    damage: Callable[[str], str],
) -> None:
    toy, _ = broken
    text = (toy.root / f".distlab/runs/{saved_id(toy)}.json").read_text()
    assert damage(text) != text
    file = tmp_path / "damaged.json"
    file.write_text(damage(text))
    done = toy.run("replay", "--id", str(file))
    assert done.returncode == 3, done.stderr
    assert "damaged.json" in done.stderr
    assert "`make grade` finds the run anew" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_replay_whose_fault_strikes_nothing_no_longer_applies(tmp_path: Path) -> None:
    toy = planted(tmp_path, reference().replace("if put.id not in self.kept:", "if True:"))
    assert toy.run("grade", "--lab", "9").returncode == 1
    file = next((toy.root / ".distlab/runs").glob("*.json"))
    saved = json.loads(file.read_text())
    saved["scenario"]["plan"]["faults"] = [
        {
            "when": {"type": "Nth", "source": "server", "to": "client", "n": 99, "message": ""},
            "do": {"type": "Drop"},
        }
    ]
    file.write_text(json.dumps(saved))
    toy.write(reference())
    done = toy.run("replay", "--id", str(file))
    assert "no longer applies: " in done.stdout
    assert "the 99th message from server to client" in done.stdout


def test_stepping_without_a_keyboard_prints_every_change(
    broken: tuple[Toy, subprocess.CompletedProcess[str]],
) -> None:
    toy, _ = broken
    done = toy.run("replay", "--step", "1")
    assert "receives Put from client: id=7" in done.stdout
    assert "  - kept = []\n  + kept = [7]" in done.stdout


def test_a_picture_and_all_kinds_of_trace_are_written(
    broken: tuple[Toy, subprocess.CompletedProcess[str]],
) -> None:
    toy, _ = broken
    for arguments in (
        ["show"],
        *(["trace", "--format", kind] for kind in ("shiviz", "perfetto", "jsonl")),
    ):
        done = toy.run(*arguments)
        assert done.returncode == 0, done.stderr
        assert (toy.root / done.stdout.splitlines()[0]).stat().st_size > 500
    assert "Keep id=7" in toy.run("trace").stdout


def test_hints_come_one_at_a_time(tmp_path: Path) -> None:
    toy = planted(tmp_path, FORGETFUL)
    hints = '[TOY-S1]\nhints = ["What survives a crash?", "Look at on_put.", "Write before you answer."]\n'
    (toy.root / "grading/lab9_toy/hints.toml").write_text(hints)
    assert "0 of 3 shown" in toy.run("grade", "--lab", "9").stdout
    shown = [toy.run("hint").stdout for _ in range(4)]
    assert "What survives a crash?" in shown[0]
    assert "Look at on_put." in shown[1]
    assert "Write before you answer." in shown[2]
    assert "shown before" in shown[3]
    assert "3 of 3 shown" in toy.run("grade", "--lab", "9").stdout


def test_what_is_handed_in_is_the_students_work_and_the_same_each_time(toy: Toy) -> None:
    assert toy.run("submit").returncode == 0
    first = (toy.root / "submission.tar.gz").read_bytes()
    with tarfile.open(toy.root / "submission.tar.gz") as archive:
        names = archive.getnames()
        owners = {entry.uname for entry in archive.getmembers()}
    work = sorted(file.name for file in (toy.root / "labs/lab9_toy").glob("*.py"))
    assert names == [*(f"labs/lab9_toy/{name}" for name in work), "submission.json"]
    assert owners == {""}
    time.sleep(1.1)  # a clock in the archive would show
    toy.run("submit")
    assert (toy.root / "submission.tar.gz").read_bytes() == first


def test_the_doctor_looks_at_ten_things(toy: Toy) -> None:
    done = toy.run("doctor")
    assert done.returncode in (0, 3)
    lines = [
        line for line in done.stdout.splitlines() if line[2:6].strip() in ("ok", "warn", "fail")
    ]
    assert len(lines) == 10
    assert "fsync takes" in done.stdout


@pytest.mark.parametrize("command", ["update", "live --lab 9", "bench"])
def test_what_is_not_there_yet_says_so(toy: Toy, command: str) -> None:
    done = toy.run(*command.split())
    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_help_answers_at_once(toy: Toy) -> None:
    toy.run("--help")
    began = time.process_time_ns(), time.monotonic()
    assert toy.run("--help").returncode == 0
    assert time.monotonic() - began[1] < 1.0
    imported = subprocess.run(
        [sys.executable, "-X", "importtime", *COMMAND[1:], "--help"],
        capture_output=True,
        check=False,
        text=True,
    )
    for heavy in ("hypothesis", "rich.console", "networkx", "zmq", "distlab.sim"):
        assert heavy not in imported.stderr


# -- watch ------------------------------------------------------------------------------------------


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, toy: Toy, *arguments: str) -> None:
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.chdir(toy.root)
            os.execvpe(COMMAND[0], [*COMMAND, *arguments], toy.environment | {"TERM": "xterm"})
        self.seen = ""

    def wait_for(self, text: str, seconds: float = 20) -> str:
        """What was shown up to and with ``text``."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            if time.monotonic() > deadline or not select.select([self.end], [], [], seconds)[0]:
                raise AssertionError(f"{text!r} never came; there is {self.seen!r}")
            self.seen += os.read(self.end, 1 << 16).decode(errors="replace")
        shown, _, self.seen = self.seen.partition(text)
        return shown + text

    def press(self, key: str) -> None:
        os.write(self.end, key.encode())

    def finish(self) -> int:
        while True:
            try:
                if not os.read(self.end, 1 << 16):
                    break
            except OSError:
                break
        os.close(self.end)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_watch_grades_on_every_save_and_obeys_keys(toy: Toy) -> None:
    terminal = Terminal(toy, "watch", "--lab", "9")
    terminal.wait_for("q quit")
    toy.write(FORGETFUL)
    assert "FAIL" in terminal.wait_for("q quit")
    toy.write("def half(:\n")
    terminal.wait_for("waiting: keeper.py, line 1")
    toy.write(reference())
    shown = terminal.wait_for("q quit")
    assert "passes now" in shown
    assert "10/10" in shown
    terminal.press("a")
    assert "all runs" in terminal.wait_for("q quit")
    terminal.press("h")
    terminal.wait_for("there are no hints")
    terminal.press("q")
    assert terminal.finish() == 0
