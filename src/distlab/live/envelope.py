"""What stands round a message on the wire: a sealed header, the name of the message's class, and its bytes.

Pure: bytes in, :class:`Envelope` out. No socket and no clock lives here.

Theory of operation. A frame is ``header, name, blob``; a blob of :data:`APART` bytes or more travels as a ZeroMQ part
of its own, so that it is never copied into one buffer with the header. Small frames may travel together, one behind
the other. The header opens with the key of the run, so that strangers who reach our sockets are told apart from
members, and a checksum over all of the header, the name, and the first :data:`CHECKED` bytes of the blob. Whatever is
not exactly so is a :class:`Hostile` frame: to be counted and dropped. A bit that a fault plan flips is different: it
stands for damage *behind* the network's checksum, so the proxy seals the frame anew and marks it :data:`FLIPPED`, and
the receiver takes it for what it has become.
"""

from __future__ import annotations

import struct
import zlib
from struct import Struct as Layout
from typing import Final, NamedTuple

from distlab.core.codec import MESSAGE_LIMIT

DATAGRAM: Final = 0
CONNECT: Final = 1
"""Asks for a session."""
ACCEPT: Final = 2
"""It is open."""
STREAM: Final = 3
"""A message in a session."""
CREDIT: Final = 4
"""``sequence`` messages of the session have been handled."""
CLOSE: Final = 5
"""The session is over, or there never was one; session 0: the sender's incarnation is, and all of its sessions."""
_KINDS: Final = 6

FLIPPED: Final = 1
"""Flag: a bit of the blob was changed on purpose."""

ANY_INCARNATION: Final = (1 << 32) - 1
"""A datagram that goes through the proxy is for whoever has the address when it arrives, as on any network."""

APART: Final = 64 * 1024
"""Blobs of this size and more travel as a part of their own: below it, copying is cheaper."""
CHECKED: Final = 4096
"""How much of a blob the checksum covers: a checksum of all would cost as much as the rest of the way."""

KEY_SIZE: Final = 8
_HEADER = Layout("<8sIBBHHIIQIQIB")
_SEALED_FROM = KEY_SIZE + 4


class Hostile(Exception):
    """A frame that no member of this run has sent, or that was damaged on its way. The text is for counting."""


class Envelope(NamedTuple):
    """Everything about a message but the message."""

    kind: int
    flags: int
    source: int
    """Which member sent it, as an index into the cluster's members."""
    to: int
    source_incarnation: int
    to_incarnation: int
    """Which incarnation of the receiver it is meant for: what was queued for a dead one must not reach the next."""
    session: int
    """Names one session of one pair of incarnations; 0 for datagrams."""
    sequence: int
    """Place of the message in its session, from 1; or what a credit says."""
    cause: int
    """Id of the event that sent it."""
    name: bytes
    """The message's class, as its tag spells it."""


def seal(key: bytes, envelope: Envelope, blob: bytes | memoryview) -> bytes:
    """Header and name of a frame that carries ``blob``; the blob itself goes behind it."""
    kind, flags, source, to, source_inc, to_inc, session, sequence, cause, name = envelope
    rest = _HEADER.pack(
        key, 0, kind, flags, source, to, source_inc, to_inc, session, sequence, cause, len(blob), len(name)
    )[_SEALED_FROM:] + name  # fmt: skip
    checksum = zlib.crc32(blob if len(blob) <= CHECKED else blob[:CHECKED], zlib.crc32(rest))
    return key + checksum.to_bytes(4, "little") + rest


def unseal(
    key: bytes, frame: bytes | memoryview, apart: bytes | memoryview | None = None
) -> tuple[Envelope, memoryview]:
    """The envelope and the blob of a frame; ``apart`` is its second part, if it has one. Raises ``Hostile``."""
    envelope, blob, rest = unseal_first(key, memoryview(frame), apart)
    if rest:
        raise Hostile("truncated")
    return envelope, blob


def unseal_first(
    key: bytes, view: memoryview, apart: bytes | memoryview | None = None
) -> tuple[Envelope, memoryview, memoryview]:
    """The same for the first of several frames in a row; what is behind it comes third."""
    try:
        fields = _HEADER.unpack_from(view)
    except struct.error:
        raise Hostile("truncated") from None
    theirs, checksum, *middle, size, name_size = fields
    if theirs != key:
        raise Hostile("foreign")
    end = _HEADER.size + name_size
    if apart is None:
        blob, rest = view[end : end + size], view[end + size :]
    else:
        blob, rest = memoryview(apart), view[end:]
        if rest or len(view) != end:
            raise Hostile("malformed")
    if len(blob) != size or size > MESSAGE_LIMIT:
        raise Hostile("truncated")
    if zlib.crc32(blob[:CHECKED], zlib.crc32(view[_SEALED_FROM:end])) != checksum:
        raise Hostile("damaged")
    if middle[0] >= _KINDS:
        raise Hostile("malformed")
    return Envelope._make((*middle, bytes(view[_HEADER.size : end]))), blob, rest
