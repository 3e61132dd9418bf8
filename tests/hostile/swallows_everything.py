"""Catches every exception and goes on."""
# verdict: stuck
# says: did not return

def attack(node):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
