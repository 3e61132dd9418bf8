"""distlab: write a distributed program once, run it under every kind of trouble, and learn why it broke.

The package is imported as its parts (`distlab.core` is all that a lab needs); this file holds the version only.
"""

__version__ = "0.1.0"
