"""Replaces built-in functions that everything uses."""
# verdict: crashed
# says:

import builtins


def attack(node):
    builtins.len = lambda _: 0
    builtins.isinstance = lambda *_: True
    builtins.type = lambda *_: None
    builtins.getattr = lambda *_: None
