"""Sends itself the signal that nobody can catch."""
# verdict: crashed
# says: ended its own process

import os


def attack(node):
    os.kill(os.getpid(), 9)
