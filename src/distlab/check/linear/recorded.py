"""Recorded operations of other systems as ours, and back: which model they are for, and what each field means.

The rule for a guess: the names of the operations decide, and where they do not, nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from distlab.check.edn import BadHistory
from distlab.check.history import Entry, History
from distlab.check.jepsen import Recorded, entry_of, write_events
from distlab.check.linear import operations as ops
from distlab.check.linear.model import UNSAID
from distlab.check.linear.parts import answer_of
from distlab.core.errors import ScenarioError
from distlab.core.values import Fail, Info, Ok

Translated = tuple[Any, Any]
"""An operation and its answer."""

NAMES = {
    "register": {"read", "write"},
    "cas": {"read", "write", "cas"},
    "list": {"read", "append"},
    "counter": {"read", "add", "fetch-add"},
    "queue": {"enqueue", "dequeue"},
    "set": {"add", "insert", "remove", "contains"},
    "growing-set": {"add", "insert", "read"},
    "lock": {"acquire", "release"},
}
"""Model -> what its operations are called in a file. Of several that know all names, the first is meant."""


def guess_model(recorded: Sequence[Recorded]) -> str:
    """The model that knows every operation; empty if there is none, or nothing to go by."""
    names = {one.f for one in recorded}
    fitting = [model for model, known in NAMES.items() if names and names <= known]
    if fitting[:1] == ["counter"] and "fetch-add" not in names and not _are_numbers(recorded):
        return "growing-set"
    return fitting[0] if fitting else ""


def _are_numbers(recorded: Sequence[Recorded]) -> bool:
    """Whether what was added and read looks like a counter's; else it is a set that was read as a whole."""
    keyed = _has_pairs(recorded)
    for one in recorded:
        value = one.answer if one.f == "read" else one.value
        if keyed and isinstance(value, tuple) and len(value) == 2:
            value = value[1]
        if value is not None and type(value) is not int:
            return False
    return True


def to_history(recorded: Sequence[Recorded], model: str) -> History:
    """The operations of a file, for a model. Raises :class:`~distlab.check.edn.BadHistory` with the line."""
    known, keyed = NAMES[model], _has_pairs(recorded)
    entries = []
    for ticket, one in enumerate(recorded, 1):
        if one.f not in known:
            raise BadHistory(
                one.line, f"a {model} has no operation {one.f}: it knows {', '.join(sorted(known))}"
            )
        key, value, answer = _unpaired(one, keyed)
        operation, answer = _READERS[one.f](one, model, key, value, answer)
        entries.append(entry_of(ticket, one, operation, answer))
    return History(entries)


def _has_pairs(recorded: Sequence[Recorded]) -> bool:
    """Whether every value is a pair [key value], as in histories of independent keys: then reads invoke [key nil]."""
    reads = [one for one in recorded if one.f in ("read", "dequeue")]
    return bool(reads) and all(
        isinstance(one.value, tuple) and len(one.value) == 2 for one in recorded
    )


def _unpaired(one: Recorded, keyed: bool) -> tuple[Any, Any, Any]:
    if not keyed:
        return one.fields.get("key", ""), one.value, one.answer
    key, value = one.value
    if one.type == "ok" and one.answer is not None:
        if not isinstance(one.answer, tuple) or len(one.answer) != 2 or one.answer[0] != key:
            raise BadHistory(one.line, f"invoked with key {key!r}, completed with {one.answer!r}")
        return key, value, one.answer[1]
    return key, value, None


# ---------------------------------------------------------------- what each field means


def _read(one: Recorded, model: str, key: Any, value: Any, answer: Any) -> Translated:
    if model == "list" and answer is None:
        answer = ()
    if model == "growing-set":
        members = frozenset(answer) if isinstance(answer, tuple | frozenset) else answer
        # A list with an element twice stays a list: no set answers so.
        whole = isinstance(members, frozenset) and len(members) == len(answer)
        return ops.Members(key), members if whole else answer
    return ops.Read(key), answer


def _written(kind: Callable[..., Any]) -> Callable[..., Translated]:
    """For an operation whose value goes in: what comes back must be the same, or nothing."""

    def translate(one: Recorded, model: str, key: Any, value: Any, answer: Any) -> Translated:
        if one.type == "ok" and answer is not None and answer != value:
            raise BadHistory(
                one.line, f"{one.f} was invoked with {value!r} and completed with {answer!r}"
            )
        return kind(value, key), None

    return translate


def _cas(one: Recorded, model: str, key: Any, value: Any, answer: Any) -> Translated:
    if not isinstance(value, tuple) or len(value) != 2:
        raise BadHistory(one.line, f"the value of cas is a pair [old new], not {value!r}")
    return ops.Cas(*value, key), one.fields.get("seen", value[0])


def _add(one: Recorded, model: str, key: Any, value: Any, answer: Any) -> Translated:
    if model in ("set", "growing-set"):
        return _member(ops.Insert)(one, model, key, value, answer)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadHistory(one.line, f"a counter adds whole numbers, not {value!r}")
    return ops.FetchAdd(value, key), one.fields.get("seen")


def _member(kind: Callable[..., Any]) -> Callable[..., Translated]:
    def translate(one: Recorded, model: str, key: Any, value: Any, answer: Any) -> Translated:
        seen = one.fields.get("seen")
        needs_answer = kind is ops.Contains and one.type == "ok"
        if not isinstance(seen, bool) and (needs_answer or seen is not None):
            raise BadHistory(one.line, f"{one.f} says in seen true or false, not {seen!r}")
        return kind(value, key), seen

    return translate


def _dequeue(one: Recorded, model: str, key: Any, value: Any, answer: Any) -> Translated:
    return ops.Dequeue(key), answer


def _turn(kind: Callable[..., Any]) -> Callable[..., Translated]:
    def translate(one: Recorded, model: str, key: Any, value: Any, answer: Any) -> Translated:
        return kind(str(one.process), key), False if one.fields.get("seen") is False else None

    return translate


_READERS: dict[str, Callable[..., Translated]] = {
    "read": _read,
    "write": _written(ops.Write),
    "cas": _cas,
    "append": _written(ops.Append),
    "add": _add,
    "fetch-add": _add,
    "enqueue": _written(ops.Enqueue),
    "dequeue": _dequeue,
    "insert": _member(ops.Insert),
    "remove": _member(ops.Remove),
    "contains": _member(ops.Contains),
    "acquire": _turn(ops.Acquire),
    "release": _turn(ops.Release),
}


# ---------------------------------------------------------------- and back


def write_history(history: Iterable[Entry], form: str = "edn") -> str:
    """The history as a file in ``edn`` or ``json``. Raises ``ScenarioError`` for what a file has no form
    for: operations other than ours, and a client with two operations open.

    Reading it gives the same operations, answers and times; event ids become the places of the events in the file.
    """
    events: list[tuple[tuple[int, int, int, int], dict[str, Any]]] = []
    for entry in history:
        f, value, answer, extra = _fields(entry, form)
        process = int(entry.client) if entry.client.isdecimal() else entry.client
        shared = {"process": process, "f": f}
        call = {"type": "invoke", **shared, "value": value, "time": entry.began * 1000, **extra}
        events.append(((entry.began, entry.call, 0, entry.ticket), call))
        if entry.outcome is None:
            continue
        ended = entry.began if entry.ended is None else entry.ended
        back = {**shared, "value": value, "time": ended * 1000}
        match entry.outcome:
            case Ok():
                back |= {"type": "ok", **answer}
            case Fail(reason=reason) | Info(reason=reason):
                back["type"] = "fail" if isinstance(entry.outcome, Fail) else "info"
                if reason:
                    back["error"] = reason
        events.append(((ended, entry.ret, 1, entry.ticket), {**back, **extra}))
    events.sort(key=lambda event: event[0])
    return write_events(_sequential([event for _, event in events]), form)


def _sequential(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events, if no client has two operations open: at equal times, and without ids, that cannot be told."""
    running: set[Any] = set()
    for event in events:
        process = event["process"]
        if event["type"] == "invoke" and process in running:
            raise ScenarioError(
                f"{process} begins one operation when another of its own ends, or before: a file has no form for that"
            )
        running ^= {process}
    return events


def _fields(entry: Entry, form: str) -> tuple[str, Any, dict[str, Any], dict[str, Any]]:
    """Name, value, what the completion adds, and the key."""
    operation: Any = entry.operation
    answer: Any = answer_of(entry)
    seen = {} if answer is UNSAID or answer is None else {"seen": answer}
    key = {} if getattr(operation, "key", "") == "" else {"key": operation.key}
    match operation:
        case ops.Read() | ops.Members() | ops.Dequeue():
            name = "dequeue" if isinstance(operation, ops.Dequeue) else "read"
            # JSON has no sets; in which order their elements stand must not depend on hashes.
            listed = isinstance(answer, frozenset) and form == "json"
            heard = sorted(answer, key=repr) if listed else answer
            return name, None, {"value": heard}, key
        case ops.Write(value=value):
            return "write", value, {}, key
        case ops.Enqueue(value=value):
            return "enqueue", value, {}, key
        case ops.Cas(old=old, new=new):
            return "cas", (old, new), {"seen": answer}, key
        case ops.Append(element=element):
            return "append", element, {}, key
        case ops.FetchAdd(amount=amount):
            return "fetch-add", amount, seen, key
        case (
            ops.Insert(element=element)
            | ops.Remove(element=element)
            | ops.Contains(element=element)
        ):
            return type(operation).__name__.lower(), element, seen, key
        case ops.Acquire() | ops.Release():
            if operation.holder != entry.client:
                raise ScenarioError("a file has no place for a holder that is not the client")
            return type(operation).__name__.lower(), None, seen, key
    raise ScenarioError(f"{type(operation).__name__} has no name in a file")
