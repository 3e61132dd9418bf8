"""Answers with a list that says it is equal to any other."""
# verdict: failed
# says: applied 2 times

class Any(list):
    def __eq__(self, other):
        return True

    def __len__(self):
        return 1

    def count(self, _):
        return 1

    __hash__ = None


def attack(node):
    node.kept = Any(node.kept)
