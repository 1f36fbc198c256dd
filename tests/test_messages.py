"""What users read is prose: no message holds Python's notation of a value."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = Path(__file__).parent.parent / "bakepy"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py" and "_pb2" not in path.name)
COLLECTIONS = (tuple, list, set, frozenset, dict, bytes)
NAMES = {"list", "tuple", "set", "dict", "frozenset", "bytes", "Sequence", "Mapping", "Iterable", "Iterator", "Set"}
MAKERS = {"sorted", "list", "tuple", "set", "dict", "frozenset", "map", "filter", "repr", "ascii"}
DISPLAYS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def module(path: Path) -> ModuleType:
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return import_module(name.removesuffix(".__init__"))


def kind(annotation: ast.expr | None) -> str:
    """Return the outer name of an annotation."""
    if isinstance(annotation, ast.Subscript):
        return kind(annotation.value)
    return annotation.id if isinstance(annotation, ast.Name) else ""


def is_collection(node: ast.expr, known: set[str]) -> bool:
    if isinstance(node, DISPLAYS):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in MAKERS
    return isinstance(node, ast.Name) and node.id in known


def collections(function: ast.AST) -> Iterator[str]:
    """Yield the names of a function that are annotated as collections or made as such."""
    for node in ast.walk(function):
        if isinstance(node, ast.arg) and kind(node.annotation) in NAMES:
            yield node.arg
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and kind(node.annotation) in NAMES:
            yield node.target.id
        if isinstance(node, ast.Assign) and is_collection(node.value, set()):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def faults(tree: ast.AST, constants: set[str]) -> Iterator[str]:
    """Yield the formatted values that would be shown in Python's notation."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        if function.name == "__repr__":
            continue
        known = constants | set(collections(function))
        for node in ast.walk(function):
            if isinstance(node, ast.FormattedValue) and (
                node.conversion in {ord("r"), ord("a")} or is_collection(node.value, known)
            ):
                yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_text_has_no_python_notation(path: Path) -> None:
    """No f-string formats with `!r`, and none formats a collection."""
    constants = {name for name, value in vars(module(path)).items() if isinstance(value, COLLECTIONS)}
    assert not list(faults(ast.parse(path.read_text()), constants))


@pytest.mark.parametrize(
    "line", ['f"{x!r}"', 'f"one of {KNOWN}"', 'f"{sorted(x)}"', 'f"{words}"', 'f"{[a for a in x]}"']
)
def test_walk_finds_python_notation(line: str) -> None:
    """The walk sees what it is there for."""
    tree = ast.parse(f"def f(x: str, words: Sequence[str]) -> str:\n    return {line}\n")
    assert list(faults(tree, {"KNOWN"}))
