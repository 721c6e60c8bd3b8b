"""Values: they are dataclasses in everything but the time that it takes to make them."""

from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, fields, is_dataclass, replace
from typing import Any

import pytest

import plugbus.kernel
from plugbus.kernel import (
    Event,
    PluginFailed,
    PluginLoaded,
    PluginMetadata,
    PluginSwapped,
    Provision,
    Requirement,
    Version,
)
from plugbus.kernel.values import field, value
from plugbus.kernel.values import replace as replace_value

EXPORTED = [getattr(plugbus.kernel, name) for name in plugbus.kernel.__all__]
VALUES = [one for one in EXPORTED if isinstance(one, type) and hasattr(one, "__value_shape__")]


@value(frozen=True, slots=True)
class Point:
    """A point."""

    x: int
    y: int = 2
    label: str = field(default="", repr=False, compare=False)
    seen: list[int] = field(default_factory=list, hash=False)

    @property
    def total(self) -> int:
        return self.x + self.y


@value(frozen=True, slots=True)
class Spot(Point):
    """A point that has a colour."""

    colour: str = "red"


@value(frozen=True, slots=True, order=True)
class Rank:
    """A rank."""

    number: int
    name: str = field(default="", compare=False)


@value(frozen=True, slots=True, eq=False)
class Handle:
    """Something that is equal to itself alone."""

    number: int


@value(frozen=True, slots=True, kw_only=True)
class Report:
    """What is told by name."""

    count: int
    total: int = 0


@dataclass(frozen=True)
class Circle(Point):
    """What someone derives from a value, with a dict of its own."""

    radius: int = 1


@dataclass(frozen=True, slots=True)
class Disc(Point):
    """What someone derives from a value, with slots."""

    radius: int = 1


@dataclass(frozen=True, slots=True)
class Twin:
    """What ``Point`` would be as a dataclass."""

    x: int
    y: int = 2


class Moving(Point):
    """What someone derives without a decorator."""

    def move(self) -> None:
        self.speed = 3


def test_there_are_values_on_the_face() -> None:
    assert {Event, PluginLoaded, PluginMetadata, Provision, Requirement, Version} <= set(VALUES)


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
def test_every_value_of_the_kernel_is_a_dataclass_with_slots(kind: Any) -> None:
    assert kind.__match_args__ == tuple(one.name for one in fields(kind) if not one.kw_only)
    assert kind.__dataclass_params__.frozen
    assert "__dict__" not in dir(kind)
    assert kind.__qualname__ == kind.__name__
    assert is_dataclass(kind)


def test_facts_are_taken_as_a_dataclass_takes_them() -> None:
    assert (Point(1).x, Point(1).y) == (Twin(1).x, Twin(1).y)
    assert Point(1, y=3) == Point(y=3, x=1) == Point(1, 3)
    assert Spot(1, 2, "a", [], "blue").colour == Spot(1, colour="blue").colour == "blue"


def test_a_factory_makes_each_value_its_own_fact() -> None:
    assert Point(1).seen is not Point(1).seen


@pytest.mark.parametrize(
    ("given", "named", "fault"),
    [
        ((), {}, "'x' is missing"),
        ((1,), {"x": 2}, "'x' is given twice"),
        ((1,), {"z": 2}, "'z' is no field"),
        ((1, 2, "", [], 5), {}, "it takes 4 facts by place, and 5 were given"),
        ((), {"z": 2}, "'z' is no field, 'x' is missing"),
    ],
)
def test_facts_that_do_not_fit_are_refused(given: tuple[Any, ...], named: dict[str, Any], fault: str) -> None:
    with pytest.raises(TypeError) as caught:
        Point(*given, **named)

    assert str(caught.value) == f"cannot make Point: {fault}"


def test_facts_may_be_told_by_name_alone() -> None:
    make: Any = Report

    assert Report(count=1) == Report(total=0, count=1)
    assert replace(Report(count=1), total=2) == Report(count=1, total=2)
    assert str(inspect.signature(Report)) == "(*, count: 'int', total: 'int' = 0)"
    with pytest.raises(TypeError, match="it takes 0 facts by place, and 2 were given, 'count' is missing"):
        make(1, 2)


def test_the_text_of_a_value_is_that_of_a_dataclass() -> None:
    assert repr(Twin(1)) == "Twin(x=1, y=2)"
    assert repr(Point(1)) == "Point(x=1, y=2, seen=[])"
    assert repr(Spot(1, 2)) == "Spot(x=1, y=2, seen=[], colour='red')"


def test_a_value_that_holds_itself_has_a_text() -> None:
    seen: list[Any] = []
    point = Point(1, seen=seen)
    seen.append(point)

    assert repr(point) == "Point(x=1, y=2, seen=[...])"


def test_values_compare_by_the_facts_that_take_part() -> None:
    assert Point(1, label="a") == Point(1, label="b")
    assert Point(1) != Point(2)
    assert Point(1) != Spot(1)
    assert Point(1).__eq__((1, 2)) is NotImplemented
    assert Point(float("nan")) != Point(float("nan"))  # type: ignore[arg-type] # what is equal to nothing
    assert hash(Point(1, seen=[1])) == hash(Point(1, label="a")) == hash((1, 2))
    assert hash(Point(1)) != hash(Point(2))


def test_a_value_without_comparison_is_equal_to_itself_alone() -> None:
    one = Handle(1)

    assert one == one
    assert one != Handle(1)
    assert len({one, Handle(1)}) == 2


def test_values_are_ordered_where_that_is_asked_for() -> None:
    assert Rank(1) < Rank(2)
    assert Rank(2) > Rank(1)
    assert Rank(1, "a") <= Rank(1, "b") >= Rank(1)
    with pytest.raises(TypeError):
        assert Rank(1) < 2  # type: ignore[operator] # refused when it runs, too
    with pytest.raises(TypeError):
        assert Point(1) < Point(2)  # type: ignore[operator] # as above


@pytest.mark.parametrize("one", [Point(1), Spot(1), Circle(1), Disc(1), PluginLoaded("a")])
def test_a_value_can_not_be_changed(one: Any) -> None:
    name = fields(one)[0].name
    with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{name}'"):
        setattr(one, name, 2)
    with pytest.raises(FrozenInstanceError, match=f"cannot delete field '{name}'"):
        delattr(one, name)


def test_a_value_is_named_by_where_it_is_declared() -> None:
    @value(frozen=True, slots=True)
    class Nested:
        """A value inside a function."""

    assert repr(Nested()).endswith("<locals>.Nested()")
    assert Nested.__module__ == __name__


def test_a_value_takes_no_further_facts() -> None:
    point: Any = Point(1)
    with pytest.raises(FrozenInstanceError):
        point.colour = "red"
    with pytest.raises(FrozenInstanceError):
        del point.colour


def test_a_class_derived_without_a_decorator_may_have_facts_of_its_own() -> None:
    moving: Any = Moving(1)
    moving.move()
    assert (moving.speed, moving.x) == (3, 1)

    with pytest.raises(FrozenInstanceError):
        moving.x = 2
    del moving.speed
    assert not hasattr(moving, "speed")


@pytest.mark.parametrize(
    "one", [Point(1, seen=[3]), Spot(1, colour="blue"), Rank(1, "a"), Circle(1, radius=5), Disc(1, radius=5)]
)
def test_a_value_survives_pickling_and_copying(one: Any) -> None:
    for other in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):  # noqa: S301
        assert type(other) is type(one)
        assert other == one
        assert repr(other) == repr(one)


def test_a_dataclass_can_be_derived_from_a_value() -> None:
    assert [one.name for one in fields(Circle)] == ["x", "y", "label", "seen", "radius"]
    assert repr(Circle(1)) == "Circle(x=1, y=2, seen=[], radius=1)"
    assert Circle(1, radius=2) != Circle(1, radius=3)
    assert hash(Disc(1)) == hash(Disc(1))


def test_the_fields_of_a_base_are_those_of_the_base() -> None:
    # Who looks for the class that declares a field finds it by the identity of the field.
    inherited = {one.name: one for one in fields(Point)}
    for kind in (Spot, Circle, Disc):
        assert all(one is inherited[one.name] for one in fields(kind) if one.name in inherited)
    assert [one.name for one in fields(Spot)] == ["x", "y", "label", "seen", "colour"]
    assert all(one.type for one in fields(Spot))


def test_dataclasses_can_read_and_replace_a_value() -> None:
    assert replace(Point(1), x=3) == replace_value(Point(1), x=3) == Point(3)
    assert replace(PluginLoaded("a", "1"), version="2") == PluginLoaded("a", "2")
    assert replace_value(Circle(1, radius=4), x=2) == Circle(2, radius=4)
    assert Point(1).__replace__(y=3) == Point(1, 3)  # type: ignore[attr-defined] # what newer versions of copy call
    with pytest.raises(TypeError, match="'z' is no field"):
        replace_value(Point(1), z=2)  # type: ignore[call-arg] # refused when it runs, too
    assert asdict(Spot(1)) == {"x": 1, "y": 2, "label": "", "seen": [], "colour": "red"}


def test_a_value_matches_by_place() -> None:
    match PluginSwapped("a", "b", "1", "2"):
        case PluginSwapped(old, new, _, version):
            assert (old, new, version) == ("a", "b", "2")
        case _:
            pytest.fail("it has four places")


def test_a_value_has_a_signature() -> None:
    assert str(inspect.signature(PluginFailed)) == (
        "(plugin_id: 'str', step: 'str', error: 'BaseException', version: 'str' = '')"
    )
    assert list(inspect.signature(PluginMetadata).parameters)[:2] == ["id", "version"]
    assert list(inspect.signature(Version).parameters) == ["text"]
    assert list(inspect.signature(Circle).parameters)[-1] == "radius"
    assert list(inspect.signature(Moving).parameters) == ["given", "named"]


def test_a_value_is_frozen_and_has_slots() -> None:
    for said in ({"frozen": False, "slots": True}, {"frozen": True, "slots": False}):
        make: Any = value
        with pytest.raises(AssertionError):
            make(**said)
