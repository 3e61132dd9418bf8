"""Consumer groups on a log that runs: shared, resumed, and remembered though whoever looks after them is killed."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.cli.kept_log import Project


@pytest.fixture
def consumer(project: Project) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Begins a consumer, which ends with the test."""
    begun: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> subprocess.Popen[str]:
        begun.append(project.begin("consume", *words))
        return begun[-1]

    yield begin
    for each in begun:
        each.kill()
        each.communicate()


def made(project: Project, topic: str, values: range, *words: str) -> None:
    """A topic, and these numbers in it."""
    project.log("topics", "create", topic, *words)
    project.log("produce", topic, "--quiet", given="".join(f"{n}\n" for n in values))


def lags(project: Project, group: str) -> dict[str, str]:
    """Partition -> lag, as shown."""
    rows = [line.split() for line in project.log("lag", group).splitlines()[2:]]
    return {row[0]: row[3] for row in rows}


def test_a_group_goes_on_where_it_was(project: Project) -> None:
    made(project, "again", range(10))
    words = ("consume", "again", "--group", "resumed", "--from-beginning")
    first = project.log(*words, "--max-messages", "4").splitlines()
    assert [line for line in first if line.isdigit()] == ["0", "1", "2", "3"]
    assert lags(project, "resumed") == {"again-0": "6"}
    rest = project.log(*words, "--max-messages", "6").splitlines()
    assert [line for line in rest if line.isdigit()] == ["4", "5", "6", "7", "8", "9"]
    assert lags(project, "resumed") == {"again-0": "0"}
    assert "resumed                 Empty" in project.log("groups")


def test_two_consumers_share_and_a_third_inherits(
    project: Project, consumer: Callable[..., subprocess.Popen[str]]
) -> None:
    project.log("topics", "create", "shared", "--partitions", "2")
    words = ("shared", "--group", "team", "--from-beginning", "--max-poll-interval", "2")
    both = [consumer(*words), consumer(*words)]
    deadline = time.monotonic() + 30
    while "2 members" not in (shown := project.log("lag", "team", code=None)):
        assert time.monotonic() < deadline, shown
    for part in ("0", "1"):
        given = f"to {part}\n"
        project.log("produce", "shared", "--partition", part, given=given)
    got = [each.stdout.readline() for each in both if each.stdout is not None]
    assert sorted(got) == ["to 0\n", "to 1\n"]
    both[0].kill()  # nobody polls for it any more: its member leaves by itself
    project.log("produce", "shared", "--partition", "0", "--quiet", given="later 0\n")
    project.log("produce", "shared", "--partition", "1", "--quiet", given="later 1\n")
    assert both[1].stdout is not None
    heard: set[str] = set()
    while not {"later 0\n", "later 1\n"} <= heard:
        heard.add(both[1].stdout.readline())


def test_ctrl_c_commits_what_was_printed(
    project: Project, consumer: Callable[..., subprocess.Popen[str]]
) -> None:
    made(project, "polite", range(5))
    one = consumer("polite", "--group", "manners", "--from-beginning")
    assert one.stdout is not None
    assert [one.stdout.readline() for _ in range(5)] == [f"{n}\n" for n in range(5)]
    one.send_signal(signal.SIGINT)
    assert one.wait(15) == 130
    assert lags(project, "manners") == {"polite-0": "0"}


@pytest.mark.parametrize("victim", ["g1", "g2", "offsets", "m1"])
def test_what_is_committed_survives_a_kill(project: Project, victim: str) -> None:
    topic, group = f"durable-{victim}", f"durable.{victim}"
    made(project, topic, range(8))
    words = ("consume", topic, "--group", group, "--from-beginning")
    project.log(*words, "--max-messages", "5")
    project.log("crash", victim, "--for", "0.2")
    rest = project.log(*words, "--max-messages", "3").splitlines()
    assert [line for line in rest if line.isdigit()] == ["5", "6", "7"]


def test_who_stands_still_is_replaced_and_joins_anew(
    project: Project, consumer: Callable[..., subprocess.Popen[str]]
) -> None:
    made(project, "naps", range(3))
    words = ("naps", "--group", "sleepers", "--from-beginning", "--max-poll-interval", "1")
    one = consumer(*words)
    assert one.stdout is not None
    assert [one.stdout.readline() for _ in range(3)] == ["0\n", "1\n", "2\n"]
    one.send_signal(signal.SIGSTOP)
    other = consumer(*words)
    project.log("produce", "naps", "--quiet", given="while it slept\n")
    assert other.stdout is not None
    while other.stdout.readline() != "while it slept\n":
        pass  # what it had not committed is read again
    other.send_signal(signal.SIGINT)
    assert other.wait(20) == 130
    one.send_signal(signal.SIGCONT)
    project.log("produce", "naps", "--quiet", given="awake again\n")
    while (line := one.stdout.readline()) != "awake again\n":
        assert line  # it goes on
