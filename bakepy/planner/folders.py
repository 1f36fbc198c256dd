"""Contexts that start at the folder of the file they are written in, for users who ask for that."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bakepy.model.target import Target
from bakepy.planner import location
from bakepy.planner.load import STDIN

if TYPE_CHECKING:
    from bakepy.evaluator import Row
    from bakepy.grammar.nodes import Expr

SPECIAL = ("cwd://", "target:", "docker-image:", "oci-layout://")


def folder_of(name: str) -> str:
    """Return the folder that paths in a file start at; empty for standard input, whose paths stay as they are."""
    return "" if name in {"", STDIN} or location.is_remote(name) else posixpath.dirname(name) or "."


def seen_from(folder: str, path: str) -> str:
    """Return a context's path seen from the working directory; what is no local path stays."""
    if not folder or not path or path.startswith(SPECIAL) or posixpath.isabs(path) or location.is_remote(path):
        return path
    return posixpath.normpath(posixpath.join(folder, path))


def rebase(targets: Iterable[Target], folder: str) -> None:
    """Make the contexts of targets start at a folder."""
    for target in targets:
        _rebase(target, folder, folder)


def rebase_rows(rows: Sequence[tuple[Row, Target]]) -> dict[str, str]:
    """Make the contexts of targets start at the folders of their blocks; return the context of those that set none.

    A context that is taken from another target starts where that one's does.
    """
    bases: dict[str, str] = {}
    defaults: dict[str, str] = {}
    for row, target in rows:
        folder = folder_of(row.block.span.source.name)
        defaults[row.name] = folder
        if target.context is not None:
            bases[row.name] = folder
    for row, target in rows:
        folder = defaults_of = folder_of(row.block.span.source.name)
        attribute = row.block.body.attributes.get("context")
        if attribute and (other := _referred(attribute.value)) in defaults:
            folder = bases.get(other, defaults[other])
        _rebase(target, folder, defaults_of)
    return {name: seen_from(folder, ".") for name, folder in defaults.items()}


def _rebase(target: Target, context: str, contexts: str) -> None:
    if target.context is not None:
        target.context = seen_from(context, target.context)
    if target.contexts:
        target.contexts = {key: seen_from(contexts, path) for key, path in target.contexts.items()}


def _referred(expr: Expr) -> str:
    """Return the target whose context an expression is, if it is nothing else: `target.other.context`."""
    from bakepy.grammar.nodes import GetAttr, Variable

    if not isinstance(expr, Variable) or expr.root != "target" or len(expr.steps) != 2:
        return ""
    name, field = expr.steps
    if not isinstance(name, GetAttr) or not isinstance(field, GetAttr) or field.name != "context":
        return ""
    return name.name
