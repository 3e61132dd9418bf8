"""CRC-32C, the checksum of every batch (Castagnoli, 1993; RFC 3720, appendix B.4)."""

from __future__ import annotations

from distlab.core.hardware import in_hardware


def _table() -> tuple[int, ...]:
    """What eight steps of the division do to each value of a byte."""
    # BEGIN SOLUTION 2A: the 256 remainders of the reflected polynomial 0x82F63B78
    table = []
    for remainder in range(256):
        for _ in range(8):
            remainder = remainder >> 1 ^ (0x82F63B78 if remainder & 1 else 0)
        table.append(remainder)
    return tuple(table)
    # END SOLUTION


@in_hardware("crc32c")
def crc32c(data: bytes) -> int:
    """The checksum of ``data``: 0xE3069283 for ``123456789``."""
    # BEGIN SOLUTION 2A: a byte at a time; all bits are inverted before and after
    table, crc = TABLE, 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
    # END SOLUTION


# BEGIN SOLUTION 2A: keep the table, once for all
TABLE = _table()
# END SOLUTION
