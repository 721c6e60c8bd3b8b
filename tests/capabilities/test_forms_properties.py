"""What holds for the form of any model."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, create_model

from plugbus.capabilities.forms import decode_form, params_schema, ui_schema
from plugbus.capabilities.forms.formkit import CUSTOM_RULES, HOST_FUNCTIONS, INPUTS, RULES
from plugbus.capabilities.testing import form_property, untouched_form

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["$HOME/x", "$5 each", "", " ", "null", "12", '"', "a|b", "a,b", "{}", "<b>", "__mask_1", "\n"]),
)
KEYS = st.one_of(
    st.from_regex(r"[a-z][a-z_]{0,7}", fullmatch=True),
    st.sampled_from(
        ["a.b", "$node", "__proto__", "constructor", "if", "then", "for", "given", "field_0", "größe", "a b"]
    ),
)
WHOLE = st.one_of(st.integers(-1000, 1000), st.integers())
FLOATS = st.floats(allow_nan=False)
JSONS = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


def typed(kind: Any, values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    """Return pairs of an annotation and a default of it, with and without None."""
    plain = values.map(lambda one: (kind, one))
    return st.one_of(plain, plain.map(lambda one: (one[0] | None, one[1])), st.just((kind | None, None)))


@st.composite
def choices(draw: st.DrawFn) -> tuple[Any, Any]:
    values = draw(st.lists(st.one_of(TEXTS, WHOLE, st.booleans(), st.none()), min_size=1, max_size=5))
    return Literal[tuple(values)], draw(st.sampled_from(values))


@st.composite
def enums(draw: st.DrawFn) -> tuple[Any, Any]:
    values = draw(st.lists(st.one_of(TEXTS, WHOLE), min_size=1, max_size=5, unique=True))
    kind: Any = Enum("Kind", [(f"M{at}", one) for at, one in enumerate(values)])  # type: ignore[misc] # of any values
    members = list(kind)
    return draw(st.sampled_from([(kind, members[0]), (list[kind], members[:2]), (kind | None, None)]))


SCALARS: list[st.SearchStrategy[tuple[Any, Any]]] = [
    typed(int, WHOLE),
    typed(float, FLOATS),
    typed(bool, st.booleans()),
    typed(str, TEXTS),
    typed(Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    typed(date, st.dates()),
    typed(time, st.times()),
    typed(datetime, st.datetimes(timezones=st.none() | st.timezones().filter(lambda zone: zone.key == "UTC"))),
    typed(timedelta, st.timedeltas(timedelta(days=-99), timedelta(days=99))),
    typed(list[int], st.lists(WHOLE, max_size=3)),
    typed(list[str], st.lists(TEXTS, max_size=3)),
    typed(list[float | None], st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=3)),
    typed(set[str], st.sets(TEXTS, max_size=3)),
    typed(tuple[int, str], st.tuples(WHOLE, TEXTS)),
    typed(dict[str, int], st.dictionaries(TEXTS, WHOLE, max_size=3)),
    typed(int | str, WHOLE | TEXTS),
    JSONS.map(lambda one: (Any, one)),
    choices(),
    enums(),
]


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    name: str = "$tom"
    lives: int | None = 9


class Dog(BaseModel):
    kind: Literal["dog", 1] = "dog"
    name: str = "rex"
    friends: list[Cat] = [Cat()]


Pet: Any = Annotated[Cat | Dog, Field(discriminator="kind")]
CATS = st.builds(Cat, name=TEXTS, lives=st.none() | WHOLE)
PETS = st.one_of(CATS, st.builds(Dog, kind=st.sampled_from(["dog", 1]), name=TEXTS, friends=st.lists(CATS, max_size=2)))
SCALARS.append(
    st.one_of(
        PETS.map(lambda one: (Pet, one)),
        (PETS | st.none()).map(lambda one: (Pet | None, one)),
        st.lists(PETS, max_size=2).map(lambda one: (list[Pet], one)),
    )
)
EXTRAS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"x-ui": st.dictionaries(st.sampled_from(["widget", "order", "group", "unit"]), JSONS, max_size=3)}
    ),
    st.dictionaries(
        st.sampled_from(["$formkit", "$el", "children", "validation", "onClick", "bind"]), JSONS, max_size=3
    ),
)


@st.composite
def models(draw: st.DrawFn, depth: int = 2) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for at, key in enumerate(draw(st.lists(KEYS, max_size=4, unique=True))):
        kinds = st.one_of(*SCALARS)
        if depth:
            inner = models(depth - 1)
            kinds = st.one_of(kinds, inner.flatmap(nested))
        annotation, default = draw(kinds)
        field = Field(
            default=default, alias=key, title=draw(st.none() | TEXTS), description=draw(st.none() | TEXTS),
            json_schema_extra=draw(EXTRAS), examples=draw(st.none() | st.lists(JSONS, max_size=2)),
        )  # fmt: skip
        fields[f"field{at}"] = (annotation, field)
    made: type[BaseModel] = create_model("Made", **fields)
    return made


def nested(model: type[BaseModel]) -> st.SearchStrategy[tuple[Any, Any]]:
    return st.sampled_from([
        (model, model()), (model | None, None), (model | None, model()), (list[model], [model(), model()]),  # type: ignore[valid-type]
    ])  # fmt: skip


def nodes_of(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        node = node.get("children", ())
    if isinstance(node, list):
        for one in node:
            yield from nodes_of(one)


def rules_of(node: dict[str, Any]) -> list[str]:
    validation = node.get("validation", [])
    if isinstance(validation, str):
        return [one.partition(":")[0] for one in validation.split("|")]
    return [one[0] for one in validation]


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(models())
def test_what_nobody_has_edited_is_the_default(model: type[BaseModel]) -> None:
    sent = json.loads(json.dumps(untouched_form(ui_schema(model))))
    assert model.model_validate(decode_form(model, sent)) == model()


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(models())
def test_only_known_inputs_rules_and_expressions_are_in_a_form(model: type[BaseModel]) -> None:
    schema = params_schema(model)
    Draft202012Validator.check_schema(schema)
    form = ui_schema(schema)
    assert json.loads(json.dumps(form, allow_nan=False)) == form
    for node in nodes_of(form):
        assert ("$formkit" in node) != ("$el" in node)
        assert "$cmp" not in node
        assert node.get("$formkit", "text") in INPUTS
        assert node.get("$el", "div") in {"button", "div", "fieldset", "legend", "p", "text"}
        assert set(rules_of(node)) <= RULES | CUSTOM_RULES
        for part in (node, node.get("attrs", {})):
            expressions = {key: one for key, one in part.items() if isinstance(one, str) and one.startswith("$")}
            for key, one in expressions.items():
                assert key.startswith("__raw__") or key in {"if", "index", "key", "onClick", "children"}, (key, one)
                called = one[1:].partition("(")[0] if key == "onClick" else None
                assert called is None or called in HOST_FUNCTIONS
        for name in ("label", "help", "value", "options", "placeholder", "name"):
            form_property(node, name)
