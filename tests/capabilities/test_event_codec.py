"""Events as JSON data: always writable, in order, with nothing lost silently."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from plugbus.capabilities import (
    ActionFailed,
    EventLogged,
    LogLevel,
    MessageLogged,
    MetricsRecorded,
    ProgressReported,
    RunStarted,
    Telemetry,
    encode_event,
    encode_value,
)
from plugbus.kernel import CustomEvent, SubscriberFailed


class Colour(Enum):
    RED = "red"
    DEEP = (1, 2)


class Level(IntEnum):
    LOW = 1


class Tone(float, Enum):
    HALF = 0.5


class Model(BaseModel):
    path: PurePosixPath
    sizes: tuple[int, ...] = (1, 2)


class Uncooperative:
    """Raises whatever it is asked."""

    def __repr__(self) -> str:
        raise OSError("not now")

    @property
    def model_dump(self) -> Any:
        raise OSError("not now")


class BrokenError(Exception):
    def __str__(self) -> str:
        raise OSError("not now")


class BrokenDump:
    def model_dump(self, mode: str) -> Any:
        raise OSError(mode)

    def __repr__(self) -> str:
        return "<broken dump>"


@dataclass(eq=False)
class Node:
    name: str
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)


@dataclass
class Options:
    size: int = 3


class Scalar:
    """Looks as a numpy scalar does."""

    shape = ()

    def __init__(self, value: object) -> None:
        self.value = value

    def item(self) -> object:
        return self.value


class Table(Scalar):
    shape = (2, 2)  # type: ignore[assignment] # a scalar's is empty

    def __repr__(self) -> str:
        return "<table>"


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (None, None),
        (True, True),
        (3, 3),
        ("größe", "größe"),
        (0.5, 0.5),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (2**2048, hex(2**2048)),
        (-(2**2048), hex(-(2**2048))),
        (2**2048 - 1, 2**2048 - 1),
        (b"ab", "b'ab'"),
        (PurePosixPath("a/b"), "a/b"),
        (Colour.RED, "red"),
        (Colour.DEEP, [1, 2]),
        (Level.LOW, 1),
        (Tone.HALF, 0.5),
        (LogLevel.INFO, "info"),
        ((1, [2, (3,)]), [1, [2, [3]]]),
        ({2, 1}, [1, 2]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (MappingProxyType({"a": (1,)}), {"a": [1]}),
        ({1: "a", None: "b", Level.LOW.name: "c"}, {"1": "a", "None": "b", "LOW": "c"}),
        ({1: "number", "1": "text"}, {"1": "number", "'1'": "text"}),
        (Model(path=PurePosixPath("a")), {"path": "a", "sizes": [1, 2]}),
        (Node("root"), {"name": "root", "parent": None, "children": []}),
        (Scalar(0.5), 0.5),
        (Scalar(math.inf), "inf"),
        (Table(0.5), "<table>"),
        (ValueError("too odd"), {"error": "builtins.ValueError", "message": "too odd"}),
        (BrokenError(), {"error": f"{__name__}.BrokenError", "message": "<BrokenError without text: OSError>"}),
        (Model, repr(Model)),
        (Node, repr(Node)),
        (Options, repr(Options)),
        (Options(), {"size": 3}),
        (BrokenDump(), "<broken dump>"),
        (Uncooperative(), "<Uncooperative without text: OSError>"),
        ({"a": Uncooperative(), "b": 1}, {"a": "<Uncooperative without text: OSError>", "b": 1}),
    ],
)
def test_a_value_has_one_form(value: object, encoded: object) -> None:
    found = encode_value(value)
    assert found == encoded
    assert type(found) is type(encoded)
    json.dumps(found, allow_nan=False)


def test_a_numpy_value_is_a_number() -> None:
    numpy = pytest.importorskip("numpy")
    assert encode_value({"a": numpy.float32(0.5), "b": numpy.int64(3), "c": numpy.bool_(True)}) == {
        "a": 0.5,
        "b": 3,
        "c": True,
    }
    assert encode_value(numpy.float64("nan")) == "nan"


def test_what_contains_itself_is_named_where_it_comes_again() -> None:
    root = Node("root")
    root.children = [Node(str(number), root) for number in range(20)]
    encoded = encode_value(root)
    assert encoded["children"][19] == {"name": "19", "parent": "<cycle: Node>", "children": []}
    loop: dict[str, Any] = {}
    loop["a"] = loop["b"] = [loop]
    assert encode_value(loop) == {"a": ["<cycle: dict>"], "b": ["<cycle: dict>"]}


def test_what_comes_twice_but_not_inside_itself_is_written_twice() -> None:
    shared = [1]
    assert encode_value([shared, shared]) == [[1], [1]]


def test_what_lies_too_deep_is_kept_as_text() -> None:
    deep: list[Any] = ["bottom"]
    for _ in range(40):
        deep = [deep]
    encoded = encode_value(deep)
    levels = 0
    while isinstance(encoded, list):
        (encoded,) = encoded
        levels += 1
    assert levels == 32
    assert encoded == f"{'[' * 9}'bottom'{']' * 9}"


def test_a_bottomless_object_ends() -> None:
    class Bottomless:
        shape = ()

        def item(self) -> object:
            return Bottomless()

    assert "Bottomless" in encode_value(Bottomless())


@pytest.mark.parametrize(
    ("event", "encoded"),
    [
        (
            ProgressReported("job", 1, None),
            [("type", "ProgressReported"), ("job_id", "job"), ("current", 1), ("total", None), ("category", None)],
        ),
        (
            MessageLogged("job", LogLevel.WARNING, "text"),
            [
                ("type", "MessageLogged"),
                ("job_id", "job"),
                ("level", "warning"),
                ("message", "text"),
                ("is_for_developers", False),
                ("code", None),
                ("language", None),
                ("fields", {}),
            ],
        ),
        (
            ActionFailed("job", "a", 0.5, OSError("x")),
            [
                ("type", "ActionFailed"),
                ("job_id", "job"),
                ("action", "a"),
                ("duration_s", 0.5),
                ("error", {"error": "builtins.OSError", "message": "x"}),
            ],
        ),
        (CustomEvent("mine", {"b": 1}), [("type", "mine"), ("event_type", "mine"), ("data", {"b": 1})]),
        (
            SubscriberFailed("f", "", RunStarted("r", "p", "t", "d"), OSError("x")),
            [
                ("type", "SubscriberFailed"),
                ("subscriber", "f"),
                ("owner", ""),
                ("event", {"job_id": "r", "plugin_key": "p", "pipeline": "t", "artifact_dir": "d"}),
                ("exception", {"error": "builtins.OSError", "message": "x"}),
            ],
        ),
    ],
)
def test_an_event_is_its_topic_and_its_fields_in_their_order(event: Any, encoded: list[tuple[str, Any]]) -> None:
    assert list(encode_event(event).items()) == encoded


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**5000, max_value=10**5001)
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.dates()
    | st.decimals()
    | st.sampled_from([Colour.RED, Colour.DEEP, Level.LOW, Tone.HALF, LogLevel.INFO, Model, object(), len])
    | st.builds(ValueError, st.text())
    | st.builds(Uncooperative)
)
KEYS = st.text() | st.integers() | st.floats() | st.none() | st.binary() | st.sampled_from([Colour.RED, Level.LOW])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(KEYS, inner)
        | st.frozensets(st.text() | st.integers())
        | st.builds(Node, st.text(), children=st.lists(st.builds(Node, st.text())))
        | st.builds(Scalar, inner)
    ),
    max_leaves=25,
)


@given(VALUES)
def test_every_event_can_be_written_as_json(value: object) -> None:
    for event in (EventLogged("job", "name", {"value": value}), CustomEvent("mine", value)):
        text = json.dumps(encode_event(event), allow_nan=False)
        assert json.loads(text) == encode_event(event)


@given(st.lists(st.text(), unique=True, min_size=2))
def test_keys_keep_their_order(keys: list[str]) -> None:
    values = {key: place for place, key in enumerate(keys)}
    assert list(encode_event(EventLogged(None, "x", values))["data"].items()) == list(values.items())
    ordered = OrderedDict(reversed(values.items()))
    assert list(encode_value(ordered)) == keys[::-1]


@given(st.dictionaries(st.text(), st.floats()))
def test_no_measured_value_is_lost(values: dict[str, float]) -> None:
    for event in (MetricsRecorded("job", values), Telemetry(values)):
        data = encode_event(event)["values" if isinstance(event, MetricsRecorded) else "data"]
        assert data.keys() == values.keys()
        for key, value in values.items():
            assert float(data[key]) == value or (math.isnan(value) and data[key] == "nan")
