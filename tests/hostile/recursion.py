"""Calls itself without end."""
# verdict: crashed
# says: RecursionError

def attack(node):
    attack(node)
