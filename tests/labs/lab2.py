"""What the tests of lab 2 share: both solutions, batches, a broker alone."""

from types import ModuleType
from typing import Any

import pytest

from distlab.core import effects as fx
from distlab.core.solo import Solo
from distlab.grade.solution import load_lab, load_solution


class Modules:
    """``modules.commitlog.CommitLog``, of the solution that is under test."""

    def __init__(self, solution: str) -> None:
        self.name = solution
        lab = load_lab("2")
        self.solution = load_solution(lab, lab.parts[0], solution)

    def __getattr__(self, name: str) -> ModuleType:
        return self.solution.module(name)

    def sealed(self, *values: str, key: str | None = None, time: int = 0) -> bytes:
        """A batch in bytes, as a producer sends it."""
        batches = self.batches
        records = tuple(
            batches.Record(n, time + n, key.encode() if key else None, value.encode() or None)
            for n, value in enumerate(values)
        )
        batch = batches.Batch(
            last_delta=len(values) - 1,
            base_timestamp=time,
            max_timestamp=time + len(values) - 1,
            records=records,
        )
        blob: bytes = self.batch.seal(batch)
        return blob

    def values(self, blob: bytes) -> list[str]:
        """The values in an answer, in order."""
        found = []
        while blob:
            batch = self.batch.unseal(blob)
            found += [(record.value or b"").decode() for record in batch.records]
            blob = blob[self.batches.head_at(blob).size :]
        return found


@pytest.fixture(params=["reference", "alternative"])
def lab(request: pytest.FixtureRequest) -> Modules:
    """Every test runs on both solutions: what it claims must not depend on how they are built."""
    return Modules(request.param)


@pytest.fixture
def reference() -> Modules:
    """For tests of functions that only the reference has."""
    return Modules("reference")


def sent(effects: list[Any], kind: type | None = None) -> list[Any]:
    """The messages among the effects."""
    found = [effect.message for effect in effects if isinstance(effect, fx.Sent)]
    return [message for message in found if kind is None or isinstance(message, kind)]


def broker(lab: Modules, name: str = "b1", **config: Any) -> Solo:
    return Solo(lab.broker.Broker, lab.brokers.BrokerConfig(**config), name)


def state(lab: Modules, leader: str, epoch: int, isr: tuple[str, ...], version: int) -> Any:
    """What the controller says."""
    brokers = lab.brokers
    known = brokers.PartitionState("orders-0", ("b1", "b2", "b3"), leader, epoch, isr, version)
    return brokers.LeaderAndIsr(1, known)
