"""Find the functions of the standard library by name: a family is imported when one of its functions is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from bakepy.records import Record

if TYPE_CHECKING:
    from datetime import datetime

    from bakepy.evaluator.functions.record import Function

_FAMILIES: Mapping[str, str] = {
    "bake": "basename dirname homedir indexof sanitize semvercmp",
    "collection": "chunklist coalesce coalescelist compact concat contains distinct element flatten range reverselist"
    " slice sort",
    "compare": "and equal greaterthan greaterthanorequalto lessthan lessthanorequalto not notequal or",
    "crypto": "bcrypt md5 rsadecrypt sha1 sha256 sha512 uuidv4 uuidv5",
    "encoding": "base64decode base64encode csvdecode jsondecode jsonencode urlencode",
    "expression": "can convert try",
    "formatting": "format formatlist",
    "mapping": "hasindex index keys length lookup merge values zipmap",
    "network": "cidrhost cidrnetmask cidrsubnet cidrsubnets",
    "number": "absolute add ceil divide floor int log max min modulo multiply negate parseint pow signum subtract",
    "regex": "regex regex_replace regexall replace",
    "sets": "sethaselement setintersection setproduct setsubtract setsymmetricdifference setunion",
    "string": "byteslen bytesslice chomp indent join lower reverse split strlen substr title trim trimprefix trimspace"
    " trimsuffix upper",
    "time": "formatdate formattimestamp timeadd timestamp unixtimestampparse",
}
_FAMILY_OF = {name: family for family, names in _FAMILIES.items() for name in names.split()}


class Surroundings(Record):
    """Give functions what they may know of the world: the time, with its zone, and the user's home directory."""

    __slots__ = ("now", "home")

    def __init__(self, now: Callable[[], datetime], home: Callable[[], str]) -> None:
        self.now: Final = now
        self.home: Final = home


class StandardLibrary(Mapping[str, "Function"]):
    """Map the names of all functions, in alphabetical order, to their records, made when first asked for."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._made: dict[str, Function] = {}

    def __getitem__(self, name: str) -> Function:
        if name not in self._made:
            module = importlib.import_module(f"bakepy.evaluator.functions.{_FAMILY_OF[name]}")
            records: Callable[[Surroundings], list[Function]] = module.functions
            self._made.update((record.name, record) for record in records(self._surroundings))
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in _FAMILY_OF

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(_FAMILY_OF))

    def __len__(self) -> int:
        return len(_FAMILY_OF)


def standard_library(surroundings: Surroundings) -> Mapping[str, Function]:
    """Return every function of bake's standard library by name."""
    return StandardLibrary(surroundings)
