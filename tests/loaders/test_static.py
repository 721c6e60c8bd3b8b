"""Plugins that a factory makes: in any order, all or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plugbus.kernel import (
    Kernel,
    Plugin,
    PluginExistsError,
    PluginLoadError,
    PluginMetadata,
    PluginNotFoundError,
    PluginState,
    ResolutionError,
)
from plugbus.loaders import StaticLoader, StaticPluginLoader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.kernel import PluginContext


class Named(Plugin):
    def __init__(self, plugin_id: str, **needs: str) -> None:
        self.metadata = PluginMetadata(plugin_id, "1.0.0", dependencies=needs)


class Refusing(Named):
    def __init__(self, plugin_id: str, error: BaseException, **needs: str) -> None:
        super().__init__(plugin_id, **needs)
        self.error = error

    def on_load(self, ctx: PluginContext) -> None:
        ctx.register_service("left_behind", self)
        raise self.error


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with Kernel() as made:
        yield made


def test_the_two_names_are_one_class() -> None:
    assert StaticPluginLoader is StaticLoader


def test_dependents_may_come_before_what_they_need(kernel: Kernel) -> None:
    loader = StaticLoader(lambda: [Named("c", b="*"), Named("b", a="*"), Named("a")])
    assert loader.load_into(".", kernel) == ("a", "b", "c")
    assert kernel.list(PluginState.ACTIVE) == ("a", "b", "c")


def test_the_path_is_ignored_and_the_factory_called_anew_for_each_kernel(kernel: Kernel) -> None:
    loader = StaticLoader(lambda: iter([Named("a")]))
    loader.load_into(Path("no/such/folder"), kernel)
    with Kernel() as other:
        loader.load_into(".", other)
        assert other.get("a") is not kernel.get("a")


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3)])
def test_nothing_stays_when_one_refuses_to_load(kernel: Kernel, error: BaseException) -> None:
    kernel.load(kernel.register(Named("before")))
    loader = StaticLoader(lambda: [Named("a"), Refusing("b", error, a="*"), Named("c", b="*")])
    with pytest.raises(PluginLoadError if isinstance(error, Exception) else type(error)):
        loader.load_into(".", kernel)
    assert kernel.list() == ("before",)
    assert kernel.list(PluginState.ACTIVE) == ("before",)
    assert kernel.services.keys == ()


def test_nothing_stays_when_a_need_is_unmet(kernel: Kernel) -> None:
    loader = StaticLoader(lambda: [Named("a"), Named("b", absent="^1")])
    with pytest.raises(ResolutionError, match="'absent'"):
        loader.load_into(".", kernel)
    assert kernel.list() == ()


def test_nothing_stays_when_an_id_is_taken_and_what_had_it_is_untouched(kernel: Kernel) -> None:
    first = Named("taken")
    kernel.load(kernel.register(first))
    loader = StaticLoader(lambda: [Named("a"), Named("taken"), Named("c")])
    with pytest.raises(PluginExistsError, match="cannot register plugin 'taken'"):
        loader.load_into(".", kernel)
    assert kernel.list() == ("taken",)
    assert kernel.get("taken") is first


def test_two_of_one_id_in_a_batch_are_refused(kernel: Kernel) -> None:
    loader = StaticLoader(lambda: [Named("twin"), Named("twin")])
    with pytest.raises(PluginExistsError):
        loader.load_into(".", kernel)
    with pytest.raises(PluginNotFoundError):
        kernel.registry.record("twin")


def test_a_factory_that_raises_leaves_the_kernel_as_it_was(kernel: Kernel) -> None:
    def create() -> Iterator[Plugin]:
        yield Named("a")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        StaticLoader(create).load_into(".", kernel)
    assert kernel.list() == ()


def test_what_a_batch_needs_of_the_kernel_is_loaded_with_it(kernel: Kernel) -> None:
    kernel.register(Named("base"))
    assert StaticLoader(lambda: [Named("user", base="^1")]).load_into(".", kernel) == ("base", "user")


def test_a_plugin_class_in_place_of_an_object_is_refused_and_named(kernel: Kernel) -> None:
    with pytest.raises(TypeError, match="cannot register plugin class 'Named': pass an object of it"):
        StaticLoader(lambda: [Named]).load_into(".", kernel)  # type: ignore[list-item] # what is refused
