"""Leaves work for the end of its process, and ends it."""
# verdict: crashed
# says: SystemExit

import atexit
import os

atexit.register(lambda: os.write(1, b'10/10'))


def attack(node):
    raise SystemExit(0)
