"""The outside's end: starts the inside, puts requests to it, carries out its effects, answers its questions.

Nothing here trusts what it hears. An exception that the student's code caused leaves as that exception, with its line;
whatever no honest inside would say, or a silence, ends the process, and the next run begins with a new one.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Iterator
from typing import Any

import msgspec

from distlab.core.codec import encode
from distlab.core.errors import Halt, HarnessBug, ScenarioError
from distlab.core.log import Log
from distlab.core.values import Job, Message, Operation, Timer
from distlab.grade.guard import RUN_LIMIT, Stuck, processor_time
from distlab.grade.perform import frame_at
from distlab.grade.result import Frame
from distlab.grade.sealed import frames as fr
from distlab.grade.sealed.answers import answer_to, is_question
from distlab.grade.sealed.classes import Classes
from distlab.grade.sealed.errors import Crossed, Hung, IsolationBroken, crossed
from distlab.grade.sealed.link import Link
from distlab.grade.sealed.sketch import is_exact
from distlab.grade.sealed.spawn import Nursery
from distlab.grade.sealed.values import CannotCross, Values
from distlab.sim import ProgramError

_DEEPEST = 8
"""Requests within requests."""

_NOT_AN_ANSWER = (HarnessBug, ScenarioError, IsolationBroken, ProgramError)
"""These end the run, whatever the program would make of them."""


class Outside:
    """The outside of one submission."""

    def __init__(
        self,
        prepare: fr.Prepare,
        classes: Classes | None = None,
        nursery: Nursery | None = None,
    ) -> None:
        self.lives_apart = False
        """Whether every life of a node, from start to crash, is in a process of its own."""
        self._lives: list[Outside] = []
        """Of this run."""
        self._nursery: Nursery | None = None
        self._prepare = prepare
        self.link = Link(prepare.students, nursery)
        hooks = (self._ref, self._named, self._give, self._take)
        self.values = Values(*hooks, is_strict=True)
        self._as_they_are = Values(*hooks, is_strict=False)
        self.classes = classes or Classes(prepare.given, self.values.unpacked, self._run_inside)
        self._depth = 0
        self._actors: dict[int, Any] = {}
        """Contexts that requests of this run act as."""
        self._numbers: dict[int, int] = {}
        """Their numbers, by identity."""
        self._numbered = 0
        self._current = 0
        """Whom the values that are being packed or unpacked act as."""
        self._stands = (0, 0)
        """With which word the effect came that is being carried out, and which one it is; (0, 0): none is."""
        self._to_close: list[fr.Close] = []
        """Generators that were forgotten when a request was under way."""

    # -- runs -------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def limited(self, limit: float = RUN_LIMIT) -> Iterator[None]:
        """Within: a run, or another piece of work, that may burn so many processor seconds, inside and outside."""
        with processor_time(limit):
            self._actors.clear()
            self._numbers.clear()
            self._to_close.clear()
            if self.link.is_lost or self._depth:
                self.close()
            self._end_lives()
            self.link.measure(limit)
            if self.link.child is not None:
                self.request(fr.Begin())
            try:
                yield
            except Halt:  # from where no process is: an exam's job that says it stops
                raise IsolationBroken("isolation: it ends a process that is none") from None

    def close(self) -> None:
        """End the inside. Another one is started when it is needed."""
        self.link.forget()
        self._depth = 0
        self._end_lives()
        if self._nursery is not None:
            self._nursery.close()
            self._nursery = None

    def for_life(self) -> Outside:
        """Where a node that begins is to live."""
        if not self.lives_apart:
            return self
        if self._nursery is None:
            self._nursery = Nursery()
        self._lives.append(Outside(self._prepare, self.classes, self._nursery))
        return self._lives[-1]

    def _end_lives(self) -> None:
        while self._lives:
            self._lives.pop().close()

    def actor(self, io: Any) -> int:
        """A number for a context that requests act as, valid until the run is over."""
        if id(io) not in self._numbers:
            self._numbered += 1
            self._numbers[id(io)] = self._numbered
            self._actors[self._numbered] = io
        return self._numbers[id(io)]

    # -- requests ---------------------------------------------------------------------------------------------------

    def request(self, what: fr.Request, io: Any = None) -> fr.Outcome:
        """Put a request, and see it through. ``io`` is the context that it acts as.

        Raises whatever carrying out the effects raises, once the inside has come to an end of it.
        """
        link = self.link
        if link.is_lost:
            link.lose("the program's process has been ended")
        if link.child is None:
            link.open()
            self.result(self.request(self._prepare))
        if self._depth >= _DEEPEST:
            self.link.lose("it makes the world ask within its questions without end")
        while self._to_close and not isinstance(what, fr.Close):
            self.request(self._to_close.pop())
        self._depth += 1
        is_orderly = False
        failure: BaseException | None = None
        try:
            link.say(what)
            while True:
                said = link.hear()
                stands = link.words, len(said.effects)
                if failure is None:
                    failure = self._failure_of(said.effects, io)
                word = said.word
                if isinstance(word, fr.Ask):
                    answer, failure = self._answer(word, io, failure, stands)
                    link.say(answer)
                    continue
                if isinstance(word, fr.Hung):
                    self.link.lose("it says that it hangs, unasked")
                is_orderly = True
                break
        except Hung:
            raise
        except Stuck:  # both sides together: it asks and asks
            link.give_up()
        finally:
            self._depth -= 1
            if not is_orderly:
                link.kill()
        if failure is not None:
            raise failure
        return word

    # -- effects and questions --------------------------------------------------------------------------------------

    def _failure_of(self, effects: list[fr.Effect], io: Any) -> BaseException | None:
        """Carry out effects up to the first that fails; what it raised, with the student's line."""
        before, word = self._stands, self.link.words
        for index, effect in enumerate(effects):
            self._stands = word, index
            try:
                self._carry_out(effect, io)
            except Halt as halt:
                return halt
            except _NOT_AN_ANSWER:
                raise
            except Exception as error:
                frames = error.frames if isinstance(error, Crossed) else self._where(word, index)
                return crossed(type(error).__name__, str(error), frames)
            finally:
                self._stands = before
        return None

    def _where(self, word: int, index: int) -> tuple[Frame, ...]:
        return tuple(frame_at(*line) for line in self._lines(word, index))

    def _lines(self, word: int, index: int) -> tuple[tuple[str, int, str], ...]:
        """The line that asked for an effect, if it is one of the student's."""
        return self.link.lines(self._places(word, index))

    def _places(self, word: int, index: int) -> tuple[fr.Place, ...]:
        outcome = self.request(fr.Where(word, index))
        return outcome.places if isinstance(outcome, fr.Raised) else ()

    def line(self) -> tuple[str, int, str] | None:
        """Where in the student's code the effect stands that is being carried out, or the question being answered."""
        if not self._stands[0]:
            return None
        places = self._places(*self._stands)
        lines = self.link.lines(tuple(p for p in places if not p.is_asked_by_others))
        return lines[0] if lines else None

    def _carry_out(self, effect: fr.Effect, io: Any) -> None:
        match effect:
            case fr.Send(to, ref, blob):
                io.send(to, self._decoded(ref, blob, Message))
            case fr.SetTimer(ref, blob, after):
                io.set_timer(self._decoded(ref, blob, Timer), after)
            case fr.Sync(paths):
                io.disk.sync(*paths)
            case fr.Finish(ticket, outcome):
                io.finish(ticket, self._unpacked(outcome))
            case fr.CancelTimer(ref, blob):
                io.cancel_timer(self._decoded(ref, blob, Timer))
            case fr.Line():
                self._write_line(effect, io)
            case fr.RunJob(ref, blob):
                io.run_job(self._decoded(ref, blob, Job))
            case fr.CancelJob(ref, blob):
                io.cancel_job(self._decoded(ref, blob, Job))
            case fr.Delete(path):
                io.disk.delete(path)
            case fr.Connect(peer):
                io.connect(peer)
            case fr.Disconnect(peer):
                io.disconnect(peer)
            case fr.SetLevel(subsystem, level):
                io.log.set_level(subsystem, level)
            case fr.Print(text):
                sys.stdout.write(text)
            case fr.Introduce():
                self._meet(effect)

    def _write_line(self, line: fr.Line, io: Any) -> None:
        fields = self._unpacked(line.fields)
        name = {10: "debug", 20: "info", 30: "warning", 40: "error"}.get(line.level)
        log: Log = io.log
        if name is None or not isinstance(fields, dict) or not all(type(k) is str for k in fields):
            self.link.lose("a line for the log that is none")
        getattr(log, name)(line.subsystem, line.text, **fields)

    def _answer(
        self, asked: fr.Ask, io: Any, failure: BaseException | None, stands: tuple[int, int]
    ) -> tuple[fr.Frame, BaseException | None]:
        """The answer to a question; and what the whole request will end with, if it is over with it."""
        if failure is not None:
            return fr.Unwind(), failure
        before, self._stands = self._stands, stands
        try:
            return fr.Answer(msgspec.Raw(msgspec.msgpack.encode(self._reply(asked, io)))), None
        except Halt as halt:
            return fr.Unwind(), halt
        except _NOT_AN_ANSWER:
            raise
        except Exception as error:
            return fr.Refuse(type(error).__name__, str(error)), None
        finally:
            self._stands = before

    def _reply(self, asked: fr.Ask, io: Any) -> Any:
        # Two questions are about values of classes; the table knows only plain ones.
        if asked.verb in ("send", "begin"):
            try:
                to, ref, blob = msgspec.msgpack.decode(asked.arguments, type=tuple[str, str, bytes])
            except msgspec.DecodeError:
                self.link.lose(f"it asks {asked.verb} with other arguments than there are")
            if asked.verb == "begin":
                return io.begin(self._decoded(ref, blob, Operation))
            return io.send(to, self._decoded(ref, blob, Message))
        if io is None and asked.verb != "flush":
            self.link.lose("it asks what only a node or a job may ask")
        if not is_question(asked.verb, asked.arguments):
            self.link.lose(f"it asks what nobody can answer: {asked.verb[:100]!r}")
        return answer_to(asked.verb, asked.arguments, io)

    # -- values -----------------------------------------------------------------------------------------------------

    def result(self, outcome: fr.Outcome) -> Any:
        """What a request returned. Raises what it raised."""
        if isinstance(outcome, fr.Raised):
            raise crossed(outcome.kind, outcome.text, self.link.frames(outcome.places))
        if isinstance(outcome, fr.Unwound):
            raise Halt("this process has ended")
        if not isinstance(outcome, fr.Value):
            self.link.lose("a result that is none")
        return self._unpacked(outcome.value)

    def _decoded(self, ref: str, blob: bytes, kind: type) -> Any:
        try:
            if ref:
                return self.classes.decoded(ref, blob, kind)
            value = self._as_they_are.unpacked(blob)
            if isinstance(value, kind):
                return value
            raise ValueError(type(value).__name__)
        except (ValueError, TypeError, RecursionError, msgspec.MsgspecError) as error:
            self.link.lose(f"a {kind.__name__} that is none: {error}")

    def _unpacked(self, blob: bytes) -> Any:
        try:
            return self.values.unpacked(blob)
        except ValueError as error:
            self.link.lose(f"a value that is none: {error}")

    def _meet(self, introduced: fr.Introduce) -> None:
        try:
            self.classes.meet(introduced)
        except (ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError) as error:
            self.link.lose(f"a class that is none: {error}")

    def crossing(self, value: Any) -> bytes:
        """A timer, job or operation on its way in: it need not fit its class there either."""
        return encode(value) if is_exact(type(value)) else self._as_they_are.packed(value)

    def _ref(self, cls: type) -> str:
        try:
            return self.classes.ref(cls)
        except ValueError as error:
            raise CannotCross(str(error)) from None

    def _named(self, ref: str) -> type:
        return self.classes.named(ref)

    # -- calls, handles, generators -----------------------------------------------------------------------------------

    def call(self, handle: int, name: str, arguments: Any, by_name: Any) -> Any:
        """Call a function or a method inside. Raises ``HarnessBug`` where our arguments cannot cross."""
        before, self._current = self._current, 0
        try:
            packed = self.values.packed((tuple(arguments), by_name))
            on = self._current
        except CannotCross as error:
            raise HarnessBug(f"{name} is called with what cannot cross: {error}") from None
        finally:
            self._current = before
        return self._handed(fr.Call(on, handle, name, packed), on)

    def get(self, handle: int, name: str) -> Any:
        """Read an attribute inside."""
        return self.result(self.request(fr.Get(handle, name)))

    def _handed(self, request: fr.Request, on: int) -> Any:
        """The result of a request; generators in it go on acting as ``on``."""
        outcome = self.request(request, self._actors.get(on))
        before, self._current = self._current, on
        try:
            return self.result(outcome)
        finally:
            self._current = before

    def _run_inside(self, ref: str, job: Job, io: Any) -> Any:
        on = self.actor(io)
        return self._handed(fr.MakeJob(on, io.address, ref, self.crossing(job)), on)

    def _give(self, value: Any) -> Any:
        """Pack what is more than a value: a job's context, a disk, a store; or something from inside."""
        from distlab.grade.sealed.standins import Remote

        if isinstance(value, Remote):
            return ["h", value._handle]
        for letter, looks_like in (
            ("io", ("disk", "store")),
            ("disk", ("sync",)),
            ("store", ("keys",)),
        ):
            if all(hasattr(value, name) for name in looks_like):
                io = value if letter == "io" else self._only(letter, value)
                on = self.actor(io)
                if self._current not in (0, on):
                    raise CannotCross("a call can act as one context only")
                self._current = on
                return [letter, on, str(getattr(io, "address", ""))]
        raise CannotCross(f"a {type(value).__name__}")

    def _only(self, letter: str, part: Any) -> Any:
        """A context that has nothing but a disk, or nothing but the store."""
        for io in self._actors.values():
            if isinstance(io, _Only) and getattr(io, letter, None) is part:
                return io
        return _Only(**{letter: part})

    def _take(self, letter: str, rest: list[Any]) -> Any:
        from distlab.grade.sealed.standins import Remote

        match letter, rest:
            case "g", [int() as handle]:
                return self._steps(self._current, handle)
            case "h", [int() as handle]:
                return Remote(self, handle)
            case "T", [str() as ref]:
                return self.classes.named(ref)
        raise ValueError(f"nothing packed begins with {letter[:20]!r}")

    def _steps(self, on: int, handle: int) -> Generator[Any, None, Any]:
        """A generator that goes on inside."""
        try:
            while True:
                outcome = self.request(fr.Step(on, handle), self._actors.get(on))
                if isinstance(outcome, fr.Yielded):
                    yield self._unpacked(outcome.value)
                elif isinstance(outcome, fr.Ended):
                    handle = 0
                    return self._unpacked(outcome.value)
                else:
                    handle = 0
                    return self.result(outcome)
        finally:
            if handle and not self.link.is_lost:
                close = fr.Close(on, handle)
                if self.link.is_in_flight:  # the garbage collector came by
                    self._to_close.append(close)
                else:
                    self.request(close, self._actors.get(on))


class _Only:
    """A context that has nothing but a disk, or nothing but the store."""

    def __init__(self, **parts: Any) -> None:
        vars(self).update(parts)
