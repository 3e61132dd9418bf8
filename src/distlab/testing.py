"""What students need to test a distributed program themselves: schedules, properties, and the worlds to run them in.

A lab's ``own_test.py`` imports from here::

    SCHEDULES = [Schedule("the server dies before it answers", "B", Scenario(calls=..., plan=Plan(...)))]
    PROPERTIES = [Property("no answer is older than the last one", "B", judge)]

``make own LAB=0`` says which known bugs they catch.
"""

from distlab.check import History, Verdict, broken, kept
from distlab.faults import *  # noqa: F403 - the whole vocabulary of faults
from distlab.faults import __all__ as _faults
from distlab.grade.lab import Run
from distlab.grade.own import Property, Schedule
from distlab.grade.scenario import Call, Scenario
from distlab.sim import Simulation
from distlab.trace import EVERYTHING, Event, Kind

__all__ = [  # noqa: PLE0604 - the names of the faults are strings too
    "EVERYTHING",
    "Call",
    "Event",
    "History",
    "Kind",
    "Property",
    "Run",
    "Scenario",
    "Schedule",
    "Simulation",
    "Verdict",
    "broken",
    "kept",
    *_faults,
]
