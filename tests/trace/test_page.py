"""The page of a run: what is in the file, and what a reader sees and does in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from distlab.trace import Kind, Trace
from distlab.trace.causality import happened_before, vector_clocks
from distlab.trace.files import Head
from distlab.trace.page import Run, to_page
from distlab.trace.page.model import as_plain
from tests.cli.samples import message, stale_read, trace_of
from tests.trace.test_text import CRASHES, storm

DECISIVE = ".halo"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window of 1,400 pixels; whatever its scripts complain about fails the test."""
    opened = browser.new_page(viewport={"width": 1400, "height": 900})
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console", lambda line: complaints.append(line.text) if line.type == "error" else None
    )
    opened.on(
        "request", lambda asked: complaints.append(asked.url) if "file:" not in asked.url else None
    )
    yield opened
    opened.close()
    assert complaints == []


def show(page: Page, folder: Path, *runs: Run) -> None:
    file = folder / "run.html"
    file.write_text(to_page(runs, title="A stale read", about=[("Promise:", "reads are new")]))
    page.goto(file.as_uri())
    page.wait_for_selector("body[data-ready]")


def stale(**about: Any) -> Run:
    trace, nodes, evidence = stale_read()
    return Run(trace, Head(nodes=nodes, evidence=evidence, about=about))


def words(page: Page, selector: str) -> list[str]:
    return [" ".join(text.split()) for text in page.locator(selector).all_text_contents()]


# -- the file ---------------------------------------------------------------------------------------------------------


def test_it_fetches_nothing_and_escapes_what_programs_say() -> None:
    nasty = trace_of([(0, "<n>", Kind.TIMER, 0, "", message("</script><script>alert(1)</script>"))])
    text = to_page([Run(nasty)], title="<b>&", about=[("Promise:", "a < b")])
    assert text.count("<script") == text.count("</script>") == 2
    assert "alert(1)" not in text
    assert "src=" not in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    HTMLParser().feed(text)
    assert "a &lt; b" in text


def test_states_are_told_by_what_changes() -> None:
    states = {"8": [{"x": "0", "y": "1"}, {"x": "1", "y": "1"}], "17": [{"a": "0"}, {"a": "0"}]}
    told = as_plain(stale(states=states))["states"]
    assert told == {
        8: {"node": "n1", "before": {"x": "0", "y": "1"}, "set": {"x": "1"}},
        17: {"node": "n3", "before": {"a": "0"}, "set": {}},
    }


def test_runs_that_part_are_alike_up_to_where_they_do(tmp_path: Path, page: Page) -> None:
    trace, nodes, evidence = stale_read()
    other = [
        e if e.id not in (18, 19) else e._replace(what=message("Val", value=1))
        for e in trace.events
    ]
    runs = (
        Run(trace, Head(nodes=nodes, evidence=evidence), "yours"),
        Run(Trace(other), Head(nodes=nodes), "reference"),
    )
    show(page, tmp_path, *runs)
    assert words(page, ".run h2") == ["yours", "reference"]
    page.click("[data-do=differ]")
    chosen = page.locator(".row.chosen")
    assert chosen.count() == 2
    one, two = (chosen.nth(n).bounding_box() for n in (0, 1))
    assert one is not None
    assert two is not None
    assert one["y"] == two["y"]


# -- in a browser -----------------------------------------------------------------------------------------------------


def test_the_run_is_drawn_with_what_went_wrong(tmp_path: Path, page: Page) -> None:
    show(page, tmp_path, stale())
    assert words(page, ".heads span") == ["c1", "n1", "n2", "n3", "c2"]
    assert page.locator(DECISIVE).count() == 1
    said = " ".join(page.locator("svg text").all_text_contents())
    assert "dropped (fault 1)" in said
    page.click("[data-do=decisive]")
    assert "the decisive one" in page.inner_text("#panel")


@pytest.mark.parametrize("trace", [stale_read()[0], trace_of(CRASHES), storm(3, 5)])
def test_past_and_future_are_those_of_the_clocks(tmp_path: Path, page: Page, trace: Trace) -> None:
    show(page, tmp_path, Run(trace))
    page.click("[data-do=all]")
    clocks = vector_clocks(trace.events)
    answer = page.evaluate(
        "views[0].run.events.map(([id]) => [id, [...views[0].run.past(id)], [...views[0].run.future(id)]])"
    )
    on_nodes = {
        e.id for e in trace.events if e.kind not in (Kind.DROP, Kind.FAULT, Kind.HEAL) and e.node
    }
    for number, past, future in answer:
        if number in on_nodes:
            assert set(past) == {n for n in on_nodes if happened_before(clocks[n], clocks[number])}
            assert on_nodes & set(future) == {
                n for n in on_nodes if happened_before(clocks[number], clocks[n])
            }


def test_a_click_says_what_happened_and_why(tmp_path: Path, page: Page) -> None:
    lines = {"18": ["labs/lab3_register/register.py:42", "self.send(sender, Val(self.value))"]}
    states = {"17": [{"value": "0", "asked": "0"}, {"value": "0", "asked": "1"}]}
    show(page, tmp_path, stale(lines=lines, states=states))
    page.locator(".row", has_text="key=x").last.click()
    said = page.inner_text("#panel")
    assert "Read from c2 to n3" in said
    assert "register.py:42" in said
    assert words(page, "#panel del") == ["asked = 0"]
    assert words(page, "#panel ins") == ["asked = 1"]
    page.click("#panel h3:has-text('because') + p button")
    assert "Get" in page.inner_text("#panel h2")


def test_keys_lead_through_the_run(tmp_path: Path, page: Page) -> None:
    show(page, tmp_path, stale())

    def title() -> str:
        return page.inner_text("#panel h2")

    page.keyboard.press("d")
    last = title()
    page.keyboard.press("k")
    assert title() != last
    page.keyboard.press("j")
    assert title() == last
    page.keyboard.press("c")
    assert "Val" in title()
    page.keyboard.press("ArrowLeft")
    assert "Get" in title()
    page.keyboard.press("Escape")
    assert page.locator(".chosen").count() == 0


def test_gaps_open(tmp_path: Path, page: Page) -> None:
    trace = storm(3, 5)
    show(page, tmp_path, Run(trace, Head(evidence=(trace.events[-1].id,))))
    total = page.evaluate("views[0].run.marks.length")
    page.evaluate("views[0].run.open = new Set([0, 9]); views[0].draw()")
    assert words(page, ".gap") == ["⋮ 8 more events: show", f"⋮ {total - 10} more events: show"]
    page.locator(".gap").first.click()
    assert page.locator(".row").count() == 10


@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_the_window(tmp_path: Path, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    show(page, tmp_path, stale())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("d")
    box = page.locator("#panel").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_two_thousand_events_can_be_walked_through(tmp_path: Path, page: Page) -> None:
    rows = [
        (n * 100, f"n{n % 7}", Kind.TIMER, 0, "", message("Tick", number=n)) for n in range(2000)
    ]
    show(page, tmp_path, Run(trace_of(rows)))
    page.click("[data-do=all]")
    assert page.locator(".row").count() == 2000
    page.evaluate("for (let n = 0; n < 50; n++) present.step(1)")
    assert "number 49" in " ".join(page.inner_text("#panel").split())


def test_all_events_are_there_in_words(tmp_path: Path, page: Page) -> None:
    show(page, tmp_path, stale())
    page.click("summary")
    page.wait_for_selector("#list tr")
    assert "receives Val from n3" in page.inner_text("#list")
    assert page.locator("#list tr").count() == len(stale().trace.events)


def test_without_a_script_it_says_so(tmp_path: Path, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    file = tmp_path / "run.html"
    file.write_text(to_page([stale()], title="A stale read", about=[("Promise:", "reads are new")]))
    plain.goto(file.as_uri())
    assert "reads are new" in plain.inner_text("body")
    assert "please allow it" in plain.inner_text("body")
    context.close()
