"""What the site draws from recorded runs while it is built: a hook of MkDocs, so that no picture can grow stale.

``<!-- warmup: lab0_rpc -->`` on a page becomes the lab's warm-up: each run up to the moment of the question, the
question, and, folded, the answer with the rest of the run. ``<!-- museum: lab0_rpc -->`` becomes the list of the lab's
known bugs, each with a page of its own beside the list. Making hundreds of pages takes minutes: ``DISTLAB_EXHIBITS=2``
makes two for each lab.
"""

import os
import re
from html import escape
from pathlib import Path
from typing import Any

from distlab.grade import museum
from distlab.grade.hunt import load_witness
from distlab.grade.solution import load_lab
from distlab.grade.warmup import Question, answered, asked, questions, run_of
from distlab.trace.text import diagram

_PLACE = re.compile(r"^<!-- (warmup|museum): (\w+) -->$", re.MULTILINE)
_ROOMS: list[str] = []
"""Labs whose bugs are listed on a page."""


def on_pre_build(**_: Any) -> None:
    """MkDocs calls this before each build; when it serves, there are many."""
    _ROOMS.clear()


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this with each page before it is rendered."""
    makers = {"warmup": _warmup, "museum": _room}
    return _PLACE.sub(lambda found: makers[found[1]](found[2]), markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """MkDocs calls this with each page as it is written."""
    return _with_own_worker(output, "../" * page.url.count("/"))


def on_post_template(output_content: str, **_: Any) -> str:
    """MkDocs calls this with each page that is none of ours, such as that for errors."""
    return _with_own_worker(output_content, "/")


def _with_own_worker(page: str, top: str) -> str:
    """What lets a site on disk be searched is ours, not fetched."""
    return page.replace("https://unpkg.com/iframe-worker/shim", f"{top}js/frame-worker.js")


def on_post_build(config: Any, **_: Any) -> None:
    """MkDocs calls this when all pages are written."""
    if _ROOMS and _most() != 0:
        museum.build(Path(config["site_dir"], "museum"), _ROOMS, _most())


def _most() -> int | None:
    """How many exhibits each lab has; None: all."""
    asked = os.environ.get("DISTLAB_EXHIBITS", "")
    return int(asked) if asked else None


def _room(lab_name: str) -> str:
    """The bugs of a lab, by part."""
    _ROOMS.append(lab_name)
    lab, lines = load_lab(lab_name), []
    bugs = museum.known_bugs(lab_name)
    shown = {bug.name for bug in bugs[: _most()]}
    for part in lab.parts:
        lines += [
            f"## {lab.number}{part.code} {part.title}",
            "",
            "| Bug | What it does | Breaks |",
            "|---|---|---|",
        ]
        for bug in (bug for bug in bugs if bug.part == part.code):
            name = escape(bug.name)
            if bug.name in shown:
                name = f'<a href="{museum.address(lab, bug)}">{name}</a>'
            sign = "" if load_witness(lab, bug) is None else " ▸ picture"
            lines.append(
                f"| {name}{sign} | {_cell(bug.story)}<br>*{_cell(bug.source)}* | {bug.breaks}, {bug.kind} |"
            )
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return escape(text, quote=False).replace("|", "&#124;").replace("\n", " ")


def _warmup(lab_name: str) -> str:
    found = questions(lab_name)
    if not found:
        raise ValueError(f"{lab_name} has no warm-up")
    return "\n\n".join(
        _question(lab_name, number, one) for number, one in enumerate(found, start=1)
    )


def _question(lab_name: str, number: int, question: Question) -> str:
    trace, head = run_of(lab_name, question)
    choices = "\n".join(f"{n}. {choice}" for n, choice in enumerate(question.choices, start=1))
    answer = f"**{question.answer}.** {question.why}\n\n{_picture(answered(trace, question), head.nodes)}"
    folded = "\n".join(f"    {line}" if line else "" for line in answer.splitlines())
    return (
        f"**Question {number}**\n\n{_picture(asked(trace, question), head.nodes)}\n\n"
        f'{question.ask}\n\n{choices}\n\n??? question "Answer"\n\n{folded}'
    )


def _picture(trace: Any, nodes: tuple[str, ...]) -> str:
    lines = diagram(trace, nodes=nodes, rows=24, width=88)
    text = "\n".join(line.text.rstrip() for line in lines)
    return f"```text\n{text}\n```"
