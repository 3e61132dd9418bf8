"""Takes all memory."""
# verdict: crashed
# says: MemoryError

def attack(node):
    hoard = []
    while True:
        hoard.append(bytearray(64 << 20))
