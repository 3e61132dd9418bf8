"""Makes what students get from what we wrote: ``labs/`` is derived from ``grading/labN/given`` and ``reference``.

The part a student writes stands between two comment lines, the same words as nbgrader's and Otter's::

    # BEGIN SOLUTION 0A: frame the payload with its CRC-32C
    ...
    # END SOLUTION

Inside a function such a block becomes ``raise NotImplementedError("0A: frame ...")``, which graders report as *not
started*; in a class or module body, where raising would make the file unimportable, it becomes ``# TODO 0A: ...``.
Markers are found with :mod:`tokenize`, so a marker in a string is none. What comes out is parsed again.

``labs/.derived.json`` remembers what was written (path -> SHA-256): a file that has changed since is somebody's work,
and is never overwritten unless it is forced.
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from distlab.core.errors import DistlabError

MANIFEST = ".derived.json"
LINE_LENGTH = 100
"""As the formatter's in pyproject.toml."""

_BEGIN = re.compile(r"# BEGIN SOLUTION\b[ :]*(.*)$")
_END = re.compile(r"# END SOLUTION\b")
_ALMOST = re.compile(r"#\s*(BEGIN|END)[ _-]*SOLUTION", re.IGNORECASE)


class MarkerError(DistlabError):
    """The solution markers of a file are wrong. Says the file and line."""


class Block(Struct, frozen=True):
    """One marked solution."""

    first: int
    """Line of ``BEGIN``, counted from 1."""
    last: int
    """Line of ``END``."""
    indent: str
    text: str
    """What the student is to do."""


def derive(source: str, name: str = "file") -> str:
    """The skeleton of a solution module. Raises :class:`MarkerError`."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise MarkerError(f"{name}:{error.lineno}: not Python: {error.msg}") from None
    lines = source.splitlines(keepends=True)
    for block in reversed(blocks(source, name)):
        _check_inside(block, lines, name)
        lines[block.first - 1 : block.last] = [_placeholder(block, _is_in_function(tree, block))]
    skeleton = "".join(lines)
    try:
        ast.parse(skeleton)
    except SyntaxError as error:
        raise MarkerError(
            f"{name}: the skeleton is not Python (its line {error.lineno}: {error.msg}); "
            "do the markers enclose whole statements?"
        ) from None
    return skeleton


def blocks(source: str, name: str = "file") -> list[Block]:
    """The marked solutions, in order. Raises :class:`MarkerError` for nested, unclosed and misspelt markers."""
    found: list[Block] = []
    begun: tuple[int, str, str] | None = None
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        (line, column), where = token.start, f"{name}:{token.start[0]}"
        begin, end = _BEGIN.match(token.string), _END.match(token.string)
        if not begin and not end:
            if _ALMOST.match(token.string):
                raise MarkerError(
                    f"{where}: {token.string!r} is almost a marker; write '# BEGIN SOLUTION <text>'"
                )
            continue
        if token.line[:column].strip():
            raise MarkerError(f"{where}: a marker must have its line for itself")
        if begin:
            if begun is not None:
                raise MarkerError(
                    f"{where}: BEGIN SOLUTION inside the one that began at line {begun[0]}"
                )
            text = begin[1].strip()
            if not text:
                raise MarkerError(f"{where}: say after BEGIN SOLUTION what the student is to do")
            begun = line, token.line[:column], text
        else:
            if begun is None:
                raise MarkerError(f"{where}: END SOLUTION without a BEGIN")
            first, indent, text = begun
            if token.line[:column] != indent:
                raise MarkerError(
                    f"{where}: END SOLUTION is not indented like its BEGIN in line {first}"
                )
            found.append(Block(first, line, indent, text))
            begun = None
    if begun is not None:
        raise MarkerError(f"{name}:{begun[0]}: BEGIN SOLUTION is never closed")
    return found


def _check_inside(block: Block, lines: list[str], name: str) -> None:
    inside = [line for line in lines[block.first : block.last - 1] if line.strip()]
    code = next((line for line in inside if not line.lstrip().startswith("#")), None)
    if code is None:
        raise MarkerError(f"{name}:{block.first}: there is no code between the markers")
    if code[: len(code) - len(code.lstrip())] != block.indent:
        raise MarkerError(
            f"{name}:{block.first}: the marker is not indented like the code after it"
        )


def _is_in_function(tree: ast.Module, block: Block) -> bool:
    """Whether the innermost definition round the block is a function."""
    innermost: ast.AST | None = None
    for node in ast.walk(tree):  # outer nodes come before the inner ones
        if (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and node.lineno < block.first
            and (node.end_lineno or 0) >= block.last - 1
            and node.col_offset < len(block.indent)
        ):
            innermost = node
    return isinstance(innermost, (ast.FunctionDef, ast.AsyncFunctionDef))


def _placeholder(block: Block, in_function: bool) -> str:
    if not in_function:
        return f"{block.indent}# TODO {block.text}\n"
    quoted = '"' + block.text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if '"' in block.text and "'" not in block.text:
        quoted = "'" + block.text.replace("\\", "\\\\") + "'"
    line = f"{block.indent}raise NotImplementedError({quoted})\n"
    if len(line) <= LINE_LENGTH + 1:
        return line
    return (
        f"{block.indent}raise NotImplementedError(\n{block.indent}    {quoted}\n{block.indent})\n"
    )


# -- the tree ---------------------------------------------------------------------------------------------------------


def derived_tree(grading: Path) -> dict[str, bytes]:
    """All files that ``labs/`` is to have: path below it -> content. Raises :class:`MarkerError`."""
    tree: dict[str, bytes] = {}
    for lab in sorted(
        folder for folder in grading.glob("lab*_*") if (folder / "reference").is_dir()
    ):
        for layer in ("given", "reference"):
            for file in _files(lab / layer):
                path = f"{lab.name}/{file.relative_to(lab / layer).as_posix()}"
                if path in tree:
                    raise MarkerError(f"{file}: a given file has the same name")
                content = file.read_bytes()
                if layer == "reference" and file.suffix == ".py":
                    content = derive(content.decode(), f"{lab.name}/reference/{file.name}").encode()
                tree[path] = content
    return tree


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith("."):
            yield file


class Change(Struct, frozen=True):
    """What is to happen to one file of ``labs/``."""

    path: str
    kind: str
    """``new``, ``update``, ``remove``; or ``keep``: it would change, but somebody has worked on it."""


def changes(
    labs: Path, tree: Mapping[str, bytes], *, lab: str = "", manifest: str = MANIFEST
) -> list[Change]:
    """What it takes to make ``labs`` equal to ``tree``; of one lab only, where it is named."""
    known = _manifest(labs / manifest)
    found = []
    for path in sorted(tree.keys() | known.keys()):
        if lab and not path.startswith(lab + "/"):
            continue
        file = labs / path
        old = file.read_bytes() if file.is_file() else None
        new = tree.get(path)
        if old == new:
            continue
        is_ours = old is None or _digest(old) == known.get(path)
        kind = (
            "new"
            if old is None
            else "keep"
            if not is_ours
            else "remove"
            if new is None
            else "update"
        )
        found.append(Change(path, kind))
    return found


def apply(
    labs: Path,
    tree: Mapping[str, bytes],
    todo: list[Change],
    *,
    force: bool = False,
    manifest: str = MANIFEST,
) -> None:
    """Carry the changes out; of somebody's work only by force."""
    known = _manifest(labs / manifest)
    for change in todo:
        if change.kind == "keep" and not force:
            continue
        file = labs / change.path
        if change.path in tree:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(tree[change.path])
        else:
            file.unlink()
            known.pop(change.path, None)
    # What already is as it should be is known, too; what was kept is not.
    kept = {change.path for change in todo if change.kind == "keep" and not force}
    for path, content in tree.items():
        if path not in kept and (labs / path).is_file() and (labs / path).read_bytes() == content:
            known[path] = _digest(content)
    labs.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(
        msgspec.json.encode({p: known[p] for p in sorted(known) if p in tree})
    )
    (labs / manifest).write_bytes(text + b"\n")


def _manifest(file: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise MarkerError(f"{file} is damaged: {error}") from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
