"""Imports the reference solution."""
# verdict: crashed
# says: No module named

import os
import sys

sys.path.insert(0, os.environ.get('DISTLAB_ROOT', '.'))
from grading.lab9_toy.reference.keeper import Keeper as Reference
