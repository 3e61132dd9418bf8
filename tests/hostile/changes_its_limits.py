"""Lifts its own limits."""
# verdict: crashed
# says:

import resource


def attack(node):
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
