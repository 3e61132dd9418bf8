"""Another partitioner: the hash over unpacked words, and one chooser for both ways of dealing out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass
class Dealer:
    """Deals records without a key out in turn: so many bytes to one partition, then the next (0: one record each)."""

    helping: int
    turn: int = -1
    left: int = 0

    def choose(self, available: Sequence[int], count: int, size: int) -> int:
        """The partition of the next record."""
        if self.turn not in available or size > self.left:
            later = [n for n in available if n > self.turn]
            self.turn = min(later or available, default=(self.turn + 1) % count)
            self.left = self.helping
        self.left -= size
        return self.turn
