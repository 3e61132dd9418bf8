"""Sends a signal to every process there is."""
# verdict: crashed
# says: Operation not permitted

import os


def attack(node):
    os.kill(-1, 9)
