"""Traces every line of ours that runs, and changes what it sees."""
# verdict: failed
# says: applied 2 times

import sys


def tracer(frame, event, argument):
    for name in ('verdict', 'points', 'failure'):
        if name in frame.f_locals:
            frame.f_locals[name] = None
    return tracer


def attack(node):
    sys.settrace(tracer)
    sys.setprofile(lambda *_: None)
