"""What the server finds wrong, shown at the field that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, Field, ValidationError

from plugbus.capabilities.forms import decode_form, form_errors, ui_schema

if TYPE_CHECKING:
    from .conftest import Shown

pytestmark = pytest.mark.browser


class Optimiser(BaseModel):
    lr: float = Field(default=0.1, json_schema_extra={"x-ui": {"unit": "1/s"}})
    sizes: list[int] = [1, 2]


class Params(BaseModel):
    optimiser: Optimiser = Optimiser()
    dotted: int = Field(default=4, alias="a.b")


def test_messages_of_the_server_land_on_their_fields(shown: Shown) -> None:
    shown.show(ui_schema(Params))
    sent = shown.submit()["params"]
    sent["optimiser"]["lr"] = "fast"
    sent["optimiser"]["sizes"][1] = "large"
    sent["field_1"] = "none"
    with pytest.raises(ValidationError) as caught:
        Params.model_validate(decode_form(Params, sent))
    placed = form_errors(Params, caught.value)
    assert placed.form == ()
    shown.page.evaluate("([form, fields]) => window.form.setErrors(form, fields)", [placed.form, dict(placed.fields)])
    for label, text in (("Lr (1/s)", "valid number"), ("A.B", "valid integer")):
        outer = shown.page.locator(".formkit-outer", has=shown.page.get_by_label(label)).last
        outer.locator(".formkit-message", has_text=text).wait_for()
    second = shown.page.locator(".formkit-outer", has=shown.page.get_by_label("Sizes")).nth(1)
    second.locator(".formkit-message", has_text="valid integer").wait_for()


def test_a_whole_number_takes_no_part_of_one(shown: Shown) -> None:
    class Whole(BaseModel):
        count: int = 1

    shown.show(ui_schema(Whole))
    entry = shown.page.locator("input[name=count]")
    entry.press_sequentially("2.7")
    sent = shown.submit()
    assert str(sent["params"]["count"]) == entry.input_value(), "what is sent is what is seen"
