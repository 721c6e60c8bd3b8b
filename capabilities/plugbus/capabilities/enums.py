"""Kinds that manifests and actions name: of plugins, of media, of annotations, and how an action is run."""

from __future__ import annotations

from enum import StrEnum


class PluginCategory(StrEnum):
    """What a plugin is for."""

    NEURAL_NET = "neural_net"
    EXPORT = "export"
    UPLOAD = "upload"
    SMART_TOOL = "smart_tool"
    PRE_ANNOTATION = "pre_annotation"
    POST_ANNOTATION = "post_annotation"
    DATA_VALIDATION = "data_validation"
    CUSTOM = "custom"


class RunMethod(StrEnum):
    """How an action is run where nobody says otherwise."""

    JOB = "job"
    TASK = "task"
    SERVE = "serve"
    RESTAPI = "restapi"


class ExecutionMode(StrEnum):
    """Where ``run_plugin`` runs an action."""

    LOCAL = "local"
    TASK = "task"
    JOB = "job"


class PackageManager(StrEnum):
    """What installs a plugin's packages."""

    PIP = "pip"
    UV = "uv"


class MediaType(StrEnum):
    """What a plugin's data is made of; ``DataType`` of this module is another name for it."""

    IMAGE = "image"
    TEXT = "text"
    VIDEO = "video"
    PCD = "pcd"
    AUDIO = "audio"
    DATA = "data"


class AnnotationCategory(StrEnum):
    """What kind of media an annotation tool is for."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"
    PCD = "pcd"
    PROMPT = "prompt"
    TIME_SERIES = "time_series"


class AnnotationType(StrEnum):
    """What shape an annotation has."""

    BBOX = "bbox"
    POLYGON = "polygon"
    POINT = "point"
    LINE = "line"
    MASK = "mask"
    LABEL = "label"


class SmartToolType(StrEnum):
    """How much of an annotation a smart tool does on its own."""

    INTERACTIVE = "interactive"
    AUTOMATIC = "automatic"
    SEMI_AUTOMATIC = "semi_automatic"


class MetricsCategory(StrEnum):
    """Which part of the data a metric was measured on."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


DataType = MediaType
"""The name in plugin configurations; elsewhere ``DataType`` is the semantic type of an action's input or output."""
