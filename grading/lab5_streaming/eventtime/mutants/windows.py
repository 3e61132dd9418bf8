"""Bugs of part 5B2: which window, when it fires, when it is late, and what is left behind."""

from __future__ import annotations

import heapq
from typing import Any

from distlab.grade.lab import Mutant, bug
from labs.lab5_streaming import windows as reference
from labs.lab5_streaming.eventtime import Due, Window
from labs.lab5_streaming.stream import Key
from labs.lab5_streaming.timers import Timers
from labs.lab5_streaming.windows import WindowOperator

sliding, merged = reference.sliding, reference.merged

# -- which window -------------------------------------------------------------------------------------


def remainder(time: int, size: int, offset: int = 0) -> Window:
    """The remainder that follows the sign, as % does in Java and C: -10 falls into the window that begins at -7."""
    behind = time - offset + size
    start = time - (behind % size if behind >= 0 else -(-behind % size))
    return Window(start, start + size)


def offset_forgotten(time: int, size: int, offset: int = 0) -> Window:
    """Leaves the offset out: days begin at midnight in Greenwich, everywhere."""
    start = time - time % size
    return Window(start, start + size)


def offset_added(time: int, size: int, offset: int = 0) -> Window:
    """Adds the offset behind: an event can lie before its window."""
    start = time - time % size + offset
    return Window(start, start + size)


def one_too_few(time: int, size: int, slide: int, offset: int = 0) -> list[Window]:
    """size // slide windows: right where the one divides the other."""
    return sliding(time, size, slide, offset)[: max(1, size // slide)]


def one_too_many(time: int, size: int, slide: int, offset: int = 0) -> list[Window]:
    """Counts the window that has ended at this very moment."""
    latest = time - (time - offset) % slide
    return [Window(start, start + size) for start in range(latest, time - size - 1, -slide)]


def touching(windows: list[Window]) -> list[Window]:
    """Merges windows that only touch: [10, 20) and [20, 30) become one."""
    result: list[Window] = []
    for window in sorted(windows):
        if result and window.start <= result[-1].end:
            result[-1] = Window(result[-1].start, max(result[-1].end, window.end))
        else:
            result.append(window)
    return result


def inner_end(windows: list[Window]) -> list[Window]:
    """Takes the end of the later one: a window inside another one cuts it short."""
    result: list[Window] = []
    for window in sorted(windows):
        if result and window.start < result[-1].end:
            result[-1] = Window(result[-1].start, window.end)
        else:
            result.append(window)
    return result


# -- the operator -------------------------------------------------------------------------------------


class DropsTheLate(WindowOperator):
    """Drops what is late, without a word."""

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        super().on_record(_Deaf(context), key, time, value)


class _Deaf:
    """A context that does not hear what is put aside."""

    def __init__(self, context: Any) -> None:
        self.context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self.context, name)

    def emit(self, records: Any, tag: str = "") -> None:
        if not tag:
            self.context.emit(records)


class AsideAndIn(WindowOperator):
    """Puts aside whatever is late for one of its windows, and into the others as well."""

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        super().on_record(context, key, time, value)
        if self.kind == "sliding":
            windows = sliding(time, self.size, self.slide, self.offset)
            late = [w for w in windows if w.last + self.lateness <= context.watermark]
            if late and len(late) < len(windows):
                context.emit(self.aside(key, time, value), "late")


class LateByTheElement(WindowOperator):
    """Takes an element for late when it is older than the watermark, though its window is still open."""

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        if time + self.lateness <= context.watermark:
            context.emit(self.aside(key, time, value), "late")
        else:
            super().on_record(context, key, time, value)


class LateAtTheEnd(WindowOperator):
    """Compares with the window's end, not with its last moment: at the edge an element is taken for a window that is
    gone.
    """

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        if self.kind != "tumbling":
            super().on_record(context, key, time, value)
            return
        window = reference.tumbling(time, self.size, self.offset)
        if window.last + self.lateness == context.watermark:
            self.kept.setdefault(key, {}).setdefault(window, []).append(value[0])
            self.fire(context, key, window)
            context.timers.set(Due(window.end + self.lateness, key, f"forget {window.start}"))
        else:
            super().on_record(context, key, time, value)

    def on_timer(self, context: Any, due: Due) -> None:
        what, start = due.namespace.split()
        window = Window(int(start), int(start) + self.size)
        if self.kind == "tumbling" and what == "forget":
            self.kept.get(due.key, {}).pop(window, None)
            if not self.kept.get(due.key, {1: 1}):
                del self.kept[due.key]
            return
        super().on_timer(context, due)


class NoLateness(WindowOperator):
    """Knows no allowed lateness: a window that has fired is gone."""

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        lateness, self.lateness = self.lateness, 0
        super().on_record(context, key, time, value)
        self.lateness = lateness

    def on_timer(self, context: Any, due: Due) -> None:
        lateness, self.lateness = self.lateness, 0
        super().on_timer(context, due)
        self.lateness = lateness


class FiresOnce(WindowOperator):
    """Takes late elements into a window that has fired, and does not fire again."""

    def fire(self, context: Any, key: Key, window: Window) -> None:
        if window.last > context.watermark or not self.was_fired(context, key, window):
            super().fire(context, key, window)

    fired: set[Any] | None = None

    def was_fired(self, context: Any, key: Key, window: Window) -> bool:
        fired = self.fired = self.fired or set()
        if (key, window) in fired:
            return True
        fired.add((key, window))
        return False


class OnlyTheNew(WindowOperator):
    """Fires again with the new element only, where everything was promised: discarding for accumulating."""

    fired: dict[Any, int] | None = None

    def fire(self, context: Any, key: Key, window: Window) -> None:
        fired = self.fired = self.fired or {}
        ids = self.kept[key][window]
        context.emit(self.result(key, window, ids[fired.get((key, window), 0) :]))
        fired[(key, window)] = len(ids)


class FiresAtEach(WindowOperator):
    """Fires whenever an element comes in: early results, which nobody asked for."""

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        super().on_record(context, key, time, value)
        if len(self.kept.get(key, {})) > 2:
            self.fire(context, key, max(self.kept[key]))


class KeysTogether(WindowOperator):
    """One timer for a window, whatever its key: of two keys only the first one fires."""

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        super().on_record(_OneKey(context, self), key, time, value)

    owner: dict[Any, Key] | None = None


class _OneKey:
    """A context whose timers forget that there are other keys."""

    def __init__(self, context: Any, operator: Any) -> None:
        self.context, self.operator = context, operator

    def __getattr__(self, name: str) -> Any:
        return getattr(self.context, name)

    @property
    def timers(self) -> Any:
        return self

    def set(self, due: Due) -> None:
        owner = self.operator.owner = self.operator.owner or {}
        if owner.setdefault((due.time, due.namespace), due.key) == due.key:
            self.context.timers.set(due)

    def delete(self, due: Due) -> None:
        self.context.timers.delete(due)


class SessionsNeverMerge(WindowOperator):
    """A session begins with its first element, and one that comes before it begins another one."""

    def join_session(self, context: Any, key: Key, fresh: Window) -> Window:
        there = self.kept.get(key, {})
        if any(fresh.start < w.start < fresh.end for w in there):
            return next((w for w in there if w.start <= fresh.start < w.end), fresh)
        return super().join_session(context, key, fresh)


class MergesTwo(WindowOperator):
    """Joins a new element with the first session that it touches: the one on its other side stays by itself."""

    def join_session(self, context: Any, key: Key, fresh: Window) -> Window:
        there = self.kept.get(key, {})
        touched = sorted(w for w in there if w.start < fresh.end and fresh.start < w.end)
        hidden = {w: there.pop(w) for w in touched[1:]}
        whole = super().join_session(context, key, fresh)
        there.update(hidden)
        return whole


class OldSessionsFire(WindowOperator):
    """Leaves the timers of the sessions that it has merged: they fire a session that is no more."""

    def join_session(self, context: Any, key: Key, fresh: Window) -> Window:
        return super().join_session(_KeepsTimers(context), key, fresh)

    def on_timer(self, context: Any, due: Due) -> None:
        what, start = due.namespace.split()
        last = due.time if what == "fire" else due.time - self.lateness
        window = Window(int(start), last + 1)
        there = self.kept.get(due.key, {})
        if window in there:
            super().on_timer(context, due)
        elif what == "fire":
            held = next((ids for w, ids in there.items() if w.start <= window.start < w.end), [])
            context.emit(self.result(due.key, window, held))


class _KeepsTimers:
    """A context whose timers cannot be taken back."""

    def __init__(self, context: Any) -> None:
        self.context = context

    @property
    def timers(self) -> Any:
        return self

    def delete(self, due: Due) -> None:
        pass


class LateByItself(WindowOperator):
    """Asks whether an element is late before it is merged: by itself it is, and the session is still open."""

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        if self.kind == "session" and time + self.size - 1 + self.lateness <= context.watermark:
            context.emit(self.aside(key, time, value), "late")
        else:
            super().on_record(context, key, time, value)


class ForgetsNothing(WindowOperator):
    """Never deletes a window that holds more than one element: state grows for ever."""

    def on_timer(self, context: Any, due: Due) -> None:
        what, start = due.namespace.split()
        window = Window(int(start), due.time - self.lateness + 1)
        ids = list(self.kept.get(due.key, {}).get(window, []))
        super().on_timer(context, due)
        if what == "forget" and len(ids) > 1:
            self.kept.setdefault(due.key, {})[window] = ids


class ForgetsOnlyTheFired(WindowOperator):
    """Forgets a window when it fires; one that was opened by a late element, and has no such timer, stays."""

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        super().on_record(_NoCleaning(context, context.watermark), key, time, value)


class _NoCleaning:
    """A context that drops the clean-up timers of windows that are complete already."""

    def __init__(self, context: Any, watermark: int) -> None:
        self.context, self.watermark = context, watermark

    def __getattr__(self, name: str) -> Any:
        return getattr(self.context, name)

    @property
    def timers(self) -> Any:
        return self

    def set(self, due: Due) -> None:
        start = int(due.namespace.split()[1])
        size = self.context.task.operator.size
        kind = self.context.task.operator.kind
        if (
            kind == "session"
            or due.namespace.startswith("fire")
            or start + size - 1 > self.watermark
        ):
            self.context.timers.set(due)

    def delete(self, due: Due) -> None:
        self.context.timers.delete(due)


# -- timers -------------------------------------------------------------------------------------------


class SetTwice(Timers):
    """A timer that is set twice is due twice."""

    def set(self, due: Due) -> None:
        self.number += 1
        self.alive[due] = self.alive.get(due, self.number)
        heapq.heappush(self.queue, (due.time, self.alive[due], due))
        self.doubled = {**(self.doubled or {}), due: (self.doubled or {}).get(due, 0) + 1}

    doubled: dict[Due, int] | None = None

    def due(self, now: int) -> Due | None:
        due = super().due(now)
        if due is not None and self.doubled and self.doubled.pop(due, 0) > 1:
            super().set(due)
        return due


class InTheOrderSet(Timers):
    """Those that are due come in the order in which they were set."""

    def due(self, now: int) -> Due | None:
        due = next((d for d in self.alive if d.time <= now), None)
        if due is not None:
            del self.alive[due]
        return due


class OneMomentLate(Timers):
    """A timer is due when the time is past it, not when it is reached."""

    def due(self, now: int) -> Due | None:
        first = self.first()
        return None if first is None or first.time >= now else super().due(now)


class DeletesByTime(Timers):
    """Taking back one timer takes back all of that key and moment, whatever they were for."""

    def delete(self, due: Due) -> None:
        for other in [d for d in self.alive if (d.time, d.key) == (due.time, due.key)]:
            del self.alive[other]


class OnePerMoment(Timers):
    """Knows one timer for each key and moment: the second one, for another purpose, is not set."""

    def set(self, due: Due) -> None:
        if not any((d.time, d.key) == (due.time, due.key) for d in self.alive):
            super().set(due)


class NeverTakenBack(Timers):
    """delete does nothing if other timers are set for the same key."""

    def delete(self, due: Due) -> None:
        if sum(d.key == due.key for d in self.alive) == 1:
            super().delete(due)


def window(name: str, by: Any, breaks: str = "ST-S5", replaces: str = "", **more: Any) -> Mutant:
    if not replaces:
        base = next(base for base in by.__mro__[1:] if base.__module__.startswith("labs."))
        replaces = f"{base.__module__.rpartition('.')[2]}:{base.__name__}"
    return bug(name, by, part="B2", replaces=replaces, breaks=breaks, **more)


WINDOWS = (
    window(
        "remainder-for-modulo",
        remainder,
        replaces="windows:tumbling",
        code="m12",
        source="FLINK-26334",
    ),
    window("offset-forgotten", offset_forgotten, replaces="windows:tumbling"),
    window("offset-added", offset_added, replaces="windows:tumbling"),
    window("one-window-too-few", one_too_few, replaces="windows:sliding"),
    window("one-window-too-many", one_too_many, replaces="windows:sliding"),
    window("touching-is-overlapping", touching, replaces="windows:merged"),
    window("inner-end", inner_end, replaces="windows:merged"),
    window("drops-the-late", DropsTheLate),
    window("aside-and-in", AsideAndIn),
    window("late-by-the-element", LateByTheElement),
    window("late-at-the-end", LateAtTheEnd),
    window("no-lateness", NoLateness),
    window("fires-once", FiresOnce, kind="liveness"),
    window("only-the-new", OnlyTheNew),
    window("fires-at-each", FiresAtEach, kind="cost"),
    window("keys-together", KeysTogether, kind="liveness"),
    window("sessions-never-merge", SessionsNeverMerge),
    window("merges-two", MergesTwo),
    window("old-sessions-fire", OldSessionsFire),
    window("late-by-itself", LateByItself),
    window("forgets-nothing", ForgetsNothing, "ST-C2", kind="cost"),
    window("forgets-only-the-fired", ForgetsOnlyTheFired, "ST-C2", kind="cost"),
    window("set-twice", SetTwice, "ST-S6"),
    window("in-the-order-set", InTheOrderSet, "ST-S6"),
    window("one-moment-late", OneMomentLate, "ST-S6", kind="liveness"),
    window("deletes-by-time", DeletesByTime, "ST-S6", kind="liveness"),
    window("one-per-moment", OnePerMoment, "ST-S6", kind="liveness"),
    window("never-taken-back", NeverTakenBack, "ST-S6"),
)
