"""Talks to a server on this machine."""
# verdict: crashed
# says: Operation not permitted

import socket


def attack(node):
    socket.socket(socket.AF_UNIX).connect('/run/docker.sock')
