"""The templates that ship. The files of each lie in the folder of its name, those of all in ``common``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..import_errors import offer_names
from .errors import TemplateNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class PluginTemplate:
    """A plugin to begin with.

    Args:
        name: What it is asked for by.
        summary: What a plugin of it does, one sentence.
        extra: The extra of plugbus that it needs; empty for none.
    """

    name: str
    summary: str
    extra: str = ""

    @property
    def requirement(self) -> str:
        """Return what pip is told, without a version."""
        return f"plugbus[{self.extra}]" if self.extra else "plugbus"


TEMPLATES: Final = (
    PluginTemplate("action", "Work with checked parameters and a checked result: describe numbers."),
    PluginTemplate("train", "Train a model: fit a line to a table by least squares, and write it to a file."),
    PluginTemplate("export", "Export tasks or ground truths of the backend as JSON lines.", "storage"),
    PluginTemplate("upload", "Upload a folder of images with captions as a dataset of the backend.", "storage"),
    PluginTemplate("inference", "Apply a model: read a line from a file, and predict numbers."),
    PluginTemplate("executor", "Run actions elsewhere: in a fixed number of threads."),
    PluginTemplate("data_type", "A type of data, and a converter to it: count the labels of any dataset."),
    PluginTemplate("step", "Contribute a step to a workflow of another plugin: record the environment."),
    PluginTemplate("tracking", "Record runs: parameters, metrics and tags in one table a run."),
)
"""All of them, in the order in which they are listed."""


def find_template(name: str, known: Iterable[PluginTemplate] = TEMPLATES) -> PluginTemplate:
    """Return a template by its name.

    Raises:
        TemplateNotFoundError: There is none; offers near names.
    """
    by_name = {one.name: one for one in known}
    try:
        return by_name[name]
    except KeyError:
        raise TemplateNotFoundError(name, offer_names(name, by_name), tuple(by_name)) from None
