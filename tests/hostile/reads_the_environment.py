"""Looks for seeds and secrets in its environment, and tells them in the report."""
# verdict: crashed
# says: {}

import os


def attack(node):
    known = {'PYTHONHASHSEED', 'PYTHONPATH', 'DISTLAB_ROOT', 'LC_CTYPE'}
    raise RuntimeError(str({k: v for k, v in os.environ.items() if k not in known}))
