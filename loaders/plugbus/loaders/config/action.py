"""What a configuration says of one action."""
# This file imports capabilities: the kinds that a configuration names are words of the domain.

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from plugbus.capabilities import RunMethod

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_METHODS: Final[Mapping[str, RunMethod]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("train", "test", "export", "upload", "download", "convert", "deployment", "to_task", "add_task_data"),
            RunMethod.JOB,
        ),
        "inference": RunMethod.SERVE,
    }
)
"""How the actions of usual names are run; any other is a task."""

_ENTRYPOINT: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*[.:][^\W\d]\w*(?:\.[^\W\d]\w*)*")


def default_method(action: str) -> RunMethod:
    """Return how an action of this name is run where nobody says otherwise."""
    return DEFAULT_METHODS.get(action, RunMethod.TASK)


def _entrypoint(text: str) -> str:
    if text and _ENTRYPOINT.fullmatch(text) is None:
        raise ValueError("write module:Class, such as plugin.train:TrainAction, or module.Class")
    return text


def _type_name(value: Any) -> Any:
    """Take a class of data for its name."""
    return value.__name__ if isinstance(value, type) else value


def _model(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("a file cannot hold a class; leave it out, the action's own class names its parameters")  # noqa: TRY004 - pydantic turns only this kind into a fault
    return value


EntrypointText = Annotated[str, AfterValidator(_entrypoint)]
TypeName = Annotated[str | None, BeforeValidator(_type_name)]


class ActionConfig(BaseModel):
    """One action of a plugin, as its ``config.yaml`` has it.

    ``input_type`` and ``output_type`` may be given as classes, and are kept as the names of those.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name for people; the action's key by default.")
    description: str = Field(default="", description="One sentence for people.")
    entrypoint: EntrypointText = Field(
        default="", description="The class, as module:Class or module.Class; found by the action's name if left out."
    )
    method: RunMethod = Field(default=RunMethod.TASK, description="How it is run: job, task, serve or restapi.")
    params_schema: Annotated[type[BaseModel] | None, BeforeValidator(_model)] = Field(
        default=None, description="The model of its parameters, where a program makes the configuration."
    )
    input_type: TypeName = Field(default=None, description="Name of the data type that it takes.")
    output_type: TypeName = Field(default=None, description="Name of the data type that it makes.")
    serve_options: dict[str, Any] | None = Field(default=None, description="What a deployment is given.")
    hyperparameters: dict[str, Any] = Field(default={}, description="Free facts for user interfaces, kept as they are.")
    ui_schema: list[dict[str, Any]] = Field(default=[], description="A form written by hand, kept as it is.")

    @property
    def target(self) -> str:
        """Return the entry point as ``module:Class``; empty where none is given."""
        if ":" in self.entrypoint:
            return self.entrypoint
        return ":".join(self.entrypoint.rsplit(".", 1))
