"""Another partitioner: the hash over unpacked words."""

from __future__ import annotations

from struct import unpack_from


def murmur2(data: bytes) -> int:
    """MurmurHash2 as Kafka has it, a signed number."""
    factor, mask = 0x5BD1E995, 0xFFFFFFFF
    mixed = (0x9747B28C ^ len(data)) & mask
    words, rest = divmod(len(data), 4)
    for word in unpack_from(f"<{words}I", data):
        word = word * factor & mask
        word = (word ^ word >> 24) * factor & mask
        mixed = (mixed * factor & mask) ^ word
    for place in reversed(range(rest)):
        mixed ^= data[4 * words + place] << 8 * place
    if rest:
        mixed = mixed * factor & mask
    mixed = (mixed ^ mixed >> 13) * factor & mask
    mixed ^= mixed >> 15
    return (mixed ^ 0x80000000) - 0x80000000


def partition_for(key: bytes, count: int) -> int:
    """The key's partition."""
    return murmur2(key) % (1 << 31) % count
