"""Tells the client's operation that it is done, in the client's name."""
# verdict: crashed
# says: acts while something else is being handled

from distlab.grade.sealed import frames as fr


def attack(node):
    host = node._context.host
    for on in range(1, 9):
        host.on = on
        host.effect(fr.SetLevel('x', 10))
    host.on = 0
