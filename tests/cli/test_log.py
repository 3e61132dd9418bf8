"""``distlab log`` on a log that runs: three brokers of the reference as processes, and one of them killed."""

import re
import signal
import time
from pathlib import Path

import pytest

from tests.cli.kept_log import Project


def test_what_is_produced_is_consumed_in_order(project: Project) -> None:
    assert "created plain: 1 partition, 3 replicas" in project.log("topics", "create", "plain")
    lines = [f"line {n}" for n in range(1200)]
    assert "1,200 records" in project.log("produce", "plain", given="\n".join(lines))
    read = project.log("consume", "plain", "--from-beginning", "--max-messages", "1200")
    assert read.splitlines() == lines


def test_records_of_one_key_stay_together_and_in_order(project: Project) -> None:
    project.log("topics", "create", "keyed", "--partitions", "3")
    given = "".join(f"k{n % 5}:{n}\n" for n in range(100))
    project.log("produce", "keyed", "--key-separator", ":", given=given)
    shown = project.log(
        "consume", "keyed", "--from-beginning", "--max-messages", "100", "--show",
        "partition,key,value",
    )  # fmt: skip
    homes: dict[str, set[str]] = {}
    last: dict[str, int] = {}
    for partition, key, value in (line.split("\t") for line in shown.splitlines()):
        homes.setdefault(key, set()).add(partition)
        assert last.get(key, -1) < int(value)
        last[key] = int(value)
    assert [len(found) for found in homes.values()] == [1] * 5


def test_one_partition_is_read_from_an_offset(project: Project) -> None:
    project.log("topics", "create", "numbers")
    project.log("produce", "numbers", "--quiet", given="a\nb\nc\nd\n")
    shown = project.log(
        "consume", "numbers", "--partition", "0", "--offset", "2", "--show", "offset,value",
        "--timeout", "0.2",
    )  # fmt: skip
    assert shown == "2\tc\n3\td\n"


def test_topics_are_listed_and_described(project: Project) -> None:
    project.log("topics", "create", "pair", "--partitions", "2", "--replicas", "2")
    assert "pair                    2 partitions, 2 replicas" in project.log("topics")
    project.log("produce", "pair", "--partition", "1", given="a\nb\n")
    shown = project.log("describe", "pair").splitlines()
    head, *rows = [line for line in shown if "epochs " not in line]
    assert head.split()[:4] == ["partition", "leader", "epoch", "committed"]
    assert [row.split()[0] for row in rows] == ["pair-0", "pair-1"]
    assert rows[1].split()[3] == "2"


def test_nothing_acknowledged_is_lost_when_the_leader_is_killed(project: Project) -> None:
    project.log("topics", "create", "survivor")
    project.log("produce", "survivor", given="before\n")
    leader = project.log("describe", "survivor").splitlines()[1].split()[1]
    assert f"killed {leader}" in project.log("crash", leader, "--for", "1")
    assert "survivor-0 @ 1" in project.log("produce", "survivor", given="after\n")
    shown = project.log("consume", "survivor", "--from-beginning", "--max-messages", "2")
    assert shown == "before\nafter\n"
    described = project.log("describe", "survivor")
    assert described.splitlines()[1].split()[1] != leader
    assert re.search(r"\d from 0, \d from 1", described)


@pytest.mark.parametrize("victim", ["leader", "c1"])
def test_a_producer_writes_each_record_once_and_in_order_though_somebody_is_killed(
    project: Project, victim: str
) -> None:
    topic = f"once-{victim}"
    project.log("topics", "create", topic)
    if victim == "leader":
        victim = project.log("describe", topic).splitlines()[1].split()[1]
    producer = project.begin("produce", topic, "--quiet")
    assert producer.stdin is not None
    for turn in range(30):
        producer.stdin.write("".join(f"{turn}.{n}\n" for n in range(20)))
        producer.stdin.flush()
        if turn == 10:
            project.log("crash", victim, "--for", "1")
    _, said = producer.communicate(timeout=60)
    assert "600 records" in said
    read = project.log("consume", topic, "--from-beginning", "--timeout", "1").splitlines()
    assert read == [f"{turn}.{n}" for turn in range(30) for n in range(20)]


def test_a_producer_that_was_killed_between_two_lines_is_replaced(project: Project) -> None:
    project.log("topics", "create", "patient")
    producer = project.begin("produce", "patient")
    assert producer.stdin is not None
    assert producer.stdout is not None
    producer.stdin.write("one\n")
    producer.stdin.flush()
    assert producer.stdout.readline() == "patient-0 @ 0\n"
    for pen in ("p1", "p2"):
        project.log("crash", pen, "--for", "0.1")
    time.sleep(2)  # to be there again
    producer.stdin.write("two\n")
    said, refused = producer.communicate(timeout=60)
    assert said == "patient-0 @ 1\n", refused


def test_records_without_a_key_are_spread_and_told_where_they_stand(project: Project) -> None:
    project.log("topics", "create", "spread", "--partitions", "3")
    given = "".join(f"{n} {'x' * 500}\n" for n in range(1500))
    said = project.log("produce", "spread", given=given).splitlines()
    assert said[-1] == "1,500 records"
    assert {line.split()[0] for line in said[:-1]} == {"spread-0", "spread-1", "spread-2"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("consume", "nowhere"), 1, "UNKNOWN_TOPIC_OR_PARTITION (nowhere): there is no such topic"),
        (("produce", "nowhere"), 1, "UNKNOWN_TOPIC_OR_PARTITION"),
        (("topics", "create", "a b"), 1, "INVALID_TOPIC_EXCEPTION: a topic's name has letters"),
        (("topics", "create", "many", "--partitions", "65"), 1, "INVALID_PARTITIONS"),
        (("topics", "create", "wide", "--replicas", "4"), 1, "INVALID_REPLICATION_FACTOR"),
        (("crash", "b9"), 2, "there is no node 'b9'; there are"),
        (("consume", "x", "--offset", "3"), 2, "--offset needs --partition"),
        (("consume", "x", "--show", "colour"), 2, "there is no colour of a record"),
        (("consume", "x", "--group", "g", "--partition", "0"), 2, "exclude each other"),
        (("consume", "nowhere", "--group", "g"), 1, "UNKNOWN_TOPIC_OR_PARTITION"),
        (("consume", "__consumer_offsets", "--group", "a b"), 1, "INVALID_GROUP_ID"),
        (("produce", "__consumer_offsets"), 1, "INVALID_TOPIC_EXCEPTION"),
        (("lag", "nobody"), 1, "GROUP_ID_NOT_FOUND: nobody has ever consumed as that group"),
    ],
)
def test_what_is_refused_is_told_in_words(
    project: Project, words: tuple[str, ...], code: int, said: str
) -> None:
    assert said in project.log(*words, code=code)


def test_records_and_offsets_that_cannot_be_are_refused(project: Project) -> None:
    project.log("topics", "create", "limits")
    assert "MESSAGE_TOO_LARGE" in project.log("produce", "limits", given="x" * 1_100_000, code=1)
    said = project.log("consume", "limits", "--partition", "0", "--offset", "99", code=1)
    assert "OFFSET_OUT_OF_RANGE: there is nothing at that offset" in said
    assert "TOPIC_ALREADY_EXISTS" in project.log("topics", "create", "limits", code=1)
    said = project.log("produce", "limits", given="fine\n" + "x" * 1_100_000, code=1)
    assert "limits-0 @ 0\n" in said
    assert "1 record\n" in said


def test_a_consumer_waits_for_what_comes_and_ends_by_ctrl_c(project: Project) -> None:
    project.log("topics", "create", "later")
    consumer = project.begin("consume", "later", "--from-beginning")
    project.log("produce", "later", given="now\n")
    assert consumer.stdout is not None
    assert consumer.stdout.readline() == "now\n"
    consumer.send_signal(signal.SIGINT)
    assert consumer.wait(10) == 130
    consumer.communicate()


def test_without_a_running_log_it_says_how_to_start_one(tmp_path: Path) -> None:
    said = Project(tmp_path).log("topics", code=3)
    assert "no log is running here. Start one in another terminal: make live LAB=2 KEEP=1" in said
