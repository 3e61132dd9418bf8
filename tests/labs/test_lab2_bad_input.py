"""What the log says to those who ask for what cannot be: a code from the handout, and it goes on."""

from typing import Any

import pytest

from distlab.core import MS, SECOND, Address, Node, Ok, Operation, Ticket
from distlab.core.cluster import Cluster, Member
from distlab.faults import At, Fault, FillDisk, Noise, Plan
from distlab.sim import Simulation
from distlab.trace import NOTICED, Kind
from tests.labs.lab2 import Modules
from tests.labs.lab2 import lab as lab  # a fixture
from tests.labs.test_lab2_kept import Use, values
from tests.labs.test_lab2_serving import member


class Ask(Operation, frozen=True):
    """Send that to ``to``. Ok(the error in the answer)."""

    to: str
    message: Any


class Vandal:
    """Somebody in the cluster who says what no client would."""

    def __init__(self, lab: Modules, plan: Plan | None = None) -> None:
        self.lab = lab
        self.use = Use(lab, plan, Noise(seed=1))
        brokers, groups = lab.brokers, lab.groups

        class Stranger(Node):
            waiting: dict[int, int]

            def on_start(self) -> None:
                self.waiting = {}

            def on_ask(self, op: Ask, ticket: Ticket) -> None:
                self.waiting[op.message.id] = ticket
                self.send(Address(op.to), op.message)

            def told(self, answer: Any) -> None:
                if (ticket := self.waiting.pop(answer.id, None)) is not None:
                    self.finish(Ticket(ticket), Ok(answer.error))

            def on_produced(self, answer: brokers.Produced, sender: Address) -> None:
                self.told(answer)

            def on_fetched(self, answer: brokers.Fetched, sender: Address) -> None:
                self.told(answer)

            def on_epoch_offset(self, answer: brokers.EpochOffset, sender: Address) -> None:
                self.told(answer)

            def on_offset_committed(self, answer: groups.OffsetCommitted, sender: Address) -> None:
                self.told(answer)

            def on_heartbeat_answer(self, answer: groups.HeartbeatAnswer, sender: Address) -> None:
                self.told(answer)

            def on_joined(self, answer: groups.Joined, sender: Address) -> None:
                self.told(answer)

        members = {str(name): m for name, m in self.use.cluster.members.items()}
        cluster = Cluster({**members, "stranger": Member(Stranger)})
        self.use.simulation = Simulation(cluster, plan or Plan(), Noise(seed=1), record=NOTICED)
        assert self.use.say(self.use.requests.NewTopic("t", 2, 3)) == Ok(None)
        assert self.use.put("t-0", "fine") == [[0, 0]]
        listed = self.use.say(self.use.requests.List()).value
        self.state = next(state for state in listed if state.partition == "t-0")
        self.ids = 0

    def ask(self, to: str, kind: type, *fields: Any, **more: Any) -> str:
        self.ids += 1
        outcome = self.use.say(Ask(to, kind(self.ids, *fields, **more)), "stranger")
        assert isinstance(outcome, Ok)
        return str(outcome.value)

    def batch(self, producer: int = -1, epoch: int = -1, sequence: int = -1) -> bytes:
        """One record, numbered or not."""
        batches = self.lab.batches
        blob: bytes = self.lab.batch.seal(
            batches.Batch(
                last_delta=0,
                base_timestamp=0,
                max_timestamp=0,
                producer_id=producer,
                producer_epoch=epoch,
                base_sequence=sequence,
                records=(batches.Record(0, 0, None, b"mischief"),),
            )
        )
        return blob

    def goes_on(self) -> None:
        """All are up, what was there is there, and more can be written."""
        use = self.use
        assert len(use.simulation.up) == len(use.simulation.cluster.members)
        before = values(use.take("t-0", 0))
        assert before[0] == "fine"
        [(number, offset)] = use.put("t-0", "more")
        assert (number, offset) == (0, len(before))


def test_producers_that_make_mistakes(lab: Modules) -> None:
    vandal = Vandal(lab)
    leader, partition = vandal.state.leader, "t-0"
    follower = next(b for b in vandal.state.replicas if b != leader)
    produce = lab.brokers.Produce
    damaged = bytearray(vandal.batch())
    damaged[-1] ^= 1
    assert vandal.ask(leader, produce, partition, -1, bytes(damaged)) == "CORRUPT_MESSAGE"
    assert vandal.ask(leader, produce, partition, -1, vandal.batch()[:-3]) == "CORRUPT_MESSAGE"
    assert vandal.ask(leader, produce, partition, -1, b"no batch at all") == "CORRUPT_MESSAGE"
    whole = vandal.batch()
    assert vandal.ask(leader, produce, "nowhere-0", -1, whole) == "NOT_LEADER_OR_FOLLOWER"
    assert vandal.ask(follower, produce, partition, -1, whole) == "NOT_LEADER_OR_FOLLOWER"
    assert values(vandal.use.take("t-0", 0)) == ["fine"]
    vandal.goes_on()


def test_producers_of_yesterday(lab: Modules) -> None:
    vandal = Vandal(lab)
    produce, leader = lab.brokers.Produce, vandal.state.leader

    def said(*numbers: int) -> str:
        return vandal.ask(leader, produce, "t-0", -1, vandal.batch(*numbers))

    assert said(77, 1, 4) == "UNKNOWN_PRODUCER_ID"
    assert said(77, 1, 0) == ""
    assert said(77, 1, 0) == ""  # the same again
    assert said(77, 1, 3) == "OUT_OF_ORDER_SEQUENCE_NUMBER"
    assert said(77, 0, 1) == "INVALID_PRODUCER_EPOCH"
    assert values(vandal.use.take("t-0", 0)) == ["fine", "mischief"]
    vandal.goes_on()


def test_readers_of_yesterday(lab: Modules) -> None:
    vandal = Vandal(lab)
    fetch, leader, epoch = lab.brokers.Fetch, vandal.state.leader, vandal.state.leader_epoch
    asks = lab.brokers.OffsetForEpoch
    assert vandal.ask(leader, fetch, "t-0", 99) == "OFFSET_OUT_OF_RANGE"
    assert vandal.ask(leader, fetch, "t-0", -5) == "OFFSET_OUT_OF_RANGE"
    assert vandal.ask(leader, fetch, "nowhere-7", 0) == "NOT_LEADER_OR_FOLLOWER"
    replica = vandal.state.replicas[1]
    for asked, error in ((epoch - 1, "FENCED_LEADER_EPOCH"), (epoch + 1, "UNKNOWN_LEADER_EPOCH")):
        said = vandal.ask(leader, fetch, "t-0", 0, replica=replica, leader_epoch=asked)
        assert said == error
        assert vandal.ask(leader, asks, "t-0", asked, 0) == error
    vandal.goes_on()


def test_members_of_yesterday(lab: Modules) -> None:
    vandal = Vandal(lab)
    groups, use = lab.groups, vandal.use
    person = member(use, "m1")
    person.poll(4)
    _, generation, _, [[name, _, _]], _ = use.say(use.requests.GroupOf("g")).value
    part = groups.TopicPartition("t", 0)
    commit = (groups.Position(part, 0),)
    offsets = use.simulation.probes()[Address("offsets")]
    now, other = offsets.coordinator, {"g1": "g2", "g2": "g1"}[offsets.coordinator]
    asks = groups.OffsetCommit
    assert vandal.ask(now, asks, "g", generation - 1, name, commit) == "ILLEGAL_GENERATION"
    assert vandal.ask(now, asks, "g", generation, "nobody", commit) == "UNKNOWN_MEMBER_ID"
    assert vandal.ask(now, asks, "g", -1, "", commit) == "UNKNOWN_MEMBER_ID"  # it has members
    assert vandal.ask(other, groups.Heartbeat, "g", generation, name) == "NOT_COORDINATOR"
    join = ("g", "stranger-1", 1 * SECOND, 1 * SECOND, "sticky", ("t",))
    assert vandal.ask(now, groups.JoinGroup, *join) == "INCONSISTENT_GROUP_PROTOCOL"
    positions = dict(use.say(use.requests.GroupOf("g")).value[4])
    assert positions["t-0"] == 1
    vandal.goes_on()


@pytest.mark.parametrize("broker", ["b1", "b2"])
def test_a_full_disk_stops_a_broker_and_nothing_is_lost(lab: Modules, broker: str) -> None:
    plan = Plan((Fault(At(4 * SECOND), FillDisk(broker, 3 * SECOND)),))
    vandal = Vandal(lab, plan)
    use, told = vandal.use, []
    pen = use.pen("t-0", "t-1")
    while use.simulation.time < 10 * SECOND:
        told += pen.write(f"v{len(told)}")
        use.run_for(100 * MS)
    assert any(event.kind == Kind.FAULT for event in use.past)
    assert all(kind in (0, 1) for kind, _ in told)
    for number in (0, 1):
        read = values(use.take(f"t-{number}", 0))
        for n, (kind, offset) in enumerate(told):
            assert kind != number or read[offset] == f"v{n}"
