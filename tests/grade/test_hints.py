"""Hints: one at a time, remembered, and refused where the file is not right."""

from pathlib import Path

import pytest

from distlab.core.errors import ScenarioError
from distlab.grade.hints import Memory, key_of, load

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ("What if?", "Look there.", "Do this.")


def test_they_come_one_by_one_and_the_last_one_stays(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "hints.json")
    shown = [memory.reveal("lab1_x", "A-1", TEXTS) for _ in range(4)]
    assert [(r.text, r.number, r.is_new) for r in shown] == [
        ("What if?", 1, True),
        ("Look there.", 2, True),
        ("Do this.", 3, True),
        ("Do this.", 3, False),
    ]
    assert [r.kind for r in shown[:3]] == ["a question", "a place to look", "the idea"]


def test_what_was_shown_is_remembered_for_each_promise(tmp_path: Path) -> None:
    file = tmp_path / "hints.json"
    memory = Memory(file)
    memory.reveal("lab1_x", "A-1", TEXTS)
    file.write_bytes(memory.to_json())
    assert Memory(file).shown("lab1_x", "A-1") == 1
    assert Memory(file).shown("lab1_x", "A-2") == 0


def test_a_damaged_memory_starts_anew(tmp_path: Path) -> None:
    (tmp_path / "hints.json").write_text("{")
    assert Memory(tmp_path / "hints.json").shown("lab1_x", "A-1") == 0


def test_a_file_of_hints_is_read(tmp_path: Path) -> None:
    file = tmp_path / "hints.toml"
    file.write_text('[A-1]\nhints = ["What if?", "Look there.", "Do this."]\n')
    assert load(file) == {"A-1": TEXTS}
    assert load(tmp_path / "missing.toml") == {}


def test_a_part_may_have_hints_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "hints.toml"
    file.write_text('[S1]\nhints = ["a"]\n[C.S1]\nhints = ["b"]\n')
    hints = load(file)
    assert hints == {"S1": ("a",), "C.S1": ("b",)}
    assert [key_of(hints, "S1", part) for part in ("a", "c", "")] == ["S1", "C.S1", "S1"]


@pytest.mark.parametrize(
    "text", ["[A-1]\n", "[A-1]\nhints = []\n", '[A-1]\nhints = [""]\n', "[A-1", "a = 1\n"]
)
def test_a_file_that_is_not_right_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hints.toml"
    file.write_text(text)
    with pytest.raises(ScenarioError, match=r"hints\.toml"):
        load(file)


@pytest.mark.parametrize(
    "file", sorted((ROOT / "grading").glob("lab*/hints.toml")), ids=lambda f: f.parent.name
)
def test_the_labs_hints_are_three_for_each_promise(file: Path) -> None:
    for code, texts in load(file).items():
        assert len(texts) == 3, code
