"""Answers with a value that nests without end."""
# verdict: crashed
# says:

def attack(node):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    node.kept = deep
