"""A reader and a writer for EDN, as far as recorded histories use it. Its input may be hostile.

Rule: no recursion over what is read, so no nesting can overflow a stack; every refusal names a line. Read are nil,
booleans, integers, decimals, strings, characters, keywords, symbols, vectors, lists, sets, maps, comments, ``#_`` and
tagged elements (the tag is passed over: ``#jepsen.history.Op{...}`` is its map). Ratios and metadata are not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from distlab.core.errors import ScenarioError

DEEPEST = 64
"""Levels of nesting; a recorded operation has five or so."""


class BadHistory(ScenarioError):
    """A file is no history: which line, and why."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}" if line else why)
        self.line = line


class Keyword(str):
    """``:ok``; equal to the string of that name."""

    __slots__ = ()


class Symbol(str):
    """A bare word."""

    __slots__ = ()


class Map(dict[Any, Any]):
    """A map that can itself be a value: nobody changes it once it is read."""

    line = 0
    """Where it began."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


_PASSED_OVER = re.compile(r"(?:[\s,]+|;[^\n]*)*+")
_TOKEN = re.compile(
    r"""(?: [\s,]+ | ;[^\n]* )*+
    (?: (?P<atom> [^\s,;"()\[\]{}\\\#][^\s,;"()\[\]{}]* )
    | (?P<string> "(?:[^"\\]|\\.)*" )
    | (?P<open> \#\{ | [(\[{] )
    | (?P<close> [)\]}] )
    | (?P<discard> \#_ )
    | (?P<tag> \#[A-Za-z][^\s,;"()\[\]{}]* )
    | (?P<char> \\(?:[^\s,;"()\[\]{}]+|.) )
    | (?P<end> \Z )
    )""",
    re.VERBOSE | re.DOTALL,
)
_INTEGER = re.compile(r"[+-]?\d+N?")
_DECIMAL = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?M?")
_CLOSES = {"(": ")", "[": "]", "{": "}", "#{": "}"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\", "/": "/"}
_CHARACTERS = {"newline": "\n", "space": " ", "tab": "\t", "return": "\r"}
_NAMED = {"nil": None, "true": True, "false": False}


def read_edn(text: str) -> Iterator[tuple[int, Any]]:
    """The forms of a text, each with the line on which it begins. Raises :class:`BadHistory`.

    Vectors and lists become tuples, sets frozensets, maps :class:`Map`: all can be hashed.
    """
    # One frame for each open bracket, and for each prefix that waits for its form: (bracket, line, forms so far).
    frames: list[tuple[str, int, list[Any]]] = []
    line, counted, at = 1, 0, 0
    begins = 1
    named: dict[str, Any] = dict(
        _NAMED
    )  # and the keywords read so far: a history has few, and often
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            at = _PASSED_OVER.match(text, at).end()  # type: ignore[union-attr]
            raise BadHistory(_line(text, at), f"cannot read {text[at : at + 20]!r}")
        kind = match.lastgroup or ""
        token, at = match.group(kind), match.end()
        if kind == "end":
            break
        line += text.count("\n", counted, match.start(kind))
        counted = match.start(kind)
        if not frames:
            begins = line
        if kind in ("open", "discard", "tag"):
            if len(frames) >= DEEPEST:
                raise BadHistory(line, f"nested more than {DEEPEST} deep")
            frames.append((token if kind == "open" else f"#{kind}", line, []))
            continue
        if kind == "close":
            form = _closed(frames, token, line)
        elif token in named:
            form = named[token]
        else:
            form = _atom(kind, token, line)
            if type(form) is Keyword:
                named[token] = form
        is_form = True
        while frames and frames[-1][0] in ("#tag", "#discard"):
            is_form = is_form and frames.pop()[0] == "#tag"
            if not is_form:
                break
        if not is_form:
            continue
        if frames:
            frames[-1][2].append(form)
        else:
            yield begins, form
    if frames:
        bracket, opened, _ = frames[-1]
        raise BadHistory(opened, f"{bracket.lstrip('#') or bracket} is not closed before the end")


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _closed(frames: list[tuple[str, int, list[Any]]], token: str, line: int) -> Any:
    """The collection that a bracket closes."""
    if not frames:
        raise BadHistory(line, f"{token} closes nothing")
    bracket, opened, forms = frames.pop()
    if _CLOSES.get(bracket) != token:
        raise BadHistory(line, f"{token} does not close {bracket}")
    if bracket in ("(", "["):
        return tuple(forms)
    if bracket == "#{":
        members = frozenset(forms)
        if len(members) != len(forms):
            raise BadHistory(line, "a set with an element twice")
        return members
    if len(forms) % 2:
        raise BadHistory(line, "a map with a key and no value")
    pairs = Map(zip(forms[::2], forms[1::2], strict=True))
    if len(pairs) != len(forms) // 2:
        raise BadHistory(line, "a map with a key twice")
    pairs.line = opened
    return pairs


def _atom(kind: str, token: str, line: int) -> Any:
    if kind == "string":
        return _ESCAPE.sub(lambda match: _unescaped(match.group(1), line), token[1:-1])
    if kind == "char":
        name = token[1:]
        if len(name) > 1 and name not in _CHARACTERS:
            raise BadHistory(line, f"no such character: {token[:20]!r}")
        return _CHARACTERS.get(name, name)
    if token[0] == ":" and len(token) > 1:
        return Keyword(token[1:])
    if token[0].isdigit() or (token[0] in "+-" and token[1:2].isdigit()):
        return _number(token, line)
    return Symbol(token)


def _number(token: str, line: int) -> int | float:
    try:
        if _INTEGER.fullmatch(token):
            return int(token.rstrip("N"))
        if _DECIMAL.fullmatch(token) and math.isfinite(number := float(token.rstrip("M"))):
            return number
    except ValueError:  # more digits than Python reads
        pass
    raise BadHistory(line, f"cannot read the number {token[:20]}")


def _unescaped(code: str, line: int) -> str:
    if code[0] == "u" and len(code) == 5:
        return chr(int(code[1:], 16))
    if code not in _ESCAPED:
        raise BadHistory(line, f"cannot read \\{code} in a string")
    return _ESCAPED[code]


def write_edn(form: Any) -> str:
    """One form on one line. Raises ``ScenarioError`` for what EDN has no form for."""
    match form:
        case None:
            return "nil"
        case True | False:
            return "true" if form else "false"
        case Keyword():
            return f":{form}"
        case Symbol():
            return str(form)
        case str():
            return '"' + form.translate(_TO_ESCAPE) + '"'
        case int():
            return str(form)
        case float() if math.isfinite(form):
            return repr(form)
        case tuple() | list():
            return "[" + " ".join(map(write_edn, form)) + "]"
        case frozenset() | set():
            return "#{" + " ".join(sorted(map(write_edn, form))) + "}"
        case dict():
            pairs = (f"{write_edn(key)} {write_edn(value)}" for key, value in form.items())
            return "{" + ", ".join(pairs) + "}"
    raise ScenarioError(f"{form!r} cannot be written as EDN")


_TO_ESCAPE = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
