"""Ends itself when the grader asks where it hangs."""
# verdict: stuck
# says: did not return

import os
import signal


def attack(node):
    signal.signal(signal.SIGVTALRM, lambda *_: os._exit(0))
    while True:
        pass
