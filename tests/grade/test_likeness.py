"""A failure that looks like a known bug says so, and no other does."""

from __future__ import annotations

import pytest

from distlab.grade.hunt import likenesses
from distlab.grade.lab import Lab
from distlab.grade.likeness import as_file, file_of, nearest, signature
from distlab.grade.result import Break
from distlab.grade.solution import lab_names, load_lab


@pytest.mark.parametrize("name", lab_names())
def test_the_list_is_that_of_the_witnesses(name: str) -> None:
    lab = load_lab(name)
    assert file_of(lab).read_bytes() == as_file(likenesses(lab)), "run: make skeleton"


def test_names_and_numbers_do_not_matter() -> None:
    one = signature(
        "entry 2 was committed in term 3, and s3, the leader of term 4, has another one"
    )
    other = signature(
        "entry 9 was committed in term 1, and s1, the leader of term 2, has another one"
    )
    assert one == other
    assert one != signature("entry 9 was committed in term 1, and nobody has it")


@pytest.fixture
def lab() -> Lab:
    return load_lab("2")


REASON = "entry 7 was committed in term 5, and s2, the leader of term 6, has another one there"


def test_the_bug_is_named(lab: Lab) -> None:
    said = nearest(lab, "RF-S4", Break(REASON, "directed: figure 8"))
    assert said.endswith("(counts-old-terms)")


@pytest.mark.parametrize(
    ("promise", "reason"), [("RF-S4", "something that no bug has ever done"), ("RF-S1", REASON)]
)
def test_what_looks_like_nothing_known_is_not_named(lab: Lab, promise: str, reason: str) -> None:
    assert nearest(lab, promise, Break(reason, "directed: figure 8")) == ""


def test_what_looks_like_too_many_is_not_named(lab: Lab) -> None:
    reasons = [one.reason for one in likenesses(lab)]
    common = max(set(reasons), key=reasons.count)
    promise = next(one.promise for one in likenesses(lab) if one.reason == common)
    assert nearest(lab, promise, Break(common, "run 1")) == ""
