"""Says what would clear a terminal, run in a browser and count in a spreadsheet."""
# verdict: crashed
# says: <script>

def attack(node):
    raise RuntimeError('=cmd()\x1b[2J\x1b]0;x\x07\u202e<script>alert(1)</script></pre>]]>')
