"""How events are called: short names for arrows, short sentences for notes. Every picture uses these words.

Works on plain values (what JSON can hold), so that a trace read from a file reads like one that has just been recorded.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from distlab.trace.event import Event, Kind


def plain(value: Any) -> Any:
    """``value`` as JSON would hold it: Structs become objects, with their class's name as ``type`` where it is tagged.

    Bytes become text where they are text, and ``0x...`` where they are not.
    """
    return msgspec.to_builtins(_readable(value), enc_hook=_describe, str_keys=True)


def _readable(value: Any) -> Any:
    """The same with readable bytes, and untagged classes named."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return text_of(bytes(value))
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag
        head = {"type": tag} if tag is not None else {}
        return head | {name: _readable(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {str(_readable(key)): _readable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_readable(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((_readable(item) for item in value), key=str)
    return value


def plain_state(state: dict[str, Any]) -> dict[str, str]:
    """A node's state for a person: each field as it would be written in Python, but with readable bytes."""
    return {name: _written(value) for name, value in state.items()}


def _written(value: Any) -> str:
    match value:
        case bytes() | bytearray() | memoryview():
            return text_of(bytes(value))
        case msgspec.Struct():
            fields = (
                f"{name}={_written(getattr(value, name))}" for name in value.__struct_fields__
            )
            return f"{type(value).__name__}({', '.join(fields)})"
        case dict():
            items = (f"{_written(key)}: {_written(item)}" for key, item in value.items())
            return f"{{{', '.join(items)}}}"
        case list():
            return f"[{', '.join(map(_written, value))}]"
        case tuple() if not hasattr(value, "_fields"):
            return f"({', '.join(map(_written, value))}{',' * (len(value) == 1)})"
        case set() | frozenset():
            # Sorted: a set's own order is another one in the next run.
            return f"{{{', '.join(sorted(map(_written, value)))}}}" if value else "set()"
        case type():
            return value.__name__
    if hasattr(value, "__dataclass_fields__"):
        fields = (f"{name}={_written(getattr(value, name))}" for name in value.__dataclass_fields__)
        return f"{type(value).__name__}({', '.join(fields)})"
    return repr(value)


def _describe(value: Any) -> Any:
    return value.__name__ if isinstance(value, type) else repr(value)


def text_of(data: bytes) -> str:
    """Bytes for a person: text if they are printable, else hexadecimal, in groups of four bytes from the first on."""
    # The groups are counted from the left, as the bytes came: so that equal beginnings look equal.
    hexadecimal = "0x" + data.hex("_", -4)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return hexadecimal
    return text if text.isprintable() or re.fullmatch(r"[\x20-\x7e\n\t]*", text) else hexadecimal


def name_of(value: Any) -> str:
    """What a plain message, timer, job, operation or fault is called: its class."""
    if isinstance(value, dict):
        return str(value.get("type", "?"))
    return str(value)


def fields_of(value: Any, width: int = 1000) -> str:
    """The fields of a plain value: ``key=x term=2``; cut to ``width``."""
    if not isinstance(value, dict):
        return ""
    shown = " ".join(f"{name}={_short(item)}" for name, item in value.items() if name != "type")
    return cut(shown, width)


def _short(value: Any) -> str:
    match value:
        case dict():
            inner = ",".join(_short(item) for name, item in value.items() if name != "type")
            return f"{value['type']}({inner})" if "type" in value else f"({inner})"
        case list() if len(value) > 4:
            return f"[{len(value)} items]"
        case list():
            return "[" + ",".join(map(_short, value)) + "]"
        case str():
            return cut(value, 24) if value.isprintable() and value else repr(cut(value, 24))
        case _:
            return str(value)


def cut(text: str, width: int) -> str:
    """``text``, cut to ``width`` with a mark that it was."""
    text = text.replace("\n", " ")
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def abbreviated(name: str, width: int) -> str:
    """A class's name in at most ``width`` letters, all words shortened alike: ``AppendEntries`` -> ``AppEnt``."""
    if len(name) <= width:
        return name
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+", name)
    keep = max(map(len, words))
    while keep > 1 and sum(min(keep, len(word)) for word in words) > width:
        keep -= 1
    return "".join(word[:keep] for word in words)[:width]


def short_address(address: str, width: int) -> str:
    """A node's name in at most ``width`` letters; its number stays: ``coordinator-12`` -> ``coord-12``."""
    if len(address) <= width:
        return address
    tail = re.search(r"[-_.]?\d+$", address)
    end = tail[0] if tail and len(tail[0]) < width else ""
    return address[: width - len(end)] + end


def milliseconds(time: int) -> str:
    """Microseconds as ``12`` or ``12.3``: no more digits than there is to say."""
    return f"{time // 1000}" if time % 1000 == 0 else f"{time / 1000:.1f}"


def lasting(duration: Any) -> str:
    return f"{milliseconds(int(duration))} ms"


def event_words(event: Event) -> str:
    """One line about any event, for lists: without its time and node."""
    what = plain(event.what)
    match event.kind:
        case Kind.SEND:
            return f"sends {name_of(what)} to {event.peer}: {fields_of(what)}".rstrip(": ")
        case Kind.DELIVER:
            return f"receives {name_of(what)} from {event.peer}: {fields_of(what)}".rstrip(": ")
        case Kind.DROP:
            return f"{name_of(what[0])} from {event.peer} does not arrive ({lost_because(what[1], event.node)})"
        case Kind.CALL:
            return f"is asked to {name_of(what[1])} {fields_of(what[1])}".rstrip()
        case Kind.RETURN:
            return f"answers operation {what[0]}: {outcome_words(what[1])}"
        case Kind.FAULT:
            return f"fault: {fault_words(what)}"
        case Kind.HEAL:
            return "everything is mended"
        case Kind.LOG:
            return f"logs [{what['subsystem']}] {what['text']} {fields_of(what['fields'])}".rstrip()
        case Kind.START:
            return (
                "starts"
                if event.incarnation == 0
                else f"starts again (life {event.incarnation + 1})"
            )
        case Kind.PROBE:
            return f"says of itself: {fields_of(what)}"
        case _:
            return local_words(event.kind, what, event.peer)


def local_words(kind: str, what: Any, peer: str = "") -> str:
    """What a node does or undergoes by itself. ``what`` is plain."""
    match kind:
        case Kind.CRASH:
            return "crashes" + (f" ({_crash_detail(str(what))})" if what else "")
        case Kind.STOP:
            return f"stops itself: {what}"
        case Kind.TIMER:
            return f"timer {name_of(what)} {fields_of(what)}".rstrip()
        case Kind.JOB:
            return f"job {name_of(what)} starts: {fields_of(what)}".rstrip(": ")
        case Kind.JOB_END:
            return f"job {name_of(what[0])} {_ended(what[1])}"
        case Kind.WRITE:
            return f"{what[0]} {what[1]} ({what[2]} bytes)"
        case Kind.SYNC:
            return f"sync of {' '.join(what)} begins"
        case Kind.SYNCED:
            return f"on disk: {' '.join(what)}"
        case Kind.SYNC_FAILED:
            return f"sync of {' '.join(what)} FAILS"
        case Kind.STORE:
            return f"store: {str(what[0]).replace('_', ' ')} {what[1]}" + (
                "" if what[2] else ": refused"
            )
        case Kind.CONNECT:
            return f"session with {peer} opens"
        case Kind.DISCONNECT:
            return f"session with {peer} is over"
    return f"{kind} {fields_of(what)}".rstrip()


def _crash_detail(why: str) -> str:
    return why.removeprefix("fault: ").replace(
        " of the unsynced writes kept", " of what was unsynced kept"
    )


def _ended(outcome: Any) -> str:
    return "finished" if name_of(outcome) == "Finished" else f"failed: {outcome.get('error', '')}"


def outcome_words(outcome: Any) -> str:
    """``Ok 3``, ``Fail: no money``, ``Info (nobody knows)``. ``outcome`` is plain."""
    match name_of(outcome):
        case "Ok":
            value = outcome.get("value")
            return "Ok" if value is None else f"Ok {_short(value)}"
        case "Fail":
            return f"Fail: {outcome.get('reason', '')}".rstrip(": ")
        case _:
            return "Info: nobody knows" + (
                f" ({outcome['reason']})" if outcome.get("reason") else ""
            )


def lost_because(why: str, receiver: str) -> str:
    """Why a message did not arrive."""
    known = {
        "drop": "dropped",
        "loss": "lost on the way",
        "partition": "cut off",
        "down": f"{receiver} is down",
        "garbled": "damaged",
    }
    return known.get(why, why)


def fault_words(action: Any) -> str:
    """What a fault does. ``action`` is plain."""
    known = action if isinstance(action, dict) else {}
    node = known.get("node", "")
    lasts = f" for {lasting(known['duration'])}" if known.get("duration") else ""
    link = f"{known.get('source')} to {known.get('to')}"
    match name_of(action):
        case "Partition":
            groups = " | ".join(" ".join(group) for group in known["groups"])
            return f"partition {groups}{lasts}"
        case "Cut":
            return f"messages {link} are lost{lasts}"
        case "Clog":
            return f"messages {link} are held back{lasts}"
        case "Crash":
            kept = f"{known.get('unsynced')} of what was unsynced kept"
            return f"{node} crashes, {kept}"
        case "Pause":
            return f"{node} stands still{lasts}"
        case "Twin":
            return f"a second {node} starts, the first lives on{lasts}"
        case "SlowNode":
            return f"{node} is slow{lasts}"
        case "KillJob":
            return f"a job of {node} is killed"
        case "JumpClock":
            return f"{node}'s clock jumps by {lasting(known['by'])}"
        case "SlowDisk":
            return f"{node}'s disk is slow{lasts}"
        case "FailSync":
            return f"{node}'s next sync fails"
        case "FailRead":
            return f"{node}'s next read fails"
        case "FillDisk":
            return f"{node}'s disk is full{lasts}"
        case "Rot":
            return f"a bit of a file of {node} flips"
        case "Hold":
            return "from now on nothing happens but what is chosen"
        case "Release":
            return f"message {known['n']} from {link} arrives"
        case "Fire":
            return f"{node}'s timer {known['timer']} fires"
        case "Draw":
            return f"{node} draws {', '.join(map(str, known['values']))}"
        case "Drop":
            return "dropped"
        case "Delay":
            return f"delayed by {lasting(known['by'])}"
        case "Duplicate":
            return "duplicated"
        case "Flip":
            return "a bit flips on the way"
    return f"{name_of(action)} {fields_of(action)}"
