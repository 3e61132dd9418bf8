"""Writes lines to the log without end."""
# verdict: stuck
# says: did not return

def attack(node):
    while True:
        node.log.info('x', 'y')
