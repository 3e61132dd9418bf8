"""Puts itself between Python and every module that is imported."""
# verdict: failed
# says: applied 2 times

import sys


class Hook:
    def find_spec(self, name, path, target=None):
        if name.startswith(('grading', 'distlab')):
            raise ImportError(name)


sys.meta_path.insert(0, Hook())
sys.path[:] = []


def attack(node):
    sys.modules.clear()
