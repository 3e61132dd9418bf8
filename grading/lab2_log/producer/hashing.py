"""The world's own MurmurHash2, straight from its definition: judges do not ask the student's code."""

from __future__ import annotations


def murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bits, seed 0x9747b28c; without a sign."""

    def times(number: int) -> int:
        return number * 0x5BD1E995 % (1 << 32)

    state = 0x9747B28C ^ len(data)
    for at in range(0, len(data) - 3, 4):
        word = times(sum(byte << 8 * n for n, byte in enumerate(data[at : at + 4])))
        state = times(state) ^ times(word ^ word >> 24)
    if rest := data[len(data) & ~3 :]:
        state = times(state ^ sum(byte << 8 * n for n, byte in enumerate(rest)))
    state = times(state ^ state >> 13)
    return state ^ state >> 15


def partition_of(key: bytes, count: int) -> int:
    """The partition of ``count`` that the key belongs to."""
    return (murmur2(key) & 0x7FFFFFFF) % count
