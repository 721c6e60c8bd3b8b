"""A plugin's configuration as an object of its own model, whichever host gave it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from plugbus.capabilities import PluginConfigError, plugin_config
from plugbus.kernel import Kernel, Plugin, PluginContext, PluginLoadError, PluginMetadata


class Inner(BaseModel):
    rate: float = 0.5


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = 1
    inner: Inner = Inner()


class Configured(Plugin):
    metadata = PluginMetadata("configured", "1.0.0")

    def __init__(self) -> None:
        self.found: Config | None = None

    def on_load(self, ctx: PluginContext) -> None:
        self.found = plugin_config(ctx, Config)


def load(config: Any) -> Config | None:
    plugin = Configured()
    with Kernel(config={} if config is None else {"configured": config}) as kernel:
        kernel.register(plugin)
        kernel.load("configured")
    return plugin.found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, Config()),
        ({}, Config()),
        ({"size": "3", "inner": {"rate": 1}}, Config(size=3, inner=Inner(rate=1.0))),
    ],
)
def test_a_mapping_is_validated(given: Any, expected: Config) -> None:
    assert load(given) == expected


def test_an_object_of_the_model_is_taken_as_it_is() -> None:
    config = Config(size=4)
    assert load(config) is config


def test_what_does_not_fit_keeps_the_plugin_from_loading_and_names_every_fault() -> None:
    with pytest.raises(PluginLoadError) as caught:
        load({"size": "big", "inner": {"rate": "fast"}, "sise": 1})
    error = caught.value.__cause__
    assert isinstance(error, PluginConfigError)
    assert error.plugin_id == "configured"
    assert [path for path, _ in error.faults] == ["size", "inner.rate", "sise"]
    assert str(error).startswith("cannot configure plugin 'configured': size: Input should be")
    assert isinstance(error.__cause__, ValidationError)


def test_what_is_no_mapping_is_a_fault_of_the_whole() -> None:
    with pytest.raises(PluginLoadError) as caught:
        load(["size"])
    error = caught.value.__cause__
    assert isinstance(error, PluginConfigError)
    ((path, why),) = error.faults
    assert path == ""
    assert "dictionary" in why


def test_the_error_travels_between_processes() -> None:
    error = PluginConfigError("p", (("a", "why"),))
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)  # noqa: S301 - made in the line itself
