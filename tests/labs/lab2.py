"""What the tests of lab 2 share: both solutions, batches, a broker alone."""

from typing import Any

from distlab.core.solo import Solo
from tests.labs import solutions
from tests.labs.solutions import fixtures
from tests.labs.solutions import sent as sent


class Modules(solutions.Modules):
    """Of lab 2, and batches in few words."""

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


lab, reference = fixtures("2", kind=Modules)


def broker(lab: Modules, name: str = "b1", **config: Any) -> Solo:
    return Solo(lab.broker.Broker, lab.brokers.BrokerConfig(**config), name)


def state(lab: Modules, leader: str, epoch: int, isr: tuple[str, ...], version: int) -> Any:
    """What the controller says."""
    brokers = lab.brokers
    known = brokers.PartitionState("orders-0", ("b1", "b2", "b3"), leader, epoch, isr, version)
    return brokers.LeaderAndIsr(1, known)
