"""The door to a running cluster: honest visitors, and others."""

import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distlab.core import Ok
from distlab.core.errors import DistlabError
from distlab.live import Live
from distlab.live.door import Ask, Door, NoDoor, Visit, _write
from tests.live.helpers import KV, eventually
from tests.programs.kv import Read, Write


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[Live, Door]]:
    with Live(KV, keep_going=True) as live, Door(live) as door:
        yield live, door


def is_over(stranger: socket.socket) -> bool:
    """Whether the other end closes, having read everything or not."""
    stranger.settimeout(10)
    try:
        return stranger.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def visit(opened: tuple[Live, Door]) -> Iterator[Visit]:
    with Visit(opened[1].path) as one:
        yield one


def test_a_visitor_has_a_client_do_something(visit: Visit) -> None:
    assert visit.ask("client", Write("x", "1")) == Ok(None)
    assert visit.ask("client", Read("x")) == Ok("1")


def test_visitors_do_not_wait_for_each_other(opened: tuple[Live, Door]) -> None:
    answers: list[object] = []

    def write(number: int) -> None:
        with Visit(opened[1].path) as visit:
            answers.append(visit.ask("client", Write(f"k{number}", "v")))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [Ok(None)] * 8


def test_a_visitor_sees_the_nodes_and_may_kill_one(visit: Visit) -> None:
    before = {seat.name: seat for seat in visit.look().nodes}
    assert {seat.state for seat in before.values()} == {"up"}
    visit.crash("store", 10_000)

    def is_back() -> bool:
        store = next(seat for seat in visit.look().nodes if seat.name == "store")
        return store.state == "up" and store.life == before["store"].life + 1

    assert eventually(is_back)
    assert visit.ask("client", Write("y", "2")) == Ok(None)


def test_what_makes_no_sense_is_refused_in_words(visit: Visit) -> None:
    with pytest.raises(DistlabError, match="nobody has no operation Write"):
        visit.ask("nobody", Write("x", "1"))
    with pytest.raises(DistlabError, match="store has no operation Write"):
        visit.ask("store", Write("x", "1"))
    with pytest.raises(DistlabError, match="there is no node nobody"):
        visit.crash("nobody", 1)
    with pytest.raises(DistlabError, match=r"Write: .*key"):
        visit._say(Ask("client", "Write", b"\x81\xa3key\x01"))
    with pytest.raises(DistlabError, match="has no operation os:system"):
        visit._say(Ask("client", "os:system", b""))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(min_size=1, max_size=60))
def test_any_bytes_of_a_stranger_end_his_visit_and_nothing_else(
    opened: tuple[Live, Door], data: bytes
) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(opened[1].path))
        stranger.sendall(data)
        stranger.shutdown(socket.SHUT_WR)
        assert is_over(stranger)
    with Visit(opened[1].path) as visit:
        assert visit.ask("client", Read("nothing")) == Ok(None)


def test_a_frame_that_claims_to_be_huge_is_not_waited_for(opened: tuple[Live, Door]) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(opened[1].path))
        stranger.sendall(b"\xff\xff\xff\xff")
        assert is_over(stranger)
    assert opened[1].turned_away["not a frame"]


def test_who_goes_without_his_answer_disturbs_nobody(
    opened: tuple[Live, Door], visit: Visit
) -> None:
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(opened[1].path))
        _write(visitor, Ask("client", "Write", b"\x82\xa3key\xa1z\xa5value\xa11"))
    assert eventually(lambda: visit.ask("client", Read("z")) == Ok("1"))


def test_only_this_user_can_come_to_the_door_and_it_goes_with_the_run() -> None:
    with Live(KV) as live:
        with Door(live) as door, Visit(door.path) as visit:
            assert stat.S_IMODE(door.path.parent.stat().st_mode) == 0o700
            assert visit.look().nodes
            door.__exit__(None, None, None)
            with pytest.raises(NoDoor):
                visit.look()
        assert not door.path.parent.exists()
    with pytest.raises(NoDoor):
        Visit(Path("/nonexistent/door"))
