"""A student repository: which files it has, and what must be true of it.

Theory of operation. A release is a *tree*, path -> content, made from this one by rules that name what goes in; what no
rule names stays out, so that a new kind of secret is not handed out by being forgotten. Skeletons, given files and
judges go in. Solutions stay out: the reference, the alternative, the known bugs and their recorded runs, and pages of
labs that come later.

Some parts stand on modules of others, which the reference plays (``PRIOR=oracle``). These modules must be there, and go
in *packed*: sources in one compressed file for each lab, which the overlay can import (:mod:`distlab.core.overlay`).
That keeps them from being read by accident, in a search or an editor. It hides nothing from somebody who wants to see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from distlab.core.overlay import packed
from distlab.grade.skeleton import blocks, derived_tree

MANIFEST = ".release.json"
"""Path -> SHA-256 of all files of a release, as it was cut."""

WHOLE = ("src", "tools")
FILES = (
    "Makefile",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "requirements.lock",
    "requirements-dev.lock",
    ".gitignore",
)
_SECRET = ("reference", "alternative", "oracle", "mutants", "witnesses", "hidden")
"""Folders of a lab's judgement, and files of these names, that stay out."""
_NOT_FOR_STUDENTS = (
    "docs/instructors/",
    "docs/labs/kill-matrix.md",
    "docs/museum/",
    "docs/benchmarks/",
)
_TOOLS = ("bootstrap.py", "site_hooks.py", "docstrings.py")

_LINK = re.compile(r"(?<!!)\[([^\[\]]*(?:\[[^\]]*\][^\[\]]*)*)\]\(([^()\s]+)\)")

Tree = dict[str, bytes]


def release_tree(project: Path, through: int) -> Tree:
    """All files of the release with the labs up to that number."""
    grading = project / "grading"
    labs = [
        f.name
        for f in sorted(grading.glob("lab*_*"))
        if _number(f.name) <= through and (f / "__init__.py").exists()
    ]
    tree: Tree = {
        f"labs/{path}": content
        for path, content in derived_tree(grading).items()
        if path.split("/")[0] in labs
    }
    for name in FILES:
        tree[name] = (project / name).read_bytes()
    for folder in WHOLE:
        tree |= _files(project, project / folder)
    tree = {
        p: c for p, c in tree.items() if not p.startswith("tools/") or p.split("/")[1] in _TOOLS
    }
    for lab in labs:
        tree |= {
            path: content
            for path, content in _files(project, grading / lab).items()
            if not _is_secret(path)
        }
        for layer in ("reference", "oracle"):
            if (grading / lab / layer).is_dir():
                tree[f"grading/{lab}/{layer}.pack"] = packed(
                    sorted((grading / lab / layer).glob("*.py"))
                )
    tree |= _packed_judges(project, tree)
    return tree | _documentation(project, through)


STUB = b'''"""Packed: it has lines that would show a part of a solution."""

from distlab.core.overlay import packed_code

exec(packed_code(__file__), globals())
'''


def _packed_judges(project: Path, tree: Tree) -> Tree:
    """Judges that must do themselves what a part asks for, such as reading its format: one pack for each folder."""
    telling = sorted(
        {leak.found_in for leak in leaks(project, tree) if leak.found_in.startswith("grading/")}
    )
    folders: dict[Path, list[Path]] = {}
    for path in telling:
        folders.setdefault((project / path).parent, []).append(project / path)
    packs = {
        f"{folder.relative_to(project).as_posix()}.pack": packed(files)
        for folder, files in folders.items()
    }
    return dict.fromkeys(telling, STUB) | packs


def _is_secret(path: str) -> bool:
    return any(part.removesuffix(".py") in _SECRET for part in path.split("/"))


def _number(name: str) -> int:
    found = re.match(r"lab(\d+)", name)
    return int(found[1]) if found else 0


def _files(project: Path, folder: Path) -> Tree:
    return {
        file.relative_to(project).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts and file.suffix not in (".pyc", ".so")
    }


# -- pages ------------------------------------------------------------------------------------------------------------


def _documentation(project: Path, through: int) -> Tree:
    """The site without pages of later labs and pages for instructors, and without links to them."""
    tree = {
        path: content
        for path, content in _files(project, project / "docs").items()
        if not path.startswith(_NOT_FOR_STUDENTS)
        and not (path.startswith("docs/labs/lab") and _number(path.split("/")[2]) > through)
    }
    for path in [path for path in tree if path.endswith(".md")]:
        tree[path] = _without_dead_links(path, tree[path].decode(), tree).encode()
    tree["README.md"] = _without_dead_links(
        "README.md", (project / "README.md").read_text(), tree
    ).encode()
    tree["mkdocs.yml"] = _navigation((project / "mkdocs.yml").read_text(), tree).encode()
    return tree


def _without_dead_links(path: str, text: str, tree: Tree) -> str:
    """Links to what is not in the release become the words that they stand on."""

    def kept(found: re.Match[str]) -> str:
        target = found[2].partition("#")[0]
        if (
            not target
            or "://" in target
            or target.startswith("mailto:")
            or not target.endswith(".md")
        ):
            return found[0]
        place = _joined(path, target)
        return found[0] if place in tree else found[1]

    return _LINK.sub(kept, text)


def _joined(page: str, target: str) -> str:
    parts = page.split("/")[:-1]
    for step in target.split("/"):
        if step == "..":
            parts = parts[:-1]
        elif step != ".":
            parts.append(step)
    return "/".join(parts)


def _navigation(text: str, tree: Tree) -> str:
    """mkdocs.yml without the pages that are not there, and without headings that have none left."""
    lines = text.splitlines(keepends=True)
    begin = next(n for n, line in enumerate(lines) if line.startswith("nav:")) + 1
    end = next(
        n for n in range(begin, len(lines)) if lines[n].strip() and not lines[n].startswith(" ")
    )
    kept: list[str] = []
    for line in reversed(lines[begin:end]):
        page = re.search(r"([\w./-]+\.md)\s*$", line)
        indent = len(line) - len(line.lstrip())
        if page is not None and f"docs/{page[1]}" not in tree:
            continue
        is_heading = line.rstrip().endswith(":")
        below = len(kept[-1]) - len(kept[-1].lstrip()) if kept else 0
        if is_heading and below <= indent:
            continue
        kept.append(line)
    return "".join([*lines[:begin], *reversed(kept), *lines[end:]])


# -- what must be true ------------------------------------------------------------------------------------------------


class Leak(Struct, frozen=True):
    """A line of a solution, where it should not be."""

    line: str
    source: str
    found_in: str

    def __str__(self) -> str:
        return f"{self.found_in} has a line of {self.source}: {self.line}"


SHORTEST = 24
"""Characters of a line that tells something: ``return None`` stands everywhere."""


def leaks(project: Path, tree: Tree) -> Iterator[Leak]:
    """Lines between solution markers that occur in the release.

    Not counted: what also stands outside of markers in the same lab, in given files or in the framework, for then it
    is no secret.
    """
    grading = project / "grading"
    open_lines = set(_lines(path.read_text() for path in (project / "src").rglob("*.py")))
    open_lines |= set(_lines(path.read_text() for path in grading.glob("lab*_*/given/**/*.py")))
    secret: dict[str, str] = {}
    for file in sorted(grading.glob("lab*_*/reference/**/*.py")):
        source = file.read_text()
        lines, marked = source.splitlines(), set()
        for block in blocks(source, file.name):
            marked |= set(range(block.first, block.last - 1))
        open_lines |= {line.strip() for n, line in enumerate(lines) if n not in marked}
        for n in marked:
            line = lines[n].strip()
            if len(line) >= SHORTEST and not line.startswith("#"):
                secret.setdefault(line, file.relative_to(project).as_posix())
    secret = {line: source for line, source in secret.items() if line not in open_lines}
    for path, content in tree.items():
        if path.endswith((".pack", ".lock")):
            continue
        for line in _lines([content.decode(errors="replace")]):
            if line in secret:
                yield Leak(line, secret[line], path)


def _lines(texts: Iterable[str]) -> Iterator[str]:
    return (line.strip() for text in texts for line in text.splitlines())
