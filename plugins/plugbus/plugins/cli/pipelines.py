"""Pipelines that are written down: a document, and the pipeline that it describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from plugbus.capabilities import ActionNode, ActionPipeline, PipelineDefinitionError, PipelineParamsError
from plugbus.loaders import Document, DocumentError, Fault, read_document, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from plugbus.capabilities import PipelineFault
    from plugbus.kernel import ServiceLocator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ActionEntry(_Strict):
    """One action of a pipeline."""

    action: str = Field(description="The name that a plugin offers it under.")
    name: str | None = Field(default=None, description="Its name in the pipeline.")
    params: dict[str, Any] = Field(default={}, description="Parameters of this action alone.")
    inputs: dict[str, str] = Field(default={}, description="Parameter to what it gets: action.field, or params.field.")
    after: list[str] = Field(default=[], description="Actions that have to be done before; in graphs.")
    when: str | None = Field(default=None, description="What has to be true for it to be run.")
    weight: float = Field(default=1.0, ge=0, description="Its share of the progress of the whole.")


class PipelineFile(_Strict):
    """A pipeline."""

    name: str = Field(default="pipeline", description="What it goes by.")
    order: Literal["chain", "graph"] = Field(
        default="chain", description="Whether each action waits for the one before it, or for those that it names."
    )
    params: dict[str, Any] = Field(default={}, description="What it begins with.")
    actions: list[ActionEntry] = Field(description="Its actions.")
    strict: bool = Field(default=False, description="Refuse what may fit and need not.")
    continue_on_failure: bool = Field(default=False, description="Whether other branches go on when an action fails.")
    max_parallel: int | None = Field(default=None, ge=1, description="How many actions may run at once.")


@dataclass(frozen=True, slots=True)
class WrittenPipeline:
    """A pipeline that was read.

    Args:
        pipeline: The pipeline.
        params: What it begins with.
        document: Where everything in it stands.
    """

    pipeline: ActionPipeline
    params: Mapping[str, Any]
    document: Document

    def check(self, params: Mapping[str, Any]) -> None:
        """Look at what the pipeline is to begin with.

        Raises:
            DocumentError: It is wrong; has every fault with its place.
        """
        try:
            self.pipeline.check_params(params)
        except PipelineParamsError as error:
            source = self.document.source
            faults = [_fault(self.document, ("params", path), f"{path}: {why}") for path, why in error.faults]
            raise DocumentError(source, tuple(faults)) from error


def read_pipeline(
    path: Path, services: ServiceLocator, load: Callable[[Iterable[str]], None], changed: Mapping[str, Any]
) -> WrittenPipeline:
    """Read a pipeline from a YAML or JSON file, and make it of the actions that plugins offer.

    Args:
        path: The file.
        services: Where the actions are found.
        load: Loads the plugins of the actions with these names, where there are such.
        changed: Values that take the place of those in the file: ``parameter``, or ``action.parameter``.

    Raises:
        DocumentError: It is wrong; has every fault with its place.
    """
    document = read_document(path)
    file = validate(PipelineFile, document)
    load(dict.fromkeys(one.action for one in file.actions))
    names = [one.name or one.action.rpartition(".")[2] for one in file.actions]
    own: dict[str, dict[str, Any]] = {name: {} for name in names}
    params = dict(file.params)
    for key, value in changed.items():
        action, _, parameter = key.partition(".")
        if parameter and action in own:
            own[action][parameter] = value
        else:
            params[key] = value
    nodes = [
        ActionNode(
            one.action,
            {**one.params, **own[name]},
            {key: text for key, text in one.inputs.items() if key not in own[name]},
            name,
            tuple(one.after),
            one.when,
            one.weight,
        )
        for name, one in zip(names, file.actions, strict=True)
    ]
    make = ActionPipeline if file.order == "chain" else ActionPipeline.graph
    try:
        pipeline = make(
            nodes,
            name=file.name,
            services=services,
            strict=file.strict,
            continue_on_failure=file.continue_on_failure,
            max_parallel=file.max_parallel,
        )
    except PipelineDefinitionError as error:
        faults = tuple(_placed(document, names, one) for one in error.faults)
        raise DocumentError(document.source, faults) from error
    return WrittenPipeline(pipeline, params, document)


def _placed(document: Document, names: list[str], fault: PipelineFault) -> Fault:
    """Return a fault of a definition at the place in the document that it is about.

    What is not written there, such as a parameter of the command line, is told at the action.
    """
    node = () if fault.action is None else ("actions", names.index(fault.action))
    is_written = (*node, *fault.path[:2]) in document.positions
    return _fault(document, (*node, *fault.path) if is_written else node, str(fault))


def _fault(document: Document, path: tuple[str | int, ...], why: str) -> Fault:
    """Return a fault at the nearest place that was written."""
    while path not in document.positions:
        path = path[:-1]
    position = document.key_positions.get(path) or document.positions[path]
    return Fault(source=document.source, position=position, path=(), why=why)
