"""What the site draws from recorded runs while it is built: a hook of MkDocs, so that no picture can grow stale.

``<!-- warmup: lab0_rpc -->`` on a page becomes the lab's warm-up: each run up to the moment of the question, the
question, and, folded, the answer with the rest of the run.
"""

import re
from typing import Any

from distlab.grade.warmup import Question, answered, asked, questions, run_of
from distlab.trace.text import diagram

_PLACE = re.compile(r"^<!-- warmup: (\w+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this with each page before it is rendered."""
    return _PLACE.sub(lambda found: _warmup(found[1]), markdown)


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
