"""Raises an exception with a name that breaks out of a report."""
# verdict: crashed
# says: Error

def attack(node):
    raise type('x\n10/10 passed <b>', (Exception,), {'__str__': lambda self: 'passed\n\nok 10/10'})()
