"""The registry of data types: what is found by which name, and for how long."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from typing import Any

import pytest

from plugbus.capabilities.types import (
    BUILT_IN_TYPES,
    DATA_TYPE,
    COCODataset,
    Dataset,
    DataType,
    ModelWeights,
    TypeDefinitionError,
    TypeExistsError,
    TypeNotFoundError,
    TypeOffer,
    TypeRegistry,
    YOLODataset,
    provide_type,
)
from plugbus.kernel import Capability, ContractError, Kernel, Plugin, PluginContext, PluginLoadError, PluginMetadata


class Custom(Dataset):
    name = "custom"
    format = "custom"
    description = "My own."


class OtherCustom(DataType):
    name = "custom"


class Offering(Plugin):
    """A plugin that offers types, checked or as they are."""

    def __init__(self, plugin_id: str, *types: type[DataType], key: str | None = None) -> None:
        self.metadata = PluginMetadata(plugin_id, "1.0.0")
        self.types = types
        self.key = key

    def on_load(self, ctx: PluginContext) -> None:
        for one in self.types:
            if self.key is None:
                provide_type(ctx, one)
            else:
                ctx.provide(TypeOffer(self.key), one)


def loaded(*plugins: Plugin) -> Kernel:
    kernel = Kernel()
    for one in plugins:
        kernel.register(one)
    kernel.load_all()
    return kernel


class TestFinding:
    def test_knows_what_ships(self) -> None:
        registry = TypeRegistry()
        assert set(registry) == set(BUILT_IN_TYPES)
        assert len(registry) == len(BUILT_IN_TYPES)
        assert registry.names == tuple(sorted(one.name for one in BUILT_IN_TYPES))

    @pytest.mark.parametrize("name", ["yolo_dataset", "YOLODataset", "yolo"])
    def test_goes_by_name_class_or_format(self, name: str) -> None:
        assert TypeRegistry().get(name) is YOLODataset
        assert TypeRegistry().find(name) is YOLODataset

    def test_a_class_is_itself(self) -> None:
        assert TypeRegistry().get(Custom) is Custom
        with pytest.raises(TypeDefinitionError):
            TypeRegistry().get(DataType)

    def test_a_name_wins_over_a_class_and_a_class_over_a_format(self) -> None:
        class Sly(DataType):
            name = "YOLODataset"

        registry = TypeRegistry()
        registry.register(Sly)
        assert registry.get("YOLODataset") is Sly
        registry.register(type("yolo", (DataType,), {"name": "sly2"}))
        assert registry.get("yolo").name == "sly2"

    def test_a_class_name_or_format_of_several_is_nobodys(self) -> None:
        registry = TypeRegistry()
        registry.register(type("Twin", (DataType,), {"name": "twin_1", "format": "twins"}))
        registry.register(type("Twin", (DataType,), {"name": "twin_2", "format": "twins"}))
        assert registry.find("Twin") is None
        assert registry.find("twins") is None
        assert registry.get("twin_2").name == "twin_2"

    def test_offers_near_names(self) -> None:
        with pytest.raises(TypeNotFoundError) as caught:
            TypeRegistry().get("yolo_datset")
        assert caught.value.near[0] == "yolo_dataset"
        assert TypeRegistry().find("yolo_datset") is None

    def test_offers_the_name_of_a_class_that_is_near(self) -> None:
        with pytest.raises(TypeNotFoundError) as caught:
            TypeRegistry().get("ModelWeight")
        assert caught.value.near[0] == "model_weights"

    def test_names_everything_where_nothing_is_near(self) -> None:
        with pytest.raises(TypeNotFoundError) as caught:
            TypeRegistry(types=(Dataset, Custom)).get("xyz")
        assert caught.value.near == ()
        assert caught.value.known == ("custom", "dataset")

    def test_two_registries_share_nothing(self) -> None:
        one, other = TypeRegistry(), TypeRegistry()
        one.register(Custom)
        assert "custom" in one
        assert "custom" not in other
        assert 3 not in one


class TestRegistering:
    def test_returns_its_undo_which_is_idempotent(self) -> None:
        registry = TypeRegistry()
        undo = registry.register(Custom)
        assert registry.get("custom") is Custom
        undo()
        undo()
        assert "custom" not in registry
        registry.register(OtherCustom)
        undo()
        assert registry.get("custom") is OtherCustom

    def test_refuses_a_name_twice(self) -> None:
        registry = TypeRegistry()
        registry.register(Custom)
        with pytest.raises(TypeExistsError) as caught:
            registry.register(OtherCustom)
        assert (caught.value.name, caught.value.owner) == ("custom", "host")
        assert caught.value.present.endswith(".Custom")
        assert registry.get("custom") is Custom

    def test_refuses_the_name_of_one_that_ships(self) -> None:
        with pytest.raises(TypeExistsError, match=r"cannot register data type 'dataset': .* of plugbus has that name"):
            TypeRegistry().register(type("Mine", (DataType,), {"name": "dataset"}))

    def test_refuses_a_class_without_a_name(self) -> None:
        registry = TypeRegistry()
        with pytest.raises(TypeDefinitionError):
            registry.register(type("Nameless", (DataType,), {}))
        assert len(registry) == len(BUILT_IN_TYPES)

    def test_one_of_several_threads_gets_a_name(self) -> None:
        registry = TypeRegistry()
        barrier = threading.Barrier(8)
        outcomes: list[str] = []

        def register() -> None:
            barrier.wait()
            try:
                registry.register(type("Raced", (DataType,), {"name": "raced"}))
                outcomes.append("won")
            except TypeExistsError:
                outcomes.append("lost")

        threads = [threading.Thread(target=register) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sorted(outcomes) == ["lost"] * 7 + ["won"]


class TestOfPlugins:
    def test_are_there_while_the_plugin_is(self) -> None:
        kernel = loaded(Offering("p", Custom))
        registry = TypeRegistry(kernel.services)
        assert registry.get("custom") is Custom
        assert [one.owner for one in registry.all if one.data_type is Custom] == ["p"]
        kernel.unload("p")
        assert "custom" not in registry
        with pytest.raises(TypeNotFoundError):
            registry.get("custom")

    def test_can_be_withdrawn_earlier(self) -> None:
        kernel = Kernel()
        undo: list[Any] = []

        class Brief(Plugin):
            metadata = PluginMetadata("brief", "1.0.0", provides=(TypeOffer(Custom),))

            def on_load(self, ctx: PluginContext) -> None:
                undo.append(provide_type(ctx, Custom))

        kernel.register(Brief())
        kernel.load("brief")
        registry = TypeRegistry(kernel.services)
        assert "custom" in registry
        undo[0]()
        assert "custom" not in registry

    def test_offered_under_a_taken_name_fail_the_load(self) -> None:
        kernel = Kernel()
        kernel.register(Offering("p", type("Mine", (DataType,), {"name": "dataset"})))
        with pytest.raises(PluginLoadError) as caught:
            kernel.load("p")
        assert isinstance(caught.value.__cause__, TypeExistsError)
        assert caught.value.__cause__.owner == "plugbus"

    def test_offered_under_the_name_of_another_plugins_fail_the_load(self) -> None:
        kernel = loaded(Offering("p", Custom))
        kernel.register(Offering("q", OtherCustom))
        with pytest.raises(PluginLoadError) as caught:
            kernel.load("q")
        assert isinstance(caught.value.__cause__, TypeExistsError)
        assert TypeRegistry(kernel.services).get("custom") is Custom

    def test_without_a_name_fail_the_load(self) -> None:
        kernel = Kernel()
        kernel.register(Offering("p", type("Nameless", (DataType,), {})))
        with pytest.raises(PluginLoadError) as caught:
            kernel.load("p")
        assert isinstance(caught.value.__cause__, TypeDefinitionError)

    def test_that_are_none_are_refused(self) -> None:
        kernel = Kernel()
        wrong: Any = int
        kernel.register(Offering("p", wrong, key="custom"))
        with pytest.raises(PluginLoadError) as caught:
            kernel.load("p")
        assert isinstance(caught.value.__cause__, ContractError)

    def test_of_one_name_unchecked_are_nobodys(self) -> None:
        kernel = loaded(Offering("p", Custom, key="custom"), Offering("q", OtherCustom, key="custom"))
        registry = TypeRegistry(kernel.services)
        assert "custom" not in registry
        assert registry.find("custom") is None
        with pytest.raises(TypeExistsError) as caught:
            registry.get("custom")
        assert caught.value.owner == "p"
        assert [str(one) for one in registry.faults] == [str(caught.value)]
        kernel.unload("p")
        assert registry.get("custom") is OtherCustom
        assert registry.faults == ()

    def test_that_hide_one_that_ships_are_left_out(self) -> None:
        mine = type("Mine", (DataType,), {"name": "dataset"})
        kernel = loaded(Offering("p", mine, key="dataset"))
        registry = TypeRegistry(kernel.services)
        assert registry.get("dataset") is Dataset
        assert registry.find("dataset") is Dataset
        assert [type(one) for one in registry.faults] == [TypeExistsError]

    def test_offered_as_something_else_are_refused_by_that_name(self) -> None:
        registry = TypeRegistry(loaded(Offering("p", Custom, key="other")).services)
        assert "custom" not in registry
        with pytest.raises(TypeDefinitionError, match="plugin 'p' offers it as 'other', and its name is 'custom'"):
            registry.get("other")

    def test_are_respected_by_the_host(self) -> None:
        registry = TypeRegistry(loaded(Offering("p", Custom)).services)
        with pytest.raises(TypeExistsError) as caught:
            registry.register(OtherCustom)
        assert caught.value.owner == "p"

    def test_are_not_kept_alive(self) -> None:
        kernel = Kernel()
        registry = TypeRegistry(kernel.services)

        def load_and_unload() -> weakref.ref[type]:
            mine = type("Mine", (DataType,), {"name": "mine"})
            kernel.register(Offering("p", mine))
            kernel.load("p")
            assert registry.get("mine") is mine
            kernel.unload("p")
            kernel.unregister("p")
            return weakref.ref(mine)

        gone = load_and_unload()
        gc.collect()
        assert gone() is None


class TestListing:
    def test_for_people_shows_what_is_a_kind_of_what(self) -> None:
        registry = TypeRegistry(types=(Dataset, YOLODataset, ModelWeights))
        registry.register(Custom)
        assert registry.describe().splitlines() == [
            "dataset          -        Examples, laid out in any way.",
            "  custom         custom   My own. (host)",
            "  yolo_dataset   yolo     One text file an image, with relative coordinates.",
            "  model_weights  weights  Weights, read by the code that defines the model.",
        ]
        assert TypeRegistry(types=()).describe() == ""

    def test_for_programs_is_json(self) -> None:
        registry = TypeRegistry(types=(COCODataset,))
        registry.register(Custom)
        listed = registry.to_json()
        assert json.loads(json.dumps(listed)) == listed
        assert listed[0] == {
            "name": "coco_dataset",
            "class": "plugbus.capabilities.types.builtin.COCODataset",
            "format": "coco",
            "description": "One JSON document for all images of a split.",
            "bases": ["dataset"],
            "owner": "plugbus",
        }
        assert listed[1]["owner"] == "host"


def test_an_offer_is_a_capability_by_the_name_of_the_type() -> None:
    assert TypeOffer(Custom) == TypeOffer("custom") == Capability.parse("data_type(custom)")
    assert TypeOffer("custom").name == DATA_TYPE
    with pytest.raises(TypeDefinitionError):
        TypeOffer(type("Nameless", (DataType,), {}))
