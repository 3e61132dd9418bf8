"""``distlab check``: verdicts and their exit codes, the picture, and files that are no histories."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from distlab.check import Entry, History
from distlab.check.linear import REGISTER, Read, Write, examine, longest_order
from distlab.cli.keeping import shown as shown_path
from distlab.cli.program import FAILED, PASSED, SETUP, USAGE, run
from distlab.cli.screen import Screen
from distlab.cli.views.timeline import Timeline
from distlab.core import Ok

KEPT = """\
{:type :invoke, :process 0, :f :write, :value 1, :time 1000000}
{:type :ok, :process 0, :f :write, :value 1, :time 3000000}
{:type :invoke, :process 1, :f :read, :value nil, :time 4000000}
{:type :ok, :process 1, :f :read, :value 1, :time 5000000}
"""
STALE = (
    KEPT
    + """\
{:type :invoke, :process 1, :f :write, :value 2, :time 6000000}
{:type :ok, :process 1, :f :write, :value 2, :time 7000000}
{:type :invoke, :process 2, :f :write, :value 3, :time 7500000}
{:type :invoke, :process 0, :f :read, :value nil, :time 8000000}
{:type :ok, :process 0, :f :read, :value 1, :time 9000000}
"""
)
REPEATED = "".join(
    f"{{:type :invoke, :process {i}, :f :write, :value {i % 3}}}\n" for i in range(30)
) + "".join(f"{{:type :ok, :process {i}, :f :write, :value {i % 3}}}\n" for i in range(30))
SKEWED = """\
{:process 0, :type :invoke, :f :txn, :value [[:append x 1] [:r y nil]]}
{:process 1, :type :invoke, :f :txn, :value [[:append y 1] [:r x nil]]}
{:process 0, :type :ok, :f :txn, :value [[:append x 1] [:r y []]]}
{:process 1, :type :ok, :f :txn, :value [[:append y 1] [:r x []]]}
{:process 2, :type :invoke, :f :txn, :value [[:r x nil] [:r y nil]]}
{:process 2, :type :ok, :f :txn, :value [[:r x [1]] [:r y [1]]]}
"""


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "history.edn"


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_a_linearizable_history_passes(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history.write_text(KEPT)
    assert run(["check", str(history)]) == PASSED
    shown = capsys.readouterr().out
    assert "2 operations, 2 clients" in shown
    assert "a register, guessed from the names of its operations" in shown
    assert "linearizable: 1 object, each with an order" in shown


def test_a_stale_read_is_drawn_and_named(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history.write_text(STALE)
    assert run(["check", str(history)]) == FAILED
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert shown[3:] == [
        "NOT linearizable",
        "p1's (write = 2) was called after p0's (write = 1) had returned, and had",
        "returned before p0's (read: 1) was called, which cannot see past it",
        "",
        "  p0  ├═ 1 write = 1 ═┤                                 ├═ 5 read: 1 ═┤",
        "  p1                   ├─ 2 read: 1 ─┤├═ 3 write = 2 ═┤",
        "  p2                                                   ├─ 4 write = 3 ─…",
        "",
        " !  1  p0  write = 1                                                   1 to 3 ms",
        "    2  p1  read: 1                                                     4 to 5 ms",
        " !  3  p1  write = 2                                                   6 to 7 ms",
        "    4  p2  write = 3                                           open since 7.5 ms",
        " !  5  p0  read: 1                                                     8 to 9 ms",
        "",
        "  An order goes as far as: 1, 2, 3. Without: 5.",
    ]


def test_unknown_is_no_pass_and_looks_different(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history.write_text(
        REPEATED + "{:type :invoke, :process 0, :f :read, :value nil}\n"
        "{:type :ok, :process 0, :f :read, :value 7}\n"
    )
    assert run(["check", str(history), "--budget", "500"]) == FAILED
    shown = capsys.readouterr().out
    assert "unknown\nno order was found, nor ruled out" in shown.replace("  ", "")
    assert "NOT" not in shown


def test_an_empty_file_is_unknown(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history.write_text("\n; nothing\n")
    assert run(["check", str(history)]) == FAILED
    assert "unknown: there is no operation to judge" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            KEPT.replace(":invoke, :process 1", ":ok, :process 1"),
            "line 3: process 1 completes read",
        ),
        (KEPT[:-20], "line 4: { is not closed before the end"),
        (b"\xff\xfe{:type", "is no text: byte 0 is not UTF-8"),
        (SKEWED.replace("[1]]", "7]", 1), "T3 read 7 of the list 'x'"),
        (SKEWED.replace(":append y 1", ":append y nil"), "line 2: a step is [:r key value]"),
        (SKEWED.replace("[[:append x 1] [:r y nil]]", "7"), "the value of a txn is a list"),
        (SKEWED + KEPT, "write among transactions"),
        (b"\x1f\x8b\x08\x00", "is no text: byte 1"),
        ("[" * 1000, "nested more than 64 deep"),
    ],
)
def test_a_file_that_is_no_history_is_refused(
    history: Path, content: str | bytes, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    history.write_bytes(content.encode() if isinstance(content, str) else content)
    assert run(["check", str(history)]) == SETUP
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "content", "why"),
    [
        (["--model", "list"], KEPT, "a list has no operation write: it knows append, read"),
        ([], KEPT.replace(":write", ":frob"), "no model knows all of these operations: frob, read"),
        (["--model", "register"], SKEWED, "--model is for operations on objects"),
        (["--level", "perfect"], SKEWED, "'perfect' is not one of"),
        (["--budget", "0"], KEPT, "0 is not in the range"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    history: Path,
    options: list[str],
    content: str,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    history.write_text(content)
    assert run(["check", str(history), *options]) == USAGE
    assert why in capsys.readouterr().err


def test_a_file_that_is_not_there_is_a_mistake_of_the_command_line(tmp_path: Path) -> None:
    assert run(["check", str(tmp_path / "gone")]) == USAGE


@pytest.mark.parametrize("content", [KEPT, STALE])
def test_the_picture_is_one_svg_that_says_the_same(
    history: Path, tmp_path: Path, content: str
) -> None:
    history.write_text(content)
    target = tmp_path / "picture.svg"
    run(["check", str(history), "--svg", str(target)])
    root = ElementTree.fromstring(target.read_text())
    words = " ".join(root.itertext())
    bad = [rect for rect in root.iter() if rect.get("class") == "bad"]
    assert len(bad) == (3 if content == STALE else 0)
    assert ("NOT linearizable" in words) is (content == STALE)
    assert "p0: write = 1 (1 ms to 3 ms)" in words


def long_stale() -> Timeline:
    """A stale read among many operations of many clients."""
    entries = [
        Entry(
            i,
            f"client-{i % 30}",
            Write(f"value number {i}", "x"),
            10 * i,
            2 * i,
            Ok(),
            10 * i + 200,
            2 * i + 41,
        )
        for i in range(400)
    ]
    entries.append(Entry(400, "reader", Read("x"), 9000, 9001, Ok("value number 3"), 9100, 9002))
    examination = examine(History(entries), REGISTER)
    assert examination.conflict is not None
    return Timeline(entries, examination.conflict.entries, longest_order(examination, REGISTER))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_picture_of_a_long_history_fits_the_screen(width: int) -> None:
    lines = [line.plain.rstrip() for line in long_stale().render(width)]
    assert max(map(len, lines)) <= width
    assert any("operations not shown" in line for line in lines)
    assert sum(line.startswith(" !") for line in lines) == 3


def test_where_the_terminal_knows_only_ascii_the_bars_are_ascii(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Screen(ascii_only=True, width=80).show(long_stale())
    assert capsys.readouterr().out.isascii()


def test_transactions_are_held_to_a_level(
    history: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    history.write_text(SKEWED)
    picture = tmp_path / "skew.svg"
    assert run(["check", str(history), "--svg", str(picture)]) == FAILED
    shown = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert shown[3:] == [
        "NOT strict serializable",
        "G2-item: not serializable",
        "  T1 (0)  append 1 to x, read y []",
        "   │ rw  T1 read [] of 'y', without the 1 that T2 appended",
        "   ▼",
        "  T2 (1)  append 1 to y, read x []",
        "   │ rw  T2 read [] of 'x', without the 1 that T1 appended",
        "   ▼ T1",
        "",
        shown_path(picture),
        "",
        "The strongest that it may be: strong snapshot isolation.",
    ]
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    assert run(["check", str(history), "--level", "snapshot-isolation"]) == PASSED
    assert "snapshot isolation" in capsys.readouterr().out


def test_transactions_that_read_nothing_are_unknown(
    history: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history.write_text("".join(SKEWED.splitlines(keepends=True)[:2]))
    assert run(["check", str(history)]) == FAILED
    assert "unknown: no transaction that was committed read anything" in capsys.readouterr().out
