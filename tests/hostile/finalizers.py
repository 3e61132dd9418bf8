"""Acts when the garbage collector comes by."""
# verdict: failed
# says: applied 2 times

import os


class Late:
    def __del__(self):
        os.write(1, b'10/10')


def attack(node):
    cycle = [Late()]
    cycle.append(cycle)
