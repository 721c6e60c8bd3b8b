"""What every dialect of forms has to do."""

# ruff: noqa: S101 - a suite says what it expects with plain asserts

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from plugbus.kernel import Kernel, Plugin, PluginMetadata

from ..forms import FormDataError, UIDialect, find_dialect, params_schema
from .kitchen_sink import KitchenSink, Optimiser

if TYPE_CHECKING:
    from ..forms import FormDialect


class DialectContract(ABC):
    """Inherit it in a class named ``Test…``, give it the fixture ``dialect``, and say what an untouched form sends."""

    @pytest.fixture
    @abstractmethod
    def dialect(self) -> FormDialect:
        """Return the dialect that is to be tested."""

    @abstractmethod
    def untouched(self, rendered: Any) -> Any:
        """Return what a form sends that nobody has edited."""

    def test_it_can_be_offered_and_found(self, dialect: FormDialect) -> None:
        """A plugin can offer it, and it is found by its name."""

        class Offering(Plugin):
            metadata = PluginMetadata("offering", "1.0.0", provides=(UIDialect("contract"),))

            def on_load(self, ctx: Any) -> None:
                ctx.provide(UIDialect("contract"), dialect)

        with Kernel() as kernel:
            kernel.register(Offering())
            kernel.load("offering")
            assert find_dialect("contract", kernel.services) is dialect

    def test_a_form_is_json_and_leaves_the_schema_as_it_is(self, dialect: FormDialect) -> None:
        """Rendering changes nothing, and renders the same again."""
        schema = params_schema(KitchenSink)
        before = deepcopy(schema)
        rendered = dialect.render(schema)
        assert json.loads(json.dumps(rendered, allow_nan=False)) == rendered
        assert schema == before
        assert dialect.render(schema) == rendered

    def test_what_nobody_has_edited_is_the_default(self, dialect: FormDialect) -> None:
        """Defaults of every shape survive the way through the form."""
        schema = params_schema(KitchenSink)
        sent = json.loads(json.dumps(self.untouched(dialect.render(schema))))
        assert KitchenSink.model_validate(dialect.decode(schema, sent)) == KitchenSink()

    def test_given_values_are_shown_in_place_of_defaults(self, dialect: FormDialect) -> None:
        """So do other values."""
        schema = params_schema(KitchenSink)
        values = KitchenSink(epochs=7, maybe_number=None, text="other", numbers=[], optimiser=Optimiser(lr=1))
        given = values.model_dump(mode="json", by_alias=True)
        sent = json.loads(json.dumps(self.untouched(dialect.render(schema, values=given))))
        current = values.model_dump(by_alias=True)
        assert KitchenSink.model_validate(dialect.decode(schema, sent, current=current)) == values

    def test_no_secret_is_shown_and_an_empty_one_keeps_what_is_set(self, dialect: FormDialect) -> None:
        """Secrets go into a form, and never out of it."""
        schema = params_schema(KitchenSink)
        rendered = dialect.render(schema, values={"secret": "topsecret"})
        assert "topsecret" not in json.dumps(rendered)
        assert "hush" not in json.dumps(rendered)
        sent = self.untouched(rendered)
        assert "secret" not in dialect.decode(schema, sent)
        current = {"secret": "topsecret"}
        assert dialect.decode(schema, sent, current=current)["secret"] == current["secret"]

    def test_what_is_no_form_is_refused(self, dialect: FormDialect) -> None:
        """It is told what a form sends."""
        with pytest.raises(FormDataError, match="mapping"):
            dialect.decode(params_schema(KitchenSink), ["no", "form"])

    def test_every_error_has_its_place(self, dialect: FormDialect) -> None:
        """No message of validation is lost."""
        wrong = {"epochs": 0, "optimiser": {"lr": -1}, "unknown": 1}
        with pytest.raises(ValidationError) as caught:
            KitchenSink.model_validate(wrong)
        placed = dialect.place_errors(params_schema(KitchenSink), caught.value, name="params")
        assert set(placed.fields) == {"params.epochs", "params.optimiser.lr"}
        assert placed.form == ("unknown: Extra inputs are not permitted",)
