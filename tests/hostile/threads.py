"""Starts a thread that acts after the handler has returned."""
# verdict: crashed
# says: can't start new thread

import threading


def attack(node):
    threading.Thread(target=node.send, args=('client', None)).start()
