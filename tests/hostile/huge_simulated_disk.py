"""Fills the simulated disk, which is the grader's memory."""
# verdict: crashed
# says:

def attack(node):
    while True:
        node.disk.append('wal', bytes(1 << 24))
