"""Windows as panes that know what they hold; what comes late fires with the next watermark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from labs.lab5_streaming.eventtime import Due, Window, WindowBase
from labs.lab5_streaming.stream import Key


def floor(time: int, step: int, offset: int) -> int:
    """The greatest offset + n * step that is not behind ``time``."""
    return (time - offset) // step * step + offset


def tumbling(time: int, size: int, offset: int = 0) -> Window:
    start = floor(time, size, offset)
    return Window(start, start + size)


def sliding(time: int, size: int, slide: int, offset: int = 0) -> list[Window]:
    windows, start = [], floor(time, slide, offset)
    while start + size > time:
        windows.append(Window(start, start + size))
        start -= slide
    return windows


def overlap(one: Window, other: Window) -> bool:
    return one.start < other.end and other.start < one.end


def merged(windows: list[Window]) -> list[Window]:
    rest, done = list(windows), []
    while rest:
        whole = rest.pop()
        while touched := [window for window in rest if overlap(window, whole)]:
            rest = [window for window in rest if window not in touched]
            starts = [whole.start, *(window.start for window in touched)]
            whole = Window(min(starts), max([whole.end, *(window.end for window in touched)]))
        done.append(whole)
    return sorted(done)


@dataclass
class Pane:
    window: Window
    ids: list[Any] = field(default_factory=list)
    told: int = 0
    """How many of them it had put out when it last fired."""


@dataclass
class WindowOperator(WindowBase):
    panes: dict[Key, list[Pane]] = field(default_factory=dict)

    def on_record(self, context: Any, key: Key, time: int, value: Any) -> None:
        panes = self.panes.setdefault(key, [])
        taken = False
        for window in self.assigned(time):
            pane = self.pane_of(context, key, window)
            if pane.window.last + self.lateness <= context.watermark:
                continue
            if pane not in panes:
                panes.append(pane)
            pane.ids.append(value[0])
            self.arm(context, key, pane)
            taken = True
        if not panes:
            del self.panes[key]
        if not taken:
            context.emit(self.aside(key, time, value), "late")

    def assigned(self, time: int) -> list[Window]:
        if self.kind == "session":
            return [Window(time, time + self.size)]
        slide = self.slide if self.kind == "sliding" else self.size
        return sliding(time, self.size, slide, self.offset)

    def pane_of(self, context: Any, key: Key, window: Window) -> Pane:
        """The pane of that window; of a session, the one that all it touches are poured into."""
        panes = self.panes[key]
        if self.kind != "session":
            return next((pane for pane in panes if pane.window == window), Pane(window))
        touched = [pane for pane in panes if overlap(pane.window, window)]
        if not touched:
            return Pane(window)
        whole = merged([window, *(pane.window for pane in touched)])[0]
        if [pane.window for pane in touched] == [whole]:
            return touched[0]
        for pane in touched:
            panes.remove(pane)
            self.disarm(context, key, pane.window)
        poured = Pane(whole, [one for pane in touched for one in pane.ids])
        panes.append(poured)
        return poured

    def arm(self, context: Any, key: Key, pane: Pane) -> None:
        """Due when it is complete, or with the next watermark; and once more when it is over."""
        last = pane.window.last
        name = f"{pane.window.start}:{pane.window.end}"
        context.timers.set(Due(max(last, context.watermark), key, f"1:{name}"))
        context.timers.set(Due(last + self.lateness, key, f"2:{name}"))

    def disarm(self, context: Any, key: Key, window: Window) -> None:
        name = f"{window.start}:{window.end}"
        context.timers.delete(Due(window.last, key, f"1:{name}"))
        context.timers.delete(Due(window.last + self.lateness, key, f"2:{name}"))

    def on_timer(self, context: Any, due: Due) -> None:
        what, start, end = map(int, due.namespace.split(":"))
        window = Window(start, end)
        pane = next((p for p in self.panes.get(due.key, []) if p.window == window), None)
        if pane is None:  # it was poured into another one since
            return
        if len(pane.ids) > pane.told:
            context.emit(self.result(due.key, window, pane.ids))
            pane.told = len(pane.ids)
        if what == 2:
            self.panes[due.key].remove(pane)
            if not self.panes[due.key]:
                del self.panes[due.key]

    def windows(self) -> int:
        return sum(len(panes) for panes in self.panes.values())
