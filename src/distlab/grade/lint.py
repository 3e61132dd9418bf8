"""Looks at a student's module for what makes a run impossible to replay: by line, before anything has run.

Theory. A node is a function of its state and its events. It stops being one through what it *imports* (a clock,
chance, threads, the operating system), through :func:`hash` and :func:`id`, whose answers differ from process to
process, through state that *outlives a crash* (a module's own list), and through the *order of a set*, when it decides
the order of effects. The first kind is a table; the others are looked for in the syntax tree, and only where they are
plain: better a bug missed here, which the determinism check finds by running, than a false alarm.

Findings are warnings: they never cost points. Nothing is imported or run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from distlab.grade.solution import root

BANNED = {
    "time": "node code uses self.now, self.monotonic and set_timer: wall-clock time cannot be replayed",
    "datetime.datetime.now": "node code uses self.now: wall-clock time cannot be replayed",
    "random": "node code uses self.random, its own seeded stream: other randomness cannot be replayed",
    "secrets": "node code uses self.random: operating-system randomness cannot be replayed",
    "uuid": "node code makes identifiers from its own address and a counter: a uuid cannot be replayed",
    "threading": "node code has no threads: use run_job for long work, set_timer to act later",
    "multiprocessing": "node code starts no processes: use run_job or spawn",
    "concurrent": "node code has no pools: use run_job for long work",
    "queue": "node code runs one handler at a time: use a list or collections.deque",
    "asyncio": "node code is event handlers: the world runs the loop",
    "socket": "node code talks through send and on_<message> only",
    "select": "node code talks through send and on_<message> only",
    "zmq": "node code talks through send and on_<message> only: the live world owns the sockets",
    "os": "node code uses self.disk, self.store and spawn: the operating system cannot be simulated",
    "pathlib": "node code uses self.disk: files that the simulator cannot see cannot be lost or torn",
    "shutil": "node code uses self.disk: files that the simulator cannot see cannot be lost or torn",
    "subprocess": "node code uses spawn: a process that the simulator cannot see cannot be killed",
    "signal": "node code gets no signals: see on_exit",
    "pickle": "pickle runs code when it loads: messages are msgspec Structs",
    "distlab.cli": "labs import distlab.core only",
    "distlab.grade": "labs import distlab.core only",
    "distlab.check": "labs import distlab.core only",
    "distlab.sim": "labs import distlab.core only: a node does not know its world",
    "distlab.explore": "labs import distlab.core only: a node does not know its world",
    "distlab.live": "labs import distlab.core only: a node does not know its world",
    "distlab.faults": "labs import distlab.core only: a node does not know what will go wrong",
    "distlab.trace": "labs import distlab.core only: use self.log",
}
"""In the words of ``banned-api`` in pyproject.toml; a test keeps the two equal."""

CALLS = {
    "hash": "hash() of text differs in every process: use zlib.crc32(text.encode())",
    "id": "id() is a place in memory, different in every run: name things yourself",
    "open": BANNED["pathlib"],
    "input": "nobody is there to answer: a node is asked by messages and operations",
}
"""Built-in functions that a node has no use for."""

SHARED = "is changed by functions of this module: all nodes share it and no crash empties it; declare it in the node"
DEFAULT = "a mutable default is made once and shared by all calls: write None, and make it inside"
ORDER = "the order of a set differs from process to process, and here it decides what happens first: use sorted(...)"

_EFFECTS = {
    "send",
    "finish",
    "begin",
    "set_timer",
    "run_job",
    "connect",
    "disconnect",
    "append",
    "put_if_absent",
}
_MAKES_SET = {"set", "frozenset"}
_SET_METHODS = {"union", "difference", "intersection", "symmetric_difference", "copy"}
_CHANGES = {
    *(
        "append",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "clear",
        "add",
        "discard",
        "update",
        "setdefault",
    ),
    *("appendleft", "extendleft", "popleft", "sort", "reverse"),
}
_MUTABLE = {"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict"}


class Finding(Struct, frozen=True, order=True):
    """One line that will make trouble."""

    file: str
    """Relative to the project's root."""
    line: int
    what: str
    """``time``, ``hash()``, ``SEEN``."""
    text: str
    """What to do instead."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}: {self.text}"


def lint(file: Path) -> list[Finding]:
    """The findings in one module, in order; none if it cannot be read or parsed, which grading reports better."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    base = root()
    name = file.relative_to(base).as_posix() if file.is_relative_to(base) else file.name
    found = {
        (node.lineno, what, text)
        for look in (_imports, _calls, _shared_state, _defaults, _set_orders)
        for node, what, text in look(tree)
    }
    return sorted(Finding(name, line, what, text) for line, what, text in found)


_Found = Iterator[tuple[ast.stmt | ast.expr, str, str]]


def _imports(tree: ast.Module) -> _Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            for banned, text in BANNED.items():
                if name == banned or name.startswith(banned + "."):
                    yield node, banned, text


def _calls(tree: ast.Module) -> _Found:
    defined = {
        node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in CALLS and called not in defined:
            yield node, f"{called}()", CALLS[called]
        if called.split(".")[-2:] in (
            ["datetime", "now"],
            ["datetime", "utcnow"],
            ["date", "today"],
        ):
            yield node, f"{called}()", BANNED["datetime.datetime.now"]


def _shared_state(tree: ast.Module) -> _Found:
    """Mutable values at the top of the module that functions change; constants in a table are fine."""
    tops = {
        target.id
        for statement in tree.body
        for target, value in _assignments(statement)
        if isinstance(target, ast.Name) and _is_mutable(value)
    }
    for function in (
        n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
    ):
        own = {arg.arg for arg in ast.walk(function) if isinstance(arg, ast.arg)}
        stored = {
            n.id
            for n in ast.walk(function)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        declared = {
            name for n in ast.walk(function) if isinstance(n, ast.Global) for name in n.names
        }
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                for name in node.names:
                    yield node, name, SHARED
            elif (changed := _changed(node)) in tops and changed not in (own | stored) - declared:
                assert isinstance(node, (ast.stmt, ast.expr))
                yield node, str(changed), SHARED


def _changed(node: ast.AST) -> str | None:
    """The name whose value this node changes in place: ``X[k] = v``, ``del X[k]``, ``X.append(v)``."""
    target: ast.expr | None = None
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
        target = node.value
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _CHANGES
    ):
        target = node.func.value
    return target.id if isinstance(target, ast.Name) else None


def _defaults(tree: ast.Module) -> _Found:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for default in (*node.args.defaults, *node.args.kw_defaults):
                if default is not None and _is_mutable(default):
                    yield default, f"{node.name}({ast.unparse(default)})", DEFAULT


def _set_orders(tree: ast.Module) -> _Found:
    """Sets whose order reaches an effect or a list."""
    fields = {
        f"self.{n.target.id}"
        for n in ast.walk(tree)
        if isinstance(n, ast.AnnAssign)
        and isinstance(n.target, ast.Name)
        and ast.unparse(n.annotation).split("[")[0] in _MAKES_SET
    }
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        sets = set(fields)
        for node in ast.walk(function):
            for target, value in _assignments(node):
                if isinstance(target, ast.Name) and _is_set(value, sets):
                    sets.add(target.id)
        for node in ast.walk(function):
            yield from _order_leaks(node, sets)


def _order_leaks(node: ast.AST, sets: set[str]) -> _Found:
    if isinstance(node, ast.For) and _is_set(node.iter, sets) and any(map(_has_effect, node.body)):
        yield node.iter, ast.unparse(node.iter), ORDER
    elif isinstance(node, (ast.ListComp, ast.DictComp, ast.GeneratorExp)):
        first = node.generators[0].iter
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        if _is_set(first, sets) and any(map(_has_effect, parts)):
            yield first, ast.unparse(first), ORDER
    elif isinstance(node, ast.Call) and _tells_order(node, sets):
        yield node, ast.unparse(node), ORDER


def _tells_order(call: ast.Call, sets: set[str]) -> bool:
    """``list(peers)``, ``iter(peers)``, ``peers.pop()``: what comes out depends on the order inside."""
    match call:
        case ast.Call(func=ast.Name(id="list" | "tuple" | "iter"), args=[made]):
            return _is_set(made, sets)
        case ast.Call(func=ast.Attribute(value=popped, attr="pop"), args=[]):
            return _is_set(popped, sets)
    return False


def _has_effect(node: ast.AST) -> bool:
    return any(
        isinstance(inner, ast.Call)
        and isinstance(inner.func, ast.Attribute)
        and inner.func.attr in _EFFECTS
        and ast.unparse(inner.func.value).startswith("self")
        for inner in ast.walk(node)
    )


def _is_set(value: ast.expr, sets: set[str]) -> bool:
    """Whether the expression is plainly a set."""
    match value:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in _MAKES_SET
        case ast.Call(func=ast.Attribute(value=inner, attr=method)):
            return method in _SET_METHODS and _is_set(inner, sets)
        case ast.BinOp(
            left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right
        ):
            return _is_set(left, sets) or _is_set(right, sets)
        case ast.Name() | ast.Attribute():
            return ast.unparse(value) in sets
    return False


def _is_mutable(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).split(".")[-1] in _MUTABLE
    return isinstance(value, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp))


def _assignments(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield node.target, node.value
