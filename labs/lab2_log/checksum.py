"""CRC-32C, the checksum of every batch (Castagnoli, 1993; RFC 3720, appendix B.4)."""

from __future__ import annotations

from distlab.core.hardware import in_hardware


def _table() -> tuple[int, ...]:
    """What eight steps of the division do to each value of a byte."""
    raise NotImplementedError("2A: the 256 remainders of the reflected polynomial 0x82F63B78")


@in_hardware("crc32c")
def crc32c(data: bytes) -> int:
    """The checksum of ``data``: 0xE3069283 for ``123456789``."""
    raise NotImplementedError("2A: a byte at a time; all bits are inverted before and after")


# TODO 2A: keep the table, once for all
