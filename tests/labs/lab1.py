"""What the tests of lab 1 share: a solution's modules, nodes alone, and jobs that run in one go."""

from typing import Any

from distlab.core import Finished, Node
from distlab.core.objects import Objects
from distlab.core.solo import Solo, run_to_end
from tests.labs.solutions import Modules as Modules
from tests.labs.solutions import fixtures
from tests.labs.solutions import sent as sent

lab, reference = fixtures("1")


class Alone(Node):
    """Somebody to run jobs for."""


def spec(lab: Modules, **changes: Any) -> Any:
    fields = {"name": "job", "app": "WordCount", "inputs": ("in/0",), "reduces": 2, "split_size": 8}
    return lab.protocol.JobSpec(**(fields | changes))


def objects(**texts: bytes) -> Objects:
    """A store with ``in/0``, ``in/1``, ..., named a, b, ... here."""
    store = Objects()
    for number, name in enumerate(sorted(texts)):
        store.put_if_absent(f"in/{number}", texts[name])
    return store


def master(lab: Modules, store: Objects | None = None, **config: Any) -> Solo:
    return Solo(lab.master.Master, lab.protocol.MasterConfig(**config), "master-1", store=store)


def worker(lab: Modules, address: str = "worker-1", **config: Any) -> Solo:
    settings = {"masters": ("master-1",)} | config
    return Solo(lab.worker.Worker, lab.protocol.WorkerConfig(**settings), address)


def attempt(lab: Modules, phase: str = "map", task: int = 0, number: int = 1) -> Any:
    return lab.protocol.Attempt("job", phase, task, "master-1", 1, number)


def map_order(lab: Modules, store: Objects, task: int = 0, **changes: Any) -> Any:
    """An order for a map task over all of ``in/0``."""
    split = lab.protocol.Split("in/0", 0, store.size("in/0"))
    number = changes.pop("number", task + 1)
    job = spec(lab, **changes.pop("spec", {}))
    return lab.protocol.RunMap((1, 1), attempt(lab, "map", task, number), job, split, **changes)


def limits(lab: Modules, batch: int = 1000, memory: int = 100_000, ways: int = 8) -> Any:
    return lab.protocol.Limits(batch, memory, ways)


def finish(job: Any, solo: Solo) -> Any:
    """Run a job to its end; its result."""
    outcome = run_to_end(job, solo)
    assert isinstance(outcome, Finished), outcome
    return outcome.value
