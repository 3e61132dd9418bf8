"""A package in layers: each module comes from the first folder that has it.

A lab is such a package. Its given files (the protocol) lie on top, so that a changed copy in the student's folder is
never what is graded; below lies the solution that is asked for: the student's own, the reference, or another.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType


def overlay(package: str, folders: Sequence[Path]) -> ModuleType:
    """Make ``package`` importable from ``folders``, first match wins; forgets what was imported under that name.

    Parent packages are made where they do not exist. ``__init__.py`` of the folders is not run.
    """
    for name in [name for name in sys.modules if name == package or name.startswith(package + ".")]:
        del sys.modules[name]
    parent, _, leaf = package.rpartition(".")
    if parent and parent not in sys.modules:
        overlay(parent, [])
    spec = ModuleSpec(package, loader=None, is_package=True)
    spec.submodule_search_locations = [str(folder) for folder in folders]
    module = module_from_spec(spec)
    sys.modules[package] = module
    if parent:
        setattr(sys.modules[parent], leaf, module)
    importlib.invalidate_caches()
    return module
