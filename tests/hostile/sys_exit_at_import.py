"""Says good-bye when it is imported."""
# verdict: crashed
# says: SystemExit

import sys

sys.exit(0)
