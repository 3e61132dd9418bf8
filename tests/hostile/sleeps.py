"""Sleeps in every handler, to take hours without computing."""
# verdict: crashed
# says: Operation not permitted

import time


def attack(node):
    time.sleep(50)
