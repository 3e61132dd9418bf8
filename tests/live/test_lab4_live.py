"""Lab 4 as processes: every role is killed, and the judges of the simulator; and what the databases themselves say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from distlab.core import Address
from distlab.core.values import Ok
from distlab.grade.solution import Solution, load_lab, load_solution
from distlab.live.portable import to_plain
from distlab.live.recorder import Line
from distlab.trace import Kind

ROOT = Path(__file__).resolve().parents[2]
LAB = load_lab("4")


@pytest.fixture(autouse=True)
def solution() -> Solution:
    """Loaded for each test: another one may have put another solution in its place."""
    return load_solution(LAB, LAB.part("B"), "reference")


from grading.lab4_transactions import live, postgres  # noqa: E402 - it needs a solution
from grading.lab4_transactions.books import Books  # noqa: E402
from labs.lab4_transactions.twophase import Ack, Decision, Seen, Txn, Vote  # noqa: E402

RUNS = {
    "": ("TX2-S4", "tm1, rm1"),
    "a": ("TX2-S2", "tm1, rm1 and rm2"),
    "c": ("TX2-S5", "manager, bank-1, bank-2"),
    "d": ("TX2-S8", "orchestrator, hotel, bank"),
    "e": ("TX2-S12", "initiator, shop, bank-1, points, seller, broker"),
}


@pytest.mark.parametrize(
    ("part", "solution"),
    [*((part, "reference") for part in RUNS), *((part, "alternative") for part in "acde")],
)
def test_real_processes_keep_their_promises(tmp_path: Path, part: str, solution: str) -> None:
    for name in ("labs", "grading"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = ["live", "--lab", "4", "--part", part, "--solution", solution]
    done = subprocess.run(
        [sys.executable, "-m", "distlab", *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DISTLAB_ROOT": str(tmp_path)},
        cwd=tmp_path,
        timeout=180,
    )
    code, victims = RUNS[part]
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ok      {code}" in done.stdout
    assert victims in " ".join(done.stdout.split())
    assert done.stdout.count("killed (kill -9)") >= 3


def test_the_databases_are_asked_whether_it_adds_up(tmp_path: Path, solution: Solution) -> None:
    store = solution.module("sqlite_store").SqliteStore
    databases = {}
    for rm, a in (("rm1", 100), ("rm2", 70)):
        store(str(tmp_path / rm)).open(((f"{rm}/a", a), (f"{rm}/b", 100)))
        databases[rm] = f"sqlite:{tmp_path / rm}"
    found: list[str] = []
    verdict = live.holdings(databases, found)
    assert verdict.is_broken
    assert (verdict.expected, verdict.got) == ("400", "370")
    assert found[-1] == "total 370 of 400; in doubt: nobody"


def test_a_database_that_is_gone_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    found: list[str] = []
    verdict = live.holdings({"rm1": f"sqlite:{tmp_path / 'no' / 'rm1'}"}, found)
    assert verdict.is_broken
    assert "unable to open database file" in verdict.reason


def test_a_server_that_cannot_be_started_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres.shutil, "which", lambda name: None)
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: iter(()))
    with pytest.raises(postgres.NoServer, match="apt install postgresql"):
        postgres.make()


def test_books_count_who_is_in_doubt_and_what_a_look_adds_up_to() -> None:
    books = Books([[None] * 3], {"rm1": "sqlite"}, accounts=2)
    txn = Txn(Address("tm1"), 1, 7)

    def happens(kind: str, what: object) -> list[str]:
        books.see(Line(1, 0, "rm1", 1, kind, 0, "tm1", to_plain(what)))
        return books.lines()

    assert happens(Kind.SEND, Vote(txn, "yes"))[-1].split() == [
        "rm1",
        "sqlite",
        "0",
        "0",
        "1",
        "tm1/1.7",
    ]
    happens(Kind.DELIVER, Decision(txn, commit=True))
    assert happens(Kind.SEND, Ack(txn))[-1].split() == ["rm1", "sqlite", "1", "0", "0"]
    assert happens(Kind.SEND, Vote(txn, "yes"))[-1].split()[-1] == "0", "an old yes said again"
    look = Ok((Seen("rm1/a", 60, None), Seen("rm1/b", 140, txn)))
    assert "all accounts at once, 1 looks: 200" in happens(Kind.RETURN, (1, look))
