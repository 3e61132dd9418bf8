"""The front: the hop in the middle, between the clients and the servers that hold the accounts.

Given, and not to be changed; worth reading, for it is a whole node. It gathers calls for a moment
and passes them on together, and passes answers back to whoever asked. It has no disk and makes no
promise: it may lose what it holds, so nothing can be left to it. Only the two ends can make an
effect happen exactly once (J. Saltzer, D. Reed, D. Clark, "End-to-end arguments in system design",
1984).
"""

from __future__ import annotations

from zlib import crc32

from msgspec import Struct

from distlab.core import Address, Timer
from labs.lab0_rpc.layer import Program
from labs.lab0_rpc.protocol import Answer, Call, FrontConfig, RequestId, Span

WAITING_AT_MOST = 1024


class Flush(Timer, frozen=True):
    """Pass on what has been gathered."""


class Held(Struct, frozen=True):
    """A call that waits to be passed on."""

    call: Call
    context: Span | None
    """On whose behalf: the timer that passes it on was set for another request, perhaps."""


class Front(Program):
    """Passes calls on and answers back; forgets everything when it crashes."""

    config: FrontConfig
    gathered: list[Held]
    waiting: dict[RequestId, Address]
    """Who wants the answer. Oldest first; the oldest is forgotten when there are too many."""

    def on_start(self) -> None:
        self.gathered = []
        self.waiting = {}

    def on_call(self, call: Call, sender: Address) -> None:
        self.waiting.pop(call.id, None)
        self.waiting[call.id] = sender
        if len(self.waiting) > WAITING_AT_MOST:
            del self.waiting[next(iter(self.waiting))]
        if not self.gathered:
            self.set_timer(Flush(), self.config.linger)
        self.gathered.append(Held(call, self.context))

    def on_flush(self, _: Flush) -> None:
        for held in self.gathered:
            self.context = held.context
            self.send(self.server_of(held.call.account), held.call)
        self.gathered = []

    def on_answer(self, answer: Answer) -> None:
        if (client := self.waiting.pop(answer.id, None)) is not None:
            self.send(client, answer)

    def server_of(self, account: str) -> Address:
        """Where an account lives: the same on every machine, so not by ``hash``."""
        servers = self.config.servers
        return servers[crc32(account.encode()) % len(servers)]
