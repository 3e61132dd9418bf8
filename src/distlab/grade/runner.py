"""Grading from outside: one child process per part, killed when it must be, put together into one report.

Theory of operation. Nothing of the student's is imported here. Each part goes to a child with PYTHONHASHSEED=0; a
second child with another hash seed repeats the first scenarios, and where their digests differ the program depends on
the order of a set or on ``hash()``. Children run two at a time (or ``JOBS``), and the report does not depend on how
many.

A child that has not said anything for long while using the processor is stuck where no signal reaches it, or waits for
something that never comes: it is killed, and its part reported as stuck.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec
from msgspec import Struct

from distlab import __version__
from distlab.core.errors import HarnessBug
from distlab.grade.lab import Lab, Part
from distlab.grade.lint import lint
from distlab.grade.own import OwnResult
from distlab.grade.request import (
    Answer,
    Ask,
    Digests,
    Graded,
    GradePart,
    OurFault,
    OwnScored,
    Progressed,
    Refused,
    ScoreOwn,
    TakeDigests,
)
from distlab.grade.result import (
    Break,
    LabResult,
    PartResult,
    Problem,
    PromiseResult,
    Report,
    State,
)
from distlab.grade.solution import NoSuchThing, find_lab_name, lab_names, load_lab, root

SILENCE_LIMIT = 120.0
"""Seconds without a word after which a child is taken for hung. Runs report every few milliseconds."""

SILENCE_LIMIT_SEALED = 1200.0
"""The same for a child that keeps the program in a process of its own: the program's silence is found there, and what
hangs here is ours, or only slow, on a machine that is very busy.
"""

_OTHER_HASH_SEED = "4242"


class Request(Struct, frozen=True, kw_only=True):
    """What to grade."""

    labs: tuple[str, ...] = ()
    """Names, or none for all labs."""
    part: str = ""
    promise: str = ""
    seed: int = 1
    solution: str = "own"
    prior: str = "oracle"
    runs: int | None = None
    """Random scenarios for each part; None for the normal budget."""
    isolation: str = "plain"
    """``plain``: each part in a child process; ``sealed``: and the solution in another one, inside it."""
    jobs: int = 0
    """Children at a time; 0 for one per processor."""


class Step(Struct, frozen=True):
    """Progress: a part has done so many runs."""

    lab: str
    part: str
    done: int
    of: int
    finished: PartResult | None = None


def grade(request: Request, on_progress: Callable[[Step], None] = lambda step: None) -> Report:
    """Grade what is asked for. Raises ``NoSuchThing`` and ``HarnessBug``."""
    began = time.monotonic()
    labs = [load_lab(name) for name in (request.labs or lab_names())]
    chosen = [(lab, part) for lab in labs for part in _parts(lab, request)]
    jobs = request.jobs or os.cpu_count() or 1
    with open_children() as children, ThreadPoolExecutor(jobs) as pool:
        futures = [
            pool.submit(_grade_part, children, lab, part, request, on_progress)
            for lab, part in chosen
        ]
        try:
            results = [future.result() for future in futures]
        except BaseException:
            children.kill_all()
            pool.shutdown(cancel_futures=True)
            raise
    by_lab = {
        lab.name: [r for (owner, _), r in zip(chosen, results, strict=True) if owner is lab]
        for lab in labs
    }
    return Report(
        tuple(LabResult(lab.number, lab.name, lab.title, tuple(by_lab[lab.name])) for lab in labs),
        release=__version__,
        seed=request.seed,
        solution=request.solution,
        prior=request.prior,
        isolation=request.isolation,
        seconds=time.monotonic() - began,
    )


def score_own(lab_name: str, progressed: Callable[[int, int], None]) -> OwnResult:
    """Score a student's own test, in a child. What ends the child scores nothing."""
    with open_children() as children:
        answer = children.ask(ScoreOwn(lab_name), "0", progressed)
    if not isinstance(answer, OwnScored):
        return OwnResult((), "own_test.py ended the process that ran it, or did not return")
    return answer.result


def _parts(lab: Lab, request: Request) -> Sequence[Part]:
    parts = parts_of(lab, request.part)
    if request.promise:
        parts = [
            p for p in parts if any(q.code.lower() == request.promise.lower() for q in p.promises)
        ]
        if not parts:
            raise NoSuchThing(
                "promise", request.promise, [q.code for p in lab.parts for q in p.promises]
            )
    return parts


def parts_of(lab: Lab, wanted: str) -> Sequence[Part]:
    """The part of that code, or its numbered pieces; all of them where none is named. Raises ``NoSuchThing``."""
    code = wanted.upper().removeprefix(str(lab.number))
    parts = [part for part in lab.parts if not wanted or is_of(part.code, code)]
    if not parts:
        raise NoSuchThing("part", wanted, [f"{lab.number}{part.code}" for part in lab.parts])
    return parts


def is_of(code: str, wanted: str) -> bool:
    """Whether the part is the one that is wanted, or a numbered piece of it: ``D`` means D1, D2, ..."""
    return wanted in (code, code.rstrip("0123456789"))


def _grade_part(
    children: Children, lab: Lab, part: Part, request: Request, on_progress: Callable[[Step], None]
) -> PartResult:
    began = time.monotonic()
    ask = GradePart(
        lab.name,
        part.code,
        request.solution,
        request.prior,
        request.seed,
        request.runs,
        request.promise or None,
        isolation=request.isolation,
    )

    def progressed(done: int, of: int) -> None:
        on_progress(Step(lab.name, part.code, done, of))

    patience = SILENCE_LIMIT_SEALED if request.isolation == "sealed" else SILENCE_LIMIT
    answer = children.ask(ask, "0", progressed, patience)
    match answer:
        case Graded(result):
            is_stuck = any(p.state is State.STUCK for p in result.promises)
            if part.stage is not None and not result.is_not_started and not is_stuck:
                result = _with_hash_seeds_compared(children, lab, part, request, result)
        case None if request.isolation == "sealed":  # whatever the program did, it did elsewhere
            raise HarnessBug(
                f"the process that grades part {lab.number}{part.code} died, or fell silent"
            )
        case None:
            result = _all(
                part,
                Problem(State.STUCK, "the grading process had to be killed: it no longer answered"),
            )
        case _:
            raise HarnessBug(f"unexpected answer {answer}")
    warnings = _warnings(result) if request.solution == "own" else ()
    result = msgspec.structs.replace(
        result, seconds=time.monotonic() - began, warnings=(*result.warnings, *warnings)
    )
    on_progress(Step(lab.name, part.code, 1, 1, result))
    return result


def _warnings(result: PartResult) -> tuple[str, ...]:
    """What the lint says of the part's modules. They are read, not imported."""
    return tuple(str(found) for module in result.modules for found in lint(root() / module))


def _with_hash_seeds_compared(
    children: Children, lab: Lab, part: Part, request: Request, result: PartResult
) -> PartResult:
    """The result, or "not deterministic" where another PYTHONHASHSEED changes what the program does."""
    ask = TakeDigests(
        lab.name,
        part.code,
        request.solution,
        request.prior,
        request.seed,
        isolation=request.isolation,
    )
    one, other = children.ask(ask, "0"), children.ask(ask, _OTHER_HASH_SEED)
    if not isinstance(one, Digests) or not isinstance(other, Digests):
        return result  # it cannot even run these; the result says why
    for (found, digest), (_, digest_of_other) in zip(one.digests, other.digests, strict=True):
        if digest != digest_of_other:
            text = (
                f"{found} depends on PYTHONHASHSEED: the program iterates over a set of strings into an effect, "
                "or uses hash()"
            )
            return _all(part, Problem(State.NOT_DETERMINISTIC, text), result)
    return result


def _all(part: Part, problem: Problem, was: PartResult | None = None) -> PartResult:
    """A result in which one problem decides every promise."""
    found = Break(problem.text, "", problem=problem)
    promises = tuple(
        PromiseResult(p.code, p.title, p.points, problem.state, broken=found, page=p.page)
        for p in part.promises
    )
    if was is not None:
        return msgspec.structs.replace(was, promises=promises)
    return PartResult(part.code, part.title, tuple(part.modules), promises)


# -- children ---------------------------------------------------------------------------------------------------------


class Children:
    """The grading processes under way; all of them end with this one."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._closed = False

    def ask(
        self,
        ask: Ask,
        hash_seed: str,
        progressed: Callable[[int, int], None] | None = None,
        patience: float = SILENCE_LIMIT,
    ) -> Answer | None:
        """The child's final answer; None where it had to be killed, or died. Raises what it reports as our fault."""
        reader, writer = os.pipe()
        try:
            child = self._start(writer, hash_seed)
        finally:
            os.close(writer)
        try:
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(msgspec.json.encode(ask))
                child.stdin.close()
            for answer in _answers(reader, patience):
                match answer:
                    case Progressed(done, of):
                        if progressed is not None:
                            progressed(done, of)
                    case Refused(text):
                        raise NoSuchThing("such thing", text, [])
                    case OurFault(text, trace):
                        raise HarnessBug(f"{text}\n{trace}")
                    case _:
                        return answer
            return None
        finally:
            os.close(reader)
            self._end(child)

    def kill_all(self) -> None:
        with self._lock:
            self._closed = True
            running = list(self._running)
        for child in running:
            self._end(child)

    def _start(self, writer: int, hash_seed: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "DISTLAB_ROOT": str(root())}
        with self._lock:
            if self._closed:
                raise KeyboardInterrupt
            child = subprocess.Popen(
                [sys.executable, "-m", "distlab.grade.child", str(writer)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[writer],
                env=environment,
                start_new_session=True,  # so that it and whatever it started can be killed as one group
            )
            self._running.add(child)
        return child

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        with self._lock:
            self._running.discard(child)


@contextlib.contextmanager
def open_children() -> Iterator[Children]:
    """Children that all end with the block, however it ends."""
    children = Children()
    try:
        yield children
    finally:
        children.kill_all()


def _answers(reader: int, patience: float) -> Iterator[Answer]:
    """The child's lines as they come; ends when it closes its end, or says nothing for too long."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        while selector.select(patience):
            piece = os.read(reader, 1 << 16)
            if not piece:
                return
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield msgspec.json.decode(line, type=Answer)


__all__ = ["Request", "Step", "find_lab_name", "grade"]
