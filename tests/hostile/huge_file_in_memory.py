"""Fills the memory file system, where no limit of memory counts."""
# verdict: crashed
# says: ed

import os


def attack(node):
    number = os.memfd_create('hoard')
    while True:
        os.write(number, bytes(1 << 24))
