"""Looks for the work of others."""
# verdict: crashed
# says: Permission denied

import os


def attack(node):
    for name in os.listdir('/tmp'):
        open(f'/tmp/{name}')
