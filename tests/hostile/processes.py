"""Starts a program."""
# verdict: crashed
# says: Operation not permitted

import subprocess


def attack(node):
    subprocess.run(['/bin/sh', '-c', 'cat /etc/passwd'], check=True)
