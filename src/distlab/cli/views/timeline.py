"""Operations as bars over time, one row for each client: in a terminal, or as an SVG.

Theory. Only the order of calls and returns matters, so time is drawn by ranks: each event has a column of its own, and
a bar is as long as its label needs. A long history is cut to what explains the verdict: the operations that cannot be
ordered, and some that overlap them. What cannot be ordered is drawn double and named again below; an open operation
has no end. The order that was found for the others stands below too.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from msgspec import Struct
from rich.text import Text

from distlab.check.history import Entry
from distlab.check.linear.words import short, who
from distlab.cli.screen import joined, plural, styled, wrapped
from distlab.trace.words import cut, milliseconds

MOST = 10
"""Bars in a picture, beyond those that cannot be ordered."""


class Bar(Struct, frozen=True):
    """One operation."""

    number: int
    entry: Entry
    begins: int
    """Rank of its call among all events drawn."""
    ends: int
    """Rank of its return; one past the last event if it is open."""
    is_culprit: bool

    @property
    def words(self) -> str:
        return short(self.entry)


class Timeline:
    """A picture of some operations. ``order``: how far an order of them goes."""

    def __init__(
        self, entries: Sequence[Entry], culprits: Sequence[Entry], order: Sequence[Entry] = ()
    ) -> None:
        blamed = {entry.ticket for entry in culprits}
        chosen = _chosen(entries, blamed)
        self.hidden = len(entries) - len(chosen)
        self.bars = _bars(chosen, blamed)
        self.events = max((bar.ends for bar in self.bars), default=0) + 1
        self.clients = list(dict.fromkeys(who(bar.entry) for bar in self.bars))
        numbers = {bar.entry.ticket: bar.number for bar in self.bars}
        self.order = [numbers[entry.ticket] for entry in order if entry.ticket in numbers]
        self.left_out = [
            bar.number
            for bar in self.bars
            if order and bar.entry.is_ok and bar.number not in self.order
        ]

    # ------------------------------------------------------------ in a terminal

    def render(self, width: int) -> list[Text]:
        margin = min(max((len(name) for name in self.clients), default=0), 12) + 4
        labels, columns = self._fitted(width - margin - 2)
        rows = [self._row(client, margin, labels, columns) for client in self.clients]
        return [*rows, Text(), *self._legend(width), *self._found(width)]

    def _fitted(self, room: int) -> tuple[dict[int, str], list[int]]:
        """Labels as long as there is room for; where each event goes."""
        for longest in (40, 24, 14, 0):
            labels = {
                bar.number: cut(f"{bar.number} {bar.words}", longest)
                if longest
                else str(bar.number)
                for bar in self.bars
            }
            columns = self._columns(labels)
            if columns[-1] < room:
                break
        return labels, columns

    def _columns(self, labels: dict[int, str]) -> list[int]:
        columns = [0] * self.events
        for event in range(1, self.events):
            columns[event] = columns[event - 1] + 1
            for bar in self.bars:
                if bar.ends == event:
                    needed = columns[bar.begins] + len(labels[bar.number]) + 5
                    columns[event] = max(columns[event], needed)
        return columns

    def _row(self, client: str, margin: int, labels: dict[int, str], columns: list[int]) -> Text:
        bars = [bar for bar in self.bars if who(bar.entry) == client]
        row = joined((f"  {cut(client, 12)}".ljust(margin), "head"))
        for bar in sorted(bars, key=lambda bar: bar.begins):
            start, end = margin + columns[bar.begins], margin + columns[bar.ends]
            row.append(" " * max(0, start - len(row.plain)))
            line = "═" if bar.is_culprit else "─"
            closing = "…" if bar.entry.is_open else "┤"
            label = f"{line} {labels[bar.number]} "
            drawn = "├" + label.ljust(end - start - 1, line) + closing
            row.append_text(styled(drawn, "bad" if bar.is_culprit else ""))
        return row

    def _legend(self, width: int) -> list[Text]:
        lines = []
        longest = max((len(cut(who(bar.entry), 12)) for bar in self.bars), default=0)
        for bar in self.bars:
            mark = "!" if bar.is_culprit else " "
            when = f"{milliseconds(bar.entry.began)} to {milliseconds(bar.entry.ended or 0)} ms"
            if bar.entry.is_open:
                when = f"open since {milliseconds(bar.entry.began)} ms"
            head = f" {mark}{bar.number:>3}  {cut(who(bar.entry), 12):{longest}}  "
            room = width - len(head) - len(when) - 2
            text = f"{head}{cut(bar.words, room)}".ljust(width - len(when) - 1)
            lines.append(joined((text, "bad" if bar.is_culprit else ""), (f" {when}", "dim")))
        if self.hidden:
            lines.append(styled(f"      {plural(self.hidden, 'operation')} not shown", "dim"))
        return lines

    def _found(self, width: int) -> list[Text]:
        if not self.order:
            return []
        text = f"An order goes as far as: {', '.join(map(str, self.order))}."
        if self.left_out:
            text += f" Without: {', '.join(map(str, self.left_out))}."
        return [Text(), *map(styled, wrapped(text, width, "  "))]

    # ------------------------------------------------------------ as a picture

    def svg(self, title: str) -> str:
        """One ``<svg>`` element, which needs nothing else. Resting on a bar shows all of it."""
        labels = {bar.number: f"{bar.number}  {cut(bar.words, 32)}" for bar in self.bars}
        columns = [LEFT + LETTER * column for column in self._columns(labels)]
        width, height = columns[-1] + 40, TOP + LANE * len(self.clients) + 30
        lanes = {client: TOP + LANE * i for i, client in enumerate(self.clients)}
        names = "".join(
            f'<text x="{LEFT - 16}" y="{y + 5}" text-anchor="end">{escape(cut(client, 12))}</text>'
            f'<line class="lane" x1="{LEFT - 6}" y1="{y}" x2="{width - 12}" y2="{y}" />'
            for client, y in lanes.items()
        )
        bars = "".join(
            self._svg_bar(bar, labels[bar.number], columns, lanes[who(bar.entry)])
            for bar in self.bars
        )
        found = f"order: {', '.join(map(str, self.order))}" if self.order else ""
        if self.left_out:
            found += f"; no place for {', '.join(map(str, self.left_out))}"
        return (
            f'<svg class="ops" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-label="{escape(title)}"><style>{STYLE}</style>'
            f'<text class="title" x="16" y="24">{escape(title)}</text>{names}{bars}'
            f'<text class="dim" x="16" y="{height - 12}">{escape(found)}</text></svg>\n'
        )

    def _svg_bar(self, bar: Bar, label: str, columns: list[int], y: int) -> str:
        start, end = columns[bar.begins], columns[bar.ends]
        kind = ("bad" if bar.is_culprit else "bar") + (" open" if bar.entry.is_open else "")
        when = f"{milliseconds(bar.entry.began)} ms to " + (
            "?"
            if bar.entry.ended is None or bar.entry.is_open
            else f"{milliseconds(bar.entry.ended)} ms"
        )
        about = escape(f"{who(bar.entry)}: {bar.words} ({when})")
        mark = " !" if bar.is_culprit else ""
        return (
            f'<g><title>{about}</title><rect class="{kind}" x="{start}" y="{y - 14}" width="{end - start}" '
            f'height="28" rx="4" /><text class="label" x="{start + 8}" y="{y + 5}">{escape(label)}{mark}</text></g>'
        )


LEFT, TOP, LANE, LETTER = 110, 64, 40, 9

STYLE = """
.ops { font: 13px ui-monospace, monospace } .ops text { fill: #222 } .ops .dim { fill: #666 }
.ops .title { font: bold 14px system-ui, sans-serif } .ops .lane { stroke: #ddd }
.ops .bar { fill: #dbe7f7; stroke: #3a6ea5 } .ops .bad { fill: #fbdcdc; stroke: #c62828; stroke-width: 2.5 }
.ops .open { stroke-dasharray: 5 4 }
@media (prefers-color-scheme: dark) {
 .ops text { fill: #ddd } .ops .dim { fill: #aaa } .ops .lane { stroke: #444 }
 .ops .bar { fill: #20344d; stroke: #79a8ff } .ops .bad { fill: #4d1f1f; stroke: #ff7a7a }
}
"""


def _chosen(entries: Sequence[Entry], blamed: set[int]) -> list[Entry]:
    """Those to blame, and the nearest of those that overlap them, or lie between them."""
    known = [entry for entry in entries if not entry.is_failed or entry.ticket in blamed]
    culprits = [entry for entry in known if entry.ticket in blamed]
    if not culprits:
        return known[:MOST]

    def distance(entry: Entry) -> tuple[int, int]:
        ended = entry.ended if entry.ended is not None and entry.is_ok else None
        gaps = []
        for culprit in culprits:
            late = entry.began - culprit.ended if culprit.ended is not None else 0
            early = culprit.began - ended if ended is not None else 0
            gaps.append(max(0, late, early))
        return min(gaps), abs(entry.began - culprits[-1].began)

    others = sorted((entry for entry in known if entry.ticket not in blamed), key=distance)
    tickets = blamed | {entry.ticket for entry in others[:MOST]}
    return [entry for entry in known if entry.ticket in tickets]


def _bars(entries: Sequence[Entry], blamed: set[int]) -> list[Bar]:
    events: list[tuple[int, int, int, int]] = []
    for i, entry in enumerate(entries):
        events.append((entry.began, entry.call, 0, i))
        if not entry.is_open and entry.ended is not None:
            # Without an id, a return comes after the calls of the same moment.
            events.append((entry.ended, entry.ret or 1 << 62, 1, i))
    events.sort()
    ranks = {(i, is_return): rank for rank, (_, _, is_return, i) in enumerate(events)}
    return [
        Bar(
            i + 1,
            entry,
            ranks[i, 0],
            ranks.get((i, 1), len(events)),
            entry.ticket in blamed,
        )
        for i, entry in enumerate(entries)
    ]
