"""What supervisor and children say to each other, and the channel they say it over.

A channel is one end of a stream socket pair that the child inherits: frames are a length and a MessagePack union of the
Structs below. When the child and everything it has started are gone, the supervisor reads end of file; when the
supervisor is gone, so does the child.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from distlab.faults import AnyAction, Noise, Plan

_LENGTH = 4


class Word(Struct, frozen=True, tag=True):
    """Base of everything that is said."""


# -- to a child -----------------------------------------------------------------------------------------------------


class Layers(Struct, frozen=True):
    """What a package is laid from (:func:`distlab.core.overlay.overlay`)."""

    folders: list[str]
    """The first one on top."""
    pins: dict[str, str]
    """Modules that come from a file of their own."""


class Program(Word, frozen=True):
    """How to find a node's class."""

    path: str
    """``module:Class``."""
    overlays: dict[str, Layers]
    """By package."""
    search: list[str]
    """``sys.path``."""
    cwd: str
    """Where reports begin to name files."""


class Wiring(Word, frozen=True):
    """What every process must know to take part in the run's network."""

    key: bytes
    """The mark of this run's frames."""
    members: list[str]
    """Addresses; frames name a member by its place in this list."""
    bind: str
    """Endpoint to bind, a port may be ``*``."""
    proxy: str = ""
    """Endpoint of the fault proxy; empty: nodes talk directly."""
    public_key: bytes = b""
    """CURVE, Z85; empty where nothing leaves this machine."""
    secret_key: bytes = b""


class BeNode(Word, frozen=True):
    """A child's first word: who it is."""

    address: str
    role: str
    incarnation: int
    process: int
    program: Program
    config: bytes | None
    """MessagePack of the Config, whose class is ``config_class``."""
    config_class: str
    wiring: Wiring
    folder: str
    """The node's own: ``disk/`` and its log."""
    store: str
    mounts: dict[str, str]
    events: str
    """The folder for event files."""
    record: list[str]
    seed: int
    capacity: int | None
    watched: list[tuple[str, str]]
    """(verb, what) that the supervisor wants to be asked about first."""


class BeProxy(Word, frozen=True):
    """A child's first word: it is the fault proxy."""

    wiring: Wiring
    plan: Plan
    noise: Noise
    classes: dict[str, dict[str, str]]
    """Receiver -> tag of a message -> its class, so that the trace can say what was dropped."""
    events: str
    record: list[str]
    process: int


class Begin(Word, frozen=True):
    """Everybody is there. ``epoch`` is when the run began, in nanoseconds of the machine's steady clock."""

    epoch: int


class PeerUp(Word, frozen=True):
    """An incarnation of a member can be reached at ``endpoint``."""

    address: str
    incarnation: int
    endpoint: str


class PeerDown(Word, frozen=True):
    """An incarnation of a member is no more."""

    address: str
    incarnation: int


class Ask(Word, frozen=True):
    """A client is asked to do something."""

    ticket: int
    operation: bytes


class Look(Word, frozen=True):
    """What do you say of yourself, and how much have you carried?"""

    number: int


class Watch(Word, frozen=True):
    """From now on ask me about these (verb, what), and no others."""

    watched: list[tuple[str, str]]


class Proceed(Word, frozen=True):
    """Do what you asked about. ``token`` says which asking."""

    token: int


class Suffer(Word, frozen=True):
    """A fault that the child carries out on itself; ``over``: it ends."""

    action: AnyAction
    over: bool = False


class Mend(Word, frozen=True):
    """Every fault ends."""


# -- from a child -----------------------------------------------------------------------------------------------------


class Ready(Word, frozen=True):
    """It can be reached there."""

    endpoint: str


class About(Word, frozen=True):
    """It is about to do something that is watched, and waits."""

    verb: str
    what: str
    token: int


class Returned(Word, frozen=True):
    """An operation is finished."""

    ticket: int
    outcome: bytes


class Figures(Struct, frozen=True):
    """What a process has carried since its start."""

    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    drops: dict[str, int] = {}
    """Why a frame was dropped -> how many."""
    jobs: int = 0
    """Running now."""
    held: int = 0
    """Effects that wait for a sync."""


class Looked(Word, frozen=True):
    """The answer to :class:`Look`; ``probe`` is what the node says of itself."""

    number: int
    probe: bytes
    figures: Figures


class Ended(Word, frozen=True):
    """The process ends itself. ``report`` is for a person; empty if nobody is to blame."""

    reason: str
    report: str = ""
    error: str = ""
    """The exception's class, where there was one."""


ToChild = (
    BeNode | BeProxy | Begin | PeerUp | PeerDown | Ask | Look | Watch | Proceed | Suffer | Mend
)
FromChild = Ready | About | Returned | Looked | Ended

_encoder = msgspec.msgpack.Encoder()


class Channel:
    """One end. ``heard`` is the union of what the other end says."""

    def __init__(self, end: socket.socket, heard: Any) -> None:
        self._socket = end
        self._decoder = msgspec.msgpack.Decoder(heard)
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self.is_over = False
        """The other end is gone."""

    def fileno(self) -> int:
        return self._socket.fileno()

    def say(self, word: Word) -> None:
        """Say it; does not block if the socket does not, and then :meth:`flush` says the rest."""
        blob = _encoder.encode(word)
        self._outgoing += len(blob).to_bytes(_LENGTH, "little") + blob
        self.flush()

    @property
    def has_more_to_say(self) -> bool:
        return bool(self._outgoing)

    def flush(self) -> None:
        """Say what is left to say, as far as the other end listens."""
        while self._outgoing:
            try:
                sent = self._socket.send(self._outgoing)
            except BlockingIOError:
                return
            except OSError:  # it is gone; reading will tell
                self._outgoing.clear()
                return
            del self._outgoing[:sent]

    def receive(self) -> None:
        """Read once. Sets ``is_over`` at end of file."""
        try:
            received = self._socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self.is_over = True
        self._incoming += received

    def words(self) -> Iterator[Any]:
        """Every whole word that was received and not yet taken. Safe to be left, and to be called within itself."""
        while len(self._incoming) >= _LENGTH:
            end = _LENGTH + int.from_bytes(self._incoming[:_LENGTH], "little")
            if len(self._incoming) < end:
                return
            blob = bytes(self._incoming[_LENGTH:end])
            del self._incoming[:end]
            yield self._decoder.decode(blob)

    def close(self) -> None:
        self._socket.close()
