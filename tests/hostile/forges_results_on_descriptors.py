"""Writes a report to every descriptor it may have inherited."""
# verdict: crashed
# says: makes no sense

import contextlib
import os

REPORT = b'{"type":"Graded","result":{"code":"A","earned":10}}\n'


def attack(node):
    for number in range(64):
        with contextlib.suppress(OSError):
            os.write(number, REPORT)
