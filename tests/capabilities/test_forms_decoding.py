"""From what a form sends to parameters."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import pytest
from pydantic import AwareDatetime, BaseModel, Field, Secret, SecretStr, ValidationError

from plugbus.capabilities import ParamsError
from plugbus.capabilities.forms import (
    DialectNotFoundError,
    FormDataError,
    SchemaError,
    decode_form,
    dialect_names,
    find_dialect,
    form_errors,
    params_schema,
    ui_schema,
)
from plugbus.capabilities.testing import KitchenSink, untouched_form


class Params(BaseModel):
    number: int | None = 5
    required_number: int | None
    empty: str | None = ""
    text: str = "x"
    made: int = Field(default_factory=iter(range(10**6)).__next__)


@pytest.mark.parametrize("sent", [{}, {"number": "", "required_number": ""}, {"number": None, "required_number": None}])
def test_nothing_is_none_where_that_is_allowed(sent: dict[str, Any]) -> None:
    found = decode_form(Params, sent)
    assert (found["number"], found["required_number"]) == (None, None)
    assert "made" not in found, "the model makes it"


def test_an_empty_text_is_one_where_it_is_the_default_or_none_is_not_allowed() -> None:
    found = decode_form(Params, {"empty": "", "text": ""})
    assert (found["empty"], found["text"]) == ("", "")


def test_what_has_no_default_and_was_not_sent_is_left_to_the_model() -> None:
    class Strict(BaseModel):
        count: int

    assert decode_form(Strict, {}) == {}
    assert decode_form(Strict, {"count": ""}) == {"count": ""}


class Written(BaseModel):
    table: dict[str, int] = {}
    pair: tuple[int, int] = (1, 2)
    either: int | str = 1


def test_text_areas_hold_json_and_every_fault_is_told() -> None:
    found = decode_form(Written, {"table": '{"a": 1}', "pair": "[3, 4]", "either": "12"})
    assert found == {"table": {"a": 1}, "pair": [3, 4], "either": 12}
    assert decode_form(Written, {"either": '"12"'})["either"] == "12"
    assert decode_form(Written, {"either": "some text"})["either"] == "some text"
    with pytest.raises(FormDataError) as caught:
        decode_form(Written, {"table": "{", "pair": "1,", "either": "["})
    assert [path for path, _ in caught.value.faults] == ["table", "pair"]
    assert str(caught.value).startswith("cannot decode form 'Written': table: this is no JSON: ")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - made here


def test_json_that_is_nested_without_end_is_a_fault() -> None:
    with pytest.raises(FormDataError, match="nested too deeply"):
        decode_form(Written, {"table": "[" * 100_000})


@pytest.mark.parametrize("sent", [2**53, -(2**53), 2.0**60])
def test_a_number_that_a_browser_has_rounded_is_a_fault(sent: float) -> None:
    with pytest.raises(FormDataError, match="required_number: a browser does not send"):
        decode_form(Params, {"required_number": sent})
    assert decode_form(Params, {"required_number": 2**53 - 1})["required_number"] == 2**53 - 1


class Times(BaseModel):
    utc: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    east: datetime = datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    aware: AwareDatetime | None = None
    naive: datetime = datetime(2024, 1, 1)
    clock: time = time(9, 30, tzinfo=UTC)


def test_times_get_back_the_offset_that_was_not_shown() -> None:
    sent = dict.fromkeys(("utc", "east", "aware", "naive"), "2024-07-01T10:00")
    found = Times.model_validate(decode_form(Times, {**sent, "clock": "10:00"}))
    plain = datetime(2024, 7, 1, 10)
    assert found.utc == plain.replace(tzinfo=UTC)
    assert found.east == plain.replace(tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert found.aware == plain.replace(tzinfo=UTC)
    assert found.naive == plain
    assert found.clock == time(10, tzinfo=UTC)


def test_a_time_that_needs_a_zone_gets_that_of_the_people() -> None:
    sent = {"aware": "2024-07-01T10:00"}
    assert decode_form(Times, sent, zone=ZoneInfo("Europe/Berlin"))["aware"] == "2024-07-01T10:00:00+02:00"
    assert decode_form(Times, {"aware": "2024-07-01T10:00:00Z"})["aware"] == "2024-07-01T10:00:00Z"
    assert decode_form(Times, {"aware": "tomorrow"})["aware"] == "tomorrow", "the model says what is wrong with it"


class Inner(BaseModel):
    rows: int = 1
    token: SecretStr | None = None


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    token: SecretStr = SecretStr("")


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    token: SecretStr = SecretStr("")
    bones: list[int] = []


class Nested(BaseModel):
    inner: Inner = Inner()
    maybe: Inner | None = None
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Cat()
    dotted: int = Field(default=1, alias="a.b")


class Pins(BaseModel):
    pin: Secret[int] = Secret(1234)
    share: Secret[float] | None = Secret(0.5)
    text: Secret[str] = Secret("hush")


def test_a_secret_number_is_asked_for_like_a_password_and_read_as_a_number() -> None:
    inputs = ui_schema(Pins)["children"]
    assert [(one["name"], one["$formkit"]) for one in inputs] == [
        ("pin", "password"),
        ("share", "password"),
        ("text", "password"),
    ]
    assert not [one for one in inputs if "value" in one]
    assert decode_form(Pins, {"pin": "77", "share": "", "text": "5"}) == {"pin": 77, "text": "5"}
    assert decode_form(Pins, {"pin": "seven"}) == {"pin": "seven"}, "the model says what is wrong with it"


def test_an_empty_secret_keeps_what_is_set_also_inside() -> None:
    current = {"inner": {"token": "one"}, "pet": {"kind": "cat", "token": "two"}}
    found = decode_form(Nested, {"inner": {"token": ""}, "pet": {"kind": "cat"}}, current=current)
    assert found == {"inner": {"token": "one"}, "maybe": None, "pet": {"kind": "cat", "token": "two"}}
    changed = decode_form(Nested, {"inner": {"token": "new"}, "pet": {"kind": "dog"}}, current=current)
    assert changed["inner"]["token"] == "new"  # noqa: S105 - of the test
    assert "token" not in changed["pet"], "that of a cat is not a dog's"


def test_the_checkbox_of_a_group_says_whether_there_is_one() -> None:
    (_, switched, _, _) = ui_schema(Nested)["children"]
    (group,) = [one for one in switched["children"] if one.get("$formkit") == "group"]
    switch = group["meta"]["switch"]
    assert decode_form(Nested, {"maybe": {switch: False, "rows": 4}})["maybe"] is None
    assert decode_form(Nested, {"maybe": {switch: True, "rows": 4}})["maybe"] == {"rows": 4}
    assert decode_form(Nested, {"maybe": {"rows": 4}})["maybe"]["rows"] == 4


def test_stand_ins_of_names_become_the_keys_again() -> None:
    assert decode_form(Nested, {"field_3": 7})["a.b"] == 7


def test_unknown_keys_and_wrong_kinds_are_left_to_the_model() -> None:
    found = decode_form(Nested, {"strange": 1, "inner": "text", "pet": {"kind": "cow"}})
    assert (found["strange"], found["inner"], found["pet"]) == (1, "text", {"kind": "cow"})


def test_errors_are_placed_whatever_their_kind() -> None:
    with pytest.raises(ValidationError) as caught:
        Nested.model_validate({"inner": {"rows": "x"}, "pet": {"kind": "dog", "bones": [1, "y"]}, "a.b": "z"})
    placed = form_errors(Nested, caught.value)
    assert set(placed.fields) == {"params.inner.rows", "params.pet.bones.1", "params.field_3"}
    assert placed.form == ()
    with pytest.raises(ValidationError) as tagged:
        Nested.model_validate({"pet": {"kind": "cow"}})
    assert set(form_errors(Nested, tagged.value).fields) == {"params.pet"}
    told = ParamsError("train", (("pet.kind", "which?"), ("pet.cat", "no such field")))
    assert form_errors(Nested, told).fields == {"params.pet.kind": ("which?",), "params.pet": ("no such field",)}
    told = ParamsError("train", (("inner.rows", "too few"), ("", "all wrong"), ("gone", "unknown")))
    assert form_errors(Nested, told, name="form").fields == {"form.inner.rows": ("too few",)}
    assert form_errors(Nested, told).form == ("all wrong", "gone: unknown")


def test_a_model_that_holds_itself_many_times_over_ends() -> None:
    class Leaf(BaseModel):
        value: int = 0

    model: type[BaseModel] = Leaf
    for _ in range(20):
        fields: dict[str, Any] = {name: (model, Field(default_factory=model)) for name in "abcd"}
        model = type("Level", (BaseModel,), {"__annotations__": {k: v[0] for k, v in fields.items()}})
    form = ui_schema(model)
    assert str(form).count("$formkit") < 20_000


def test_only_an_object_has_a_form() -> None:
    with pytest.raises(SchemaError, match="a form is made of the JSON Schema of an object"):
        ui_schema({"type": "array", "title": "List"})


def test_rubbish_in_a_schema_makes_a_form_all_the_same() -> None:
    rubbish: list[Any] = [
        None, 1, "x", [], {"type": 3}, {"$ref": "#/$defs/Gone"}, {"$ref": "#/$defs/Loop"}, {"anyOf": [1]},
        {"enum": "x"}, {"type": "object", "properties": []}, {"type": "array", "items": 1},
        {"oneOf": [], "discriminator": {"propertyName": 4}}, {"type": ["integer", "null"]},
    ]  # fmt: skip
    properties = {f"p{at}": one for at, one in enumerate(rubbish)}
    loop = {"anyOf": [{"$ref": "#/$defs/Loop"}, {"type": "null"}]}
    schema = {"type": "object", "properties": properties, "$defs": {"Loop": loop}}
    decode_form(schema, untouched_form(ui_schema(schema)))


def test_a_dialect_that_nobody_offers_is_named_with_those_that_there_are() -> None:
    assert dialect_names() == ("formkit",)
    with pytest.raises(DialectNotFoundError, match="there are 'formkit'"):
        find_dialect("rjsf")
    with pytest.raises(DialectNotFoundError):
        ui_schema(KitchenSink, "rjsf")


def test_a_form_is_made_of_a_schema_as_well_as_of_a_model() -> None:
    assert ui_schema(params_schema(KitchenSink)) == ui_schema(KitchenSink)


def test_what_has_to_be_given_is_shown_though_it_was_to_be_hidden() -> None:
    class Hiding(BaseModel):
        needed: int = Field(json_schema_extra={"x-ui": {"hidden": True}})
        optional: int = Field(default=1, json_schema_extra={"x-ui": {"hidden": True}})

    assert [one["name"] for one in ui_schema(Hiding)["children"]] == ["needed"]
    assert decode_form(Hiding, {"needed": 2}) == {"needed": 2}
    assert decode_form(Hiding, {"needed": 2}, current={"optional": 5}) == {"needed": 2, "optional": 5}
