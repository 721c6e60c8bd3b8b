"""The plugin base class, and the source of a plugin that is already there."""

from __future__ import annotations

from typing import Any

import pytest

from plugbus.kernel import EventBus, InstanceSource, Plugin, PluginContext, PluginMetadata, ServiceLocator, SystemInit
from plugbus.kernel.plugin import read_metadata

METADATA = PluginMetadata("trainer", "1.0.0")


class Trainer(Plugin):
    metadata = METADATA


class Computed(Plugin):
    def metadata(self) -> PluginMetadata:
        return METADATA.with_name(type(self).__name__)


def test_every_hook_of_a_plugin_does_nothing_by_default() -> None:
    bus, services = EventBus(), ServiceLocator()
    context, plugin = PluginContext(METADATA, bus, services, None), Trainer()

    plugin.on_load(context)
    plugin.on_event(SystemInit(), context)
    plugin.restore_state(plugin.save_state())
    plugin.on_unload(context)

    assert plugin.save_state() == {}
    assert plugin.event_types == ("*",)
    assert (context.provisions, bus.subscriptions, services.keys) == ((), (), ())


def test_metadata_is_an_attribute_or_a_method() -> None:
    assert read_metadata(Trainer()) is METADATA
    assert read_metadata(Computed()) == METADATA.with_name("Computed")


def test_metadata_may_be_set_on_the_object() -> None:
    plugin = Plugin()
    plugin.metadata = METADATA

    assert read_metadata(plugin) is METADATA


def test_a_class_in_the_place_of_an_object_is_refused() -> None:
    plugin: Any = Trainer

    with pytest.raises(TypeError, match=r"^cannot register plugin class 'Trainer': pass an object of it$"):
        read_metadata(plugin)


@pytest.mark.parametrize(
    ("declared", "kind"), [(None, "NoneType"), ({"id": "trainer"}, "dict"), (lambda: "trainer", "str")]
)
def test_metadata_of_another_kind_is_refused(declared: Any, kind: str) -> None:
    plugin = Plugin()
    plugin.metadata = declared

    with pytest.raises(TypeError, match=f"^cannot register plugin 'Plugin': its metadata is a {kind}, not Plugin"):
        read_metadata(plugin)


def test_a_plugin_without_metadata_is_refused() -> None:
    with pytest.raises(TypeError, match="set the class attribute or define the method 'metadata'"):
        InstanceSource(Plugin())


def test_an_instance_source_gives_the_very_object_again_and_again() -> None:
    plugin = Trainer()
    source = InstanceSource(plugin)

    assert source.open() is plugin
    source.close()
    source.close()
    assert source.open() is plugin
    assert source.origin == f"{__name__}.Trainer"


def test_an_instance_source_keeps_the_metadata_of_its_registration() -> None:
    plugin = Plugin()
    plugin.metadata = METADATA
    source = InstanceSource(plugin)

    plugin.metadata = METADATA.with_name("Other")

    assert source.metadata is METADATA
