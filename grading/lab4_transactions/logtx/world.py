"""The world of parts 4F2 and 4F3: who takes part, what they are asked, and what befalls them.

Partitions ``in-0``, ``in-1``, ``out-0``, ``out-1``; the group ``offsets``; coordinators ``c1``, ``c2`` and their log;
applications, of which some share a transactional id; in part 4F3 processors, which make outputs of inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from msgspec import structs

from distlab.core import MS, SECOND
from distlab.core.cluster import Cluster, Member
from distlab.faults import Fault, Noise, Plan
from distlab.grade.draw import (
    Kind,
    Swarm,
    clog,
    crash,
    draw_noise,
    draw_plan,
    one_way_cut,
    partition,
    pause,
    slow_disk,
    slow_node,
)
from distlab.grade.lab import Stage
from distlab.grade.scenario import Call, Scenario
from distlab.grade.solution import Solution
from grading.lab4_transactions.logtx.keeper import Elect, KeeperConfig, LogKeeper
from labs.lab4_transactions.logtx import (
    MAX_EPOCH,
    GroupConfig,
    PartitionConfig,
    ProcessorConfig,
    ProducerConfig,
    Transact,
    TxnCoordinatorConfig,
)

COORDINATORS = ("c1", "c2")
INPUTS = ("in-0", "in-1")
OUTPUTS = ("out-0", "out-1")
PARTITIONS = (*INPUTS, *OUTPUTS)
GROUP = "offsets"
LOG = "log"
APPLICATIONS = {"a1": "orders", "a2": "orders", "a3": "points"}
"""Applications, and their transactional ids: a1 and a2 are producers of one."""
READER = "reader"
PROCESSORS = ("p1", "p2")

HORIZON = 900 * MS
TIMEOUT = 300 * MS
"""Of every transaction."""
IN_TIME = 6 * SECOND
"""TX-L1's bound, after all is well."""


def stage(solution: Solution, scenario: Scenario) -> Stage:
    partition_of = solution.module("txn_partition")
    coordinator = solution.module("txn_coordinator").Coordinator
    application = solution.module("txn_client").Application
    shape = scenario.shape
    max_epoch = shape.get("max_epoch", MAX_EPOCH)
    config = TxnCoordinatorConfig(LOG, max_epoch=max_epoch)
    members = {LOG: Member(LogKeeper, KeeperConfig(COORDINATORS), "log")}
    members |= {name: Member(coordinator, config, "coordinator") for name in COORDINATORS}
    partition = PartitionConfig(max_epoch)
    members |= {name: Member(partition_of.Partition, partition, "partition") for name in PARTITIONS}
    for name, txn_id in {**APPLICATIONS, READER: READER}.items():
        producer = ProducerConfig(txn_id, COORDINATORS, TIMEOUT)
        members[name] = Member(application, producer, "application")
    if shape.get("processors"):
        group = GroupConfig(max_epoch, inputs=INPUTS)
        members[GROUP] = Member(partition_of.Group, group, "group")
        processor = solution.module("txn_processor").Processor
        for name in PROCESSORS[: shape["processors"]]:
            told = ProcessorConfig(name, COORDINATORS, GROUP, OUTPUTS, TIMEOUT)
            members[name] = Member(processor, told, "processor")
    return Stage(
        cluster=Cluster(members),
        operations=(Transact, Elect),
        until=shape.get("until", well_at(scenario) + IN_TIME + SECOND),
        settle=None,
    )


def well_at(scenario: Scenario) -> int:
    """From when on all is well: faults are over, and nothing new is asked for."""
    calls = [call for call in scenario.calls if call.client != READER]
    thinking = sum(call.arguments.get("think", 0) for call in calls)
    return max([scenario.plan.heal_at or 0, *(call.at for call in calls)]) + thinking


# -- writing scenarios ------------------------------------------------------------------------------------------------


def transact(at: int, client: str, *writes: str, **options: Any) -> Call:
    """A transaction that writes these values, each given as ``partition=value`` (one batch each)."""
    batches = []
    for write in writes:
        name, _, values = write.partition("=")
        batches.append({"partition": name, "values": values.split(",")})
    return Call(at * MS, client, "Transact", {"writes": batches, **options})


def look(at: int, client: str = READER, *partitions: str) -> Call:
    return Call(at * MS, client, "Transact", {"reads": list(partitions or PARTITIONS)})


def elect(at: int, coordinator: str) -> Call:
    return Call(at * MS, LOG, "Elect", {"coordinator": coordinator})


def of(calls: Sequence[Call], *faults: Fault, noise: Noise | None = None, **shape: Any) -> Scenario:
    """A scenario; the reader looks at everything in the end, unless it is a short one (``until``)."""
    heal_at = HORIZON if faults else None
    found = Scenario(tuple(calls), Plan(faults, heal_at), noise or Noise(), shape)
    if "until" in shape:
        return found
    last = look((well_at(found) + IN_TIME) // MS)
    return structs.replace(found, calls=(*found.calls, last))


# -- drawing ----------------------------------------------------------------------------------------------------------

KINDS: list[Kind] = [
    crash,
    crash,
    pause,
    pause,
    partition,
    one_way_cut,
    clog,
    clog,
    slow_node,
    slow_disk,
]


def draw_coordinating(random: Random) -> Scenario:
    """Applications, of which two are rivals; some read what they write of; epochs that may run out; fail-overs."""
    calls = [_draw_transaction(random, n) for n in range(random.randint(3, 11))]
    calls += [
        look(random.randrange(HORIZON // MS), READER, *random.sample(PARTITIONS, 2))
        for _ in range(random.randint(0, 4))
    ]
    shape = {"max_epoch": random.choice([MAX_EPOCH, MAX_EPOCH, 3, 5])}
    return _drawn(random, calls, list(APPLICATIONS), shape)


def draw_processing(random: Random) -> Scenario:
    """Inputs are written, in transactions that are committed or not; processors come, go and come back."""
    calls = []
    for n in range(random.randint(3, 10)):
        writes = [
            f"{random.choice(INPUTS)}={','.join(f'{n}.{i}.{k}' for k in range(random.randint(1, 3)))}"
            for i in range(random.randint(1, 2))
        ]
        options: dict[str, Any] = {"commit": False} if random.random() < 0.25 else {}
        calls.append(transact(random.randrange(HORIZON // MS), "a3", *writes, **options))
    shape = {"processors": random.choice([1, 2, 2]), "max_epoch": random.choice([MAX_EPOCH, 4])}
    processors = PROCESSORS[: shape["processors"]]
    return _drawn(random, calls, [*processors, *processors, GROUP], shape)


def _draw_transaction(random: Random, n: int) -> Call:
    writes = [
        f"{random.choice(PARTITIONS)}={','.join(f'{n}.{i}.{k}' for k in range(random.randint(1, 2)))}"
        for i in range(random.randint(1, 3))
    ]
    options: dict[str, Any] = {"commit": random.random() < 0.8}
    if random.random() < 0.3:
        options["reads"] = random.sample(PARTITIONS, random.randint(1, 2))
    if random.random() < 0.4:
        options["init"] = True
    if random.random() < 0.4:
        options["lazily"] = True
    if random.random() < 0.3:
        options["think"] = random.choice([5, 20, 100, 250, 350]) * MS
    at, client = random.randrange(HORIZON // MS), random.choice(list(APPLICATIONS))
    return transact(at, client, *writes, **options)


def _drawn(random: Random, calls: list[Call], more: list[str], shape: dict[str, Any]) -> Scenario:
    calls += [
        elect(random.randrange(HORIZON // MS), random.choice(COORDINATORS))
        for _ in range(random.choice([0, 0, 1, 3]))
    ]
    swarm = Swarm(
        nodes=[LOG, *COORDINATORS, *PARTITIONS, *dict.fromkeys(more)],
        targets=[*COORDINATORS, *COORDINATORS, *PARTITIONS, *more],
        kinds=KINDS,
        horizon=HORIZON,
        most=10,
        outage=(5 * MS, 600 * MS),
    )
    calls.sort(key=lambda call: call.at)
    plan = draw_plan(random, swarm)
    drawn = Scenario(tuple(calls), plan, draw_noise(random, swarm), shape)
    last = look((well_at(drawn) + IN_TIME) // MS)
    return structs.replace(drawn, calls=(*drawn.calls, last))


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """One processor; epochs without end."""
    shape = scenario.shape
    if shape.get("processors", 0) > 1 and PROCESSORS[1] not in repr(scenario.plan):
        yield structs.replace(scenario, shape={**shape, "processors": 1})
    if shape.get("max_epoch", MAX_EPOCH) != MAX_EPOCH:
        yield structs.replace(scenario, shape={**shape, "max_epoch": MAX_EPOCH})
