"""Fills the disk."""
# verdict: crashed
# says: Permission denied

def attack(node):
    with open('/tmp/hoard', 'wb') as file:
        while True:
            file.write(bytes(1 << 24))
