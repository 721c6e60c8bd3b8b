"""``plugbus schema``: the JSON Schema and the form of an action."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Cli = Callable[..., tuple[int, str, str]]


def test_the_json_schema_of_an_action_is_shown(plugbus: Cli) -> None:
    code, out, err = plugbus("schema", "demo.greet", "--json")
    assert (code, err) == (0, "")
    schema = json.loads(out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == {"name", "times", "loud"}
    code, out, _ = plugbus("schema", "demo.greet")
    assert code == 0
    assert "times" in out
    assert "How often, 1 to 5." in out


def test_the_form_of_an_action_is_shown(plugbus: Cli) -> None:
    code, out, err = plugbus("schema", "demo.greet", "--dialect", "formkit", "--json")
    assert (code, err) == (0, "")
    name, times, loud = json.loads(out)["children"]
    assert (name["$formkit"], name["validation"]) == ("text", "required:trim")
    assert (times["$formkit"], times["value"], times["validation"]) == ("number", 1, "required|min:1|max:5")
    assert loud["$formkit"] == "checkbox"
    code, out, _ = plugbus("schema", "demo.shapes", "--dialect", "formkit")
    assert code == 0
    assert "Colour" in out


def test_what_is_not_there_is_told_with_what_is(plugbus: Cli) -> None:
    code, _, err = plugbus("schema", "demo.gret")
    assert code == 2
    assert "did you mean 'demo.greet'" in err
    code, _, err = plugbus("schema", "demo.greet", "--dialect", "rjsf")
    assert code == 2
    assert "cannot find form dialect 'rjsf': no plugin offers it; there are 'formkit', and 'json'" in err
