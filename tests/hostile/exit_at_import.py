"""Ends its process when it is imported, with the code of success."""
# verdict: crashed
# says: ended its own process

import os

os._exit(0)
