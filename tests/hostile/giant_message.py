"""Sends more in one message than there is memory for, once it is unfolded."""
# verdict: crashed
# says: isolation

from distlab.grade.sealed import frames as fr


def attack(node):
    blob = b'\xdd\x03\x00\x00\x00' + b'\x90' * (3 << 24)
    node._context.host._channel.send(fr.Said([], fr.Value(blob)))
