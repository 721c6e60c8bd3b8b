"""What FormKit is given for each kind of parameter: the table of inputs, rules, helps and values, row by row."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from plugbus.capabilities.forms import ui_schema

NULL = {"type": "null"}
ONE_TO_FOUR = [{"label": str(one), "value": one} for one in (1, 2, 3, 4)]
YES_NO = [{"label": "(none)", "value": None}, {"label": "yes", "value": True}, {"label": "no", "value": False}]
NEW_PASSWORD = {"$formkit": "password", "autocomplete": "new-password"}


def input_of(declared: dict[str, Any], *, is_required: bool = False) -> dict[str, Any]:
    """Return what the form of a schema with one property has for it, but for its name and label."""
    schema = {"type": "object", "properties": {"x": declared}, "required": ["x"] if is_required else []}
    (found,) = ui_schema(schema)["children"]
    assert (found.pop("name"), found.pop("label", "X")) == ("x", "X")
    return dict(found)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (
            {"type": "integer", "minimum": 1.5, "exclusiveMaximum": 9, "default": 3},
            {"$formkit": "number", "number": "integer", "step": 1, "min": 2, "max": 8, "value": 3}
            | {"validation": "required|min:2|max:8"},
        ),
        (
            {"type": "integer", "exclusiveMinimum": 1, "maximum": 9.5, "multipleOf": 2, "default": 4},
            {"$formkit": "number", "number": "integer", "step": 2, "min": 2, "max": 9, "value": 4}
            | {"validation": "required|min:2|max:9|multiple_of:2"},
        ),
        (
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.5},
            {"$formkit": "number", "number": "float", "step": "any", "max": 1, "value": 0.5}
            | {"validation": [["required"], ["min", 0], ["max", 1], ["not", 0]]},
        ),
        (
            {"type": "number", "multipleOf": 0.5, "default": 1},
            {"$formkit": "number", "number": "float", "step": "any", "value": 1}
            | {"validation": "required|multiple_of:0.5"},
        ),
        (  # a number that JavaScript would round
            {"type": "integer", "maximum": 2**53 + 1, "default": 0},
            {"$formkit": "text", "value": "0", "validation": [["required"], ["matches", "/^[+-]?[0-9]+$/"]]},
        ),
        (
            {"type": "string", "minLength": 1, "maxLength": 9, "default": "a", "examples": ["b", "c"]},
            {"$formkit": "text", "value": "a", "validation": "required:trim|length:1,9", "placeholder": "b"},
        ),
        (
            {"type": "string", "maxLength": 5, "default": ""},
            {"$formkit": "text", "value": "", "validation": "length:0,5"},
        ),
        (
            {"type": "string", "pattern": "^[a-z]+$", "default": "a"},
            {"$formkit": "text", "value": "a", "validation": [["matches", "/^[a-z]+$/"]]},
        ),
        # what browsers read otherwise is left to the server
        ({"type": "string", "pattern": "(?<=a)b", "default": "b"}, {"$formkit": "text", "value": "b"}),
        (
            {"type": "string", "format": "date", "default": "2020-01-02"},
            {"$formkit": "date", "value": "2020-01-02", "validation": "required"},
        ),
        (
            {"type": "string", "format": "time", "default": "01:02:03"},
            {"$formkit": "time", "value": "01:02:03", "validation": "required", "step": 1},
        ),
        (
            {"type": "string", "format": "date-time", "default": "2020-01-01T00:00:00"},
            {"$formkit": "datetime-local", "value": "2020-01-01T00:00:00", "validation": "required", "step": 1},
        ),
        (
            {"type": "string", "format": "date-time", "default": "2020-01-01T00:00:00+02:00"},
            {"$formkit": "datetime-local", "value": "2020-01-01T00:00:00", "validation": "required", "step": 1}
            | {"help": "Time zone: +02:00."},
        ),
        (
            {"type": "string", "format": "date-time", "default": "2020-01-01T00:00:00Z"},
            {"$formkit": "datetime-local", "value": "2020-01-01T00:00:00", "validation": "required", "step": 1}
            | {"help": "Time zone: UTC."},
        ),
        (
            {"type": "string", "default": "a", "description": " Said. ", "deprecated": True},
            {"$formkit": "text", "value": "a", "help": "Said. Deprecated."},
        ),
        ({"type": "string", "default": "a", "x-ui": {"widget": "textarea"}}, {"$formkit": "textarea", "value": "a"}),
        # neither what is set nor what might be set is shown of a secret
        (
            {"type": "string", "format": "password", "writeOnly": True, "examples": ["hunter2"], "default": ""},
            {**NEW_PASSWORD, "help": "Leave it empty to keep what is set."},
        ),
        ({"const": "a", "default": "a"}, {"$formkit": "meta", "value": "a"}),
        ({"type": "boolean", "default": True, "examples": [False]}, {"$formkit": "checkbox", "value": True}),
        (
            {"type": "integer", "default": 0, "examples": [True]},
            {"$formkit": "number", "number": "integer", "step": 1, "value": 0, "validation": "required"},
        ),
        (
            {"type": "integer", "enum": [1, 2, 3, 4], "default": 2},
            {"$formkit": "select", "value": 2, "validation": "required", "__raw__options": ONE_TO_FOUR},
        ),
        (
            {"type": "array", "uniqueItems": True, "items": {"enum": [1, 2, 3, 4]}, "default": [1]},
            {"$formkit": "checkbox", "__raw__value": [1], "__raw__options": ONE_TO_FOUR},
        ),
        ({"anyOf": [{"type": "string"}, NULL], "default": None}, {"$formkit": "text", "meta": {"nullable": True}}),
        (
            {"anyOf": [{"type": "boolean"}, NULL], "default": None},
            {"$formkit": "radio", "value": None, "__raw__options": YES_NO, "meta": {"nullable": True}},
        ),
        (
            {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 1},
            {"$formkit": "textarea", "value": "1", "validation": "required"},
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}, "default": {}},
            {"$formkit": "textarea", "value": "{}", "validation": "required|json"},
        ),
        # the older way to put something beside a reference; more than one part is no such thing
        (
            {"allOf": [{"type": "string", "minLength": 2}], "default": "ab"},
            {"$formkit": "text", "value": "ab", "validation": "required:trim|length:2"},
        ),
        (
            {"allOf": [{"type": "string"}, {"minLength": 2}], "default": "ab"},
            {"$formkit": "textarea", "value": '"ab"', "validation": "required|json"},
        ),
    ],
)
def test_a_parameter_with_a_default_is_shown_as(declared: dict[str, Any], expected: dict[str, Any]) -> None:
    assert input_of(declared) == expected


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({"type": "string", "format": "email"}, {"$formkit": "email", "validation": "required:trim|email"}),
        ({"type": "string", "format": "uuid"}, {"$formkit": "text", "validation": "required:trim"}),
        ({"type": "string", "minLength": 2}, {"$formkit": "text", "validation": "required:trim|length:2"}),
        ({"type": "string", "format": "password", "writeOnly": True}, {**NEW_PASSWORD, "validation": "required"}),
        (
            {"type": "integer", "enum": [1, 2, 3, 4]},
            {"$formkit": "select", "validation": "required", "__raw__options": ONE_TO_FOUR}
            | {"placeholder": "Choose ..."},
        ),
        (
            {"enum": [1, 2, 3]},
            {"$formkit": "radio", "validation": "required", "__raw__options": ONE_TO_FOUR[:3]},
        ),
    ],
)
def test_a_parameter_that_has_to_be_given_is_shown_as(declared: dict[str, Any], expected: dict[str, Any]) -> None:
    assert input_of(declared, is_required=True) == expected


def test_a_title_and_a_unit_make_the_label() -> None:
    declared = {"type": "string", "title": "Größe", "default": "", "x-ui": {"unit": "mm"}}
    (found,) = ui_schema({"type": "object", "properties": {"x": declared}})["children"]
    assert found["label"] == "Größe (mm)"


class Inner(BaseModel):
    a: int = 1


class Outer(BaseModel):
    inner: Inner | None = None
    rows: list[Inner | None] = []


@pytest.mark.parametrize(
    ("values", "is_given", "a", "rows"),
    [
        (None, False, 1, []),
        ({"inner": None}, False, 1, []),
        ({"inner": {"a": 5}}, True, 5, []),
        ({"inner": {}}, True, 1, []),
        ({"rows": [{"a": 2}, None]}, False, 1, [{"given": True, "a": 2}, {"given": False}]),
    ],
)
def test_what_may_be_missing_has_a_checkbox_that_says_whether_it_is_there(
    values: dict[str, Any] | None, is_given: bool, a: int, rows: list[Any]
) -> None:
    inner, found = (fieldset["children"][1] for fieldset in ui_schema(Outer, values=values)["children"])
    assert [one["value"] for one in inner["children"]] == [is_given, a]
    assert found["__raw__value"] == rows
