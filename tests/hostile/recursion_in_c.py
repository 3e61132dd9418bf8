"""Overflows the stack, beyond what Python sees."""
# verdict: crashed or stuck
# says:

import sys

sys.setrecursionlimit(1 << 30)


def deep(n):
    return deep(n + 1)


def attack(node):
    deep(0)
