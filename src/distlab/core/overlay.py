"""A package in layers: each module comes from the first folder that has it.

A lab is such a package. Its given files (the protocol) lie on top, so that a changed copy in the student's folder is
never what is graded; below lies the solution that is asked for: the student's own, the reference, or another.
"""

from __future__ import annotations

import importlib
import sys
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

import msgspec


def overlay(
    package: str,
    folders: Sequence[Path],
    pins: Mapping[str, Path] | Mapping[str, Ahead] | None = None,
    keep: Collection[str] = (),
) -> ModuleType:
    """Make ``package`` importable from ``folders``, first match wins; forgets what was imported under that name.

    ``pins`` names modules that come from a file of their own, or have been read ahead, whatever the folders hold.
    ``keep`` names modules that stay as they are if they have been imported: those that others share the classes of.
    Parent packages are made where they do not exist. ``__init__.py`` of the folders is not run.
    """
    sys.meta_path[:] = [f for f in sys.meta_path if getattr(f, "package", None) != package]
    if pins:
        sys.meta_path.insert(0, _Pins(package, pins))
    kept = {f"{package}.{name}" for name in keep}
    for name in [n for n in sys.modules if n == package or n.startswith(package + ".")]:
        if name not in kept:
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


class Ahead(Loader):
    """A module whose file was read and compiled already."""

    def __init__(self, name: str, file: Path) -> None:
        self.file = file
        self._code = code_of(name, file)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self.file)
        exec(self._code, vars(module))


def read_ahead(package: str, pins: Mapping[str, Path]) -> dict[str, Ahead]:
    """The pinned modules of ``package``, ready to be run where their files can no longer be read."""
    return {name: Ahead(f"{package}.{name}", file) for name, file in pins.items()}


def code_of(name: str, file: Path) -> CodeType:
    """What that file compiles to, as the module of that name; ``folder/x.py`` may be packed in ``folder.pack``."""
    if not file.exists():
        return compile(_unpacked(file.parent)[file.name], str(file), "exec", dont_inherit=True)
    code = SourceFileLoader(name, str(file)).get_code(name)
    assert isinstance(code, CodeType)
    return code


def packed(files: Iterable[Path]) -> bytes:
    """Modules of one folder in one file: what lies beside it as ``folder.pack`` stands for the folder."""
    return zlib.compress(msgspec.json.encode({file.name: file.read_text() for file in files}), 9)


def packed_code(file: str) -> CodeType:
    """The code that a module of that file stands for, where the file itself is only a note that it is packed."""
    source = _unpacked(Path(file).parent)[Path(file).name]
    return compile(source, file, "exec", dont_inherit=True)


def is_there(file: Path) -> bool:
    """Whether the module can be loaded, from its file or from a pack."""
    return file.exists() or file.name in _unpacked(file.parent)


@lru_cache(maxsize=8)
def _unpacked(folder: Path) -> dict[str, str]:
    pack = folder.with_suffix(".pack")
    if not pack.exists():
        return {}
    return msgspec.json.decode(zlib.decompress(pack.read_bytes()), type=dict[str, str])


def pins_of(package: str) -> dict[str, Path]:
    """The pins that :func:`overlay` has set in ``package``."""
    pins = [f.files for f in sys.meta_path if isinstance(f, _Pins) and f.package == package]
    return pins[0] if pins else {}


class _Pins(MetaPathFinder):
    """Finds the pinned modules of one package."""

    def __init__(self, package: str, pins: Mapping[str, Path] | Mapping[str, Ahead]) -> None:
        self.package = package
        self.files = {
            name: pin.file if isinstance(pin, Ahead) else pin for name, pin in pins.items()
        }
        self._pins = {f"{package}.{name}": pin for name, pin in pins.items()}

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        pin = self._pins.get(fullname)
        if isinstance(pin, Path) and not pin.exists():
            pin = Ahead(fullname, pin)
        if isinstance(pin, Ahead):
            return ModuleSpec(fullname, pin, origin=str(pin.file))
        return None if pin is None else spec_from_file_location(fullname, pin)
