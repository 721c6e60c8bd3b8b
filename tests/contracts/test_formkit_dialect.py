"""FormKit's dialect against what every dialect has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities.forms import FormKitDialect
from plugbus.capabilities.testing import DialectContract, untouched_form

if TYPE_CHECKING:
    from plugbus.capabilities.forms import FormDialect


class TestFormKitDialect(DialectContract):
    @pytest.fixture
    def dialect(self) -> FormDialect:
        return FormKitDialect()

    def untouched(self, rendered: Any) -> Any:
        return untouched_form(rendered)
