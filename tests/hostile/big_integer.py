"""Computes a number that takes for ever, inside one call to C."""
# verdict: stuck
# says: did not return

def attack(node):
    (7**7**7) ** (7**7)
