"""One promise that is not kept, explained on one screen: at most :data:`TALLEST` lines, however it failed.

The order is that of the questions one has: what was promised, what happened, the smallest run that shows it, where in
my own code, what was expected; then what to do next. The diagram takes what room the rest leaves. Only the student's
own frames are shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from rich.text import Text

from distlab.cli.screen import joined, plural, rule, styled, wrapped
from distlab.cli.views.labpage import first_step
from distlab.grade.result import Break, Frame, LabResult, PartResult, PromiseResult, Report, State
from distlab.trace import Trace
from distlab.trace.files import Head
from distlab.trace.text import diagram
from distlab.trace.words import cut

TALLEST = 40
"""Lines of a screen that a failure may fill."""
LEAST_ROWS = 6


class Evidence(Struct, frozen=True):
    """What a failure screen needs beside the report: read from files by whoever makes the screen."""

    trace: Trace | None = None
    """The smallest run, as it was saved."""
    head: Head = Head()
    sources: dict[str, tuple[str, ...]] = {}
    """The student's files that frames name -> their lines."""
    hints_shown: int = 0
    hints: int = 0
    hints_are_the_parts: bool = False
    """Whether the promise has other hints in other parts."""


class FailureScreen:
    """A promise, and why it is not kept."""

    def __init__(
        self,
        report: Report,
        lab: LabResult,
        part: PartResult,
        promise: PromiseResult,
        evidence: Evidence | None = None,
        also: Sequence[str] = (),
    ) -> None:
        self.report, self.lab, self.part, self.promise = report, lab, part, promise
        self.evidence = evidence or Evidence()
        self.also = tuple(also)
        """Codes of other promises that failed for the same reason."""

    def render(self, width: int) -> list[Text]:
        match self.promise.state:
            case State.PASSED:
                return self._passed(width)
            case State.NOT_STARTED:
                return self._not_started(width)
            case State.UNKNOWN:
                return self._unknown(width)
            case _:
                return self._failed(width)

    # -- failures -------------------------------------------------------------------------------------------------

    def _failed(self, width: int) -> list[Text]:
        broken = self.promise.broken or Break("", "")
        above = [*self._header(width), Text(), *self._what_happened(broken, width)]
        below = [
            *self._code(broken, width),
            *self._expected(broken, width),
            *self._found(broken, width),
        ]
        below += [Text(), *self._next_steps(broken, width)]
        picture = self._picture(broken, width, TALLEST - len(above) - len(below))
        return _without_doubled_blanks([*above, *picture, *below])

    def _header(self, width: int) -> list[Text]:
        names = {State.FAILED: "BROKEN", State.NOT_DETERMINISTIC: "NOT DETERMINISTIC"}
        name = names.get(self.promise.state, self.promise.state.value.upper())
        subject = _trouble(self.promise) if is_nobodys(self.promise) else self.promise.code
        return rule(f"{name} {subject}".rstrip(), self._file(), width, "bad")

    def _file(self) -> str:
        broken = self.promise.broken
        frames = (
            (broken.decisive or (broken.problem.frames if broken.problem else ())) if broken else ()
        )
        if frames:
            return frames[-1].file
        if broken is not None and broken.module:
            return broken.module
        only = self.part.modules[0] if len(self.part.modules) == 1 else ""
        return only or f"{self.lab.number}{self.part.code} {self.part.title}"

    def _what_happened(self, broken: Break, width: int) -> list[Text]:
        title = [
            styled(line, "head")
            for line in wrapped(self.promise.title, width, " " * 10, "Promise:  ")
            if not is_nobodys(self.promise)
        ]
        problem = broken.problem
        if problem is None:
            return [*title, *map(styled, wrapped(broken.reason, width, " " * 10, "Broken:   "))]
        word = {
            State.CRASHED: "Crashed:  ",
            State.STUCK: "Stuck:    ",
            State.NOT_DETERMINISTIC: "Varies:   ",
        }.get(problem.state, "Problem:  ")
        lines = [
            *title,
            *(styled(x, "bad") for x in wrapped(problem.text, width, " " * 10, word)[:4]),
        ]
        if problem.node:
            doing = (
                f"{problem.node}, handling {problem.handling}" if problem.handling else problem.node
            )
            lines += map(styled, wrapped(doing, width, " " * 10, "On:       ")[:2])
        if problem.state is State.NOT_DETERMINISTIC:
            advice = (
                "A run must be a function of its events. Look for the order of a set, hash(), time or random, and "
                "state kept outside of the node; warnings above, if there are any, name lines."
            )
            lines += map(styled, wrapped(advice, width, " " * 10))
        if self.also or not title:
            kept_back = self.also if title else (self.promise.code, *self.also)
            codes = ", ".join(code for code in kept_back if code)
            text = f"this keeps {codes or 'every promise'} from being judged"
            lines += [styled(x, "dim") for x in wrapped(text, width, " " * 10)[:2]]
        return lines

    def _picture(self, broken: Break, width: int, room: int) -> list[Text]:
        trace = self.evidence.trace
        if trace is None or not len(trace):
            return [Text()]
        verb = "shows it" if broken.problem is not None else "breaks it"
        size = f" has {broken.size}" if broken.size else ""
        lines = [
            Text(),
            *map(styled, wrapped(f"The smallest run that {verb}{size}:", width)),
            Text(),
        ]
        room -= len(lines) + 1
        if room < LEAST_ROWS:
            return [Text()]
        return [*lines, *drawn(trace, self.evidence.head, width, room), Text()]

    def _code(self, broken: Break, width: int) -> list[Text]:
        problem = broken.problem
        frames = problem.frames[-3:] if problem is not None else broken.decisive[-1:]
        if broken.standing:
            title = "What each node did last that it had not done before:"
            return [styled(title), *(styled(cut(f"  {x}", width)) for x in broken.standing)]
        if not frames:
            return []
        title = (
            "Your code, where it happened:"
            if problem is not None
            else "Your code at the decisive step:"
        )
        callers = [f"  {f.file}:{f.line}, in {f.function}: {f.code}" for f in frames[:-1]]
        lines = [styled(title), *(styled(caller[:width], "dim") for caller in callers)]
        return [*lines, *quoted(frames[-1], self.evidence.sources, width)]

    def _expected(self, broken: Break, width: int) -> list[Text]:
        told = (
            ("Expected: ", broken.expected, "good"),
            ("Got:      ", broken.got, "bad"),
            ("Like a known bug: ", self.promise.like, "head"),
        )
        lines = [
            styled(line, style)
            for name, said, style in told
            if said
            for line in wrapped(said, width, " " * 10, name)[:3]
        ]
        return [Text(), *lines] if lines else []

    def _found(self, broken: Break, width: int) -> list[Text]:
        if not broken.found:
            return []
        text = f"Found: {broken.found} (seed {self.report.seed})"
        if broken.was and broken.was != broken.size:
            text += f", cut down from {broken.was}"
        return [Text(), *(styled(x, "dim") for x in wrapped(text + ".", width))]

    def _next_steps(self, broken: Break, width: int) -> list[Text]:
        steps: list[tuple[str, str, str]] = []
        if broken.counterexample:
            steps.append(
                ("replay", f"make replay ID={broken.counterexample}", "one by one: add STEP=1")
            )
            steps.append(("picture", f"make show ID={broken.counterexample}", ""))
        else:
            which = f"PROMISE={self.promise.code}"
            if is_nobodys(self.promise):
                which = f"PART={self.part.code.lower()}"
            again = f"make grade LAB={self.lab.number} {which}"
            exam = broken.found.startswith("exam")
            steps.append(
                ("again", again, "an exam of pure functions: no run to replay" if exam else "")
            )
        steps += self._help()
        return _steps(steps, width)

    def _help(self) -> list[tuple[str, str, str]]:
        steps = []
        if self.evidence.hints and not is_nobodys(self.promise):
            left = f"{self.evidence.hints_shown} of {self.evidence.hints} shown"
            part = f" PART={self.part.code.lower()}" if self.evidence.hints_are_the_parts else ""
            command = f"make hint LAB={self.lab.number}{part} PROMISE={self.promise.code}"
            steps.append(("hint", command, left))
        if self.promise.page:
            steps.append(("read", f"docs/{self.promise.page}", ""))
        return steps

    # -- the others -----------------------------------------------------------------------------------------------

    def _passed(self, width: int) -> list[Text]:
        promise = self.promise
        lines = rule(f"KEPT {promise.code}", self._file(), width, "good")
        lines += [
            Text(),
            *(styled(x, "head") for x in wrapped(promise.title, width, " " * 10, "Promise:  ")),
        ]
        return [
            *lines,
            styled(
                f"          no counterexample in {plural(promise.runs, 'run')} with these faults"
            ),
        ]

    def _unknown(self, width: int) -> list[Text]:
        promise = self.promise
        lines = rule(f"UNKNOWN {promise.code}", self._file(), width, "odd")
        lines += [
            Text(),
            *(styled(x, "head") for x in wrapped(promise.title, width, " " * 10, "Promise:  ")),
        ]
        said = f"Not broken in {plural(promise.runs, 'run')}, and not put to the test either."
        if promise.unseen:
            said += " These situations were never reached, and the promise is about them:"
        lines += [Text(), *map(styled, wrapped(said, width))]
        if promise.unseen:
            lines += [
                styled(x, "odd")
                for s in promise.unseen
                for x in wrapped(s, width, "      ", "    - ")
            ]
            text = (
                "A program that stops early, or does nothing, never gets into danger. Does yours go on after the "
                "faults end? Other promises of this part, if broken, come first."
            )
            lines += [Text(), *map(styled, wrapped(text, width))]
        else:
            lines += map(
                styled,
                wrapped("No run came far enough: keep the part's other promises first.", width),
            )
        return [*lines, Text(), *_steps(self._help(), width)]

    def _not_started(self, width: int) -> list[Text]:
        promise = self.promise
        where, what = first_step(promise)
        lines = rule(f"TO DO {promise.code}", self._file(), width, "head")
        lines += [
            Text(),
            *(styled(x, "head") for x in wrapped(promise.title, width, " " * 10, "Promise:  ")),
        ]
        lines += [
            Text(),
            *map(
                styled,
                wrapped(where or ", ".join(self.part.modules), width, " " * 10, "Begin in: "),
            ),
        ]
        if what:
            lines += map(styled, wrapped(what, width, " " * 10, "Write:    "))
        watch = ("watch", f"make watch LAB={self.lab.number}", "grades on every save")
        return [*lines, Text(), *_steps([watch, *self._help()], width)]


def is_nobodys(promise: PromiseResult) -> bool:
    """Whether what is shown is no promise's own failure: a run that ends so says nothing about any of them."""
    broken = promise.broken
    if broken is None or broken.problem is None or promise.state is State.NOT_STARTED:
        return False
    return not broken.found.startswith("exam")


def _trouble(promise: PromiseResult) -> str:
    """``KeyError in on_done``: the exception, and the student's function that the world had called."""
    assert promise.broken is not None
    assert promise.broken.problem is not None
    problem = promise.broken.problem
    what = problem.text.partition(":")[0] if problem.state is State.CRASHED else ""
    where = problem.frames[0].function if problem.frames else ""
    return f"{what} in {where}".lstrip() if where else what


def _without_doubled_blanks(lines: list[Text]) -> list[Text]:
    return [
        line
        for line, before in zip(lines, [Text(), *lines], strict=False)
        if line.plain or before.plain
    ]


def drawn(trace: Trace, head: Head, width: int, room: int) -> list[Text]:
    """The run as a diagram of at most ``room`` lines."""
    rows = room
    while True:
        lines = diagram(trace, nodes=head.nodes, evidence=head.evidence, rows=rows, width=width)
        if len(lines) <= room or rows <= 2:
            return [styled(line.text, line.style) for line in lines]
        rows -= max(1, (len(lines) - room) // 2)


def quoted(frame: Frame, sources: dict[str, tuple[str, ...]], width: int) -> list[Text]:
    """The student's line with the one before it, and carets below."""
    source = sources.get(frame.file, ())
    numbers = len(str(frame.line))
    lines = [
        styled(
            f"  {frame.file}:{frame.line}" + (f", in {frame.function}" if frame.function else ""),
            "dim",
        )
    ]
    text = frame.code
    if frame.line <= len(source) and source[frame.line - 1].strip() == frame.code:
        text = source[frame.line - 1].rstrip()
        if frame.line > 1 and source[frame.line - 2].strip():
            lines.append(
                _code_line(
                    f"{frame.line - 1:>{numbers}}", source[frame.line - 2].rstrip(), width, "dim"
                )
            )
    lines.append(_code_line(str(frame.line), text, width, ""))
    indent = len(text) - len(text.lstrip())
    room = width - numbers - 5
    carets = "^" * max(1, min(len(text.strip()), room - indent))
    lines.append(joined(f"  {'':{numbers}} | ", (" " * indent + carets, "bad")))
    return lines


def _code_line(number: str, text: str, width: int, style: str) -> Text:
    return joined((f"  {number} | ", "dim"), (text[: width - len(number) - 5], style))


def _steps(steps: Sequence[tuple[str, str, str]], width: int) -> list[Text]:
    lines = []
    across = max((len(command) for _, command, _ in steps), default=0)
    for word, command, note in steps:
        line = joined(f"  {word:<9}", (command, "link"))
        if note and len(word) + across + len(note) + 16 <= width:
            line = joined(f"  {word:<9}", (f"{command:<{across}}", "link"), (f"   {note}", "dim"))
        lines.append(line)
    return lines
