"""What a schema of FormKit can go wrong by, one test each: shown by the real one, in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from plugbus.capabilities.forms import decode_form, ui_schema

if TYPE_CHECKING:
    from .conftest import Shown

pytestmark = pytest.mark.browser

HOSTILE = (
    "$HOME/x",
    "$5 each",
    "$node.input('x')",
    "$: ran.push(1)",
    "<img src=x onerror=ran.push(2)>",
    "{{ ran.push(3) }}",
)


def node_named(schema: Any, name: str) -> Any:
    """Return the node of a field, wherever it is in a schema."""
    if isinstance(schema, dict):
        if name in (schema.get("name"), schema.get("__raw__name")):
            return schema
        schema = schema.get("children", ())
    found = [node_named(one, name) for one in schema] if isinstance(schema, list) else []
    return next((one for one in found if one is not None), None)


@pytest.mark.parametrize("text", HOSTILE)
def test_t1_text_that_begins_like_an_expression_is_text(shown: Shown, text: str) -> None:
    class Params(BaseModel):
        value: str = Field(default=text, title=text, description=text, examples=[text])
        empty: str = Field(default="", title=text, examples=[text])
        choice: Literal["a", "b"] = Field(default="a", title=text)
        several: list[str] = Field(default=[text], title=text, description=text)
        unit: int = Field(default=1, title=text, json_schema_extra={"x-ui": {"group": text, "unit": text}})

    shown.show(ui_schema(Params))
    assert shown.submit() == {"params": {"value": text, "empty": "", "choice": "a", "several": [text], "unit": 1}}
    labels = shown.page.locator("label, legend").all_inner_texts()
    assert labels.count(text) >= 4, labels
    assert shown.page.locator(".formkit-help").all_inner_texts() == [text]
    assert text in shown.page.locator("p").all_inner_texts()
    assert shown.page.locator("input[name=empty]").get_attribute("placeholder") == text


def test_t1_options_that_begin_like_an_expression_are_text(shown: Shown) -> None:
    class Params(BaseModel):
        few: Literal["$few", "b"] = "$few"
        many: Literal["$a", "$b", "c", "d", "e"] = "$b"
        several: list[Literal["$x", "$y"]] = ["$y"]

    shown.show(ui_schema(Params))
    assert shown.submit() == {"params": {"few": "$few", "many": "$b", "several": ["$y"]}}
    shown.page.get_by_label("$x").check()
    shown.page.select_option("select", label="$a")
    assert shown.submit() == {"params": {"few": "$few", "many": "$a", "several": ["$y", "$x"]}}


def test_t2_values_that_look_like_conditions_are_values(shown: Shown) -> None:
    class Condition(BaseModel):
        if_: str = Field(default="x", alias="if")
        then: str = "y"

    class Params(BaseModel):
        any: Any = {"if": "x", "then": "y"}
        rows: list[Condition] = [Condition()]
        fixed: Any = Field(default=None, json_schema_extra={"const": {"if": "x", "then": "y"}})

    shown.show(ui_schema(Params))
    sent = shown.submit()
    assert sent["params"]["rows"] == [{"if": "x", "then": "y"}]
    assert sent["params"]["fixed"] == {"if": "x", "then": "y"}
    found = Params.model_validate(decode_form(Params, sent["params"]))
    assert (found.any, found.rows) == (Params().any, Params().rows)


class Alpha(BaseModel):
    kind: Literal["alpha"] = "alpha"
    xa: str = "AA"
    same: str = "of alpha"


class Beta(BaseModel):
    kind: Literal["beta"] = "beta"
    xb: int = 5
    same: str = "of beta"


class Union(BaseModel):
    part: Annotated[Alpha | Beta, Field(discriminator="kind")] = Alpha()


def test_t3_alternatives_do_not_take_each_others_fields(shown: Shown) -> None:
    shown.show(ui_schema(Union))
    shown.page.get_by_label("Xa").fill("changed")
    shown.page.get_by_label("beta").check()
    assert shown.submit() == {"params": {"part": {"kind": "beta", "xb": 5, "same": "of beta"}}}
    assert shown.page.get_by_label("Xa").count() == 0
    shown.page.get_by_label("alpha").check()
    sent = shown.submit()["params"]
    assert set(sent["part"]) == {"kind", "xa", "same"}
    assert sent["part"]["same"] == "of alpha"
    assert isinstance(Union.model_validate(decode_form(Union, sent)).part, Alpha)


def test_t4_patterns_with_bars_and_commas_are_whole(shown: Shown) -> None:
    class Params(BaseModel):
        code: str = Field(default="a", pattern=r"^(a|b)$")
        length: str = Field(default="xx", pattern=r"^x{1,3}$")

    shown.show(ui_schema(Params))
    assert shown.submit() is not None
    shown.page.fill("input[name=code]", "b")
    shown.page.fill("input[name=length]", "xxx")
    assert shown.submit() == {"params": {"code": "b", "length": "xxx"}}
    shown.page.fill("input[name=length]", "xxxx")
    assert shown.submit() is None
    assert shown.messages


@pytest.mark.parametrize("pattern", ["(?P<name>x)", "(?i)x", r"\Ax", "[[:alpha:]]", "x{,3}", "(a+)+$", "(", "x++"])
def test_t5_patterns_of_other_languages_leave_the_form_whole(shown: Shown, pattern: str) -> None:
    class Params(BaseModel):
        code: str = Field(default="x", json_schema_extra={"pattern": pattern})

    shown.show(ui_schema(Params))
    assert shown.submit() == {"params": {"code": "x"}}


class Even(BaseModel):
    even: int = Field(default=16, ge=1, multiple_of=8)


def test_t6_rules_of_the_host_are_checked(shown: Shown) -> None:
    shown.show(ui_schema(Even))
    shown.page.fill("input[name=even]", "17")
    assert shown.submit() is None
    shown.page.fill("input[name=even]", "24")
    assert shown.submit() == {"params": {"even": 24}}


def test_t6_a_rule_that_the_host_does_not_know_is_left_to_the_server(shown: Shown) -> None:
    schema = ui_schema(Even)
    node = node_named(schema, "even")
    node["validation"] = node["validation"].replace("multiple_of", "unheard_of")
    shown.show(schema)
    shown.page.fill("input[name=even]", "17")
    assert shown.submit() == {"params": {"even": 17}}


def test_t7_a_widget_that_is_not_free_is_not_asked_for(shown: Shown) -> None:
    class Params(BaseModel):
        one: str = Field(default="a", json_schema_extra={"x-ui": {"widget": "toggle"}})
        two: int = Field(default=1, json_schema_extra={"x-ui": {"widget": "repeater"}, "$formkit": "slider"})

    shown.show(ui_schema(Params))
    assert shown.submit() == {"params": {"one": "a", "two": 1}}


def test_t8_what_is_wrong_is_told_by_the_form_and_not_by_the_browser(shown: Shown) -> None:
    shown.show(ui_schema(Even))
    shown.page.fill("input[name=even]", "17")
    shown.page.click("button[type=submit]")
    shown.page.wait_for_selector(".formkit-message")
    assert shown.messages


def test_t9_the_browser_takes_the_multiples_too(shown: Shown) -> None:
    shown.show(ui_schema(Even))
    entry = shown.page.locator("input[name=even]")
    for text, is_valid in (("8", True), ("16", True), ("9", False)):
        entry.fill(text)
        assert entry.evaluate("one => one.checkValidity()") is is_valid, text


def test_t10_required_means_what_it_says(shown: Shown) -> None:
    class Params(BaseModel):
        agreed: Literal[True]
        zero: int
        name: str

    shown.show(ui_schema(Params))
    shown.page.fill("input[name=zero]", "0")
    shown.page.fill("input[name=name]", "me")
    assert shown.submit() is None, "it has to be agreed to"
    shown.page.check("input[name=agreed]")
    assert shown.submit() == {"params": {"agreed": True, "zero": 0, "name": "me"}}
    shown.page.fill("input[name=name]", "   ")
    assert shown.submit() is None, "blanks are no name"


def test_t11_a_cleared_number_is_none_and_not_the_default(shown: Shown) -> None:
    class Params(BaseModel):
        count: int | None = 5
        other: int = 3

    shown.show(ui_schema(Params))
    shown.page.fill("input[name=count]", "")
    sent = shown.submit()["params"]
    assert "count" not in sent
    assert decode_form(Params, sent) == {"count": None, "other": 3}
    shown.page.fill("input[name=other]", "")
    assert shown.submit() is None, "it may not be empty"


class Row(BaseModel):
    name: str = "new"
    sizes: list[int] = [1]


class Lists(BaseModel):
    numbers: list[int] = Field(default=[1, 2], min_length=1, max_length=3)
    rows: list[Row] = [Row(name="first", sizes=[4, 5])]


def test_t12_buttons_do_nothing_until_they_are_clicked(shown: Shown) -> None:
    shown.show(ui_schema(Lists))
    before = {"numbers": [1, 2], "rows": [{"name": "first", "sizes": [4, 5]}]}
    assert shown.submit() == {"params": before}
    numbers, sizes, rows = (shown.page.get_by_role("button", name="Add").nth(at) for at in range(3))
    numbers.click()
    shown.page.get_by_label("Numbers").nth(2).fill("3")
    rows.click()
    sizes.click()
    shown.page.get_by_label("Sizes").nth(2).fill("6")
    sent = shown.submit()["params"]
    assert sent["numbers"] == [1, 2, 3]
    assert Lists.model_validate(decode_form(Lists, sent)).rows == [Row(name="first", sizes=[4, 5, 6]), Row()]
    shown.page.get_by_role("button", name="Remove").first.click()
    assert shown.submit()["params"]["numbers"] == [2, 3]


def test_t13_a_list_tells_what_is_wrong_with_it(shown: Shown) -> None:
    shown.show(ui_schema(Lists))
    for _ in range(2):
        shown.page.get_by_role("button", name="Remove").first.click()
    assert shown.submit() is None
    assert any("Numbers" in one for one in shown.messages), shown.messages


def test_t14_a_time_with_a_zone_is_shown_and_keeps_it(shown: Shown) -> None:
    class Params(BaseModel):
        moment: datetime = datetime(2024, 2, 29, 9, 30, tzinfo=UTC)

    shown.show(ui_schema(Params))
    entry = shown.page.locator("input[name=moment]")
    assert entry.input_value().startswith("2024-02-29T09:30")
    entry.fill("2024-03-01T10:00:00")
    sent = shown.submit()["params"]
    assert Params.model_validate(decode_form(Params, sent)).moment == datetime(2024, 3, 1, 10, tzinfo=UTC)


def test_t15_characters_are_counted_as_the_server_counts_them(shown: Shown) -> None:
    class Params(BaseModel):
        name: str = Field(default="ab", max_length=2)

    shown.show(ui_schema(Params))
    shown.page.fill("input[name=name]", "\N{SNAKE}\N{PANDA FACE}")
    assert shown.submit() == {"params": {"name": "\N{SNAKE}\N{PANDA FACE}"}}
    shown.page.fill("input[name=name]", "abc")
    assert shown.submit() is None


def test_t16_bounds_of_text_are_lengths(shown: Shown) -> None:
    class Params(BaseModel):
        name: str = Field(default="ab", min_length=1)
        longer: str = Field(default="abc", min_length=2, max_length=5)

    shown.show(ui_schema(Params))
    assert shown.submit() == {"params": {"name": "ab", "longer": "abc"}}
    shown.page.fill("input[name=longer]", "a")
    assert shown.submit() is None


NODES: dict[str, Any] = {
    "$el": "script",
    "$cmp": "FormKit",
    "children": [{"$el": "script", "children": "ran.push(10)"}],
    "attrs": {"innerHTML": "<img src=x onerror=ran.push(11)>"},
    "x-ui": {"widget": {"$el": "script"}, "group": "<script>ran.push(12)</script>", "unit": "$ran.push(13)"},
    "innerHTML": "<img src=x onerror=ran.push(14)>",
    "onClick": "$ran.push(15)",
    "bind": "$ran",
    "sectionsSchema": {"label": {"$el": "iframe", "attrs": {"srcdoc": "<script>parent.ran.push(16)</script>"}}},
    "if": "$ran.push(17)",
    "for": ["a", "$ran"],
    "validation": "required|$ran.push(18)",
}


def test_t17_nodes_that_an_author_writes_do_not_pass(shown: Shown) -> None:
    class Params(BaseModel):
        model_config = {"json_schema_extra": NODES}

        text: str = Field(default="<a href='javascript:ran.push(20)'>x</a>", json_schema_extra=NODES)
        number: int = Field(default=1, json_schema_extra=NODES)
        rows: list[Row] = Field(default=[], json_schema_extra=NODES)
        part: Annotated[Alpha | Beta, Field(discriminator="kind", json_schema_extra=NODES)] = Alpha()

    shown.show(ui_schema(Params))
    assert shown.submit()["params"]["text"] == "<a href='javascript:ran.push(20)'>x</a>"
    assert shown.page.locator("#app script, #app iframe, #app img, #app a").count() == 0
    assert shown.ran == []
