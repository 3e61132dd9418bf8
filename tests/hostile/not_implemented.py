"""Says that it has not started, half way through."""
# verdict: not started
# says: later

def attack(node):
    raise NotImplementedError('later')
