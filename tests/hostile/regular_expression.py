"""Matches a pattern that takes for ever, inside one call to C."""
# verdict: stuck
# says: did not return

import re


def attack(node):
    re.match(r'(a+)+$', 'a' * 60 + 'b')
