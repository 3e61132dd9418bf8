"""Waits for a lock that nobody opens."""
# verdict: stuck
# says: did not return

import threading


def attack(node):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
