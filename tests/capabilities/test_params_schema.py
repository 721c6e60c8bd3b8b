"""The JSON Schema of parameters: valid, whole, JSON alone, and without secrets."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable  # noqa: TC003 - pydantic reads it
from datetime import UTC, datetime
from math import inf, nan
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
from jsonschema import Draft202012Validator
from pydantic import AwareDatetime, BaseModel, Field, Secret, SecretStr

from plugbus.capabilities import ActionDefinitionError, BaseAction
from plugbus.capabilities.forms import SCHEMA_DIALECT, SCHEMA_VERSION, SchemaError, params_schema
from plugbus.capabilities.testing import KitchenSink


def properties(model: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = params_schema(model)["properties"]
    return found


def test_it_is_a_schema_of_its_draft_and_of_json_alone() -> None:
    schema = params_schema(KitchenSink)
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema
    assert (schema["$schema"], schema["x-schema-version"]) == (SCHEMA_DIALECT, SCHEMA_VERSION)


def test_the_defaults_of_a_schema_fit_the_schema() -> None:
    schema = params_schema(KitchenSink)
    defaults = {key: one["default"] for key, one in schema["properties"].items() if "default" in one}
    wrong = {error.path[0] for error in Draft202012Validator(schema).iter_errors(defaults)}
    assert wrong == {"endless"}, "JSON has no infinite number; it is written as a text that the model reads"


def test_a_default_that_a_function_makes_is_filled_in() -> None:
    class Params(BaseModel):
        sizes: list[int] = Field(default_factory=lambda: [7])

    assert properties(Params)["sizes"]["default"] == [7]
    assert "required" not in params_schema(Params)


def test_a_default_that_is_another_one_each_time_is_left_to_the_model() -> None:
    counter = itertools.count()

    class Params(BaseModel):
        id: UUID = Field(default_factory=uuid4)
        count: int = Field(default_factory=lambda: next(counter))
        derived: int = Field(default_factory=lambda data: len(data))

    found = properties(Params)
    assert not [name for name, one in found.items() if "default" in one]
    assert "required" not in params_schema(Params)


def test_a_factory_that_raises_and_a_default_that_cannot_be_written_are_left_to_the_model() -> None:
    def fail() -> int:
        raise OSError("no device")

    class Params(BaseModel):
        device: int = Field(default_factory=fail)
        thing: Any = object()
        made: Any = Field(default_factory=object)

    assert not [name for name, one in properties(Params).items() if "default" in one]


def test_numbers_without_end_are_written_as_json_can() -> None:
    class Params(BaseModel):
        most: float = inf
        least: float = -inf
        none: float = nan
        bounded: float = Field(default=1.0, le=inf, ge=-inf)

    found = properties(Params)
    assert [found[one]["default"] for one in ("most", "least", "none")] == ["Infinity", "-Infinity", "NaN"]
    assert found["bounded"] == {"default": 1.0, "title": "Bounded", "type": "number"}


class Login(BaseModel):
    user: str = "me"
    password: SecretStr = SecretStr("hush")


class Secretive(BaseModel):
    plain: SecretStr = SecretStr("hush")
    maybe: SecretStr | None = SecretStr("hush")
    none: SecretStr | None = None
    login: Login = Login(user="you")
    logins: list[Login] = [Login(user="you")]
    tokens: list[SecretStr] = [SecretStr("hush")]
    table: dict[str, SecretStr] = {"a": SecretStr("hush")}
    made: SecretStr = Field(default_factory=lambda: SecretStr("hush"), examples=["**********"])


class OfAnyType(BaseModel):
    pin: Secret[int] = Secret(1234)
    maybe: Secret[float] | None = Secret(0.5)
    text: Secret[str] = Secret("hush")


def test_a_secret_of_any_type_is_only_written() -> None:
    found = properties(OfAnyType)
    assert found["pin"] == {"title": "Pin", "type": "integer", "writeOnly": True}
    assert found["maybe"]["anyOf"] == [{"type": "number", "writeOnly": True}, {"type": "null"}]
    assert (found["text"]["format"], found["text"]["writeOnly"]) == ("password", True)
    assert not [one for one in found.values() if "default" in one]


def test_no_secret_and_no_mask_of_one_is_in_a_schema() -> None:
    text = json.dumps(params_schema(Secretive))
    assert "hush" not in text
    assert "***" not in text
    found = properties(Secretive)
    assert found["none"]["default"] is None
    assert found["login"]["default"] == {"user": "you"}
    assert found["logins"]["default"] == [{"user": "you"}]
    assert not {"plain", "maybe", "tokens", "table", "made"} & {key for key, one in found.items() if "default" in one}
    assert "required" not in params_schema(Secretive)


def test_a_schema_says_whether_times_need_a_zone_and_numbers_are_decimal() -> None:
    found = properties(KitchenSink)
    assert found["local"]["x-timezone"] == "aware"
    assert found["naive"]["x-timezone"] == "naive"
    assert found["price"]["format"] == "decimal"


def test_what_a_model_leaves_out_when_written_is_hidden_in_forms() -> None:
    class Params(BaseModel):
        internal: int = Field(default=1, exclude=True)
        shown: int = Field(default=1, exclude=True, json_schema_extra={"x-ui": {"hidden": False}})

    assert properties(Params)["internal"]["x-ui"] == {"hidden": True}
    assert properties(Params)["shown"]["x-ui"] == {"hidden": False}


def test_a_type_without_a_schema_is_refused_by_name() -> None:
    class Params(BaseModel):
        call: Callable[[], int]

    with pytest.raises(SchemaError, match=r"cannot describe parameters '.*Params': its parameters have no JSON Schema"):
        params_schema(Params)


class Params(BaseModel):
    epochs: int = Field(default=10, ge=1, le=1000)
    moment: Annotated[AwareDatetime, Field(description="When.")] = datetime(2024, 1, 1, tzinfo=UTC)


class Train(BaseAction[Params]):
    def execute(self) -> None:
        """Do nothing."""


def test_an_action_gives_the_schema_of_its_parameters() -> None:
    assert Train.params_schema() == params_schema(Params)
    assert Train.ui_schema()["children"][0]["name"] == "epochs"


def test_an_action_gives_the_schema_of_its_result_where_there_is_one() -> None:
    class Weights(BaseModel):
        path: str
        token: SecretStr = SecretStr("hush")

    class Anything(BaseModel):
        made: Callable[[], int]

    class Saves(Train):
        result_model = Weights

    class Holds(Train):
        result_model = Anything

    assert Saves.result_schema() == params_schema(Weights)
    assert Train.result_schema() is None
    assert Holds.result_schema() is None


def test_an_action_without_parameters_says_what_to_write() -> None:
    class Bare(BaseAction):  # type: ignore[type-arg] # that is the fault
        def execute(self) -> None:
            """Do nothing."""

    with pytest.raises(ActionDefinitionError, match="it has no parameter model"):
        Bare.params_schema()
    with pytest.raises(ActionDefinitionError, match="it has no parameter model"):
        Bare.ui_schema()
