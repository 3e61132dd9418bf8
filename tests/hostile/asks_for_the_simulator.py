"""Asks the grader for what is not the program's to know."""
# verdict: crashed
# says: nobody can answer

def attack(node):
    node._context.host.ask('sim.plan', ())
