"""Lab 2's log in the benchmark: three reference brokers, the world's controller and two clients, each a process."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import measuring  # noqa: E402

from distlab.core import MS, SECOND, Ok, Operation  # noqa: E402
from distlab.core.cluster import Cluster, Member  # noqa: E402
from distlab.core.overlay import overlay  # noqa: E402
from distlab.live import Live  # noqa: E402

BROKERS = ("b1", "b2", "b3")
BATCH, UNDER_WAY = 256, 16
"""Records in a batch, and batches that are under way."""
IN_HAND = 8
"""Batches' records that part 2F's producer has; five are under way."""
PACED, EVERY = 2_000, 2 * MS


@contextmanager
def running(folder: Path, *, synced: bool) -> Iterator[Live]:
    """The cluster, up and in sync; ``synced``: every broker syncs before it says that it has something."""
    grading = ROOT / "grading" / "lab2_log"
    overlay("labs.lab2_log", [grading / "given", grading / "reference"])
    from log_nodes import PARTITION, ClientConfig, Consumer, Idempotent, Producer

    from grading.lab2_log.producer.controller import Registry, RegistryConfig
    from labs.lab2_log.broker import Broker
    from labs.lab2_log.brokers import BrokerConfig, LogConfig
    from labs.lab2_log.producing import ProducerConfig

    log = LogConfig(
        segment_bytes=1 << 30,
        segment_age=3600 * SECOND,
        index_interval=4096,
        flush_messages=1 if synced else 1 << 62,
    )
    config = BrokerConfig(
        log=log,
        min_insync=2,
        lag_time=10 * SECOND,
        retry=1 * SECOND,
        fetch_wait=500 * MS,
        fetch_bytes=4 << 20,
        tend_every=60 * SECOND,
    )
    numbered = ProducerConfig(
        BROKERS,
        (PARTITION,),
        batch_size=BATCH * 1_024,
        request_timeout=10 * SECOND,
        delivery_timeout=100 * SECOND,
        metadata_retry=300 * MS,
    )
    members = {
        "controller": Member(Registry, RegistryConfig(BROKERS, (PARTITION,), dead_after=300 * MS)),
        "idempotent": Member(Idempotent, numbered),
        "producer": Member(Producer, ClientConfig(BROKERS)),
        "consumer": Member(Consumer, ClientConfig(BROKERS)),
        **{name: Member(Broker, config) for name in BROKERS},
    }
    with Live(Cluster(members), folder=folder, record=frozenset()) as live:
        yield live


def measure(folder: Path, records: int, size: int, *, synced: bool) -> dict[str, Any]:
    """All figures of one run: records a second, milliseconds, seconds."""
    from log_nodes import Load, Pace, Persist, Scan, Watch

    figures: dict[str, Any] = {}
    with running(folder / "load", synced=synced) as live:
        ask(live, "producer", Load(4, 1, size, 1))
        batches = records // BATCH
        before = measuring.processor_time_of_all()
        took = ask(live, "producer", Load(batches, BATCH, size, UNDER_WAY))
        figures["produce"] = batches * BATCH / took * 1e6
        used = measuring.processor_time_of_all() - before
        figures["cpu"] = used / (batches * BATCH) * 1e6
        took = ask(live, "consumer", Scan(batches * BATCH))
        figures["fetch"] = batches * BATCH / took * 1e6
    with running(folder / "pace", synced=synced) as live:
        ask(live, "producer", Load(4, 1, size, 1))
        watching = live.call("consumer", Watch(PACED - 20))
        live.run_for(SECOND // 2)
        ask(live, "producer", Pace(PACED, size, EVERY))
        live.wait(lambda: watching.outcome is not None)
        assert isinstance(watching.outcome, Ok)
        ages = sorted(age / 1e3 for age in watching.outcome.value)
        figures |= {"p50": statistics.median(ages), "p99": ages[int(len(ages) * 0.99)]}
        persisting = live.call("producer", Persist(size, 3 * SECOND))
        live.run_for(SECOND)
        live.kill("b1")
        live.wait(lambda: persisting.outcome is not None)
        assert isinstance(persisting.outcome, Ok)
        figures["recovery"] = persisting.outcome.value / 1e6
    return figures


def measure_idempotent(folder: Path, records: int, size: int, *, synced: bool) -> dict[str, Any]:
    """Part 2F's producer, record after record: how many a second, and at what cost. The rest is as in ``measure``."""
    from log_nodes import Load

    figures: dict[str, Any] = dict.fromkeys(("fetch", "p50", "p99", "recovery"), "-")
    with running(folder / "load", synced=synced) as live:
        ask(live, "idempotent", Load(1, 1, size, 1))
        batches = records // BATCH
        before = measuring.processor_time_of_all()
        took = ask(live, "idempotent", Load(batches, BATCH, size, IN_HAND))
        used = measuring.processor_time_of_all() - before
        figures["produce"] = batches * BATCH / took * 1e6
        figures["cpu"] = used / (batches * BATCH) * 1e6
    return figures


def ask(live: Live, client: str, operation: Operation, seconds: float = 120) -> Any:
    """What a client answers."""
    call = live.call(client, operation)
    if not live.wait(lambda: call.outcome is not None, int(seconds * SECOND)):
        raise TimeoutError(f"{client} has not finished {operation} after {seconds} s")
    assert isinstance(call.outcome, Ok), call.outcome
    return call.outcome.value
