"""Strangers at our sockets: what they send is counted and dropped, and keys keep them out altogether."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zmq.utils.monitor import recv_monitor_message

from distlab.core import Address, Ok
from distlab.core.codec import encode
from distlab.live import Live
from distlab.live.envelope import Envelope, seal
from distlab.live.guard import is_local, new_keys
from tests.live.helpers import ECHO, ask
from tests.programs import echo

Socket = zmq.Socket[bytes]


@contextmanager
def stranger(kind: int, endpoint: str, **options: bytes) -> Iterator[Socket]:
    context: zmq.Context[Socket] = zmq.Context()
    socket = context.socket(kind)
    socket.linger = 0
    for name, value in options.items():
        setattr(socket, name, value)
    socket.connect(endpoint)
    try:
        yield socket
    finally:
        context.destroy(linger=0)


def server_endpoint(live: Live) -> str:
    return live._supervisor.seats[Address("server")].endpoint


def ping(number: int) -> bytes:
    return encode(echo.Ping(number, "x"))


def envelope(**changes: object) -> Envelope:
    honest = Envelope(0, 0, 1, 0, 0, 0, 0, 0, 7, b"Ping")
    return honest._replace(**changes)  # type: ignore[arg-type]


frames = st.lists(st.binary(max_size=120), min_size=1, max_size=3)


@pytest.mark.parametrize("proxied", [False, True])
def test_any_frames_of_a_stranger_are_counted_and_dropped(proxied: bool) -> None:
    with Live(ECHO, proxied=proxied) as live:
        endpoint = live._supervisor.proxy_endpoint if proxied else server_endpoint(live)
        key = live._briefing.key
        sent = 0
        with stranger(zmq.DEALER if proxied else zmq.PUSH, endpoint) as socket:

            @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
            @given(frames, st.booleans(), st.data())
            def attack(parts: list[bytes], knows_key: bool, data: st.DataObject) -> None:
                nonlocal sent
                whole = seal(key, envelope(), ping(1)) + ping(1)
                cut = data.draw(st.integers(0, len(whole) - 1))
                parts[0] = (whole[:cut] if knows_key else b"") + parts[0]
                socket.send_multipart(parts)
                sent += 1

            attack()
            assert live.wait(lambda: bool(live.probes()) and sum(live.tally.values()) >= sent * 0.9)
        assert ask(live, "client", echo.Echo("still here")) == Ok("still here")
        assert live.incarnation("server") == 0
        assert live.failures == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"to": 1}, "misdirected"),
        ({"source": 9}, "misdirected"),
        ({"to_incarnation": 5}, "stale"),
        ({"kind": 3, "session": 99}, "session over"),
        ({"kind": 9}, "malformed"),
    ],
)
def test_well_formed_frames_that_are_out_of_place_are_dropped(
    changes: dict[str, int], why: str
) -> None:
    with Live(ECHO) as live, stranger(zmq.PUSH, server_endpoint(live)) as socket:
        socket.send(seal(live._briefing.key, envelope(**changes), ping(1)) + ping(1))
        assert live.wait(
            lambda: live.probes() == {"server": 0, "client": None} and live.tally == {why: 1}
        )


def test_the_proxy_believes_nobodys_word_about_who_he_is() -> None:
    with Live(ECHO, proxied=True) as live:
        endpoint = live._supervisor.proxy_endpoint
        with stranger(zmq.DEALER, endpoint, routing_id=b"mallory#0") as socket:
            socket.send(seal(live._briefing.key, envelope(), ping(1)) + ping(1))
            assert live.wait(lambda: live.probes()["server"] == 0 and bool(live.tally))
            assert live.tally == {"misdirected": 1}


# -- keys -------------------------------------------------------------------------------------------------------------


def test_only_what_stays_on_this_machine_goes_without_keys() -> None:
    assert [is_local(host) for host in ("127.0.0.1", "::1", "localhost")] == [True] * 3
    assert [is_local(host) for host in ("0.0.0.0", "10.1.2.3", "example.org", "*")] == [False] * 4


@pytest.mark.parametrize("proxied", [False, True])
def test_beyond_this_machine_only_members_get_in(proxied: bool) -> None:
    with Live(ECHO, bind="0.0.0.0", proxied=proxied) as live:
        assert ask(live, "client", echo.Echo("x")) == Ok("x")
        endpoint = live._supervisor.proxy_endpoint if proxied else server_endpoint(live)
        kind = zmq.DEALER if proxied else zmq.PUSH
        frame = seal(live._briefing.key, envelope(), ping(1)) + ping(1)
        public, secret = new_keys()
        of_the_run = {"curve_serverkey": live._briefing.keys[0]}
        no_keys: dict[str, bytes] = {}
        own_keys = {"curve_publickey": public, "curve_secretkey": secret, **of_the_run}
        for keys in (no_keys, own_keys):
            with stranger(kind, endpoint, routing_id=b"client#0", **keys) as socket:
                events = socket.get_monitor_socket()
                socket.send(frame)
                assert is_refused(events)
        members_keys = {
            "curve_publickey": live._briefing.keys[0],
            "curve_secretkey": live._briefing.keys[1],
            **of_the_run,
        }
        assert live.probes()["server"] == 1
        with stranger(kind, endpoint, routing_id=b"client#0", **members_keys) as socket:
            socket.send(frame)
            assert live.wait(lambda: live.probes()["server"] == 2)


def is_refused(events: Socket) -> bool:
    """Whether the handshake fails, as the socket's own monitor sees it."""
    refusals = {
        zmq.EVENT_HANDSHAKE_FAILED_AUTH,
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
        zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    }
    while events.poll(5000):
        what = recv_monitor_message(events)["event"]
        if what in refusals or what == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            return what in refusals
    return False
