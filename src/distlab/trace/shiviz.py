"""A trace for ShiViz (bestchai.bitbucket.io/shiviz): two lines per event, a vector clock and a sentence.

ShiViz asks for the regular expression with which to read the log: :data:`PATTERN`. The clocks are computed from the
trace's own causes (:mod:`distlab.trace.causality`); what the world does stands on a host of its own.
"""

from __future__ import annotations

import json

from distlab.trace.causality import host, vector_clocks
from distlab.trace.event import Kind, Trace
from distlab.trace.words import event_words, milliseconds

PATTERN = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"


def to_shiviz(trace: Trace) -> str:
    """The log. Host names have no blanks, since a blank ends them."""
    events = [event for event in trace.events if event.kind != Kind.PROBE]
    clocks = vector_clocks(events)
    lines = []
    for event in events:
        clock = json.dumps({_name(node): count for node, count in clocks[event.id].items()})
        lines.append(f"{_name(host(event))} {clock}")
        lines.append(f"{milliseconds(event.time)} ms: {event_words(event)}".replace("\n", " "))
    return "\n".join(lines) + "\n" if lines else ""


def _name(node: str) -> str:
    return "_".join(node.split())
