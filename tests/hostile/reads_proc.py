"""Looks at processes, their environment and their memory."""
# verdict: crashed
# says: Permission denied

def attack(node):
    open('/proc/1/environ').read()
    open('/proc/self/mem', 'r+b')
