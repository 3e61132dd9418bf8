"""What happened: events with their causes, and how to look at them."""

from distlab.trace.event import EVERYTHING, NOTICED, Event, Kind, Trace

__all__ = ["EVERYTHING", "NOTICED", "Event", "Kind", "Trace"]
