"""Writes itself anew, so that the next process has another program."""
# verdict: crashed
# says: Permission denied

with open(__file__, 'a') as file:
    file.write('# better')
