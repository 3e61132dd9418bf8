"""Histories as Jepsen records them, read and written: EDN, or the same fields as JSON lines.

Each line is an event: ``{:process 0, :type :invoke, :f :write, :value 3, :time 12345}``. A process has at most one
operation open; ``:ok`` completes it, ``:fail`` says that it certainly did not happen, ``:info`` that nobody knows. The
order of the lines is the order of events; times (nanoseconds) may be missing, and only pictures use them. The nemesis
is passed over.

What Jepsen has no field for is in ``:seen``: what a compare-and-set or a fetch-and-add found, whether an element was
there, ``false`` for a lock that was refused. ``:key`` names the object; the pairs ``[key value]`` of Jepsen's own
independent keys are understood too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from distlab.check.edn import DEEPEST, BadHistory, Keyword, read_edn, write_edn
from distlab.check.history import Entry
from distlab.core.values import Fail, Info, Ok, Outcome

TYPES = ("invoke", "ok", "fail", "info")
NEMESIS = "nemesis"


class Recorded(Struct):
    """One operation of a file: its invocation and its completion, not yet translated."""

    process: Any
    f: str
    value: Any
    began: int
    """Microseconds."""
    line: int
    fields: dict[str, Any]
    """Of the invocation; later those of the completion over them."""
    position: int
    """Its place among the events, from 1."""
    type: str = ""
    """``ok``, ``fail``, ``info``, or empty if it never completed."""
    answer: Any = None
    """The value of its completion."""
    ended: int | None = None
    completed_at: int = 0
    """Its completion's place among the events."""


def read_recorded(text: str, *, form: str = "") -> list[Recorded]:
    """The operations of a file, in the order of their invocations. ``form``: ``edn``, ``json``, or empty: look.

    Raises :class:`~distlab.check.edn.BadHistory` with the line, for whatever is not a well-formed history.
    """
    found: list[Recorded] = []
    running: dict[Any, Recorded] = {}
    now, position = 0, 0
    events = _json_events(text) if (form or _form_of(text)) == "json" else _edn_events(text)
    for line, event in events:
        position += 1
        kind, process, f = event.get("type"), event.get("process"), event.get("f")
        if kind not in TYPES:
            raise BadHistory(
                line, f"an event's type is invoke, ok, fail or info, not {_shown(kind)}"
            )
        if process is None or isinstance(process, float | bool):
            raise BadHistory(line, f"an event needs a process, not {_shown(process)}")
        if process == NEMESIS:
            continue
        if not isinstance(f, str):
            raise BadHistory(line, f"an event's f is a name, not {_shown(f)}")
        now = max(now, _time(event.get("time"), line, position))
        if kind == "invoke":
            if process in running:
                earlier = running[process]
                raise BadHistory(
                    line,
                    f"process {process} invokes {f} while its {earlier.f} of line {earlier.line} is open",
                )
            one = Recorded(process, str(f), event.get("value"), now, line, event, position)
            running[process] = one
            found.append(one)
            continue
        invoked = running.pop(process, None)
        if invoked is None:
            raise BadHistory(line, f"process {process} completes {f}, which it did not invoke")
        if invoked.f != f:
            raise BadHistory(
                line,
                f"process {process} completes {f}; it invoked {invoked.f} on line {invoked.line}",
            )
        invoked.type, invoked.answer = str(kind), event.get("value")
        invoked.ended, invoked.completed_at = now, position
        invoked.fields = {**invoked.fields, **event}
    return found


def outcome_of(recorded: Recorded, answer: Any) -> Outcome | None:
    """How it ended, with ``answer`` if it was ok."""
    match recorded.type:
        case "ok":
            return Ok(answer)
        case "fail":
            return Fail(_reason(recorded))
        case "info":
            return Info(_reason(recorded))
    return None


def entry_of(ticket: int, recorded: Recorded, operation: Any, answer: Any) -> Entry:
    """The operation as judges see it: event ids are the places of the events in the file."""
    return Entry(
        ticket,
        str(recorded.process),
        operation,
        recorded.began,
        recorded.position,
        outcome_of(recorded, answer),
        recorded.ended,
        recorded.completed_at,
    )


def _reason(recorded: Recorded) -> str:
    error = recorded.fields.get("error")
    return "" if error is None else str(error)


def _time(time: Any, line: int, position: int) -> int:
    if time is None:
        return position
    if isinstance(time, bool) or not isinstance(time, int) or not 0 <= time < 1 << 63:
        raise BadHistory(line, f"a time is a whole number of nanoseconds, not {_shown(time)}")
    return time // 1000


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


# ---------------------------------------------------------------- the two forms


def _form_of(text: str) -> str:
    """By its first characters: a JSON object names its fields in quotes."""
    head = text.lstrip()[:200]
    return "json" if head[:1] == "{" and head[1:].lstrip()[:1] == '"' else "edn"


def _edn_events(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, form in read_edn(text):
        # A file is a run of maps, or one vector of them.
        for event in form if isinstance(form, tuple) else (form,):
            if not isinstance(event, dict):
                raise BadHistory(line, f"an event is a map, not {_shown(event)}")
            yield getattr(event, "line", line), event


def _json_events(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    decode = msgspec.json.Decoder().decode
    for line, row in enumerate(text.split("\n"), 1):
        if not row.strip():
            continue
        try:
            event = decode(row)
        except (msgspec.DecodeError, RecursionError) as error:
            raise BadHistory(line, f"cannot read it as JSON: {error}") from None
        if not isinstance(event, dict):
            raise BadHistory(line, f"an event is an object, not {_shown(event)}")
        yield line, {name: _frozen(value, line) for name, value in event.items()}


def _frozen(value: Any, line: int, depth: int = 0) -> Any:
    """Arrays as tuples, so that they can be hashed; objects as sorted pairs."""
    if depth > DEEPEST:
        raise BadHistory(line, f"nested more than {DEEPEST} deep")
    if isinstance(value, list):
        return tuple(_frozen(item, line, depth + 1) for item in value)
    if isinstance(value, dict):
        return tuple(sorted((name, _frozen(item, line, depth + 1)) for name, item in value.items()))
    return value


# ---------------------------------------------------------------- writing


def write_events(events: Iterable[dict[str, Any]], form: str) -> str:
    """Events as lines of ``edn`` or ``json``."""
    if form == "json":
        encode = msgspec.json.encode
        return "".join(encode(event).decode() + "\n" for event in events)
    return "".join(write_edn(_keywords(event)) + "\n" for event in events)


def _keywords(event: dict[str, Any]) -> dict[Any, Any]:
    named = {Keyword(name): value for name, value in event.items()}
    for name in ("type", "f"):
        named[Keyword(name)] = Keyword(event[name])
    return named
