"""A sealed run is the same as a plain one, and no line of the submission runs in the grading process."""

from pathlib import Path

import msgspec
import pytest

from distlab.grade.result import Report, State
from tests.grade.sealedcompare import Outcome, compare
from tests.grade.toygrader import grade, promise, reference, tree

PROJECT = Path(__file__).resolve().parents[2]
HANDLER = "        if put.id not in self.kept:\n"

BUSY = '''
"""A keeper that does everything a node can do, with classes of its own."""

from msgspec import Struct

from distlab.core import (
    MS, Address, Failed, Job, JobOutcome, Level, Message, Node, NoSuchFile, NotConnected,
    SessionMessage, Steps, Timer,
)
from distlab.core.context import JobContext
from labs.lab9_toy.protocol import Put, Stored


class Note(Struct, frozen=True):
    id: int
    words: tuple[str, ...] = ()


class Echo(Message, frozen=True):
    note: Note
    weight: float
    tags: frozenset[int] = frozenset()


class Streamed(SessionMessage, frozen=True):
    id: int


class Later(Timer, frozen=True):
    id: int
    why: str | None = None


class Wrapped(Timer, frozen=True):
    inner: Timer


class Total(Struct, frozen=True):
    ids: tuple[int, ...]
    size: int


class Sum(Job, frozen=True):
    Result = Total
    ids: tuple[int, ...]

    def run(self, io: JobContext) -> Steps:
        io.log.info("job", "begins", ids=self.ids)
        try:
            for id in self.ids:
                io.disk.append("sums", b"%d," % id)
                yield id
            io.disk.sync("sums", "/")
            if io.random.random() < 0.3:
                raise ValueError(f"bad luck on {io.address}")
            io.store.put_if_absent(f"sum/{sum(self.ids)}", io.disk.read("sums"))
            yield
            return Total(self.ids, io.disk.size("sums"))
        finally:
            io.log.debug("job", "is over")


class Keeper(Node):
    kept: list[int]
    lucky: float

    def on_start(self) -> None:
        self.kept = [put.id for put in self.disk.recover("wal", Put)]
        self.lucky = self.random.random()
        self.log.set_level("debug", Level.DEBUG)
        self.log.debug("debug", "starts", kept=tuple(self.kept), files=self.disk.files())
        try:
            self.disk.read("nowhere")
        except NoSuchFile as error:
            self.log.warning("disk", str(error))
        try:
            self.send(Address("client"), Streamed(1))
        except NotConnected as error:
            self.log.warning("session", str(error))
        print("started with", len(self.kept), "at", self.now(), self.monotonic())
        self.connect("client")
        self.set_timer(Wrapped(Later(1, "wrapped")), 30 * MS)

    def on_connect(self, peer: Address) -> None:
        self.log.info("session", "open", peer=peer)
        self.disconnect(peer)

    def on_put(self, put: Put, sender: Address) -> None:
        if put.id not in self.kept:
            self.kept.append(put.id)
            self.disk.append("wal", put)
            self.disk.append("raw", b"x" * put.id)
            self.disk.sync("wal", "/")
            self.run_job(Sum(tuple(self.kept)))
        self.send(self.address, Echo(Note(put.id, ("a", "b")), put.id, frozenset((put.id, 3))))
        self.set_timer(Later(put.id), self.random.randrange(5 * MS))
        self.send(sender, Stored(put.id))

    def on_echo(self, echo: Echo) -> None:
        self.cancel_timer(Later(echo.note.id + 1))
        self.store.append("echoes", repr(echo).encode())
        if echo.note.id % 3 == 2:
            self.stop("has heard enough")

    def on_later(self, later: Later) -> None:
        self.log.info("timer", "fired", id=later.id, why=later.why, keys=self.store.keys())
        self.cancel_job(Sum((later.id,)))
        self.disk.delete("raw")

    def on_wrapped(self, wrapped: Wrapped) -> None:
        self.log.info("timer", "unwrapped", inner=wrapped.inner)

    def on_sum(self, job: Sum, outcome: JobOutcome) -> None:
        if isinstance(outcome, Failed):
            self.log.error("job", outcome.error, progress=outcome.progress)
        else:
            assert isinstance(outcome.value, Total)
            self.log.info("job", "done", size=outcome.value.size, total=outcome.value)

    def probe(self) -> list[int]:
        return self.kept
'''


def same(found: dict[str, list[Outcome]]) -> list[Outcome]:
    """The plain outcomes, when the sealed ones are equal."""
    for plain, sealed in zip(found["plain"], found["sealed"], strict=True):
        assert plain.problem == sealed.problem, plain.found
        for one, other in zip(plain.trace, sealed.trace, strict=False):
            assert one == other, plain.found
        if plain.found.startswith("Twin"):
            # One handler runs within another's effect: plainly, a log line is taken for the outer one's.
            plain.lines = sealed.lines
        assert plain == sealed
    return found["plain"]


def with_line(line: str, *, top: str = "") -> str:
    """The reference with a line put first into its handler, and ``top`` below its imports."""
    source = reference().replace(HANDLER, f"        {line}\n{HANDLER}")
    return source.replace("\n\n\nclass Keeper", f"\n\n{top}\n\nclass Keeper")


# -- the same score, the same trace -----------------------------------------------------------------------------------


def _without_time(report: Report) -> Report:
    labs = tuple(
        msgspec.structs.replace(
            lab, parts=tuple(msgspec.structs.replace(part, seconds=0.0) for part in lab.parts)
        )
        for lab in report.labs
    )
    return msgspec.structs.replace(report, labs=labs, seconds=0.0, isolation="")


def test_a_sealed_report_is_a_plain_one_but_for_its_isolation(tmp_path: Path) -> None:
    root = tree(tmp_path, reference())
    plain, sealed = grade(root), grade(root, isolation="sealed")
    assert (plain.isolation, sealed.isolation) == ("plain", "sealed")
    assert promise(sealed).state is State.PASSED
    assert _without_time(plain) == _without_time(sealed)


@pytest.mark.parametrize("name", ["keeps-twice", "forgets-to-sync"])
def test_a_bug_is_found_sealed_as_it_is_found_plain(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path)
    plain = grade(root, solution=f"mutant:{name}")
    sealed = grade(root, solution=f"mutant:{name}", isolation="sealed")
    assert promise(sealed).state is State.FAILED
    assert _without_time(plain) == _without_time(sealed)


def test_dependence_on_the_hash_seed_is_found_sealed_too(tmp_path: Path) -> None:
    root = tree(tmp_path, with_line("self.send(sender, Stored(hash('a') % 1000))"))
    assert promise(grade(root, isolation="sealed")).state is State.NOT_DETERMINISTIC


def test_all_that_a_node_can_do_leaves_the_same_trace_whatever_crashes_when(tmp_path: Path) -> None:
    root = tree(tmp_path, BUSY)
    runs = same(compare(root, "9", "A", "own", 15, "crashes"))
    whole = "".join(line for run in runs for line in run.trace)
    for seen in ("Echo(", "Later(", "Wrapped(", "Sum(", "Total(", "bad luck", "kind='crash'"):
        assert seen in whole
    assert any(run.lines for run in runs)


OWN_ENUMS = """
import enum


class Mood(enum.Enum):
    CALM = (1, "calm")


class Rank(enum.IntEnum):
    LOW = 3


class Word(enum.StrEnum):
    YES = "yes"


MOODS = {Mood.CALM: Rank.LOW, Word.YES: None}
"""


def test_a_program_has_enumerations_of_its_own(tmp_path: Path) -> None:
    line = "self.log.info('moods', 'all', mood=Mood.CALM, rank=Rank.LOW, word=Word.YES, a=MOODS)"
    root = tree(tmp_path, keeper=with_line(line, top=OWN_ENUMS))
    found = compare(root, "9", "A", "own", 3)
    assert [run.problem for run in found["sealed"]] == [None] * 3
    assert [run.digest for run in found["sealed"]] == [run.digest for run in found["plain"]]
    logged = [line for run in found["sealed"] for line in run.trace if "'moods'" in line]
    assert "(1, 'calm')" in logged[0]
    assert "'yes'" in logged[0]


@pytest.mark.parametrize("part", "ABCD")
def test_lab_0s_reference_runs_alike(part: str) -> None:
    same(compare(PROJECT, "0", part, "reference", 12))


@pytest.mark.parametrize("part", "ABCE")
def test_lab_1s_reference_runs_alike(part: str) -> None:
    same(compare(PROJECT, "1", part, "reference", 3))


@pytest.mark.parametrize("part", "ABC")
def test_lab_2s_reference_runs_alike(part: str) -> None:
    same(compare(PROJECT, "2", part, "reference", 3))


# -- problems ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        '{}["w1"]',
        'raise NotImplementedError("lab 9 part A: keep each put once")',
        "self.send(sender, 'nonsense')",
        "self.send(sender, Stored(id=object()))",
        "self.send(sender, Stored(id='seven'))",
        "self.send(sender, Stored(id=True))",
        "self.send('nobody', Stored(1))",
        "self.send(sender, Put(put.id))",
        "self.hidden = 1",
        "self.finish(99, None)",
        "self.set_timer(put, 5)",
        "self.set_timer(put, -5)",
        "self.disk.read('../x')",
        "self.disk.sync('nothing')",
        "self.disk.truncate('nothing', 1)",
        "self.disk.append('', b'')",
        "self.store.get('nothing')",
        "exit(3)",
        "raise KeyError",
        "assert put.id > 99, 'no'",
    ],
)
def test_a_problem_is_the_same_problem_with_the_same_lines(tmp_path: Path, line: str) -> None:
    runs = same(compare(tree(tmp_path, with_line(line)), "9", "A", "own", 2))
    assert runs[0].problem is not None


@pytest.mark.parametrize(
    "source",
    [
        reference().replace("def on_start(self) -> None:", "def on_start(self -> None:"),
        reference().replace("def on_put", "def on_putt"),
        "raise RuntimeError('at import')",
        "import labs.lab9_toy.nothing",
    ],
)
def test_a_module_that_cannot_be_imported_is_the_same_problem(tmp_path: Path, source: str) -> None:
    (run,) = same(compare(tree(tmp_path, source), "9", "A", "own", 2))
    assert run.problem is not None
    assert run.problem.state is State.CRASHED


def test_a_world_that_raises_raises_in_the_line_that_asked(tmp_path: Path) -> None:
    source = with_line("pass").replace(
        "        pass\n",
        "        try:\n            self.disk.size('nothing')\n"
        "        except Exception as error:\n            self.log.error('disk', repr(error))\n",
    )
    runs = same(compare(tree(tmp_path, source), "9", "A", "own", 3))
    assert "NoSuchFile" in "".join(runs[0].trace)


# -- apart ------------------------------------------------------------------------------------------------------------


def test_the_submission_runs_in_a_process_that_has_no_simulator_and_no_judge(
    tmp_path: Path,
) -> None:
    line = (
        "self.log.info('apart', 'sees', modules=sorted("
        "m for m in sys.modules if m.startswith(('distlab.sim', 'distlab.check', 'grading'))))"
    )
    found = compare(tree(tmp_path, with_line(line, top="import sys")), "9", "A", "own", 1)
    plain, sealed = ("".join(found[way][0].trace) for way in ("plain", "sealed"))
    assert "distlab.sim" in plain
    assert "{'modules': []}" in sealed
