"""A broker's files are damaged while people use the log: what they see has a name, and nothing acknowledged is lost."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.kept_log import Project

COUNT = 2000
VALUES = [str(n) for n in range(COUNT)]
SEGMENT = f"{0:020}.log"


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A log of its own: what happens to it, nobody else should find."""
    project = Project(tmp_path_factory.mktemp("damaged"))
    project.start()
    yield project
    project.stop()


def folder(project: Project, broker: str, topic: str) -> Path:
    nodes = project.folder / ".distlab" / "live" / "lab2_log" / "nodes"
    return nodes / broker / "disk" / f"{topic}-0"


def made(project: Project, topic: str) -> str:
    """A topic with records, all below the recovery points; who leads it."""
    project.log("topics", "create", topic)
    project.log("produce", topic, "--quiet", given="\n".join(VALUES))
    wanted = f"{COUNT:020}"
    for broker in ("b1", "b2", "b3"):
        point = folder(project, broker, topic) / "recovery-point"
        wait(lambda point=point: point.exists() and point.read_text() == wanted)  # type: ignore[misc]
    return project.log("describe", topic).splitlines()[1].split()[1]


def wait(holds, seconds: float = 60) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def flip(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def read(project: Project, topic: str) -> list[str]:
    shown = project.log("consume", topic, "--from-beginning", "--max-messages", str(COUNT))
    return shown.splitlines()


def is_in_sync(project: Project, topic: str) -> bool:
    row = project.log("describe", topic).splitlines()[1].split()
    return row[4:7] == ["b1", "b2", "b3"]


def test_a_missing_index_is_made_anew_and_a_torn_tail_is_cut(damaged: Project) -> None:
    made(damaged, "hurt")
    damaged.log("crash", "b1", "--for", "2")
    time.sleep(0.5)
    files = folder(damaged, "b1", "hurt")
    (files / SEGMENT).with_suffix(".index").unlink()
    with (files / SEGMENT).open("ab") as segment:
        segment.write(b"\0\0\0\0\0\0\7\xd0 half a batch")
    sound = folder(damaged, "b2", "hurt") / SEGMENT
    wait(lambda: (files / SEGMENT).read_bytes() == sound.read_bytes())
    wait(lambda: is_in_sync(damaged, "hurt"))
    assert read(damaged, "hurt") == VALUES


@pytest.mark.parametrize("damage", ["flipped", "truncated"])
def test_a_broker_whose_segment_is_damaged_stops_and_comes_back_without_it(
    damaged: Project, damage: str
) -> None:
    topic = f"rotten-{damage}"
    made(damaged, topic)
    damaged.log("crash", "b1", "--for", "1")
    time.sleep(0.5)
    segment = folder(damaged, "b1", topic) / SEGMENT
    if damage == "flipped":
        flip(segment, segment.stat().st_size - 40)
    else:
        os.truncate(segment, segment.stat().st_size - 40)
    time.sleep(3)
    assert not is_in_sync(damaged, topic)
    assert "1 record" in damaged.log("produce", topic, given="more\n")
    assert read(damaged, topic) == VALUES
    shutil.rmtree(segment.parent)
    damaged.log("crash", "b1", "--for", "0")
    wait(lambda: is_in_sync(damaged, topic))
    assert read(damaged, topic) == VALUES


def test_what_has_rotten_under_a_leader_is_told_and_the_next_one_has_it(damaged: Project) -> None:
    leader = made(damaged, "sour")
    flip(folder(damaged, leader, "sour") / SEGMENT, 10)  # the length of the first batch
    said = damaged.log("consume", "sour", "--from-beginning", code=1)
    assert "CORRUPT_MESSAGE: what is stored there does not fit its checksum" in said
    damaged.log("crash", leader, "--for", "1")
    assert read(damaged, "sour") == VALUES
