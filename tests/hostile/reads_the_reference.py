"""Plays the reference solution, read from the grader's folder."""
# verdict: crashed
# says: Permission denied

import os
from pathlib import Path

ROOT = Path(os.environ.get('DISTLAB_ROOT', '.'))
exec((ROOT / 'grading/lab9_toy/reference/keeper.py').read_text())
