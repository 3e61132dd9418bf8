"""A scenario: one value that says all about a run but whose code runs. Drawn, saved, minimised, replayed."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from distlab.core.errors import ScenarioError
from distlab.faults import QUIET, STEPS, Fault, Noise, Plan


class Call(Struct, frozen=True):
    """A client is asked to do something."""

    at: int
    """Microseconds from the start."""
    client: str
    operation: str
    """Name of the operation's class, in the lab's protocol."""
    arguments: dict[str, Any] = {}
    """Its fields, as plain JSON values."""


class Scenario(Struct, frozen=True):
    """Client calls, faults, background noise, and the lab's own sizes (workers, records, ...)."""

    calls: tuple[Call, ...] = ()
    plan: Plan = Plan()
    noise: Noise = QUIET
    shape: dict[str, Any] = {}
    """What the lab's stage needs to know: plain JSON values."""

    def with_faults(self, faults: tuple[Fault, ...]) -> Scenario:
        return msgspec.structs.replace(self, plan=msgspec.structs.replace(self.plan, faults=faults))

    def size(self) -> str:
        """For reports: ``3 operations and 1 fault``."""
        calls = len(self.calls)
        faults = sum(not isinstance(fault.do, STEPS) for fault in self.plan.faults)
        return f"{calls} operation{'s' * (calls != 1)} and {faults} fault{'s' * (faults != 1)}"

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @staticmethod
    def from_json(text: bytes | str) -> Scenario:
        """Raises ``ScenarioError`` saying where the text is not a scenario."""
        try:
            scenario = msgspec.json.decode(text, type=Scenario)
        except msgspec.DecodeError as error:
            raise ScenarioError(f"not a scenario: {error}") from None
        scenario.plan.check()
        return scenario
