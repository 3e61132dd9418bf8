"""Answers a request that was not put, in the grader's own words."""
# verdict: crashed or not deterministic
# says:

from distlab.grade.sealed import frames as fr


def attack(node):
    node._context.host._channel.send(fr.Said([], fr.Value(b'\x92\xa1l\x91\x07')))
    node._context.host._channel.send(fr.Said([], fr.Value(b'\xc0')))
