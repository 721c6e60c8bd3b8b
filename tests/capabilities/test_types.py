"""Data types: which fit together, what a class has to say, and what ships."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from plugbus.capabilities import BaseAction
from plugbus.capabilities.types import (
    BUILT_IN_TYPES,
    COCODataset,
    Dataset,
    DataType,
    DMDataset,
    DMv1Dataset,
    DMv2Dataset,
    InferenceResults,
    Model,
    ModelWeights,
    ONNXModel,
    PascalVOCDataset,
    Result,
    TensorRTModel,
    TestResults,
    TypeDefinitionError,
    TypeExistsError,
    TypeNotFoundError,
    YOLODataset,
    check_type,
)


class CustomDataset(DataType):
    name = "custom_dataset"
    format = "custom"
    description = "My custom dataset format"


class CustomModel(DataType):
    name = "custom_model"
    format = "custom"


class Narrow(YOLODataset):
    name = "narrow"


class TestCompatibility:
    @pytest.mark.parametrize(
        ("one", "other", "fits"),
        [
            (YOLODataset, YOLODataset, True),
            (Dataset, YOLODataset, True),
            (DataType, ONNXModel, True),
            (YOLODataset, COCODataset, False),
            (DMv1Dataset, DMv2Dataset, False),
            (DMDataset, DMv2Dataset, True),
            (Model, Dataset, False),
            (CustomDataset, Dataset, False),
            (Narrow, Dataset, True),
        ],
    )
    def test_is_the_same_in_both_directions(self, one: type[DataType], other: type[DataType], fits: bool) -> None:
        assert one.is_compatible_with(other) is fits
        assert other.is_compatible_with(one) is fits

    def test_accepting_has_a_direction(self) -> None:
        assert Dataset.accepts(YOLODataset)
        assert not YOLODataset.accepts(Dataset)
        assert YOLODataset.accepts(YOLODataset)
        assert not YOLODataset.accepts(COCODataset)
        assert DataType.accepts(ModelWeights)

    def test_what_is_accepted_is_compatible(self) -> None:
        for one in BUILT_IN_TYPES:
            for other in BUILT_IN_TYPES:
                assert one.is_compatible_with(other) is (one.accepts(other) or other.accepts(one))


class TestBuiltIn:
    @pytest.mark.parametrize(
        ("data_type", "name", "form", "base"),
        [
            (Dataset, "dataset", None, DataType),
            (DMDataset, "dm_dataset", "dm", Dataset),
            (DMv1Dataset, "dm_v1_dataset", "dm_v1", DMDataset),
            (DMv2Dataset, "dm_v2_dataset", "dm_v2", DMDataset),
            (YOLODataset, "yolo_dataset", "yolo", Dataset),
            (COCODataset, "coco_dataset", "coco", Dataset),
            (PascalVOCDataset, "pascal_voc_dataset", "pascal_voc", Dataset),
            (Model, "model", None, DataType),
            (ModelWeights, "model_weights", "weights", Model),
            (ONNXModel, "onnx_model", "onnx", Model),
            (TensorRTModel, "tensorrt_model", "tensorrt", Model),
            (Result, "result", None, DataType),
            (TestResults, "test_results", None, Result),
            (InferenceResults, "inference_results", None, Result),
        ],
    )
    def test_has_its_name_format_and_base(
        self, data_type: type[DataType], name: str, form: str | None, base: type[DataType]
    ) -> None:
        assert (data_type.name, data_type.format, data_type.__bases__) == (name, form, (base,))
        assert data_type in BUILT_IN_TYPES

    def test_all_are_well_defined(self) -> None:
        assert len(BUILT_IN_TYPES) == 15
        for one in BUILT_IN_TYPES:
            check_type(one)
            assert one.description

    def test_a_format_is_inherited_by_a_special_kind(self) -> None:
        assert Narrow.format == "yolo"

    def test_are_pickled_by_reference(self) -> None:
        assert pickle.loads(pickle.dumps(YOLODataset)) is YOLODataset  # noqa: S301 - our own


class TestDefinition:
    def test_of_the_examples_is_right(self) -> None:
        check_type(CustomDataset)
        check_type(CustomModel)

    def test_needs_a_name(self) -> None:
        class Nameless(DataType):
            pass

        with pytest.raises(TypeDefinitionError, match=r"cannot use data type '.*Nameless': it has no name; set the"):
            check_type(Nameless)

    def test_needs_a_name_of_its_own(self) -> None:
        class Heir(YOLODataset):
            pass

        with pytest.raises(TypeDefinitionError, match="it has the name of its base, 'yolo_dataset'; set the class"):
            check_type(Heir)

    def test_the_root_is_no_type_itself(self) -> None:
        with pytest.raises(TypeDefinitionError, match="'DataType': it has no name"):
            check_type(DataType)

    @pytest.mark.parametrize("name", ["", " ", "1st", "a b", "a(b)", "ä", 3, None, "a\n"])
    def test_needs_a_name_that_can_be_written_anywhere(self, name: Any) -> None:
        bad = type("Bad", (DataType,), {"name": name})
        with pytest.raises(TypeDefinitionError, match="its name is "):
            check_type(bad)

    def test_tells_every_fault_at_once(self) -> None:
        bad = type("Bad", (DataType,), {"name": "a b", "format": "", "description": 1})
        with pytest.raises(TypeDefinitionError) as caught:
            check_type(bad)
        assert caught.value.faults == (
            "its name is 'a b'; write a letter, then letters, digits, '_', '.' or '-'",
            "its format is ''; give a text, or None",
            "its description is 1; give a text",
        )

    @pytest.mark.parametrize("wrong", [int, "dataset", None, YOLODataset()])
    def test_refuses_what_is_no_type(self, wrong: Any) -> None:
        with pytest.raises(TypeDefinitionError, match="it is no subclass of DataType"):
            check_type(wrong)


class Params(BaseModel):
    pass


def test_an_action_says_what_it_takes_and_makes() -> None:
    class Train(BaseAction[Params]):
        input_type = YOLODataset
        output_type: ClassVar[type[DataType] | None] = ModelWeights

        def execute(self) -> None: ...

    class Other(BaseAction[Params]):
        def execute(self) -> None: ...

    assert Train.input_type is YOLODataset
    assert Train.output_type is ModelWeights
    assert Other.input_type is None
    assert Other.output_type is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TypeDefinitionError("A", ("it has no name", "b")), "cannot use data type 'A': it has no name; b"),
        (
            TypeExistsError("a", "m.A", "host"),
            "cannot register data type 'a': m.A of host has that name; choose another",
        ),
        (TypeNotFoundError("a"), "cannot find data type 'a': nobody registered it; there are none"),
        (
            TypeNotFoundError("a", (), ("b", "c")),
            "cannot find data type 'a': nobody registered it; there are 'b', 'c'",
        ),
        (
            TypeNotFoundError("a", ("b", "c"), ("b", "c", "d")),
            "cannot find data type 'a': nobody registered it; did you mean 'b' or 'c'?",
        ),
    ],
)
def test_errors_say_what_is_wrong_and_can_be_pickled(error: Exception, text: str) -> None:
    assert str(error) == text
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(again) is type(error)
    assert vars(again) == vars(error)
