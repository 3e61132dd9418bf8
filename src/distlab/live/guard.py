"""CURVE: what keeps strangers out where a socket is bound to more than this machine.

Each run makes one pair of keys, and every process of the run gets both halves (over its inherited channel, never a
command line): a member proves that it is one by using the run's own key as its client key. Whoever binds asks a ZAP
handler about each client, and the handler knows that one key.

Two traps of libzmq 4.3.5 and pyzmq 27, met by us: ``configure_curve_callback(domain="*")`` covers the *empty* domain
only, so no ZAP domain may be set; and a server without a ZAP handler lets in every client that knows its public key,
so the handler must be there before the first bind.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import zmq

from distlab.live.control import Wiring


class _Members:
    """Knows the one key of the run."""

    def __init__(self, public_key: bytes) -> None:
        self._key = public_key

    def callback(self, domain: str, key: bytes) -> bool:
        return key == self._key


class Guard:
    """The ZAP handler of one process, where the run is guarded at all."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], wiring: Wiring) -> None:
        self._authenticator: Any = None
        if wiring.public_key:
            from zmq.auth.thread import ThreadAuthenticator  # it takes asyncio along: 40 ms

            self._authenticator = ThreadAuthenticator(context)
            self._authenticator.start()
            self._authenticator.configure_curve_callback(
                domain="*", credentials_provider=_Members(wiring.public_key)
            )

    def close(self) -> None:
        if self._authenticator is not None:
            self._authenticator.stop()


def secure(socket: zmq.Socket[bytes], wiring: Wiring, server: bool) -> None:
    """Give a socket its keys, where the run is guarded."""
    if wiring.public_key:
        socket.curve_publickey = wiring.public_key
        socket.curve_secretkey = wiring.secret_key
        if server:
            socket.curve_server = True
        else:
            socket.curve_serverkey = wiring.public_key


def new_keys() -> tuple[bytes, bytes]:
    """Public and secret."""
    return zmq.curve_keypair()


def is_local(host: str) -> bool:
    """Whether only this machine can reach what is bound there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
