"""Ignores every signal, and loops."""
# verdict: stuck
# says: did not return

import contextlib
import signal


def attack(node):
    for number in range(1, 64):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    while True:
        pass
