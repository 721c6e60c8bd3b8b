"""Which patterns reach a browser."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel, Field

from plugbus.capabilities.forms import ui_schema

SAFE = [
    r"^(a|b)$",
    r"^[a-z]{1,3}$",
    r"^\d+\.\d+$",
    r"^[^\s@]+@[^\s@]+$",
    "a?b*?",
    r"\/x",
    r"[\w.-]+",
    "(?:a|b)c",
    "x{2,}",
]
UNSAFE = [
    "(?P<name>x)", "(?i)x", "(?<=a)b", r"\Ax", r"x\Z", r"\pL", "[[:alpha:]]", "[a&&b]", "[]a]", "x{,3}", "x{", "(a+)+$",
    "(a|aa)*$", "((a)*b)*", "a*a*a*a*a*", "x++", "x*+", "(", "[", "a" * 400, "new\nline", 5, r"\u0041",
]  # fmt: skip


def validation_of(pattern: object) -> object:
    class Params(BaseModel):
        code: str = Field(default="", json_schema_extra={"pattern": pattern})  # type: ignore[dict-item] # also what is none

    return ui_schema(Params)["children"][0].get("validation")


@pytest.mark.parametrize("pattern", SAFE)
def test_a_plain_pattern_is_sent_whole(pattern: str) -> None:
    re.compile(pattern)
    assert validation_of(pattern) == [["matches", f"/{pattern}/"]]


@pytest.mark.parametrize("pattern", UNSAFE)
def test_what_browsers_refuse_or_take_long_for_is_left_to_the_server(pattern: object) -> None:
    assert validation_of(pattern) is None
