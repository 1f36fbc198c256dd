"""Functions that bake adds: paths, target names, versions, the home directory."""

from __future__ import annotations

from collections.abc import Sequence

from bakepy.evaluator.functions.arguments import strings
from bakepy.evaluator.functions.library import Surroundings
from bakepy.evaluator.functions.record import CallFault, Function, Parameter
from bakepy.values import operators
from bakepy.values.types import BOOL, NUMBER, STRING, ListType, TupleType, Type
from bakepy.values.value import Value, boolean, count, string, unknown


def _basename(args: Sequence[Value], returns: Type) -> Value:
    path = args[0].text
    if not path:
        return string(".")
    return string(path.rstrip("/").rpartition("/")[2] or "/")


def _dirname(args: Sequence[Value], returns: Type) -> Value:
    return string(_clean(args[0].text.rpartition("/")[0] + ("/" if "/" in args[0].text else "")))


def _clean(path: str) -> str:
    """Return the shortest path of the same meaning, by its text alone."""
    rooted = path.startswith("/")
    out: list[str] = []
    for part in path.split("/"):
        if part == ".." and out and out[-1] != "..":
            out.pop()
        elif (part == ".." and not rooted) or part not in ("", ".", ".."):
            out.append(part)
    return ("/" if rooted else "") + "/".join(out) or "."


def _index_of(args: Sequence[Value], returns: Type) -> Value:
    sequence, wanted = args
    if not isinstance(sequence.type, ListType | TupleType):
        raise CallFault("argument must be a list or tuple")
    if not sequence.elements:
        raise CallFault("cannot search an empty list")
    for i, element in enumerate(sequence.elements):
        result = operators.equals(element, wanted)
        if not result.is_known:
            return unknown(NUMBER)
        if result.true:
            return count(i)
    raise CallFault("item not found")


def _sanitize(args: Sequence[Value], returns: Type) -> Value:
    return string("".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in args[0].text))


def _semver_compare(args: Sequence[Value], returns: Type) -> Value:
    from bakepy.evaluator.functions.semver import satisfies

    return boolean(satisfies(args[0].text, args[1].text))


def _known_home(home: str) -> str:
    """Return the home directory; that of a user who is not known is the working directory, as in the reference."""
    return "." if home == "~" else home


def functions(surroundings: Surroundings) -> list[Function]:
    """Return the records of this family."""
    path = strings("path")
    return [
        Function("basename", path, None, STRING, _basename, "Returns the last element of a path."),
        Function("dirname", path, None, STRING, _dirname, "Returns the directory of a path."),
        Function(
            "homedir",
            (),
            None,
            STRING,
            lambda args, returns: string(_known_home(surroundings.home())),
            "Returns the user's home directory.",
        ),
        Function(
            "indexof",
            (Parameter("list"), Parameter("value")),
            None,
            NUMBER,
            _index_of,
            "Returns the index of a value in a list.",
        ),
        Function(
            "sanitize",
            strings("name"),
            None,
            STRING,
            _sanitize,
            "Replaces what may not stand in a target's name by underscores.",
        ),
        Function(
            "semvercmp",
            strings("version", "contraint"),
            None,
            BOOL,
            _semver_compare,
            "Tells whether a version satisfies a constraint.",
        ),
    ]
