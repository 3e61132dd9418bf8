"""Prints gigabytes."""
# verdict: crashed
# says:

def attack(node):
    while True:
        print('x' * 1_000_000)
