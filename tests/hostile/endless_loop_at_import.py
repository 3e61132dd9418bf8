"""Loops when it is imported."""
# verdict: stuck
# says: did not return

while True:
    pass
