"""Replaces the methods of Node, so that whatever is asked has been done."""
# verdict: crashed
# says: Permission

from distlab.core.node import Node

Node.probe = lambda self: [7]
Node.disk = None


def attack(node):
    open('/etc/hostname').read()
