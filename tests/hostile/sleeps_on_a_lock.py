"""Waits for a lock, with a time limit, to take hours without computing."""
# verdict: crashed
# says: ended its own process

import threading


def attack(node):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=50)
