"""The space-time diagram as text: columns are nodes, time runs down, in milliseconds; 80 columns by default.

A message is drawn when it arrives; when it left is said beside it if that was not just before. ``>`` stands before the
decisive row. Every symbol comes with words, so that nothing depends on colour or on a picture being seen. With many
nodes, columns grow narrow, then names short; nodes to which nothing happens have no column, which is said.

No terminal and no colours here: a :class:`Line` says what it is, and whoever shows it may paint it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from msgspec import Struct

from distlab.trace.event import Trace
from distlab.trace.scene import Life, Mark, Scene, Shape, compose
from distlab.trace.words import abbreviated, cut, milliseconds, short_address

WIDEST, NARROWEST = 13, 7
"""Letters from one lifeline to the next."""
LEAST_NOTE = 22
"""Letters that the words at the right need at least."""

SYMBOLS = {
    "call": "●",
    "return": "○",
    "timer": "◔",
    "crash": "✗",
    "start": "▲",
    "pause": "‖",
    "sync": "▪",
    "write": "▫",
    "job": "◇",
    "store": "◆",
    "session": "◦",
    "fault": "✗",
}
_LIFE = {Life.UP: "│", Life.DOWN: " ", Life.PAUSED: "┊"}
_ASCII = str.maketrans("│┊─═├┤▶◀▷◁●○◔✗▲‖▪▫◇◆◦⋮…┼└", "|:-=++><><*ot" + "x^=sw" + "j$o:~+`")


class Line(Struct, frozen=True):
    """One line of the diagram."""

    text: str
    style: str = ""
    """``head``, ``fault``, ``decisive``, ``gap``, ``lost`` or nothing."""


def diagram(
    trace: Trace,
    *,
    nodes: Sequence[str] = (),
    evidence: Iterable[int] = (),
    rows: int = 0,
    width: int = 80,
    ascii_only: bool = False,
    writes: bool = False,
) -> list[Line]:
    """The lines of the diagram; ``rows`` is how many marks may be shown, 0 for all of them."""
    scene = compose(trace, nodes=nodes, evidence=evidence, rows=rows, writes=writes)
    lines = _Drawing(scene, width).lines()
    if ascii_only:
        lines = [Line(line.text.translate(_ASCII), line.style) for line in lines]
    return lines


class _Drawing:
    """Lays a scene out on lines of letters."""

    def __init__(self, scene: Scene, width: int) -> None:
        self.width = width
        self.whole = all(mark.time % 1000 == 0 for mark in scene.marks)
        times = [self._time(mark) for mark in scene.marks]
        self.left = max(5, *(len(time) + 2 for time in times)) if times else 5
        columns, self.dropped = _columns_that_fit(scene, width - self.left - LEAST_NOTE)
        self.left_out = [*scene.left_out, *self.dropped]
        self.marks = [
            mark for mark in scene.marks if not {mark.node, mark.source} & set(self.dropped)
        ]
        self.kept = [scene.columns.index(column) for column in columns]
        longest = max((len(_note(mark)) for mark in self.marks), default=0)
        room = width - self.left - max(LEAST_NOTE, min(longest + 2, 34))
        self.step = max(NARROWEST, min(WIDEST, room // max(1, len(columns))))
        self.columns = columns
        self.at = {column: self.left + 1 + i * self.step for i, column in enumerate(columns)}
        self.notes_at = self.left + 1 + len(columns) * self.step

    def lines(self) -> list[Line]:
        if not self.marks:
            return [Line("  nothing happened", "gap")]
        lines = [self._heading()]
        for mark in self.marks:
            lines += self._row(mark)
        if self.left_out:
            names = ", ".join(self.left_out)
            gaps = any(mark.shape is Shape.GAP for mark in self.marks)
            why = (
                "no room"
                if self.dropped
                else "only what is left out above"
                if gaps
                else "nothing happens there"
            )
            text = f"{'':{self.left}} not shown: {names} ({why})"
            lines.append(Line(cut(text, self.width), "gap"))
        return lines

    def _heading(self) -> Line:
        row = [" "] * self.width
        _put(row, max(0, self.left - 3), "ms")
        for column in self.columns:
            _put(row, self.at[column], short_address(column, self.step - 1))
        return Line("".join(row).rstrip(), "head")

    def _time(self, mark: Mark) -> str:
        return milliseconds(mark.time) if self.whole else f"{mark.time / 1000:.1f}"

    def _row(self, mark: Mark) -> list[Line]:
        row = self._lifelines(mark)
        if mark.shape is Shape.GAP:
            for column in self.columns:
                _put(row, self.at[column], "⋮")
            _put(
                row,
                self.notes_at,
                cut(f"({mark.hidden} more not shown)", self.width - self.notes_at),
            )
            return [Line("".join(row).rstrip(), "gap")]
        _put(row, 0, ">" if mark.decisive else " ")
        _put(row, 0, f"{'>' if mark.decisive else ' '}{self._time(mark):>{self.left - 2}}")
        if mark.shape is Shape.BAR:
            self._bar(row, mark)
            return [Line("".join(row).rstrip(), "fault")]
        note = _note(mark)
        if mark.shape is Shape.POINT or mark.node == mark.source:
            symbol = "!" if mark.decisive else SYMBOLS.get(mark.symbol, "●")
            _put(row, self.at[mark.node], symbol)
        else:
            room = self._arrow(row, mark)
            note = _note(mark, len(room) < len(mark.name))
        return self._with_note(row, mark, note)

    def _lifelines(self, mark: Mark) -> list[str]:
        row = [" "] * self.width
        for column, index in zip(self.columns, self.kept, strict=True):
            row[self.at[column]] = _LIFE[mark.lives[index]]
        return row

    def _arrow(self, row: list[str], mark: Mark) -> str:
        """Draw the arrow; returns the name as it stands on it."""
        start, end = self.at[mark.source], self.at[mark.node]
        rightwards = start < end
        stops_short = mark.shape is not Shape.ARROW
        if stops_short and not mark.words.endswith("is down"):
            end = start + (end - start) * 3 // 4 if abs(end - start) > 5 else end
        low, high = min(start, end), max(start, end)
        for place in range(low + 1, high):
            row[place] = "┼" if row[place] in "│┊" else "─"
        row[start] = "├" if rightwards else "┤"
        tips = {Shape.LOST: "✗✗", Shape.UNDER_WAY: "▷◁"}.get(mark.shape, "▶◀")
        head = tips[0] if rightwards else tips[1]
        tip = (
            end if stops_short and end != self.at[mark.node] else end - 1 if rightwards else end + 1
        )
        row[tip] = head
        first, last = (start + 1, tip - 1) if rightwards else (tip + 1, start - 1)
        room = last - first + 1
        airy, dense = (abbreviated(mark.name, max(0, room - taken)) for taken in (3, 1))
        name = airy if airy == mark.name else dense
        if len(name) < min(3, len(mark.name)):
            return ""
        label = f" {name} " if len(name) + 3 <= room else name
        begin = first + (last - first + 1 - len(label)) // 2
        _put(row, begin, label)
        return name

    def _bar(self, row: list[str], mark: Mark) -> None:
        right = self.notes_at - 1
        text = _numbered(mark.words, mark.faults).replace("\xa0", " ")
        for place in range(self.left + 1, max(right, min(self.width, self.left + 7 + len(text)))):
            row[place] = "═"
        _put(row, self.left + 3, cut(f" {text} ", self.width - self.left - 4))

    def _with_note(self, row: list[str], mark: Mark, note: str) -> list[Line]:
        style = (
            "decisive"
            if mark.decisive
            else "fault"
            if mark.faults
            else "lost"
            if mark.shape is Shape.LOST
            else ""
        )
        room = self.width - self.notes_at
        wrapped = [
            part.replace("\xa0", " ") for part in textwrap.wrap(note, room, break_on_hyphens=False)
        ] or [""]
        most = (
            2 if mark.decisive or mark.faults or mark.symbol in ("return", "crash", "start") else 1
        )
        if len(wrapped) > most:
            wrapped = [*wrapped[: most - 1], cut(" ".join(wrapped[most - 1 :]), room)]
        _put(row, self.notes_at, wrapped[0])
        lines = [Line("".join(row).rstrip(), style)]
        for more in wrapped[1:]:
            rest = self._lifelines(mark)
            _put(rest, self.notes_at, more)
            lines.append(Line("".join(rest).rstrip(), style))
        return lines


def _columns_that_fit(scene: Scene, room: int) -> tuple[list[str], list[str]]:
    """The columns to be drawn, and those for which there is no room: first those that explain least."""
    columns = list(scene.columns)
    weight = dict.fromkeys(columns, 0.0)
    for mark in scene.marks:
        for node in {mark.node, mark.source} & weight.keys():
            weight[node] = max(weight[node], 100 - mark.rank) + 0.001
    most = max(1, room // NARROWEST)
    kept = sorted(columns, key=lambda column: -weight[column])[:most]
    return [c for c in columns if c in kept], [c for c in columns if c not in kept]


def _note(mark: Mark, with_name: bool = False) -> str:
    """The words at the right of a row."""
    if mark.shape not in (Shape.ARROW, Shape.LOST, Shape.UNDER_WAY):
        return _numbered(mark.words, mark.faults)
    late = f"sent at {milliseconds(mark.sent)}" if mark.time - mark.sent > 2500 else ""
    name = mark.name if with_name or mark.node == mark.source else ""
    parts = [_numbered(mark.words, mark.faults), late, f"{name} {mark.fields}".strip()]
    return "; ".join(part for part in parts if part)


def _numbered(words: str, faults: tuple[int, ...]) -> str:
    # A no-break space: the number stays with its word.
    return f"{words} (fault\xa0{', '.join(map(str, faults))})" if faults else words


def _put(row: list[str], place: int, text: str) -> None:
    for offset, letter in enumerate(text):
        if 0 <= place + offset < len(row):
            row[place + offset] = letter
