"""Frames: bytes that can tell whether they are still what was sealed. Part 0A.

Pure functions: no node, no clock, no state. The layout of a frame is drawn in ``protocol.py``.

A CRC is the remainder of a division. Read the data as one long polynomial over the two-element
field, where adding is exclusive-or; divide it by a fixed polynomial of degree 32; what is left over
are the 32 bits. A change to the data slips through only if it is itself a multiple of the divisor,
and no change that lies within 32 neighbouring bits is one. Compare a sum of 16-bit words, as TCP
has it: every change of order slips through.

CRC-32C handles the bits of each byte from the lowest up, so the whole register is kept mirrored:
"shift and subtract" is ``>> 1`` and ``^ POLYNOMIAL``. The register starts full of ones, else
leading zeros would not count; and it is inverted at the end. RFC 3720, appendix B.4, has examples.
"""

from __future__ import annotations

from functools import cache
from struct import Struct as Layout

from labs.lab0_rpc.protocol import HEADER_BYTES, POLYNOMIAL, Frame

CHECKSUM = Layout("<I")
BEHIND_IT = Layout("<IQ")
"""Length of the body, and correlation id."""


@cache
def remainders() -> tuple[int, ...]:
    """For each byte, what it leaves in the register once all its 8 bits have been shifted out.

    With it, ``crc32c`` can go by bytes instead of bits. (Cached: computed on first use.)
    """
    raise NotImplementedError("0A: the remainder of each of the 256 bytes, bit by bit")


def crc32c(data: bytes) -> int:
    """The CRC-32C of ``data``; ``crc32c(b"123456789") == 0xE3069283``."""
    raise NotImplementedError("0A: run the register over the data, byte by byte")


def seal(frame: Frame) -> bytes:
    """The bytes that say it, in the layout of ``protocol.py``."""
    raise NotImplementedError("0A: lay out length, id and body, and put their checksum in front")


def unseal(data: bytes) -> Frame | None:
    """What the bytes say; None for bytes that are not exactly what some ``seal`` returned.

    Takes anything that a network can deliver: never raises, whatever the bytes.
    """
    raise NotImplementedError("0A: believe nothing before the checksum and the length agree")
