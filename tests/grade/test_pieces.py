"""A part that is graded in pieces: D means D1, D2, ...; each piece can be asked for by itself."""

import pytest

from distlab.cli.choosing import chosen
from distlab.grade.runner import is_of
from distlab.grade.solution import NoSuchThing, load_lab, load_solution
from distlab.grade.verify import scope


@pytest.mark.parametrize(
    ("code", "wanted", "is_meant"),
    [
        ("D", "D", True),
        ("D1", "D", True),
        ("D12", "D", True),
        ("D1", "D1", True),
        ("D12", "D1", False),
        ("D2", "D1", False),
        ("D", "D1", False),
        ("E1", "D", False),
        ("DX", "D", False),
    ],
)
def test_a_letter_means_all_pieces_of_its_part(code: str, wanted: str, is_meant: bool) -> None:
    assert is_of(code, wanted) is is_meant


@pytest.mark.parametrize(
    ("lab", "part"), [("2", "d"), ("2", "d1"), ("", "2d1"), ("2d1", ""), ("lab2", "2D")]
)
def test_a_piece_is_found_by_any_of_its_names(lab: str, part: str) -> None:
    request = chosen(lab, part, "", 1, "own", "oracle")
    assert request.labs == ("lab2_log",)
    assert request.part.upper() in ("D", "D1")


@pytest.mark.parametrize(
    ("wanted", "codes"), [("g", {"G1", "G2", "G3"}), ("2g1", {"G1"}), ("F", {"F"})]
)
def test_a_campaign_over_a_part_hunts_the_bugs_of_that_part(wanted: str, codes: set[str]) -> None:
    lab = load_lab("lab2")
    load_solution(lab, lab.parts[0], "reference")
    parts, names = scope(lab, wanted)
    assert {part.code for part in parts} == codes
    assert set(names) == {mutant.name for mutant in lab.mutants() if mutant.part in codes}
    assert names


def test_a_campaign_over_a_part_that_there_is_not() -> None:
    with pytest.raises(NoSuchThing, match="2A"):
        scope(load_lab("lab2"), "z")
