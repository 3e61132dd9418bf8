"""The fault proxy's process: sockets round :class:`~distlab.live.network.Network`.

One ROUTER, to which every node's DEALER is connected under a routing id that names address and incarnation. MANDATORY
makes it say what it cannot deliver; HANDOVER lets a node whose connection broke take its name back. A plain poll
loop, since ``zmq.proxy`` can neither drop nor delay, and ``zmq.proxy_steerable`` of libzmq 4.3.5 is broken.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final, NoReturn

import zmq

from distlab.faults import Action, Clog, Cut, Nth, Partition
from distlab.live import control as say
from distlab.live.envelope import APART, DATAGRAM, Envelope, Hostile, seal, unseal
from distlab.live.guard import Guard, secure
from distlab.live.network import Link, Network, Parcel
from distlab.live.portable import to_json, to_plain
from distlab.live.recorder import Recorder
from distlab.trace import Kind

_BATCH: Final = 256


def run_proxy(who: say.BeProxy, channel: say.Channel) -> NoReturn:
    """Be the proxy until the supervisor is gone."""
    _Proxy(who, channel).run()


class _Proxy:
    def __init__(self, who: say.BeProxy, channel: say.Channel) -> None:
        self._who = who
        self._channel = channel
        self._key = who.wiring.key
        self._members = who.wiring.members
        self._up: dict[str, int] = {}
        self._drops: Counter[str] = Counter()
        self._messages = self._bytes = 0
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._guard = Guard(context, who.wiring)
        self._router = context.socket(zmq.ROUTER)
        self._router.linger = 0
        self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._router.setsockopt(zmq.ROUTER_HANDOVER, 1)
        secure(self._router, who.wiring, server=True)
        self._router.bind(who.wiring.bind)
        self._network = Network(self._members, who.noise, self._struck, self._dropped)
        for fault in who.plan.faults:
            if isinstance(fault.when, Nth):
                self._network.plan(fault.when, fault.do)
        self._recorder = self._open_books(time.monotonic_ns())

    def _open_books(self, epoch: int) -> Recorder:
        return Recorder(
            Path(self._who.events) / "proxy.jsonl", self._who.process << 16, "", 0, self._who.record, epoch
        )  # fmt: skip

    def run(self) -> NoReturn:
        """Carry frames."""
        channel, router = self._channel, self._router
        channel.say(say.Ready(router.getsockopt_string(zmq.LAST_ENDPOINT)))
        poller = zmq.Poller()
        poller.register(channel.fileno(), zmq.POLLIN)
        poller.register(router, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(self._patience()))
            if channel.fileno() in ready:
                self._listen()
            if router in ready:
                self._receive()
            for link, parcel in self._network.due(self._recorder.now()):
                self._carry(link, parcel)

    def _patience(self) -> int:
        due = self._network.next_due()
        return -1 if due is None else max(0, -((self._recorder.now() - due) // 1000))

    def _listen(self) -> None:
        self._channel.receive()
        for word in self._channel.words():
            match word:
                case say.Begin(epoch):
                    self._recorder = self._open_books(epoch)
                case say.PeerUp(address, incarnation):
                    self._up[address] = incarnation
                case say.PeerDown(address, incarnation):
                    if self._up.get(address) == incarnation:
                        del self._up[address]
                    others = {a: i for a, i in self._up.items() if a != address}
                    self._network.lost(address, incarnation, others, self._recorder.now())
                case say.Suffer(action) if isinstance(action, (Partition, Cut, Clog)):
                    self._network.impose(action, self._recorder.now())
                case say.Mend():
                    self._network.heal(self._recorder.now())
                case say.Look(number):
                    figures = say.Figures(
                        self._messages, self._messages, self._bytes, self._bytes, dict(self._drops)
                    )
                    self._channel.say(say.Looked(number, to_json(None), figures))
        if self._channel.is_over:
            os._exit(0)

    # -- frames ---------------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        router = self._router
        for _ in range(_BATCH):
            try:
                sender = router.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            frame: bytes = router.recv() if router.getsockopt(zmq.RCVMORE) else b""
            if frame == self._key:  # a node asks whether it is connected
                with contextlib.suppress(zmq.ZMQError):
                    router.send_multipart([sender, frame], zmq.NOBLOCK)
                continue
            apart: Any = router.recv(copy=False) if router.getsockopt(zmq.RCVMORE) else None
            while router.getsockopt(zmq.RCVMORE):
                router.recv()
                frame = b""
            try:
                envelope, blob = unseal(self._key, frame, None if apart is None else apart.buffer)
                self._check(envelope, sender)
            except Hostile as error:
                self._drops[str(error)] += 1
                continue
            self._messages += 1
            self._bytes += len(blob)
            self._network.send(
                Parcel(envelope, blob if apart is None else apart), self._recorder.now()
            )

    def _check(self, envelope: Envelope, sender: bytes) -> None:
        if max(envelope.source, envelope.to) >= len(self._members):
            raise Hostile("misdirected")
        if sender != self._name(envelope.source, envelope.source_incarnation):
            raise Hostile("misdirected")

    def _name(self, member: int, incarnation: int) -> bytes:
        return f"{self._members[member]}#{incarnation}".encode()

    def _carry(self, link: Link, parcel: Parcel) -> None:
        envelope, blob = parcel
        incarnation = self._up.get(link.to)
        is_datagram = envelope.kind == DATAGRAM
        if incarnation is None or not (is_datagram or envelope.to_incarnation == incarnation):
            self._dropped(link, parcel, "down")
            return
        content = blob.buffer if isinstance(blob, zmq.Frame) else blob
        head = seal(self._key, envelope, content)
        try:
            self._router.send(self._name(envelope.to, incarnation), zmq.NOBLOCK | zmq.SNDMORE)
            if len(content) < APART:
                self._router.send(head + bytes(content), zmq.NOBLOCK)
            else:
                self._router.send(head, zmq.NOBLOCK | zmq.SNDMORE)
                self._router.send(blob, zmq.NOBLOCK, copy=False)
        except zmq.Again:
            if is_datagram:
                self._dropped(link, parcel, "queue full")
            else:
                self._network.back(link, parcel, self._recorder.now())
        except zmq.ZMQError:  # EHOSTUNREACH
            self._dropped(link, parcel, "down")

    # -- the books ------------------------------------------------------------------------------------------------

    def _struck(self, action: Action, node: str) -> None:
        self._drops[type(action).__name__.lower()] += 1
        self._recorder.note_plain(Kind.FAULT, to_plain(action), 0, "", node, 0)

    def _dropped(self, link: Link, parcel: Parcel, why: str) -> None:
        self._drops[why] += 1
        envelope, blob = parcel
        content = blob.buffer if isinstance(blob, zmq.Frame) else blob
        path = self._who.classes.get(link.to, {}).get(envelope.name.decode(errors="replace"), "")
        self._recorder.note_drop(path, content, why, envelope.cause, link.source, link.to)
