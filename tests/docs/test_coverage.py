"""Every topic of the notes that the course grew out of has a place, and the table of places says so."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "coverage.md"

TOPICS = (
    "Infrastructure and people",
    "Consistency",
    "Patterns of eventual consistency",
    "Kafka: why",
    "Kafka: producer",
    "Kafka: broker",
    "Kafka: consumer",
    "Kafka: high availability",
    "Exactly once",
    "Operating Kafka",
    "ZooKeeper",
    "Flink",
    "Storm",
    "YARN",
    "Scheduling",
    "Mesos",
    "Container patterns",
    "Ray",
    "Tail latency, RobinHood",
    "Payments",
    "SRE",
)

ROWS = {
    topic.strip(): where
    for topic, _, where in re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.M)
}


@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_is_linked(topic: str) -> None:
    assert re.search(r"\]\([^)]+\.md[^)]*\)", ROWS[topic])
