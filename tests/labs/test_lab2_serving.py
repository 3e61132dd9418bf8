"""Consumer groups on the log that people use, in the simulator: their log stands on the brokers, under faults."""

from random import Random
from typing import Any

import pytest
from msgspec import structs

from distlab.core import MS, SECOND, Address, Fail, Ok
from distlab.faults import At, Crash, Fault, Noise, Plan, Survival
from tests.labs.lab2 import Modules
from tests.labs.lab2 import lab as lab  # a fixture
from tests.labs.test_lab2_kept import LOSSY, Use


class Person:
    """Somebody who consumes."""

    def __init__(self, use: Use, seat: str, group: str, reset: str) -> None:
        self.use, self.seat = use, seat
        subscribe = use.requests.Subscribe(group, ("t",), "range", reset, 5 * SECOND)
        outcome = use.say(subscribe, seat)
        assert isinstance(outcome, Ok), outcome
        self.token = outcome.value
        self.read: list[str] = []
        self.places: list[tuple[tuple[int, int], str]] = []
        self.partitions: list[str] = []

    def poll(self, times: int = 1) -> Any:
        """What came, so far; the last outcome."""
        for _ in range(times):
            outcome = self.use.say(self.use.requests.GroupPoll(self.token), self.seat)
            if isinstance(outcome, Ok):
                _, self.partitions, records = outcome.value
                self.read += [value.decode() for *_, value in records]
                self.places += [
                    ((int(partition[-1]), offset), value.decode())
                    for partition, offset, *_, value in records
                ]
        return outcome

    def leave(self) -> None:
        assert self.use.say(self.use.requests.Leave(self.token), self.seat) == Ok(None)


def member(use: Use, seat: str, group: str = "g", reset: str = "earliest") -> Person:
    return Person(use, seat, group, reset)


def with_topic(lab: Modules, plan: Plan | None = None, noise: Noise = LOSSY) -> Use:
    """A topic of two partitions, with five records in each."""
    use = Use(lab, plan, noise)
    assert use.say(use.requests.NewTopic("t", 2, 3)) == Ok(None)
    for part in (0, 1):
        values = [f"{part}.{n}" for n in range(5)]
        assert len(use.put(f"t-{part}", *values)) == 5
    return use


ALL = {f"{part}.{n}" for part in (0, 1) for n in range(5)}


def test_a_member_reads_all_and_the_next_one_goes_on_there(lab: Modules) -> None:
    use = with_topic(lab)
    first = member(use, "m1")
    first.poll(8)
    assert sorted(first.read) == sorted(ALL)
    first.leave()
    state, _, _, members, positions = use.say(use.requests.GroupOf("g")).value
    assert (state, members) == ("Empty", [])
    assert sorted(positions) == [["t-0", 5], ["t-1", 5]]
    use.put("t-1", "later")
    second = member(use, "m2")
    second.poll(8)
    assert second.read == ["later"]


def test_two_members_share_the_partitions(lab: Modules) -> None:
    use = with_topic(lab)
    one, other = member(use, "m1"), member(use, "m2")
    for _ in range(12):
        one.poll()
        other.poll()
    assert sorted(one.partitions + other.partitions) == ["t-0", "t-1"]
    assert {*one.read, *other.read} == ALL
    state, _, assignor, members, _ = use.say(use.requests.GroupOf("g")).value
    assert (state, assignor) == ("Stable", "range")
    assert {node: parts for _, node, parts in members} == {
        "m1": one.partitions, "m2": other.partitions,
    }  # fmt: skip


@pytest.mark.parametrize("victim", ["g1", "offsets"])
def test_what_is_committed_outlives_who_keeps_it(lab: Modules, victim: str) -> None:
    use = with_topic(lab)
    first = member(use, "m1")
    first.poll(8)
    first.leave()
    use.simulation.crash(Address(victim), "killed", Survival.NOTHING)
    use.simulation.run(use.simulation.time + 300 * MS)
    use.simulation.start(Address(victim))
    use.put("t-0", "later")
    second = member(use, "m2")
    second.poll(20)
    assert second.read == ["later"]


def test_groups_go_on_while_brokers_die(lab: Modules) -> None:
    plan = Plan(
        tuple(
            Fault(At(at * SECOND), Crash(broker, 1_500 * MS, Survival.NOTHING))
            for at, broker in ((4, "b1"), (8, "b2"), (12, "b3"))
        )
    )
    use = with_topic(lab, plan)
    person = member(use, "m1")
    put = []
    for n in range(12):
        [(kind, _)] = use.put(f"t-{n % 2}", f"more {n}")
        put += [f"more {n}"] if kind == 0 else []
        person.poll(2)
    person.poll(10)
    assert len(put) == 12
    assert ALL | set(put) <= set(person.read)
    person.leave()
    assert use.simulation.time > 14 * SECOND


def test_who_stands_still_is_out_and_another_one_goes_on(lab: Modules) -> None:
    use = with_topic(lab)
    stuck = member(use, "m1")
    stuck.poll(8)
    other = member(use, "m2")
    other.poll(40)
    assert other.partitions == ["t-0", "t-1"]
    assert set(other.read) <= ALL  # what m1 had not committed is read again


def test_a_seat_is_taken_once(lab: Modules) -> None:
    use = with_topic(lab)
    requests = use.requests
    person = member(use, "m1")
    again = requests.Subscribe("g", ("t",), "range", "latest", 5 * SECOND)
    assert use.say(again, "m1") == Fail("SEAT_TAKEN")
    assert use.say(requests.GroupPoll(person.token + 1), "m1") == Fail("UNKNOWN_MEMBER_ID")
    person.leave()
    assert use.say(requests.GroupPoll(person.token), "m1") == Fail("UNKNOWN_MEMBER_ID")
    use.simulation.run(use.simulation.time + 2 * SECOND)
    assert isinstance(use.say(again, "m1"), Ok)


def test_groups_are_listed_and_unknown_ones_refused(lab: Modules) -> None:
    use = with_topic(lab)
    requests = use.requests
    assert use.say(requests.Groups()) == Ok([])
    assert use.say(requests.GroupOf("nobody")) == Fail("GROUP_ID_NOT_FOUND")
    member(use, "m1", "g2").poll(4)
    member(use, "m2", "g1").poll(4)
    assert use.say(requests.Groups()) == Ok([["g1", "Stable"], ["g2", "Stable"]])


def test_the_table_tells_how_far_each_group_lags(lab: Modules) -> None:
    use = with_topic(lab)
    member(use, "m1").poll(8)
    probes = use.simulation.probes()
    shown = use.table(probes)
    assert shown[-1] == "group g: generation 0, 1 in it; lag  t-0 0  t-1 0"
    use.put("t-1", "a", "b")
    assert use.table(use.simulation.probes())[-1].endswith("lag  t-0 0  t-1 2")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_acknowledged_is_lost_whoever_dies(lab: Modules, seed: int) -> None:
    random = Random(seed)
    victims = ["b1", "b2", "b3", "c1", "c2", "c3", "g1", "g2", "offsets", "shelf", "gateway"]
    crashes, at = [], 3 * SECOND
    while at < 40 * SECOND:
        crash = Crash(random.choice(victims), random.randrange(200, 1500) * MS, Survival.NOTHING)
        crashes.append(Fault(At(at), crash))
        at += random.randrange(800, 4_000) * MS
    use = with_topic(lab, Plan(tuple(crashes)), structs.replace(LOSSY, seed=seed))
    pen, reader = use.pen("t-0", "t-1"), member(use, "m1")
    acknowledged, sent = {}, 0
    while use.simulation.time < 42 * SECOND:
        values = [f"v{sent + n}" for n in range(3)]
        for value, place in zip(values, pen.write(*values), strict=True):
            if place[0] in (0, 1):
                acknowledged[value] = tuple(place)
        sent += 3
        reader.poll()
    reader.poll(40)
    places = [place for place, _ in reader.places]
    assert len(acknowledged) > 40
    assert set(acknowledged.values()) <= set(places)
    assert {value: place for place, value in reader.places if value in acknowledged} == acknowledged
    assert len({value for _, value in reader.places}) == len({place for place, _ in reader.places})
