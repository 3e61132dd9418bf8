"""What is remembered from one command to the next: the last results of every part, traces, hints, the progress page."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from distlab.cli.keeping import own_folder, write
from distlab.cli.pictures import draw
from distlab.cli.views.failure import Evidence
from distlab.cli.views.progresspage import progress_page
from distlab.core.errors import DistlabError
from distlab.grade import exports, hints
from distlab.grade.counterexample import load, trace_file
from distlab.grade.result import Frame, LabResult, PartResult, PromiseResult, Report
from distlab.grade.solution import root
from distlab.trace.files import Head, read
from distlab.trace.page import Run

LAST = "last.json"
SHOWN = "shown.txt"


def last_report() -> Report | None:
    """The newest result of every part that has been graded; None before the first."""
    try:
        return exports.from_json((root() / ".distlab" / LAST).read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


def note_shown(counterexample: str) -> None:
    """This counterexample is the one on the screen: commands without an id mean it."""
    write(own_folder() / SHOWN, counterexample)


def shown_last() -> str:
    """The counterexample that was on the screen last; empty if none was."""
    try:
        return (root() / ".distlab" / SHOWN).read_text().strip()
    except OSError:
        return ""


def remember(report: Report) -> Report:
    """Add a report of the student's own work to what is known, and write the progress page; returns all that is."""
    merged = _merged(last_report(), report)
    folder = own_folder()
    write(folder / LAST, exports.to_json(merged))
    for lab in report.labs:
        for part in lab.parts:
            _draw(part)
    pictures = {page.stem for page in (folder / "pictures").glob("*.html")}
    write(folder / "progress.html", progress_page(merged, pictures))
    return merged


def _draw(part: PartResult) -> None:
    """The pictures that the progress page links to. What cannot be read has none."""
    for promise in part.promises:
        name = promise.broken.counterexample if promise.broken is not None else ""
        if name:
            with contextlib.suppress(OSError, DistlabError):
                trace, head = read(trace_file(name).read_bytes())
                draw([Run(trace, head)], load(name), name)


def _merged(old: Report | None, new: Report) -> Report:
    if old is None or old.format != new.format:
        return new
    labs = {lab.name: lab for lab in old.labs}
    for lab in new.labs:
        parts = {part.code: part for part in labs[lab.name].parts} if lab.name in labs else {}
        for part in lab.parts:
            parts[part.code] = _with_promises(parts.get(part.code), part)
        ordered = tuple(parts[code] for code in sorted(parts))
        labs[lab.name] = LabResult(lab.number, lab.name, lab.title, ordered)
    by_number = sorted(labs.values(), key=lambda lab: lab.number)
    return msgspec.structs.replace(new, labs=tuple(by_number))


def _with_promises(old: PartResult | None, new: PartResult) -> PartResult:
    """The part's results; where only some promises were graded, the others stay as they were."""
    if old is None or len(new.promises) >= len(old.promises):
        return new
    fresh = {promise.code: promise for promise in new.promises}
    return msgspec.structs.replace(new, promises=tuple(fresh.get(p.code, p) for p in old.promises))


def evidence_for(
    lab: LabResult, part: PartResult, promise: PromiseResult, run: Path | None = None
) -> Evidence:
    """What a failure screen wants to show beside the report. What cannot be read is left out.

    ``run`` is the file with the run, where it is another than the one that was saved when the promise broke.
    """
    broken = promise.broken
    trace, head = None, Head()
    frames: tuple[Frame, ...] = ()
    if broken is not None:
        frames = (*broken.decisive, *(broken.problem.frames if broken.problem else ()))
        if broken.counterexample:
            try:
                trace, head = read((run or trace_file(broken.counterexample)).read_bytes())
            except (OSError, DistlabError):
                trace = None
    known = hints.load(hints_file(lab.name))
    key = hints.key_of(known, promise.code, part.code)
    return Evidence(
        trace=trace,
        sources={frame.file: _source(frame.file) for frame in frames},
        hints=len(known.get(key, ())),
        hints_shown=hint_memory().shown(lab.name, key),
        hints_are_the_parts=key != promise.code,
        head=head,
    )


def hints_file(lab: str) -> Path:
    """Where the lab's hints stand."""
    return root() / "grading" / lab / "hints.toml"


def hint_memory() -> hints.Memory:
    return hints.Memory(root() / ".distlab" / "hints.json")


def _source(file: str) -> tuple[str, ...]:
    try:
        return tuple((root() / file).read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return ()
