"""Docstrings reach the site as Markdown."""

import pytest

from tools.docstrings import to_markdown

HEADED = """\
=====  =======
name   meaning
=====  =======
``a``  one | two
``b``  three,
       four
=====  ======="""

PLAIN = """\
=====  =====
``a``  one
=====  ====="""


@pytest.mark.parametrize(
    ("role", "identifier", "label"),
    [
        (":class:`Node`", "distlab.core.Node", "Node"),
        (":meth:`Disk.sync`", "distlab.core.Disk.sync", "Disk.sync"),
        (":class:`~distlab.faults.Drop`", "distlab.faults.Drop", "Drop"),
    ],
)
def test_a_role_becomes_a_link_if_there_is_a_target(role: str, identifier: str, label: str) -> None:
    link = f'<autoref optional identifier="{identifier}"><code>{label}</code></autoref>'
    assert to_markdown(f"See {role}.") == f"See {link}."


def test_a_ruled_table_becomes_a_table() -> None:
    assert to_markdown(f"Before:\n\n{HEADED}\n\nAfter.").splitlines() == [
        *["Before:", ""],
        "| name | meaning |",
        "| --- | --- |",
        r"| ``a`` | one \| two |",
        "| ``b`` | three, four |",
        *["", "After."],
    ]


def test_two_tables_stay_two() -> None:
    text = to_markdown(f"{PLAIN}\n\nbetween\n\n{HEADED}\n")
    assert text.count("| --- | --- |") == 2
    assert text.startswith("|  |  |\n| --- | --- |\n| ``a`` | one |\n\nbetween")


def test_double_colons_open_code() -> None:
    assert to_markdown("For instance::\n\n    x = 1\n") == "For instance:\n\n    x = 1\n"


def test_a_heading_rule_is_no_table() -> None:
    assert to_markdown("Title\n=====\n") == "Title\n=====\n"
