"""Going through a run event by event: what happened, what the node's state was and became, and why."""

from __future__ import annotations

import sys
from typing import Any

from rich.text import Text

from distlab.cli.keys import Keys
from distlab.cli.screen import Screen, joined, styled, wrapped
from distlab.trace import Trace
from distlab.trace.files import Head
from distlab.trace.page.model import steps
from distlab.trace.words import event_words, milliseconds

KEYS = "n next   p previous   b why (back to the cause)   g the end   q quit"
AROUND = 4
"""Events shown before and after the present one."""


class StepView:
    """One moment of a run: the events around it, and what it did to the node's state."""

    def __init__(self, trace: Trace, head: Head, index: int) -> None:
        self.events = steps(trace)
        self.head = head
        self.index = max(0, min(index, len(self.events) - 1))

    def render(self, width: int) -> list[Text]:
        lines = [styled(f"event {self.index + 1} of {len(self.events)}", "head"), Text()]
        first, last = max(0, self.index - AROUND), min(len(self.events), self.index + AROUND + 1)
        for at in range(first, last):
            lines += self._event(at, width)
        present = self.events[self.index]
        lines += [
            Text(),
            *state_change(
                self.head.about.get("states", {}).get(str(present.id)), present.node, width
            ),
        ]
        return lines

    def _event(self, at: int, width: int) -> list[Text]:
        event, here = self.events[at], at == self.index
        decisive = bool(self.head.evidence) and event.id == self.head.evidence[-1]
        left = f"{'>' if here else ' '} {milliseconds(event.time):>7}  {event.node or '-':<10} "
        words = event_words(event) + ("   <- decisive" if decisive else "")
        texts = wrapped(words, width - len(left))
        if not here:
            return [styled(left + texts[0], "decisive" if decisive else "dim")]
        rest = [styled(" " * len(left) + text, "head") for text in texts[1:]]
        return [styled(left + texts[0], "head"), *rest]


def state_change(states: Any, node: str, width: int) -> list[Text]:
    """What a handler changed, field by field; what it left alone is not repeated."""
    if not states:
        return [styled(f"  no handler of {node or 'any node'} runs here: no state changes", "dim")]
    before, after = states
    lines = [styled(f"  state of {node}:", "head")]
    for name in {**before, **after}:
        old, new = before.get(name, "(not set)"), after.get(name, "(not set)")
        if old == new:
            lines += [
                styled(line, "dim")
                for line in wrapped(f"{name} = {new}", width, "        ", "    ")[:2]
            ]
        else:
            lines += [
                styled(line, "bad")
                for line in wrapped(f"{name} = {old}", width, "        ", "  - ")[:3]
            ]
            lines += [
                styled(line, "good")
                for line in wrapped(f"{name} = {new}", width, "        ", "  + ")[:3]
            ]
    return lines


def step_through(screen: Screen, trace: Trace, head: Head) -> None:
    """Let the keyboard lead through the run; where there is none, print all of it."""
    events = steps(trace)
    if not events:
        screen.say("nothing happened", "dim")
        return
    if not (sys.stdin.isatty() and screen.is_terminal):
        for event in events:
            time = milliseconds(event.time)
            words = f"{event.node:<10} {event_words(event)}"
            screen.lines([joined((f"{time:>9}  ", "dim"), words)])
            if states := head.about.get("states", {}).get(str(event.id)):
                lines = state_change(states, event.node, screen.width)
                screen.lines(line for line in lines if line.plain.startswith(("  -", "  +")))
        return
    place = {event.id: at for at, event in enumerate(events)}
    at = place.get(head.evidence[-1], 0) if head.evidence else 0
    with Keys() as keys:
        while True:
            screen.console.clear()
            screen.show(StepView(trace, head, at))
            screen.lines([Text(), styled(f"  {KEYS}", "dim")])
            match keys.wait():
                case "n" | " " | "\r" | "\n":
                    at = min(at + 1, len(events) - 1)
                case "p":
                    at = max(at - 1, 0)
                case "b":
                    at = place.get(events[at].cause, at)
                case "g":
                    at = len(events) - 1
                case "q" | "":
                    return
