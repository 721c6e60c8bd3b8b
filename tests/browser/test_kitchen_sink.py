"""Every shape of parameter, shown by the real FormKit in a real browser, and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugbus.capabilities.forms import decode_form, ui_schema
from plugbus.capabilities.testing import KitchenSink, untouched_form

if TYPE_CHECKING:
    from .conftest import Shown

pytestmark = pytest.mark.browser


def test_what_nobody_has_edited_is_the_default(shown: Shown) -> None:
    shown.show(ui_schema(KitchenSink))
    sent = shown.submit()
    assert sent is not None, shown.messages
    assert KitchenSink.model_validate(decode_form(KitchenSink, sent["params"])) == KitchenSink()


def test_the_form_sends_what_the_other_tests_believe_it_sends(shown: Shown) -> None:
    schema = ui_schema(KitchenSink)
    shown.show(schema)
    assert shown.submit()["params"] == untouched_form(schema)
