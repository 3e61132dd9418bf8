"""Answers with a value that contains itself."""
# verdict: crashed
# says: contains itself

def attack(node):
    node.kept.append(node.kept)
