"""Opens files without end."""
# verdict: crashed
# says: Too many open files

def attack(node):
    held = []
    while True:
        held.append(open(__file__))
