"""What the tests of lab 0 share: each solution's modules, by part."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from distlab.core import effects as fx
from distlab.core.solo import Solo
from distlab.grade.solution import load_lab, load_solution

LAB = Path(__file__).resolve().parents[2] / "grading" / "lab0_rpc"


class Modules:
    """``modules.server.Server``, of the solution that is under test."""

    def __init__(self, solution: str) -> None:
        self.solution = solution
        lab = load_lab("0")
        self._solution = load_solution(lab, lab.parts[0], solution)

    def __getattr__(self, name: str) -> ModuleType:
        return self._solution.module(name)


@pytest.fixture(params=["reference", "alternative"])
def lab(request: pytest.FixtureRequest) -> Modules:
    """Every test runs on both solutions: what it claims must not depend on how they are built."""
    return Modules(request.param)


def sent(effects: list[Any]) -> list[Any]:
    """The messages among the effects."""
    return [effect.message for effect in effects if isinstance(effect, fx.Sent)]


def outcomes(effects: list[Any]) -> list[Any]:
    """How operations ended."""
    return [effect.outcome for effect in effects if isinstance(effect, fx.Done)]


def client(lab: Modules, **config: Any) -> Solo:
    return Solo(lab.client.Client, lab.protocol.ClientConfig("front", **config), "c")


def server(lab: Modules) -> Solo:
    return Solo(lab.server.Server, lab.protocol.ServerConfig(), "s")


def call(lab: Modules, number: int, amount: int = 1, **more: Any) -> Any:
    """A ``Call`` as a client would send it."""
    settled, incarnation = more.pop("settled", 1), more.pop("incarnation", 1)
    account, name = more.pop("account", "a"), more.pop("client", "c")
    request = lab.protocol.RequestId(name, incarnation, number)
    return lab.protocol.Call(request, settled, account, amount)
