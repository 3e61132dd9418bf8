"""Loops."""
# verdict: stuck
# says: did not return

def attack(node):
    while True:
        pass
