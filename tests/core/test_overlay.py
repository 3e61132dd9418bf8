"""A package in layers: the first folder that has a module wins."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from distlab.core.overlay import overlay


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    given, own = tmp_path / "given", tmp_path / "own"
    given.mkdir()
    own.mkdir()
    (given / "protocol.py").write_text("WHO = 'given'\n")
    (own / "protocol.py").write_text("WHO = 'own'\n")
    (own / "node.py").write_text("from layered.lab.protocol import WHO\nNAME = __name__\n")
    yield given, own
    overlay("layered.lab", [])
    for name in [name for name in sys.modules if name.split(".")[0] == "layered"]:
        del sys.modules[name]


def test_given_files_lie_on_top(folders: tuple[Path, Path]) -> None:
    overlay("layered.lab", folders)
    node = importlib.import_module("layered.lab.node")
    assert (node.WHO, node.NAME) == ("given", "layered.lab.node")


def test_the_order_of_the_folders_decides(folders: tuple[Path, Path]) -> None:
    overlay("layered.lab", folders[::-1])
    assert importlib.import_module("layered.lab.node").WHO == "own"


def test_another_overlay_forgets_what_was_imported(folders: tuple[Path, Path]) -> None:
    overlay("layered.lab", folders)
    first = importlib.import_module("layered.lab.node")
    overlay("layered.lab", folders[::-1])
    second = importlib.import_module("layered.lab.node")
    assert first is not second
    assert second.WHO == "own"


def test_a_module_can_be_pinned_to_a_file(folders: tuple[Path, Path], tmp_path: Path) -> None:
    pinned = tmp_path / "elsewhere.py"
    pinned.write_text("WHO = 'pinned'\n")
    overlay("layered.lab", folders, pins={"protocol": pinned})
    assert importlib.import_module("layered.lab.node").WHO == "pinned"
    overlay("layered.lab", folders)
    assert importlib.import_module("layered.lab.node").WHO == "given"


def test_a_module_that_no_folder_has_is_not_found(folders: tuple[Path, Path]) -> None:
    overlay("layered.lab", folders)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("layered.lab.missing")


def test_the_init_of_a_folder_is_not_run(folders: tuple[Path, Path]) -> None:
    (folders[1] / "__init__.py").write_text("raise RuntimeError('run')\n")
    overlay("layered.lab", folders)
    importlib.import_module("layered.lab.node")
