"""Sends what it finds to the internet."""
# verdict: crashed
# says: Operation not permitted

import socket


def attack(node):
    socket.create_connection(('192.0.2.1', 80), timeout=1)
