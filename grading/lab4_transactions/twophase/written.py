"""What a directed schedule is expected to come to, and the schedule that this was written for.

Whoever makes a schedule smaller makes another one, of which nobody has said what it comes to. So a shape that says so
bears a checksum of all the rest.
"""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

from distlab.grade.lab import Run
from distlab.grade.scenario import Scenario

KEY = "written"


def checksum(scenario: Scenario) -> int:
    """Of everything but the checksum itself."""
    shape = {key: value for key, value in scenario.shape.items() if key != KEY}
    whole = [scenario.calls, scenario.plan, scenario.noise, shape]
    return zlib.crc32(msgspec.json.encode(whole, order="sorted"))


def signed(scenario: Scenario) -> Scenario:
    """The scenario, with its checksum."""
    shape = {**scenario.shape, KEY: checksum(scenario)}
    return msgspec.structs.replace(scenario, shape=shape)


def wish(run: Run, key: str) -> Any:
    """What the shape says is to be expected; None where the schedule is not as it was written."""
    scenario = run.scenario
    if scenario.shape.get(KEY) not in (None, checksum(scenario)):
        return None
    return scenario.shape.get(key)
