"""Grading one part: exams, directed schedules, small scopes, the random sweep; then what is broken is made small.

Theory of operation. All promises of the part judge every run until they are broken. The cheap and certain looks come
first. A problem (an exception, a handler that hangs) is nobody's broken promise: it decides every promise that is still
open, since no run that ends so proves anything. What survives the whole budget is *passed* if every situation that it
names was seen, and *unknown* otherwise.

Budgets count runs, never seconds. Everything random comes from the seed, so that the result is the same everywhere.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec

from distlab.check import Verdict
from distlab.check.verdict import Finding as Answer
from distlab.core.errors import HarnessBug, ScenarioError
from distlab.faults import Crash, Twin
from distlab.grade.counterexample import Counterexample, save
from distlab.grade.decisive import decisive_line, shown_by, standing
from distlab.grade.exhaustive import Searched, search
from distlab.grade.guard import BUSY_LIMIT, RETRY_LIMIT, RUN_LIMIT, Stuck
from distlab.grade.lab import Exam, Lab, Part, Promise
from distlab.grade.likeness import nearest
from distlab.grade.minimise import minimise
from distlab.grade.perform import Performance, perform, problem_of
from distlab.grade.recording import record
from distlab.grade.result import Break, Frame, PartResult, Problem, PromiseResult, State
from distlab.grade.scenario import Scenario
from distlab.grade.solution import Solution, root
from distlab.sim import stream
from distlab.trace import EVERYTHING

Progress = Callable[[int, int], None]
"""Called with (runs done, runs to do)."""

GUARD_RUNS = 3
"""Runs that are performed twice, to see that the program is a function of its inputs."""


LIVES_COMPARED = (1, 4, 4)
"""Runs of a sealed program that are repeated with each life of a node by itself: without a crash; with one, directed;
with one, random."""

EXAM_LIMIT = 6 * RUN_LIMIT
"""Processor seconds for an exam of a sealed program: each call is a turn of two processes."""

LIVES_LIMIT = 60.0
"""Processor seconds for such a run: it starts a process for every life."""

_Sampled = tuple[str, Scenario, Performance]


class Grading:
    """One part of one solution under judgement."""

    def __init__(
        self,
        lab: Lab,
        part: Part,
        solution: Solution,
        *,
        seed: int = 1,
        prior: str = "oracle",
        runs: int | None = None,
        only: str | None = None,
        keep: bool = True,
        progress: Progress = lambda done, of: None,
    ) -> None:
        self.lab = lab
        self.part = part
        self.solution = solution
        self.seed = seed
        self.prior = prior
        self.runs = part.runs if runs is None else runs
        self.keep = keep
        """Minimise and save what fails. Without it a failure is only noted: that is enough for a kill matrix."""
        self._progress = progress
        self._promises = [
            p for p in part.promises if only is None or p.code.lower() == only.lower()
        ]
        self._broken: dict[str, Break] = {}
        self._judged: Counter[str] = Counter()
        self._unseen = {p.code: {s.name for s in p.needs} for p in self._promises}
        self._seen: Counter[str] = Counter()
        self._digest = 0
        self._performed = 0
        self._draws = stream(seed, "lives", lab.name, part.code)
        self._lives: list[list[_Sampled]] = [[] for _ in LIVES_COMPARED]
        """Runs to compare, of each kind."""
        self._met = [0 for _ in LIVES_COMPARED]

    # -- the whole of it --------------------------------------------------------------------------------------------

    def grade(self) -> PartResult:
        """Look in every way there is, cheapest first."""
        if (problem := self._import_problem()) is not None:
            self._decide_all(problem, "when it was imported", None)
        else:
            self._sit_exams()
            for found, scenario in self._directed():
                if self._open():
                    self._look(found, scenario)
            self._search_scopes()
            for found, scenario in self._sweep():
                if not self._open():
                    break
                self._look(found, scenario)
            if self.solution.is_sealed:
                self._compare_lives()
        return self._result()

    def scenarios(self) -> Iterator[tuple[str, Scenario]]:
        """Directed schedules, then the sweep; how each is called in reports."""
        yield from self._directed()
        yield from self._sweep()

    def _directed(self) -> Iterator[tuple[str, Scenario]]:
        if self.part.stage is not None:
            for directed in self.part.directed:
                yield f"directed: {directed.name}", directed.scenario

    def _sweep(self) -> Iterator[tuple[str, Scenario]]:
        if self.part.stage is not None and self.part.draw is not None:
            for number in range(1, self.runs + 1):
                yield f"run {number}", random_scenario(self.lab, self.part, self.seed, number)

    def _open(self) -> list[Promise]:
        """The promises that nothing has broken so far, and that runs can judge."""
        return [p for p in self._promises if p.code not in self._broken and p.judge is not None]

    # -- ways to look -----------------------------------------------------------------------------------------------

    def _import_problem(self) -> Problem | None:
        for module in self.part.modules:
            try:
                with self.solution.limited():
                    self.solution.module(module)
            except (Exception, SystemExit, Stuck) as error:
                problem = problem_of(error, self.solution)
                if problem is None:
                    raise
                return problem
        return None

    def _sit_exams(self) -> None:
        for promise in self._promises:
            for exam in promise.exams:
                if promise.code in self._broken:
                    break
                self._judged[promise.code] += 1
                found = f"exam: {exam.name}"
                try:
                    with self.solution.limited(
                        EXAM_LIMIT if self.solution.is_sealed else RUN_LIMIT
                    ):
                        verdict = exam.check(self.solution)
                except (HarnessBug, ScenarioError):
                    raise
                except (Exception, SystemExit, Stuck) as error:
                    problem = problem_of(error, self.solution) or self.solution.blame(error)
                    if problem is None:
                        raise
                    self._broken[promise.code] = Break(
                        problem.text, found, problem=problem, module=self._file_of(exam)
                    )
                else:
                    if verdict.finding is Answer.UNKNOWN:  # never counted as kept
                        self._unseen[promise.code].add(f"{exam.name} ({verdict.reason})")
                    elif verdict.is_broken:
                        self._broken[promise.code] = msgspec.structs.replace(
                            _as_break(verdict, found), module=self._file_of(exam)
                        )

    def _file_of(self, exam: Exam) -> str:
        return _relative_source(self.solution, exam.module) if exam.module else ""

    def _search_scopes(self) -> None:
        """Search the part's small scopes whole, for the promises that are still open."""
        for exhaustive in self.part.exhaustive:
            promise = next((p for p in self._open() if p.code == exhaustive.promise), None)
            if promise is None:
                continue
            found = f"exhaustive: {exhaustive.name}"
            try:
                searched = search(self.part, self.solution, exhaustive)
            except (HarnessBug, ScenarioError):
                raise
            except (Exception, SystemExit, Stuck) as error:
                problem = problem_of(error, self.solution)
                if problem is None:
                    raise
                self._decide_all(problem, found, None)
                return
            if searched.answer is Answer.UNKNOWN:
                self._unseen[promise.code].add(
                    f"{exhaustive.name}, searched whole ({searched.reason})"
                )
                continue
            self._judged[promise.code] += 1
            if searched.answer is Answer.BROKEN:
                self._explain_search(promise, found, searched)

    def _explain_search(self, promise: Promise, found: str, searched: Searched) -> None:
        """A search has found a way to break a promise: it is a scenario like any other, and the shortest there is."""
        assert searched.result is not None
        if searched.scenario is not None:
            recording = record(self.part, self.solution, searched.scenario)
            performance = recording.performance
            if performance.problem is not None:
                self._decide_all(performance.problem, found, searched.scenario)
                return
            verdict = judge(promise, performance)
            if verdict.is_broken:
                shown = _as_break(verdict, found)
                if self.keep:
                    saved = self._save(
                        promise,
                        verdict.reason,
                        found,
                        searched.scenario,
                        searched.scenario,
                        performance.digest,
                    )
                    recording.save(saved.id, shown_by(performance, verdict))
                    shown = msgspec.structs.replace(
                        shown,
                        counterexample=saved.id,
                        size=f"{len(searched.result.trace)} steps, the fewest there can be",
                        decisive=decisive_line(performance, verdict),
                    )
                self._broken[promise.code] = shown
                return
        # The promise's own judge sees nothing in that run: an invariant may tell more than what can be seen outside.
        steps = "; ".join(map(str, searched.result.trace))
        self._broken[promise.code] = Break(searched.reason, found, got=steps)

    def look(self, found: str, scenario: Scenario) -> Break | None:
        """Judge one more scenario; what has been seen broken so far, if anything."""
        self._look(found, scenario)
        return next(iter(self._broken.values()), None)

    def _look(self, found: str, scenario: Scenario) -> None:
        performance = perform(self.part, self.solution, scenario)
        self._performed += 1
        self._digest = zlib.crc32(performance.digest.to_bytes(4, "big"), self._digest)
        self._progress(self._performed, len(self.part.directed) + self.runs)
        if performance.problem is not None:
            self._decide_all(performance.problem, found, scenario)
            return
        if self._performed <= GUARD_RUNS and (difference := self._differs(scenario, performance)):
            self._decide_all(Problem(State.NOT_DETERMINISTIC, difference), found, scenario)
            return
        run = performance.run
        assert run is not None
        self._sample(found, scenario, performance)
        self._seen.update({what: 1 for what, times in run.tally.items() if times})
        for promise in self._open():
            try:
                verdict = judge(promise, performance)
            except HarnessBug as error:
                problem = self.solution.blame(error)
                if problem is None:
                    raise
                self._decide_all(problem, found, None)
                return
            self._judged[promise.code] += 1
            if verdict.is_broken:
                self._broken[promise.code] = self._explain(promise, verdict, found, scenario)
                continue
            for situation in promise.needs:
                if situation.name in self._unseen[promise.code] and situation.seen(run):
                    self._unseen[promise.code].discard(situation.name)

    # -- memory that no program should have ---------------------------------------------------------------------------

    def _sample(self, found: str, scenario: Scenario, performance: Performance) -> None:
        """Keep some of the runs, drawn evenly; more of those in which a node lost its memory."""
        if not self.solution.is_sealed:
            return
        crashed = any(isinstance(fault.do, (Crash, Twin)) for fault in performance.applied)
        kind = 0 if not crashed else 1 if found.startswith("directed") else 2
        kept, most = self._lives[kind], LIVES_COMPARED[kind]
        self._met[kind] += 1
        place = self._draws.randrange(self._met[kind])
        if len(kept) < most:
            kept.append((found, scenario, performance))
        elif place < most:
            kept[place] = found, scenario, performance

    def _compare_lives(self) -> None:
        """The same runs, with every life of a node in a process of its own, must go the same way.

        Nodes of a sealed program are in one process. One that hands its state to another past the network, or keeps it
        over a crash past the disk, is not what it seems to be: no promise that it keeps is kept by its program.
        """
        if len(self._broken) == len(self._promises):
            return
        for found, scenario, before in [run for kept in self._lives for run in kept]:
            with self.solution.lives_apart():
                apart = perform(self.part, self.solution, scenario, limit=LIVES_LIMIT)
            if apart.digest == before.digest and _probes(apart) == _probes(before):
                continue
            text = (
                "with every life of a node in a process of its own, the same scenario goes another way: nodes share "
                "memory, or one remembers what a crash should have taken from it"
            )
            self._decide_all(Problem(State.NOT_DETERMINISTIC, text), found, scenario)
            return

    def _differs(self, scenario: Scenario, performance: Performance) -> str:
        """What is different when the same scenario is run again; empty if nothing is."""
        again = perform(self.part, self.solution, scenario)
        if again.digest == performance.digest:
            return ""
        first = perform(self.part, self.solution, scenario, record=EVERYTHING).run
        second = perform(self.part, self.solution, scenario, record=EVERYTHING).run
        if first is None or second is None:
            return "the same scenario ended differently when it was run again"
        for before, after in zip(first.trace.events, second.trace.events, strict=False):
            if (before.kind, before.node, repr(before.what)) != (
                after.kind,
                after.node,
                repr(after.what),
            ):
                return (
                    f"event {before.id} was {before.kind} {before.what!r} on {before.node} in one run, "
                    f"and {after.kind} {after.what!r} on {after.node} in the next"
                )
        return "the same scenario gave another result when it was run again"

    # -- what was found -----------------------------------------------------------------------------------------------

    def _decide_all(self, problem: Problem, found: str, scenario: Scenario | None) -> None:
        undecided = [p for p in self._promises if p.code not in self._broken]
        shown: Break | None = None
        for promise in undecided:
            if shown is None:
                shown = self._explain_problem(problem, found, scenario)
            self._broken[promise.code] = shown

    def _explain_problem(self, problem: Problem, found: str, scenario: Scenario | None) -> Break:
        if scenario is None or not self.keep or problem.state is State.NOT_STARTED:
            return Break(problem.text, found, problem=problem)
        budget, limit = 200, RUN_LIMIT
        if problem.state is State.STUCK:
            # A handler that hangs has a line where it does; a program that keeps itself busy needs time to show it.
            budget, limit = 16, RETRY_LIMIT if problem.frames else BUSY_LIMIT
            if self.solution.is_sealed:  # each such run costs a process
                budget = 4
        breaks_out = "isolation: " in problem.text

        def same(candidate: Scenario) -> bool:
            self._progress(self._performed, len(self.part.directed) + self.runs)  # still there
            other = perform(self.part, self.solution, candidate, limit=limit).problem
            return other is not None and _signature(other) == _signature(problem)

        smallest, recording = scenario, None
        if problem.state is not State.NOT_DETERMINISTIC and not breaks_out:
            smallest = minimise(scenario, same, budget=budget, simpler=self.part.simpler)
            recording = record(self.part, self.solution, smallest, limit)
            problem = recording.performance.problem or problem
        saved = self._save(None, problem.text, found, smallest, scenario)
        if recording is not None:
            recording.save(saved.id, (problem.event,) if problem.event else ())
        return Break(
            problem.text,
            found,
            problem=problem,
            counterexample=saved.id,
            size=smallest.size(),
            was=scenario.size(),
        )

    def _explain(self, promise: Promise, verdict: Verdict, found: str, scenario: Scenario) -> Break:
        if not self.keep:
            return _as_break(verdict, found)

        def same(candidate: Scenario) -> bool:
            performance = perform(self.part, self.solution, candidate)
            return performance.problem is None and judge(promise, performance).is_broken

        smallest = minimise(scenario, same, simpler=self.part.simpler)
        recording = record(self.part, self.solution, smallest)
        performance = recording.performance
        final = judge(promise, performance)
        if not final.is_broken:
            raise HarnessBug(
                f"{promise.code}: the minimised scenario passes when everything is recorded"
            )
        saved = self._save(promise, final.reason, found, smallest, scenario, performance.digest)
        recording.save(saved.id, shown_by(performance, final))
        return msgspec.structs.replace(
            _as_break(final, found),
            counterexample=saved.id,
            size=smallest.size(),
            was=scenario.size(),
            decisive=decisive_line(performance, final),
            standing=standing(performance, final),
        )

    def _save(
        self,
        promise: Promise | None,
        reason: str,
        found: str,
        smallest: Scenario,
        was: Scenario,
        digest: int = 0,
    ) -> Counterexample:
        counterexample = Counterexample(
            lab=self.lab.name,
            part=self.part.code,
            promise=promise.code if promise is not None else "",
            title=promise.title if promise is not None else "",
            scenario=smallest,
            reason=reason,
            found=found,
            was=was.size(),
            solution=self.solution.name,
            prior=self.prior,
            seed=self.seed,
            digest=digest,
        )
        save(counterexample)
        return counterexample

    def _result(self) -> PartResult:
        return PartResult(
            code=self.part.code,
            title=self.part.title,
            modules=tuple(_relative_source(self.solution, m) for m in self.part.modules),
            promises=tuple(map(self._promise_result, self._promises)),
            runs=self._performed,
            seen=dict(sorted(self._seen.items())),
            digest=self._digest,
        )

    def _promise_result(self, promise: Promise) -> PromiseResult:
        found = self._broken.get(promise.code)
        unseen = tuple(sorted(self._unseen[promise.code]))
        like = ""
        if found is not None:
            like = nearest(self.lab, promise.code, found) if found.problem is None else ""
            state = found.problem.state if found.problem is not None else State.FAILED
            unseen = ()
        elif unseen or not self._judged[promise.code]:
            state = State.UNKNOWN
        else:
            state = State.PASSED
        return PromiseResult(
            promise.code,
            promise.title,
            promise.points,
            state,
            self._judged[promise.code],
            found,
            unseen,
            promise.page,
            like,
        )


def random_scenario(lab: Lab, part: Part, seed: int, number: int) -> Scenario:
    """The random scenario of that number, for this seed: the same on every machine."""
    assert part.draw is not None
    return part.draw(stream(seed, "sweep", lab.name, part.code, number))


def _probes(performance: Performance) -> object:
    return None if performance.run is None else performance.run.probes


def judge(promise: Promise, performance: Performance) -> Verdict:
    """What the promise says of a run. An exception in a judge is our own fault."""
    assert promise.judge is not None
    assert performance.run is not None
    try:
        return promise.judge(performance.run)
    except Exception as error:
        raise HarnessBug(
            f"the judge of {promise.code} raised {type(error).__name__}: {error}"
        ) from error


def _signature(problem: Problem) -> tuple[State, str, Frame | None]:
    return (
        problem.state,
        problem.text.partition(":")[0],
        problem.frames[-1] if problem.frames else None,
    )


def _as_break(verdict: Verdict, found: str) -> Break:
    return Break(verdict.reason, found, verdict.expected, verdict.got)


def _relative_source(solution: Solution, module: str) -> str:
    file = solution.source_of(module)
    return str(file.relative_to(root())) if file.is_relative_to(root()) else str(file)


def quick_scenarios(grading: Grading, count: int) -> Sequence[tuple[str, Scenario]]:
    """The first few scenarios, for checks that need a sample."""
    found: list[tuple[str, Scenario]] = []
    for scenario in grading.scenarios():
        if len(found) == count:
            break
        found.append(scenario)
    return found
