"""Runs the Python examples of a Markdown page.

Every fence whose language begins with `py` is run, whatever else stands on its line; one that opens
with `>>>` is a doctest. The examples of a page share one module, from the top down, as a reader
would type them. The only way past is a comment on a line of its own above the fence:

    <!-- skip: next "why this one cannot run here" -->
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from unittest import SkipTest

from sybil import Document, Region, Sybil
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.abstract.doctest import DocTestStringParser
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

_python_fences = RawFencedCodeBlockLexer(re.compile(r"[ \t]*\{?[ \t]*\.?py\w*\b[^\n]*\n"))
_doctests = DocTestStringParser(DocTestEvaluator())


def run_examples(page: Path) -> int:
    """Run them all; raise what the first failing one raised. Returns how many ran."""
    document = Sybil(parsers=[_parse, SkipParser()], path=str(page.parent)).parse(page)
    module = ModuleType("page")
    document.namespace = module.__dict__
    sys.modules["page"] = module  # so that annotations in the examples can be resolved
    ran = 0
    try:
        for example in document.examples():
            try:
                example.evaluate()
            except SkipTest:
                continue
            ran += isinstance(example.region.evaluator, PythonEvaluator | DocTestEvaluator)
    finally:
        del sys.modules["page"]
    return ran


def _parse(document: Document) -> Iterator[Region]:
    for fence in _python_fences(document):
        source = fence.lexemes["source"]
        if source.lstrip().startswith(">>>"):
            for region in _doctests(source, document.path):
                region.adjust(fence, source)
                yield region
        else:
            yield Region(fence.start, fence.end, parsed=source, evaluator=PythonEvaluator())
