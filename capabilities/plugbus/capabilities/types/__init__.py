"""Semantic data types: what an action takes and returns, and which of them fit together."""

from .builtin import (
    BUILT_IN_TYPES,
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
from .data_type import DataType, check_type
from .errors import TypeDefinitionError, TypeExistsError, TypeNotFoundError
from .offer import DATA_TYPE, TypeOffer, provide_type
from .registry import TypeInfo, TypeRegistry

__all__ = [
    "BUILT_IN_TYPES",
    "DATA_TYPE",
    "COCODataset",
    "DMDataset",
    "DMv1Dataset",
    "DMv2Dataset",
    "DataType",
    "Dataset",
    "ImageStream",
    "InferenceResults",
    "Model",
    "ModelWeights",
    "ONNXModel",
    "PascalVOCDataset",
    "Result",
    "TensorRTModel",
    "TestResults",
    "TypeDefinitionError",
    "TypeExistsError",
    "TypeInfo",
    "TypeNotFoundError",
    "TypeOffer",
    "TypeRegistry",
    "YOLODataset",
    "check_type",
    "provide_type",
]
