"""Records hold what they are given, and are compared by it."""

import importlib
import pkgutil

import pytest

import bakepy
from bakepy.records import Record, fields, replace


class Point(Record):
    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int = 0) -> None:
        self.x = x
        self.y = y


class Place(Point):
    __slots__ = ("name",)

    def __init__(self, x: int, y: int, name: str) -> None:
        super().__init__(x, y)
        self.name = name


class Other(Record):
    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y


def test_records_are_equal_where_their_kind_and_fields_are():
    """Two kinds are never equal, whatever they hold; equal records have equal hashes."""
    assert Point(1) == Point(1, 0)
    assert hash(Point(1)) == hash(Point(1, 0))
    assert Point(1) != Point(2)
    assert Point(1, 2) != Other(1, 2)
    assert Place(1, 2, "a") != Place(1, 2, "b")


def test_replacing_a_field_leaves_the_record_as_it_was():
    """A copy differs in what was asked for alone, and a field that there is not is refused."""
    place = Place(1, 2, "a")

    assert replace(place, name="b") == Place(1, 2, "b")
    assert place == Place(1, 2, "a")
    with pytest.raises(TypeError):
        replace(place, nme="b")


def test_a_record_shows_its_fields():
    """Inherited fields come first."""
    assert fields(Place) == ("x", "y", "name")
    assert repr(Place(1, 2, "a")) == "Place(x=1, y=2, name='a')"


def kinds() -> list[type[Record]]:
    for module in pkgutil.walk_packages(bakepy.__path__, "bakepy."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    waiting, found = [Record], []
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.startswith("bakepy."):
                found.append(kind)
    return found


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_fields_stand_in_the_order_in_which_they_are_given(kind: type[Record]) -> None:
    """Every record's slots are what its `__init__` takes, so that `replace` and equality see all of it."""
    taken = kind.__init__.__code__.co_varnames[1 : kind.__init__.__code__.co_argcount]

    assert fields(kind)[: len(taken)] == taken
