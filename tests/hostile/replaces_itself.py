"""Becomes another program, with the socket to the grader."""
# verdict: crashed
# says: Operation not permitted

import os
import sys


def attack(node):
    os.execv(sys.executable, [sys.executable, '-c', 'print(10)'])
