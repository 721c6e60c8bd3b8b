"""Checking a document against a model: every fault at its place, in plain words, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Union

import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from typing_extensions import TypeAliasType

from plugbus.loaders.documents import parse_document
from plugbus.loaders.faults import DocumentError, Position
from plugbus.loaders.validation import validate


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Interface(Strict):
    protocol: str
    port: Annotated[int, Field(gt=0)] = 1


class Requirement(Strict):
    capability: str
    range: str = "*"


def expanded(value: object) -> object:
    return {"capability": value, "range": None} if isinstance(value, str) else value


class Process(Strict):
    kind: Literal["process"]
    python: str


class Sandbox(Strict):
    kind: Literal["sandbox"]
    memory: int


Table = TypeAliasType("Table", Mapping[str, Interface])


class Limits(RootModel[dict[str, Interface]]):
    pass


class Spec(Strict):
    interfaces: list[Interface] = []
    fallback: Interface | None = None
    by_name: dict[str, Annotated[Interface, AfterValidator(lambda value: value)]] = {}
    table: Table = {}
    limits: Limits = Limits({})
    pair: tuple[int, Interface] = (0, Interface(protocol="x"))
    many: tuple[Interface, ...] = ()
    requires: list[str | Requirement] = []
    either: Union[Process, Sandbox, None] = None  # noqa: UP007 - both spellings of a union must work
    isolation: Annotated[Process | Sandbox, Field(discriminator="kind")] | None = None
    switch: Literal["on", "off"] = "on"
    labels: dict[Annotated[str, Field(pattern="^[a-z]+$")], str] = {}
    shorthand: Annotated[Requirement, BeforeValidator(expanded)] | None = None
    nested: Spec | None = None


class Manifest(Strict):
    id: str
    version: str
    spec: Spec = Spec()
    display_name: str = Field(default="", alias="display-name")
    home: str = Field(default="", validation_alias=AliasChoices("home", "homepage"))
    amount: int | str = 0
    ratio: float = 1.0
    on: bool = True


HEAD = "id: a\nversion: 1.2.3\n"


def faults_of(text: str, model: type[BaseModel] = Manifest) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        validate(model, parse_document(text, "m.yaml"))
    return [str(fault) for fault in caught.value.faults]


def faults_in_spec(text: str) -> list[str]:
    """The faults of a text that stands in the manifest's spec; its first line is line 4."""
    return faults_of(HEAD + "spec:\n" + "".join(f"  {line}\n" for line in text.splitlines()))


def test_returns_the_model() -> None:
    manifest = validate(Manifest, parse_document(HEAD + "spec:\n  interfaces: [{protocol: http}]\n", "m.yaml"))
    assert manifest == Manifest(id="a", version="1.2.3", spec=Spec(interfaces=[Interface(protocol="http")]))


def test_reports_three_faults_of_a_manifest_together_in_the_order_of_the_text() -> None:
    text = "id: a\nspec:\n  interfaces:\n    - protcol: http\n      port: many\n"
    with pytest.raises(DocumentError) as caught:
        validate(Manifest, parse_document(text, "m.yaml"))
    assert str(caught.value) == (
        "cannot read document 'm.yaml': 4 faults\n"
        "m.yaml:1:1: missing key 'version'\n"
        "m.yaml:4:7: spec.interfaces[0]: missing key 'protocol'\n"
        "m.yaml:4:7: spec.interfaces[0].protcol: unknown key 'protcol'; did you mean 'protocol'?\n"
        "m.yaml:5:13: spec.interfaces[0].port: expected a whole number, not text"
    )
    assert isinstance(caught.value.__cause__, ValidationError)


# What YAML 1.1 reads as something else


@pytest.mark.parametrize(
    ("written", "described"),
    [
        ("1.10", "the number 1.10"),
        ("2", "the number 2"),
        ("0x1F", "the number 0x1F"),
        ("12:30", "the number 12:30"),
        ("1_000", "the number 1_000"),
        ("no", "the boolean no"),
        ("On", "the boolean On"),
        ("~", "~"),
        ("null", "null"),
    ],
)
def test_says_how_to_quote_what_should_be_text(written: str, described: str) -> None:
    fault = f'm.yaml:2:10: version: expected text, not {described}; quote it: "{written}"'
    assert faults_of(f"id: a\nversion: {written}\n") == [fault]
    assert validate(Manifest, parse_document(f'id: a\nversion: "{written}"\n', "m.yaml")).version == written


def test_says_how_to_quote_one_word_of_a_choice() -> None:
    assert faults_in_spec("switch: off") == ["m.yaml:4:11: spec.switch: should be 'on' or 'off'; quote it: \"off\""]
    assert faults_in_spec("switch: yes") == ["m.yaml:4:11: spec.switch: should be 'on' or 'off'"]


def test_offers_no_quotes_where_text_would_not_help() -> None:
    assert faults_of(HEAD + "'on': 7\nratio: yes please\nspec: 1.5\n") == [
        "m.yaml:3:7: on: expected true or false, not the number 7",
        "m.yaml:4:8: ratio: expected a number, not text",
        "m.yaml:5:7: spec: expected a mapping, not the number 1.5",
    ]


def test_an_empty_value_is_nothing() -> None:
    assert faults_of("id:\nversion: a\n") == ["m.yaml:1:4: id: expected text, not nothing"]


# Unknown and missing keys


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("fallback:\n  protocol: x\n  prot: 1", "6:5: spec.fallback.prot: unknown key 'prot'; did you mean"),
        ("by_name:\n  a: {protocol: x, prt: 1}", "5:22: spec.by_name.a.prt: unknown key 'prt'; did you mean 'port'?"),
        ("table:\n  a: {protocol: x, prt: 1}", "5:22: spec.table.a.prt: unknown key 'prt'; did you mean 'port'?"),
        ("limits:\n  a: {protocol: x, prt: 1}", "5:22: spec.limits.a.prt: unknown key 'prt'; did you mean 'port'?"),
        ("pair:\n- 1\n- protocol: x\n  prt: 1", "7:5: spec.pair[1].prt: unknown key 'prt'; did you mean 'port'?"),
        (
            "many:\n- protocol: x\n- protocol: x\n  prt: 1",
            "7:5: spec.many[1].prt: unknown key 'prt'; did you mean 'port'?",
        ),
        ("nested:\n  switsh: x", "5:5: spec.nested.switsh: unknown key 'switsh'; did you mean 'switch'?"),
        (
            "isolation:\n  kind: sandbox\n  memory: 1\n  pyton: x",
            "7:5: spec.isolation.pyton: unknown key 'pyton'",
        ),
        (
            "isolation:\n  kind: process\n  python: x\n  pyton: x",
            "7:5: spec.isolation.pyton: unknown key 'pyton'; did you mean 'python'?",
        ),
        ("zzzzzz: 1", "4:3: spec.zzzzzz: unknown key 'zzzzzz'"),
    ],
)
def test_reports_an_unknown_key_at_the_key_with_near_names_of_its_own_model(text: str, fault: str) -> None:
    (found,) = faults_in_spec(text)
    assert found.startswith(f"m.yaml:{fault}")
    assert ("did you mean" in found) == ("did you mean" in fault)


def test_offers_the_names_a_document_uses() -> None:
    assert faults_of(HEAD + "display_name: x\nhomepag: y\n") == [
        "m.yaml:3:1: display_name: unknown key 'display_name'; did you mean 'display-name'?",
        "m.yaml:4:1: homepag: unknown key 'homepag'; did you mean 'homepage' or 'home'?",
    ]


def test_offers_both_names_of_a_field_that_may_be_written_with_either() -> None:
    class Either(Strict):
        model_config = ConfigDict(populate_by_name=True)
        display_name: str = Field(default="", alias="title")

    assert faults_of("tilte: x\ndisplay: x\n", Either) == [
        "m.yaml:1:1: tilte: unknown key 'tilte'; did you mean 'title'?",
        "m.yaml:2:1: display: unknown key 'display'; did you mean 'display_name'?",
    ]


def test_an_unknown_key_stays_on_one_line() -> None:
    assert faults_of(HEAD + '"a\\nb": 1\n') == ["m.yaml:3:1: [\"a\\nb\"]: unknown key 'a\\nb'"]


def test_offers_end_after_a_hundred_unknown_keys() -> None:
    faults = faults_of(HEAD + "".join(f"versio{number}: 1\n" for number in range(150)))
    assert len(faults) == 150
    assert sum("did you mean 'version'?" in fault for fault in faults) == 100


def test_reports_a_missing_item() -> None:
    assert faults_in_spec("pair: [1]") == ["m.yaml:4:9: spec.pair: missing item 1"]


def test_an_empty_document_misses_its_keys_at_its_start() -> None:
    assert faults_of("") == ["m.yaml:1:1: missing key 'id'", "m.yaml:1:1: missing key 'version'"]


def test_a_document_that_is_no_mapping() -> None:
    assert faults_of("\n- a\n") == ["m.yaml:2:1: expected a mapping, not a list"]


# Unions


def test_joins_what_the_branches_of_a_union_expect() -> None:
    assert faults_of(HEAD + "amount: 1.5\n") == [
        'm.yaml:3:9: amount: expected a whole number or text, not the number 1.5; quote it: "1.5"'
    ]
    assert faults_in_spec("requires: [[]]") == ["m.yaml:4:14: spec.requires[0]: expected text or a mapping, not a list"]


def test_reports_only_the_branch_that_took_the_value() -> None:
    assert faults_in_spec("requires:\n- capability: x\n  rang: ^1") == [
        "m.yaml:6:5: spec.requires[0].rang: unknown key 'rang'; did you mean 'range'?"
    ]


def test_offers_names_of_the_branch_that_the_fault_is_about() -> None:
    assert faults_in_spec("either:\n  kind: sandbox\n  memori: 1") == [
        "m.yaml:5:5: spec.either: missing key 'python'",
        "m.yaml:5:5: spec.either: missing key 'memory'",
        "m.yaml:5:11: spec.either.kind: should be 'process'",
        "m.yaml:6:5: spec.either.memori: unknown key 'memori'",
        "m.yaml:6:5: spec.either.memori: unknown key 'memori'; did you mean 'memory'?",
    ]


def test_says_once_what_is_wrong_in_every_branch() -> None:
    faults = faults_in_spec("either:\n  kind: sandbox\n  zzz: 1\n  memory: 1")
    assert faults.count("m.yaml:6:5: spec.either.zzz: unknown key 'zzz'") == 1


def test_a_tag_may_be_called_like_a_key() -> None:
    class Port(Strict):
        kind: Literal["port"]
        port: int

    class Socket(Strict):
        kind: Literal["socket"]

    class Listener(Strict):
        on: Annotated[Port | Socket, Field(discriminator="kind")]

    assert faults_of("'on': {kind: port}\n", Listener) == ["m.yaml:1:7: on: missing key 'port'"]
    assert faults_of("'on': {kind: port, port: 1, prt: 2}\n", Listener) == [
        "m.yaml:1:29: on.prt: unknown key 'prt'; did you mean 'port'?"
    ]
    assert faults_of("'on': {kind: port, port: x}\n", Listener) == [
        "m.yaml:1:26: on.port: expected a whole number, not text"
    ]


def test_a_key_may_be_called_like_the_model_beside_null() -> None:
    class Port(Strict):
        Port: int

    class Listener(Strict):
        on: Port | None

    assert faults_of("'on': {Port: x}\n", Listener) == ["m.yaml:1:14: on.Port: expected a whole number, not text"]


def test_reports_a_tag_that_is_missing_or_unknown() -> None:
    assert faults_in_spec("isolation:\n  python: x") == ["m.yaml:5:5: spec.isolation: missing key 'kind'"]
    assert faults_in_spec("isolation:\n  python: x\n  kind: cage") == [
        "m.yaml:6:11: spec.isolation.kind: should be one of 'process', 'sandbox'"
    ]


# Rules of the model


def test_reports_a_broken_rule_at_the_value() -> None:
    assert faults_in_spec("fallback: {protocol: x, port: 0}") == [
        "m.yaml:4:33: spec.fallback.port: should be greater than 0"
    ]


def test_reports_a_refused_key_of_a_mapping_at_the_key() -> None:
    assert faults_in_spec("labels:\n  ok: x\n  Not ok: y") == [
        "m.yaml:6:5: spec.labels[\"Not ok\"]: string should match pattern '^[a-z]+$'"
    ]


def test_reports_what_a_validator_says_on_one_line() -> None:
    class Ports(BaseModel):
        low: int
        high: int
        name: str = ""

        @field_validator("name")
        @classmethod
        def check_name(cls, value: str) -> str:
            if not value:
                raise AssertionError("a name, or none")
            raise ValueError(f"{value} is taken\n  by another, older one")

        @model_validator(mode="after")
        def check_order(self) -> Ports:
            if self.low > self.high:
                raise ValueError("low is above high")
            return self

    class Host(BaseModel):
        ports: Ports

    assert faults_of("ports:\n  low: 2\n  high: 1\n", Host) == ["m.yaml:2:3: ports: low is above high"]
    text = "ports: {low: 1, high: 2, name: "
    assert faults_of(text + "''}", Host) == ["m.yaml:1:32: ports.name: a name, or none"]
    assert faults_of(text + "web}", Host) == ["m.yaml:1:32: ports.name: web is taken by another, older one"]


def test_reports_what_a_validator_filled_in_at_the_value_it_came_from() -> None:
    assert faults_in_spec("shorthand: executor") == ["m.yaml:4:14: spec.shorthand: range: expected text, not nothing"]


def test_reports_an_item_that_a_validator_took_from_text_at_the_text() -> None:
    class Split(BaseModel):
        ports: Annotated[list[int], BeforeValidator(lambda text: text.split(","))]

    assert faults_of("ports: 1,b\n", Split) == ["m.yaml:1:8: ports: [1]: expected a whole number, not text"]


def test_reports_what_a_validator_wrapped_where_it_was_written() -> None:
    class Wrapped(Strict):
        inner: Interface

    class Host(BaseModel):
        outer: Annotated[Wrapped, BeforeValidator(lambda value: {"inner": value})]

    assert faults_of("outer:\n  port: 1\n  protocol: 1.0\n", Host) == [
        'm.yaml:3:13: outer.protocol: expected text, not the number 1.0; quote it: "1.0"'
    ]


def test_passes_the_context_to_validators() -> None:
    class Named(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def check_name(cls, value: str, info: ValidationInfo) -> str:
            return f"{info.context['prefix']}{value}" if info.context else value

    document = parse_document("name: x\n", "m.yaml")
    assert validate(Named, document, context={"prefix": "a-"}).name == "a-x"
    assert validate(Named, document).name == "x"


def test_a_mapping_that_is_no_model_is_still_placed() -> None:
    @dataclass
    class Point:
        x: int

    class Shape(BaseModel):
        points: list[Point]

    assert faults_of("points:\n- x: a\n- 3\n", Shape) == [
        "m.yaml:2:6: points[0].x: expected a whole number, not text",
        "m.yaml:3:3: points[1]: expected a mapping, not the number 3",
    ]


def test_faults_keep_their_facts() -> None:
    with pytest.raises(DocumentError) as caught:
        validate(Manifest, parse_document("id: a\nversion: no\n", "m.yaml"))
    (fault,) = caught.value.faults
    assert (fault.source, fault.position, fault.path) == ("m.yaml", Position(2, 10), ("version",))
    assert (fault.why, fault.remedy) == ("expected text, not the boolean no", 'quote it: "no"')
