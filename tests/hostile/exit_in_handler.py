"""Ends its process in a handler, before anything can be judged."""
# verdict: crashed
# says: ended its own process

import os


def attack(node):
    os._exit(0)
