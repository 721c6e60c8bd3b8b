"""The types that ship: datasets, models, results."""

from __future__ import annotations

from typing import ClassVar, Final

from .data_type import DataType


class Dataset(DataType):
    """Examples to learn from or to test with, laid out in any way."""

    name = "dataset"
    description = "Examples, laid out in any way."


class DMDataset(Dataset):
    """One JSON document an image, of either version."""

    name = "dm_dataset"
    format = "dm"
    description = "One JSON document an image, of either version."


class DMv1Dataset(DMDataset):
    """One JSON document an image: shapes and their coordinates in two lists."""

    name = "dm_v1_dataset"
    format = "dm_v1"
    description = "One JSON document an image, shapes and coordinates apart."


class DMv2Dataset(DMDataset):
    """One JSON document an image: shapes by tool."""

    name = "dm_v2_dataset"
    format = "dm_v2"
    description = "One JSON document an image, shapes by tool."


class YOLODataset(Dataset):
    """One text file an image, with relative coordinates, and a file of names."""

    name = "yolo_dataset"
    format = "yolo"
    description = "One text file an image, with relative coordinates."


class COCODataset(Dataset):
    """One JSON document for all images of a split."""

    name = "coco_dataset"
    format = "coco"
    description = "One JSON document for all images of a split."


class PascalVOCDataset(Dataset):
    """One XML document an image."""

    name = "pascal_voc_dataset"
    format = "pascal_voc"
    description = "One XML document an image."


class ImageStream(Dataset):
    """Annotated images that a program reads one after the other: an ``ItemStream``. All image formats pass it."""

    name = "image_stream"
    description = "Annotated images, one after the other, in memory."


class Model(DataType):
    """A trained model, in any form."""

    name = "model"
    description = "A trained model, in any form."


class ModelWeights(Model):
    """The weights of a model, to be read by the code that defines it."""

    name = "model_weights"
    format = "weights"
    description = "Weights, read by the code that defines the model."


class ONNXModel(Model):
    """A model as an ONNX graph."""

    name = "onnx_model"
    format = "onnx"
    description = "A model as an ONNX graph."


class TensorRTModel(Model):
    """A model as a TensorRT engine, for one kind of device."""

    name = "tensorrt_model"
    format = "tensorrt"
    description = "A model as a TensorRT engine."


class Result(DataType):
    """What came out of work."""

    name = "result"
    description = "What came out of work."


class TestResults(Result):
    """What a test of a model measured."""

    __test__: ClassVar[bool] = False  # pytest would take it for a test where a test module imports it
    name = "test_results"
    description = "What a test of a model measured."


class InferenceResults(Result):
    """What a model predicted."""

    name = "inference_results"
    description = "What a model predicted."


BUILT_IN_TYPES: Final[tuple[type[DataType], ...]] = (
    COCODataset,
    Dataset,
    DMDataset,
    DMv1Dataset,
    DMv2Dataset,
    ImageStream,
    InferenceResults,
    Model,
    ModelWeights,
    ONNXModel,
    PascalVOCDataset,
    Result,
    TensorRTModel,
    TestResults,
    YOLODataset,
)
"""What a registry holds from the start."""
