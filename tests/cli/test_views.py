"""What the terminal shows, as text: every outcome on one screen, at every width, without a need for colour."""

import io
import re
from collections.abc import Sequence

import msgspec
import pytest
from rich.text import Text

from distlab.check import broken, kept
from distlab.cli.living import judged_lines
from distlab.cli.screen import Screen, View
from distlab.cli.stepping import StepView
from distlab.cli.views.failure import TALLEST, Evidence, FailureScreen
from distlab.cli.views.labpage import LabPage
from distlab.cli.views.overview import NextStep, Overview
from distlab.cli.views.progresspage import progress_page
from distlab.grade.lab import Promise
from distlab.grade.live import Judged
from distlab.grade.result import PromiseResult, State
from distlab.trace.files import Head
from tests.cli import samples as s
from tests.trace.test_text import storm

TRACE, NODES, SHOWN = s.stale_read()
EVIDENCE = Evidence(TRACE, Head(nodes=NODES, evidence=SHOWN), {s.FILE: s.SOURCE}, 1, 3)


def text(view: View, width: int = 80) -> str:
    return "\n".join(line.plain.rstrip() for line in view.render(width))


def failure(
    promise: PromiseResult, evidence: Evidence = EVIDENCE, also: Sequence[str] = ()
) -> FailureScreen:
    return FailureScreen(s.REPORT, s.LAB3, s.LAB3.parts[0], promise, evidence, also)


VIEWS: list[View] = [Overview(s.REPORT), LabPage(s.LAB3), *map(failure, s.EVERY_STATE)]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_the_screen(view: View, width: int) -> None:
    lines = view.render(width)
    assert max(len(line.plain.rstrip()) for line in lines) <= width


@pytest.mark.parametrize("view", VIEWS)
def test_the_same_values_give_the_same_text(view: View) -> None:
    assert text(view) == text(view)


def test_the_overview_has_a_line_for_each_lab_and_says_what_is_next() -> None:
    assert (
        text(Overview(s.REPORT))
        == """\
distlab  4 labs, seed 1

  lab0 rpc           ██████████      6/6   done
  lab1 mapreduce     ░░░░░░░░░░     0/10   1 promise broken
  lab3 register      █░░░░░░░░░     6/35   3 promises broken, 1 unknown, part C
                                           not started
  lab4 transactions  ░░░░░░░░░░      0/7   not started
                                           (labs/lab3_register/register.py)

  12/58 points in 14 s.  Next: make grade LAB=1"""
    )


def test_what_was_only_graded_part_by_part_is_to_be_graded_together() -> None:
    apart = text(Overview(s.apart("oracle")))
    assert "lab5 apart  ██████████    12/12   each part done by itself" in apart
    assert "Next: make grade LAB=5 PRIOR=own" in apart
    assert "have not been graded together yet" in apart
    shown = text(NextStep(s.apart("oracle"), s.apart("oracle").labs[1]))
    assert shown.startswith(
        "  next     make grade LAB=5 PRIOR=own\n  Your parts have not been graded"
    )
    assert "each part done by itself" in progress_page(s.apart("oracle"))


def test_what_was_graded_together_is_done() -> None:
    together = s.apart("own")
    assert "All promises kept" in text(Overview(together))
    assert "PRIOR" not in text(Overview(together))
    assert "12/12   done" in text(Overview(together))
    assert text(NextStep(together, together.labs[1])) == "  done"


def test_our_own_solutions_and_labs_of_one_part_need_not_be_graded_together() -> None:
    ours = msgspec.structs.replace(s.apart("oracle"), solution="reference")
    assert "PRIOR" not in text(Overview(ours))
    one = msgspec.structs.replace(s.apart("oracle"), labs=s.apart("oracle").labs[:1])
    assert "PRIOR" not in text(Overview(one))


def test_the_lab_page_has_a_word_for_every_state() -> None:
    page = text(LabPage(s.LAB3))
    for word in ("ok       6/6", "FAIL     0/8", "unknown  0/4", "STUCK", "VARIES", "to do"):
        assert word in page
    assert "never seen: a majority was cut off" in page
    assert "seen in 600 runs: concurrent operations 63 %, drop 41 %" in page
    assert "warning labs/lab3_register/register.py:3: time" in page
    assert "Begin in labs/lab3_register/register.py:20" in page


def test_a_broken_promise_is_told_in_the_order_of_ones_questions() -> None:
    shown = text(failure(s.FAILED))
    order = [
        "BROKEN RG-S2",
        "labs/lab3_register/register.py",
        "Promise:  once a Put has returned",
        "Broken:   Get(key='x') answered 0",
        "2 operations and 1 fault",
        "dropped (fault 1)",
        ">  7",
        "41 |         if self.waiting:",
        "42 |             self.finish(self.waiting, Ok(answer.value))",
        "^^^^",
        "Expected: 1",
        "Got:      0",
        "run 37 (seed 1), cut down from 9 operations and 7 faults",
        "make replay ID=3f2a",
        "make show ID=3f2a",
        "make hint LAB=3",
        "1 of 3 shown",
        "docs/labs/lab3.md#quorums",
    ]
    places = [shown.index(piece) for piece in order]
    assert places == sorted(places)


def test_what_never_happened_is_told_by_what_each_node_did_last_and_filed_under_its_part() -> None:
    assert s.FAILED.broken is not None
    lines = ("n1, at 7 ms: sends Vote to n2", "n2, at 3 ms: crashes")
    never = msgspec.structs.replace(s.FAILED.broken, decisive=(), standing=lines)
    shown = text(failure(msgspec.structs.replace(s.FAILED, broken=never)))
    assert (
        "What each node did last that it had not done before:\n  n1, at 7 ms: sends Vote" in shown
    )
    assert "Your code" not in shown


def test_an_exam_is_filed_under_the_module_that_it_is_about() -> None:
    assert s.FAILED.broken is not None
    exam = msgspec.structs.replace(
        s.FAILED.broken, found="exam: x", decisive=(), module="labs/lab3_register/quorum.py"
    )
    shown = text(failure(msgspec.structs.replace(s.FAILED, broken=exam), Evidence()))
    assert shown.splitlines()[0].endswith("labs/lab3_register/quorum.py")


def test_hints_that_are_a_parts_own_are_asked_for_with_the_part() -> None:
    shown = text(failure(s.FAILED, Evidence(hints=3, hints_are_the_parts=True)))
    assert "make hint LAB=3 PART=a PROMISE=RG-S2" in shown


def test_the_carets_stand_below_the_code() -> None:
    lines = text(failure(s.FAILED)).splitlines()
    code = next(i for i, line in enumerate(lines) if "42 |" in line)
    start = lines[code].index("self.finish")
    assert lines[code + 1] == " " * 5 + "|" + " " * (start - 6) + "^" * len(
        "self.finish(self.waiting, Ok(answer.value))"
    )


@pytest.mark.parametrize("promise", s.EVERY_STATE)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_outcome_fits_a_screen_even_after_a_storm(promise: PromiseResult, width: int) -> None:
    for seed in range(5):
        trace = storm(seed, 7)
        evidence = Evidence(trace, Head(evidence=(trace.events[-1].id,)), {s.FILE: s.SOURCE}, 0, 3)
        lines = failure(promise, evidence, ["MR-S5", "MR-S7"]).render(width)
        assert len(lines) <= TALLEST


def test_a_crash_names_the_students_frames_and_what_was_handled() -> None:
    shown = text(failure(s.CRASHED, also=["MR-S5"]))
    assert "CRASHED KeyError in on_done" in shown
    assert "Crashed:  KeyError: 'w1'" in shown
    assert "On:       master, handling Done(task=3, attempt=1)" in shown
    assert "labs/lab1_mapreduce/master.py:88, in on_done" in shown
    assert "31 | del self.held_by[worker]" in shown
    assert "keeps MR-S4, MR-S5 from being judged" in shown


def test_a_crash_is_filed_under_no_promise_unless_an_exam_of_it_crashed() -> None:
    hinted = Evidence(hints=3)
    shown = text(failure(s.CRASHED, hinted))
    assert "Promise:" not in shown
    assert "make hint" not in shown
    assert s.CRASHED.broken is not None
    examined = msgspec.structs.replace(s.CRASHED.broken, found="exam: vectors", counterexample="")
    shown = text(failure(msgspec.structs.replace(s.CRASHED, broken=examined), hinted))
    assert "CRASHED MR-S4" in shown
    assert "make hint LAB=3 PROMISE=MR-S4" in shown


def test_a_hang_a_varying_run_and_an_unknown_look_different() -> None:
    assert "STUCK in on_tick" in text(failure(s.HANGS))
    assert "60 | while not self.quorum():" in text(failure(s.HANGS))
    assert "NOT DETERMINISTIC ─" in text(failure(s.DIFFERS))
    assert "the order of a set, hash()" in " ".join(text(failure(s.DIFFERS)).split())
    unknown = text(failure(s.UNKNOWN))
    assert "Not broken in 600 runs, and not put to the test either." in " ".join(unknown.split())
    assert "    - a majority was cut off from a client" in unknown


def test_what_is_not_started_has_no_red_and_says_what_to_write_first() -> None:
    lines = failure(s.NOT_STARTED).render(80)
    assert not any("red" in str(span.style) for line in lines for span in line.spans)
    assert not any("red" in str(line.style) for line in lines)
    shown = text(failure(s.NOT_STARTED))
    assert "Begin in: labs/lab3_register/register.py:20 (on_put)" in shown
    assert "Write:    3C: send Write to every server" in shown


def test_a_kept_promise_is_never_called_proved() -> None:
    shown = text(failure(s.PASSED))
    assert "no counterexample in 600 runs" in shown
    assert not re.search("correct|prove", shown)


def test_without_colours_no_escape_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    Screen(stream, width=80, ascii_only=False).show(*VIEWS)
    assert "\x1b" not in stream.getvalue()


def test_on_a_terminal_that_knows_only_ascii_everything_is_ascii() -> None:
    stream = io.StringIO()
    Screen(stream, width=80, ascii_only=True).show(*VIEWS)
    assert stream.getvalue().isascii()
    assert "-- BROKEN RG-S2 ---" in stream.getvalue()
    assert "######" in stream.getvalue()


def test_markup_in_a_students_text_is_shown_as_it_is() -> None:
    stream = io.StringIO()
    Screen(stream, width=80, ascii_only=False).lines([Text("[bold]x[/bold] :smile: [0]")])
    assert stream.getvalue() == "[bold]x[/bold] :smile: [0]\n"


def test_a_step_shows_what_a_handler_changed() -> None:
    head = Head(
        evidence=SHOWN, about={"states": {"8": [{"kept": [], "term": 1}, {"kept": [7], "term": 1}]}}
    )
    shown = text(StepView(TRACE, head, 7))
    assert "event 8 of 20" in shown
    assert ">       1  n1         receives Write from c1: key=x value=1" in shown
    assert "  - kept = []\n  + kept = [7]\n    term = 1" in shown
    assert "<- decisive" in text(StepView(TRACE, head, 19))


def test_the_progress_page_is_one_plain_file() -> None:
    page = progress_page(s.REPORT)
    assert "<script" not in page
    assert "http" not in page
    for promise in s.EVERY_STATE:
        assert promise.title.replace("'", "&#x27;") in page
    assert "make replay ID=3f2a" in page
    assert "href" not in page
    assert page.replace("ID=3f2a", "").count("3f2a") == 0
    assert "pictures/3f2a.html" in progress_page(s.REPORT, {"3f2a"})
    assert State.FAILED.value not in page.split("<style>")[0]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_what_a_live_run_was_held_to_keeps_to_the_width(width: int) -> None:
    promise = Promise(code="PR-S1", title="a record is there once, " * 8, points=1)
    for verdict in (kept(), broken("it is there twice, " * 9, expected="once", got="twice " * 40)):
        lines = [line.plain for line in judged_lines(Judged(promise, verdict), width)]
        assert max(map(len, lines)) <= width
        assert lines[0][10:18] == "PR-S1   "
        assert lines[1].startswith(" " * 18)
