"""The reader of EDN: what it reads, and what it refuses, with the line."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distlab.check.edn import DEEPEST, BadHistory, Keyword, Map, read_edn, write_edn
from distlab.core.errors import ScenarioError


def forms(text: str) -> list[object]:
    return [form for _, form in read_edn(text)]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("nil", None),
        ("true", True),
        ("-12", -12),
        ("+7N", 7),
        ("2.5e3M", 2500.0),
        ('"a\\n\\"b\\" \\u0041"', 'a\n"b" A'),
        ("\\a", "a"),
        ("\\newline", "\n"),
        (":ok", "ok"),
        ("ok?", "ok?"),
        ("[1, 2 (3)]", (1, 2, (3,))),
        ("#{1 2}", frozenset({1, 2})),
        ("{:a 1, :b [2]}", {"a": 1, "b": (2,)}),
        ('#inst "2026"', "2026"),
        ("#a #b [1]", (1,)),
        ("[1 #_ 2 3]", (1, 3)),
        ("[#_ #_ 1 2 3]", (3,)),
        ("[#_ #tag [1 2] 3]", (3,)),
        ("; all\n 1 ; more", 1),
        ("#jepsen.history.Op{:f :read}", {"f": "read"}),
    ],
)
def test_a_form_is_read(text: str, form: object) -> None:
    assert forms(text) == [form]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\n\n]", "line 3: ] closes nothing"),
        ("[1\n}", "line 2: } does not close ["),
        ("1\n[1 2", "line 2: [ is not closed before the end"),
        ("\n#{1", "line 2: { is not closed"),
        ("[#_]", "line 1: ] does not close #discard"),
        ("#tag", "line 1: tag is not closed"),
        ('1\n"abc', "line 2: cannot read '\"abc'"),
        ("1 ; one\n;two\n # 3", "line 3: cannot read '# 3'"),
        ('"\\q"', "line 1: cannot read \\q in a string"),
        ("{1}", "line 1: a map with a key and no value"),
        ("{1 2 1 3}", "line 1: a map with a key twice"),
        ("#{1 1}", "line 1: a set with an element twice"),
        ("1/2", "line 1: cannot read the number 1/2"),
        ("9" * 5000, "line 1: cannot read the number"),
        ("1e999", "line 1: cannot read the number 1e999"),
        ("\\strange", "line 1: no such character"),
        ("\n# 1", "line 2: cannot read"),
    ],
)
def test_a_refusal_names_the_line(text: str, why: str) -> None:
    with pytest.raises(BadHistory) as error:
        forms(text)
    assert str(error.value).startswith(why)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "#_ " * 100_000, "#a " * 100_000, "{:a " * 100_000]
)
def test_no_nesting_overflows_a_stack(text: str) -> None:
    with pytest.raises(BadHistory, match=f"nested more than {DEEPEST} deep"):
        forms(text)


def test_each_map_knows_its_line() -> None:
    ((_, (one, two)),) = read_edn("[{:a 1}\n\n{:b\n2}]")
    assert (one.line, two.line) == (1, 3)


atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.from_regex(r"[a-z][a-z.*!?-]{0,8}", fullmatch=True).map(Keyword)
)
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4).map(tuple)
        | st.frozensets(inner, max_size=4)
        | st.dictionaries(inner, inner, max_size=4).map(Map)
    ),
    max_leaves=12,
)


@given(values)
def test_what_is_written_is_read(value: object) -> None:
    (back,) = forms(write_edn(value))
    assert back == value
    assert type(back) is type(value)


@given(st.text(alphabet='[]{}()#_:";\\ \n0a1-+./N', max_size=40))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    with contextlib.suppress(BadHistory):
        list(read_edn(text))


def test_what_edn_has_no_form_for_is_refused() -> None:
    with pytest.raises(ScenarioError, match="cannot be written"):
        write_edn(object())
