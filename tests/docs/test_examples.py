"""Every Python example in the documentation runs, and says what the page says that it says."""

from pathlib import Path

import pytest
from sybil.example import SybilFailure

from tests.docs.examples import run_examples

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=str(page.relative_to(DOCS))) for page in DOCS.rglob("*.md")]
)
def test_the_examples_of_a_page_run(page: Path) -> None:
    run_examples(page)


def page_of(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


def test_examples_share_what_stands_above_them(tmp_path: Path) -> None:
    text = "```python\nx = 1\n```\n\ntext\n\n```pycon\n>>> x + 1\n2\n```\n"
    assert run_examples(page_of(tmp_path, text)) == 2


def test_a_wrong_output_is_found(tmp_path: Path) -> None:
    with pytest.raises(SybilFailure, match="line 4"):
        run_examples(page_of(tmp_path, "# Page\n\n```pycon\n>>> 1 + 1\n3\n```\n"))


@pytest.mark.parametrize("fence", ["python", 'python title="a.py"', "py", "{.python .small}"])
def test_a_failing_block_is_found_however_its_fence_is_written(tmp_path: Path, fence: str) -> None:
    with pytest.raises(ZeroDivisionError):
        run_examples(page_of(tmp_path, f"``` {fence}\n1 / 0\n```\n"))


def test_a_block_in_an_admonition_is_found(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run_examples(page_of(tmp_path, "!!! note\n\n    ```python\n    1 / 0\n    ```\n"))


def test_a_skipped_block_does_not_run(tmp_path: Path) -> None:
    text = '<!-- skip: next "it divides by zero" -->\n\n```python\n1 / 0\n```\n'
    assert run_examples(page_of(tmp_path, text)) == 0


def test_a_skip_reaches_one_block_only(tmp_path: Path) -> None:
    text = '<!-- skip: next "once" -->\n\n```python\n1 / 0\n```\n\n```python\n1 / 0\n```\n'
    with pytest.raises(ZeroDivisionError):
        run_examples(page_of(tmp_path, text))
