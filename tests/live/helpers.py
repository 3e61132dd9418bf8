"""Clusters of the small programs, and what the tests of the live world do with them again and again."""

import time
from collections.abc import Callable

from distlab.core import SECOND, Operation, Outcome
from distlab.core.cluster import Cluster, Member
from distlab.live import Live
from tests.live.listing import Row, listing
from tests.programs import counter, echo, kv, streamer

ECHO = Cluster({"server": Member(echo.Server), "client": Member(echo.Client, echo.ClientConfig())})
KV = Cluster({"store": Member(kv.Store), "client": Member(kv.Client, kv.ClientConfig())})
COUNTER = Cluster({"counter": Member(counter.Counter)})
STREAM = Cluster(
    {
        "source": Member(streamer.Source, streamer.SourceConfig()),
        "sink": Member(streamer.Sink),
    }
)


def ask(live: Live, client: str, operation: Operation, timeout: int = 10 * SECOND) -> Outcome:
    """What a client answers."""
    call = live.call(client, operation)
    assert live.wait(lambda: call.outcome is not None, timeout), f"no answer to {operation}"
    assert call.outcome is not None
    return call.outcome


def restart(live: Live, address: str) -> None:
    """``kill -9`` and a new incarnation."""
    before = live.incarnation(address)
    live.kill(address)
    live.start(address)
    assert live.wait(lambda: live.incarnation(address) == before + 1 and live.is_up(address))


def processes(group: int) -> list[Row]:
    """The living processes of a process group. One without a command is dead: its memory is gone, not yet its entry."""
    rows = [row for row in listing() if row.group == group]
    return [row for row in rows if row.command and not row.state.startswith("Z")]


def eventually(holds: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether it comes true in time: for what happens outside of a run."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
