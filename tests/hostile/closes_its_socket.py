"""Closes every descriptor, and goes on in silence."""
# verdict: crashed
# says: ended its own process

import os


def attack(node):
    os.closerange(0, 64)
