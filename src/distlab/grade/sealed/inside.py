"""The process that runs the student's code: loads the solution, hosts its nodes, jobs and objects, serves requests.

It knows no world, holds no result, and cannot see a judge. Whatever the student's code does to it, it does to itself:
the outside believes nothing. Its standard streams are gone before any student code is imported; what is printed
becomes an effect.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import msgspec

from distlab.core.codec import decoder, encode
from distlab.core.errors import Halt
from distlab.core.node import Node
from distlab.core.overlay import overlay, read_ahead
from distlab.core.values import Failed, Finished, Message
from distlab.grade.sealed import frames as fr
from distlab.grade.sealed.channel import Channel, Closed
from distlab.grade.sealed.confine import confine, die_with_parent
from distlab.grade.sealed.describe import Describer
from distlab.grade.sealed.errors import WORLD
from distlab.grade.sealed.sketch import is_exact
from distlab.grade.sealed.values import Values
from distlab.grade.sealed.world import Line, NodeScene, Scene

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

_Decode = Callable[[bytes], Any]

COLLECT_EVERY = 50
"""Runs between two full collections of garbage."""


REMEMBERED = 64
"""Words whose lines are kept: more than usually come while the effects of one are carried out."""


class _Hosted:
    """A node, and what its handlers take."""

    def __init__(
        self, program: type[Node], scene: NodeScene, decode_of: Callable[[type], _Decode]
    ) -> None:
        self.node = program()
        scene.program = program
        self.node.attach(scene)
        self.attributes = vars(self.node)
        self.known = len(self.attributes)
        self.takes = {
            name: (getattr(self.node, name), count, cls, decode_of(cls))
            for cls, (name, count) in program.handlers.items()
        }


class Inside:
    """Serves requests, one within another."""

    def __init__(self, sock: socket.socket) -> None:
        self._channel: Channel[fr.ToInside] = Channel(sock, fr.ToInside)
        self._effects: list[fr.Effect] = []
        self._lines: list[Line | None] = []
        """Where each of them was asked for."""
        self._words = 0
        self._said: dict[int, list[Line | None]] = {}
        """The same of those that the outside has heard, by the word they came with, and of the question itself."""
        self._bytes = 0
        self.on = 0
        self._nodes: dict[int, _Hosted] = {}
        self._scenes: dict[int, Scene] = {}
        """Of jobs, and of whoever else acts."""
        self._handles: dict[int, Any] = {}
        self._handed = 0
        self._runs = 0
        self._students: tuple[str, ...] = ()
        self._others: frozenset[str] = frozenset()
        self._describer = Describer((), self.effect)
        self.ref = self._describer.ref
        self._values = Values(
            self.ref, self._describer.named, self._give, self._take, is_strict=False
        )
        self.packed = self._values.packed
        self._describer.packed = self.packed
        self._serves: dict[type, Callable[[Any], fr.Word]] = {
            fr.Prepare: self._prepare,
            fr.Begin: self._begin,
            fr.Import: self._import,
            fr.Start: self._start,
            fr.Handle: self._handle,
            fr.Probe: self._probe,
            fr.MakeJob: self._make_job,
            fr.Call: self._call,
            fr.Get: self._get,
            fr.Step: self._step,
            fr.Close: self._close,
        }

    # -- the loop -----------------------------------------------------------------------------------------------------

    def serve(self) -> NoReturn:
        """Until the outside has gone."""
        while True:
            self._serve(self._channel.receive())

    def _serve(self, request: Any) -> None:
        if type(request) is fr.Where:  # not a piece of work: leaves all as it is
            self._words += 1
            self._channel.send(fr.Said([], fr.Raised("", "", self._place(request))))
            return
        before = self.on
        self.on = getattr(request, "on", 0)
        try:
            word = self._serves[type(request)](request)
        except Halt:
            word = fr.Unwound()
        except BaseException as error:
            word = self._raised(error)
        self._say(word)
        self.on = before

    def _say(self, word: fr.Word) -> None:
        effects, self._effects, self._bytes = self._effects, [], 0
        self._words += 1
        self._said[self._words] = self._lines
        self._said.pop(self._words - REMEMBERED, None)
        self._lines = []
        self._channel.send(fr.Said(effects, word))

    def effect(self, effect: fr.Effect, size: int = 0) -> None:
        """Note an effect, of about that many bytes; the outside hears of it with the next word."""
        self._effects.append(effect)
        self._lines.append(self._line(isinstance(effect, fr.Line)))
        self._bytes += size + 100
        if self._bytes > fr.FLUSH_AT:
            self.ask("flush", ())

    def ask(self, verb: str, arguments: Any) -> Any:
        """Ask, and wait for the answer; serve what the outside wants first. Raises what the world raises."""
        self._lines.append(self._line())
        self._say(fr.Ask(verb, msgspec.Raw(_encode(arguments))))
        while True:
            match self._channel.receive():
                case fr.Answer(value):
                    return _decode(value)
                case fr.Refuse(kind, text):
                    raise _exception(kind)(text)
                case fr.Unwind():
                    raise Halt("this process has ended")
                case request:
                    self._serve(request)

    # -- loading ------------------------------------------------------------------------------------------------------

    def _prepare(self, prepare: fr.Prepare) -> fr.Word:
        self._students = prepare.students
        self._others = frozenset(prepare.pins.values())
        self._describer.given = frozenset(prepare.given)
        # What others play is read before the walls stand: the program may use it, and cannot read it.
        if prepare.mutant:
            from distlab.grade.solution import load_lab, load_solution

            lab, part, name = prepare.mutant
            loaded = load_lab(lab)
            load_solution(loaded, loaded.part(part), name)
        else:
            folders = [Path(folder) for folder in prepare.folders]
            pins = {module: Path(file) for module, file in prepare.pins.items()}
            ahead = read_ahead(prepare.package, pins)
            confine(map(Path, prepare.readable))
            overlay(prepare.package, folders, ahead)
        sys.stdin = io.StringIO()
        sys.stdout = sys.stderr = _Prints(self)
        gc.freeze()
        return fr.Value(self.packed(None))

    def _begin(self, _: fr.Begin) -> fr.Word:
        self._nodes.clear()
        self._scenes.clear()
        self._handles.clear()
        self._runs += 1
        gc.collect(2 if self._runs % COLLECT_EVERY == 0 else 0)
        gc.disable()
        return fr.Value(self.packed(None))

    def _import(self, wanted: fr.Import) -> fr.Word:
        module = importlib.import_module(wanted.module)
        return fr.Value(_encode(self._describer.members(module)))

    # -- nodes --------------------------------------------------------------------------------------------------------

    def _start(self, start: fr.Start) -> fr.Word:
        program = self._describer.named(start.program)
        config = self._values.unpacked(start.config)
        scene = NodeScene(self, start.on, start.address, config, start.level)
        hosted = self._nodes[start.on] = _Hosted(program, scene, self._decode_of)
        hosted.node.on_start()
        return self._handled(hosted)

    def _handle(self, event: fr.Handle) -> fr.Word:
        hosted = self._nodes[event.on]
        node, extra = hosted.node, event.extra
        if event.handler in hosted.takes:
            handler, count, cls, decode = hosted.takes[event.handler]
            if count == 0:
                handler()
            elif count == 1:
                handler(decode(event.value))
            elif event.outcome is None:
                handler(decode(event.value), extra)
            else:
                handler(decode(event.value), _outcome(cls, event.outcome))
        elif event.handler == "on_sync_failed":
            node.on_sync_failed(str(extra), event.value.decode())
        else:
            getattr(node, event.handler)(extra)
        return self._handled(hosted)

    def _handled(self, hosted: _Hosted) -> fr.Word:
        if len(hosted.attributes) != hosted.known:
            hosted.node.state()  # says what is undeclared
            hosted.known = len(hosted.attributes)
        return _NOTHING

    def _probe(self, probe: fr.Probe) -> fr.Word:
        return fr.Value(self.packed(self._nodes[probe.on].node.probe()))

    # -- jobs, calls, generators --------------------------------------------------------------------------------------

    def _make_job(self, made: fr.MakeJob) -> fr.Word:
        cls: Any = self._describer.named(made.ref)
        job = self._decode_of(cls)(made.job)
        return fr.Value(self.packed(job.run(self._scene(made.on, made.address))))

    def _decode_of(self, cls: type) -> _Decode:
        """Timers, jobs and operations come as they were, fitting their class or not."""
        return (
            decoder(cls).decode
            if is_exact(cls) or issubclass(cls, Message)
            else self._values.unpacked
        )

    def crossing(self, value: Any) -> tuple[str, bytes]:
        """A message, timer, job or operation on its way out: its ref, and itself as the world would encode it.

        Where decoding would not give it back as it is, its ref is empty, and it is packed.
        """
        cls = type(value)
        blob = encode(value)
        return (self.ref(cls), blob) if is_exact(cls) else ("", self.packed(value))

    def _call(self, call: fr.Call) -> fr.Word:
        positional, by_name = self._values.unpacked(call.arguments)
        if call.handle:
            function = getattr(self._handles[call.handle], call.name)
        else:
            function = self._describer.found(call.name)
        return fr.Value(self.packed(function(*positional, **by_name)))

    def _get(self, get: fr.Get) -> fr.Word:
        return fr.Value(self.packed(getattr(self._handles[get.handle], get.name)))

    def _step(self, step: fr.Step) -> fr.Word:
        steps: Iterator[Any] = self._handles[step.handle]
        try:
            return fr.Yielded(self.packed(next(steps)))
        except StopIteration as end:
            del self._handles[step.handle]
            return fr.Ended(self.packed(end.value))

    def _close(self, close: fr.Close) -> fr.Word:
        steps = self._handles.pop(close.handle, None)
        if isinstance(steps, Generator):
            steps.close()
        return _NOTHING

    def _give(self, value: Any) -> Any:
        """What stays here, and is named by a handle."""
        if isinstance(value, type):
            return ["T", self.ref(value)]
        self._handed += 1
        self._handles[self._handed] = value
        return ["g" if isinstance(value, Iterator) else "h", self._handed]

    def _take(self, letter: str, rest: list[Any]) -> Any:
        match letter, rest:
            case "h", [int() as handle]:
                return self._handles[handle]
            case "io", [int() as on, str() as address]:
                return self._scene(on, address)
            case "disk", [int() as on, str() as address]:
                return self._scene(on, address).disk
            case "store", [int() as on, str() as address]:
                return self._scene(on, address).store
        raise ValueError(letter)

    def _scene(self, on: int, address: str) -> Scene:
        if on not in self._scenes:
            self._scenes[on] = Scene(self, on, address)
        return self._scenes[on]

    # -- what went wrong, and where -----------------------------------------------------------------------------------

    def _raised(self, error: BaseException) -> fr.Raised:
        try:
            text = str(error.msg if isinstance(error, SyntaxError) else error)
        except BaseException:
            text = "(its text cannot be shown)"
        places = [
            fr.Place(summary.filename, summary.lineno or 0, summary.name)
            for summary in traceback.extract_tb(error.__traceback__)
            if summary.filename.startswith(self._students)
        ]
        if isinstance(error, SyntaxError):
            places = [fr.Place(error.filename or "?", error.lineno or 0, "")]
        text = text.encode(errors="replace").decode()[:10_000]
        return fr.Raised(type(error).__name__, text, tuple(places[-50:]))

    def _line(self, is_logged: bool = False) -> Line | None:
        """The line of the student's that asks for an effect; of a line for the log, who wanted it written."""
        found: FrameType | None = None
        frame: FrameType | None = sys._getframe(2)
        by_others = False
        while frame is not None:
            file = frame.f_code.co_filename
            by_others = by_others or (found is None and file in self._others)
            if file.startswith(self._students):
                if found is not None or not is_logged:
                    return frame.f_code, frame.f_lasti, by_others
                found = frame
            frame = frame.f_back
        return None if found is None else (found.f_code, found.f_lasti, by_others)

    def _place(self, where: fr.Where) -> tuple[fr.Place, ...]:
        lines = self._said.get(where.word, [])
        line = lines[where.index] if where.index < len(lines) else None
        if line is None:
            return ()
        code, at, by_others = line
        numbers = [n for start, end, n in code.co_lines() if start <= at < end and n is not None]
        line_number = numbers[0] if numbers else 0
        return (fr.Place(code.co_filename, line_number, code.co_name, by_others),)

    def last_words(self, _: int, frame: FrameType | None) -> NoReturn:
        """The outside has lost patience: say where the program stands, and end."""
        sys.setrecursionlimit(sys.getrecursionlimit() + 1000)  # it may be in recursion without end
        signal.signal(signal.SIGVTALRM, signal.SIG_IGN)
        places = []
        while frame is not None:
            if frame.f_code.co_filename.startswith(self._students):
                places.append(
                    fr.Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
                )
            frame = frame.f_back
        try:
            self._channel.send(fr.Said([], fr.Hung(tuple(places[:50][::-1]))))
        finally:
            os._exit(3)


_NOTHING = fr.Value(b"\xc0")


def _outcome(job: Any, extra: bytes) -> Finished | Failed:
    """How a job of that class ended."""
    value, error, progress = _decode(extra)
    if error is not None:
        return Failed(error, progress)
    return Finished(decoder(job.Result).decode(value))


def _exception(kind: str) -> type[BaseException]:
    """The class of an exception of the world's."""
    import builtins

    found: Any = WORLD.get(kind) or getattr(builtins, kind, RuntimeError)
    return found if isinstance(found, type) and issubclass(found, Exception) else RuntimeError


class _Prints(io.TextIOBase):
    """Where ``print`` goes: into the log of the node whose handler runs."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    def write(self, text: str) -> int:
        for start in range(0, len(text), 100_000):
            part = text[start : start + 100_000]
            self._inside.effect(fr.Print(part), len(part))
        return len(text)


def main() -> NoReturn:
    """``python -m distlab.grade.sealed.inside DESCRIPTOR [nursery]``."""
    die_with_parent()
    sys.dont_write_bytecode = True
    sock = socket.socket(fileno=int(sys.argv[1]))
    if "nursery" in sys.argv:
        sock = _nurse(sock)
    inside = Inside(sock)
    signal.signal(signal.SIGVTALRM, inside.last_words)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sock.send(b"!")  # the kernel adds who we are
    try:
        inside.serve()
    except Closed:
        os._exit(0)


def _nurse(sock: socket.socket) -> socket.socket:
    """Fork a process for each socket that comes, before any code of a submission is here. Returns in the forked one."""
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        _, descriptors, _, _ = socket.recv_fds(sock, 1, 1)
        if not descriptors:
            os._exit(0)
        theirs = socket.socket(fileno=descriptors[0])
        if os.fork() == 0:
            die_with_parent()
            sock.close()
            return theirs
        theirs.close()


if __name__ == "__main__":
    main()
