"""Raises what ends a thread, a generator, a program."""
# verdict: crashed
# says: KeyboardInterrupt

def attack(node):
    raise KeyboardInterrupt
