"""Sends a signal to the process that grades it."""
# verdict: crashed
# says: Operation not permitted

import os


def attack(node):
    os.kill(os.getppid() or 1, 9)
