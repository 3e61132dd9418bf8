"""Makes the interpreter read where nothing is."""
# verdict: crashed
# says: SIGSEGV

import ctypes


def attack(node):
    ctypes.string_at(0)
