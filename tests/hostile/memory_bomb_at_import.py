"""Takes all memory when it is imported."""
# verdict: crashed
# says: MemoryError

HOARD = [0] * (1 << 34)
