"""One handler, run once: the explorer's side of a node's effects, and what came of them.

Theory. A handler is one step. Its syncs take no time, so what it sends leaves with it; but a crash may come between
any two effects, so each sync also leaves a *cut* behind: what the node would have on disk, and what it would have
sent, had it died before that sync was done. (One device commits in groups: what a handler syncs after its first sync
becomes durable together, so there are at most two cuts.) Effects are kept with the line that asked for them, for the
words of a refusal.
"""

from __future__ import annotations

import contextlib
import copy
import io
import random
import sys
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from msgspec import Struct

from distlab.core.codec import decoder, encode
from distlab.core.errors import BadValue, EnvironmentFault, Halt, UnhandledValue
from distlab.core.files import Files, FilesDisk
from distlab.core.log import Log
from distlab.core.node import Node
from distlab.core.values import (
    Address,
    Fail,
    Info,
    Job,
    Message,
    Ok,
    Operation,
    Outcome,
    SessionMessage,
    Ticket,
    Timer,
)
from distlab.explore.chance import Chance, Choices, Instant, Unknown
from distlab.explore.errors import CannotExplore

OWN_TICKETS = 1_000
"""Operations that a client begins by itself are numbered from here, each client on its own."""

Entry = tuple[Ticket, Operation, Outcome | None]
"""One operation of a client, as far as it has come."""

_OURS = str(Path(__file__).resolve().parents[1])
_RANDOM = random.__file__

Sending = tuple[Address, type[Message], bytes]


class Cut(Struct, frozen=True):
    """What is left if the node dies before a sync in mid-handler is done."""

    sent: int
    """How many of the handler's messages have left."""
    files: Files
    history: tuple[Entry, ...]


class Handling:
    """Implements :class:`~distlab.core.context.Context` for the length of one handler."""

    def __init__(
        self,
        program: type[Node],
        address: Address,
        config: Any,
        members: frozenset[Address],
        choices: Choices,
        files: Files | None,
        timers: dict[Timer, tuple[float, float]],
        history: tuple[Entry, ...],
        locate: bool = False,
    ) -> None:
        self.program = program
        self.address = address
        self.config = config
        self.files = Files() if files is None else copy.deepcopy(files)
        self.timers = timers
        self.history = list(history)
        self.sent: list[Sending] = []
        self.cuts: list[Cut] = []
        self.lines: list[str] = []
        """Where each message of ``sent`` was asked for; kept only for a refusal's words."""
        self.stopped = ""
        """The reason, if the node has stopped itself."""
        self.problem: BaseException | None = None
        """What the handler raised."""
        self.disk = _Disk(self)
        self.log = Log(lambda line: None)
        self.random: Random = Chance(choices)
        self._choices = choices
        self._members = members
        self._locate = locate

    def run(self, node: Node, handler: str, *arguments: Any) -> None:
        """Call the handler, to its end or to the node's."""
        Instant.choices = self._choices
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                getattr(node, handler)(*arguments)
            except Halt:
                pass
            except EnvironmentFault as error:
                self.stopped = f"{type(error).__name__}: {error}"
            except CannotExplore as error:
                where = line_of(error)
                raise CannotExplore(f"{type(node).__name__}.{handler}{where}: {error}") from None
            except (Exception, SystemExit) as error:
                self.problem = error
            finally:
                Instant.choices = None

    # -- Context --------------------------------------------------------------------------------------------------

    def send(self, to: Address, message: Message) -> None:
        if not isinstance(message, Message):
            raise BadValue(f"send takes a Message, not {message!r}")
        if isinstance(message, SessionMessage):
            self._refuse("sends in a session", "connections and their order")
        self._known(f"a {type(message).__name__}", message)
        blob = encode(message)
        if to not in self._members:
            raise BadValue(f"there is no node {to!r}; there are {', '.join(sorted(self._members))}")
        self.sent.append((to, type(message), blob))
        if self._locate:
            self.lines.append(_caller())

    def set_timer(self, timer: Timer, after: Any) -> None:
        if not isinstance(timer, Timer) or type(timer) not in self.program.handlers:
            raise UnhandledValue(
                f"{self.program.__name__} sets {timer!r} as a timer but has no handler for it"
            )
        self._known(f"a {type(timer).__name__}", timer)
        if isinstance(after, Instant):
            least, greatest = 0.0, float("inf")
        elif isinstance(after, Unknown):
            least, greatest = after.least, after.greatest
        elif type(after) is not int or after < 0:
            raise BadValue(
                f"set_timer({timer!r}, {after!r}): a duration is a whole number of microseconds, 0 or more"
            )
        else:
            least = greatest = after
        self.timers.pop(timer, None)
        self.timers[timer] = (least, greatest)

    def cancel_timer(self, timer: Timer) -> None:
        self.timers.pop(timer, None)

    def begin(self, operation: Operation) -> Ticket:
        if not isinstance(operation, Operation):
            raise BadValue(f"begin takes an Operation, not {operation!r}")
        own = sum(ticket >= OWN_TICKETS for ticket, _, _ in self.history)
        ticket = Ticket(OWN_TICKETS + own)
        self.history.append((ticket, operation, None))
        return ticket

    def finish(self, ticket: Ticket, outcome: Outcome) -> None:
        open_now = {t: place for place, (t, _, result) in enumerate(self.history) if result is None}
        if ticket not in open_now:
            raise BadValue(
                f"finish({ticket!r}, ...): this client has no open operation of that ticket"
            )
        if not isinstance(outcome, (Ok, Fail, Info)):
            raise BadValue(
                f"finish({ticket!r}, {outcome!r}): an outcome is Ok(...), Fail(...) or Info(...)"
            )
        self._known("an outcome", outcome)
        encode(outcome)
        place = open_now[ticket]
        self.history[place] = (ticket, self.history[place][1], outcome)

    def stop(self, reason: str) -> NoReturn:
        self.stopped = reason or "stopped"
        raise Halt(reason)

    def now(self) -> Any:
        return Unknown(0, float("inf"), "now()")

    def monotonic(self) -> Any:
        return Instant()

    def connect(self, peer: Address) -> NoReturn:
        self._refuse("opens a session", "connections and their order")

    def disconnect(self, peer: Address) -> NoReturn:
        self._refuse("ends a session", "connections and their order")

    def run_job(self, job: Job) -> NoReturn:
        self._refuse("runs a job", "work beside the node, step by step")

    def cancel_job(self, job: Job) -> None:
        """None runs."""

    @property
    def store(self) -> NoReturn:
        self._refuse("uses the shared store", "state that belongs to no node")

    def _refuse(self, what: str, meaning: str) -> NoReturn:
        raise CannotExplore(
            f"the program {what}; the explorer does not model {meaning}. Simulate it"
        )

    def _known(self, what: str, value: Struct | Any) -> None:
        """Raise where a field holds a number that nobody knows."""
        for name in value.__struct_fields__:
            part = getattr(value, name)
            if isinstance(part, Unknown | Instant):
                said = part.what if isinstance(part, Unknown) else "monotonic()"
                raise CannotExplore(
                    f"{said} goes into {what}, field '{name}'. The explorer does not know such a number: "
                    "a program may only wait that long"
                )


class _Disk(FilesDisk):
    """Files whose syncs are done at once."""

    def __init__(self, handling: Handling) -> None:
        super().__init__(handling.files)
        self._handling = handling

    def append(self, path: str, data: Any) -> None:
        if isinstance(data, Struct):
            self._handling._known(f"a {type(data).__name__} on disk", data)
        super().append(path, data)

    def append_bytes(self, path: str, data: bytes) -> None:
        self._files.append(path, data)

    def truncate(self, path: str, size: int) -> None:
        self._files.truncate(path, size)

    def replace(self, source: str, target: str) -> None:
        self._files.replace(source, target)

    def delete(self, path: str) -> None:
        self._files.delete(path)

    def sync(self, *paths: str) -> None:
        handling = self._handling
        if len(handling.cuts) < 2:
            left = copy.deepcopy(self._files)
            left.crash(lambda size, last: 0, lambda count: 0)
            handling.cuts.append(Cut(len(handling.sent), left, tuple(handling.history)))
        self._files.settle(self._files.mark(*paths))


def decoded(cls: type[Message], blob: bytes) -> Message:
    """The message as its receiver sees it."""
    message: Message = decoder(cls).decode(blob)
    return message


def _caller() -> str:
    """File and line of the program that asked for the effect under way."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS) and frame.f_back:
        frame = frame.f_back
    return f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}"


def line_of(error: BaseException) -> str:
    """`` (file:line)``: the innermost line of the program in an exception's trace."""
    found = ""
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not file.startswith(_OURS) and file != _RANDOM:
            found = f" ({file.rpartition('/')[2]}:{step.tb_lineno})"
        step = step.tb_next
    return found
