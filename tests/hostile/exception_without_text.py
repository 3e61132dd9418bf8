"""Raises an exception that raises when it is shown."""
# verdict: crashed
# says: cannot be shown

class Shy(Exception):
    def __str__(self):
        raise SystemExit(0)

    __repr__ = __str__


def attack(node):
    raise Shy
