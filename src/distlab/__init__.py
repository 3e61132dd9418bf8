"""distlab: write a distributed program once, run it under every kind of trouble, see why it broke.

The package is used by its parts (a lab needs `distlab.core` only); this file holds the version.
"""

__version__ = "0.1.0"
