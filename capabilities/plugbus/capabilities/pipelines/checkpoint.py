"""How far a run of a pipeline came, as plain data that is kept where the end of its process does not reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from json import dumps
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from ..steps.errors import CheckpointError
from ..steps.plain import fault_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from .plan import PipelinePlan, PlannedAction


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What one action returned.

    Args:
        run_id: The run.
        action_name: The action's name in the pipeline.
        result: What it returned, as JSON data; None where it was skipped.
        created_at: When it was kept, in UTC.
        is_skipped: Whether it was skipped.
    """

    run_id: str
    action_name: str
    result: Any = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    is_skipped: bool = False


@dataclass(frozen=True, slots=True)
class PipelineCheckpoint:
    """How far a run of a pipeline came.

    Args:
        pipeline: The pipeline's name.
        run_id: The run.
        nodes: What each action is, as ``described`` says it; by which a changed pipeline is known.
        params: What the run began with, as JSON data.
        done: What came of the actions that need not be run any more.
    """

    pipeline: str
    run_id: str
    nodes: Mapping[str, Mapping[str, Any]]
    params: Mapping[str, Any]
    done: tuple[Checkpoint, ...] = ()


class PipelineCheckpoints(Protocol):
    """Keep the checkpoint of one run. ``str()`` of it says where, for messages.

    It holds a checkpoint while a run is under way, and after one that did not get to its end.
    """

    def load(self) -> PipelineCheckpoint | None:
        """Return the checkpoint, None where there is none."""
        ...

    def save(self, checkpoint: PipelineCheckpoint) -> None:
        """Put a checkpoint in the place of the last one. When this returns, it is kept whatever happens."""
        ...

    def clear(self) -> None:
        """Drop the checkpoint; does nothing where there is none."""
        ...

    def hold(self) -> AbstractContextManager[None]:
        """Return a block that keeps other runs from using it, also those of other processes.

        Raises:
            CheckpointError: One is using it; raised where the block begins.
        """
        ...


def described(plan: PipelinePlan) -> dict[str, dict[str, Any]]:
    """Return what each action of a plan is, as JSON data: what has to be the same for a run to be resumed."""
    return {one.name: _described(one) for one in plan.actions.values()}


def changes(before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is different between two descriptions, a text for each difference."""
    for name in before:
        if name not in now:
            yield f"action '{name}' is gone"
    for name, found in now.items():
        if name not in before:
            yield f"action '{name}' is new"
            continue
        known = before[name]
        for what, text in _TOLD.items():
            if known.get(what) != found[what]:
                is_readable = not what.endswith("_schema")
                told = f" from {known.get(what)!r} to {found[what]!r}" if is_readable else ""
                yield f"{text} of action '{name}' changed{told}"


_TOLD: Mapping[str, str] = {
    "action": "the class",
    "params": "the parameters",
    "inputs": "the inputs",
    "needs": "what has to be done before the begin",
    "when": "the condition",
    "params_schema": "the model of the parameters",
    "result_schema": "the model of the result",
}


def plain_params(params: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return parameters as JSON data.

    Raises:
        CheckpointError: They can't be kept; says where they are to be kept and why.
    """
    try:
        plain: dict[str, Any] = to_jsonable_python(dict(params), inf_nan_mode="constants")
    except PydanticSerializationError as error:
        raise CheckpointError(place, "write", f"the parameters are no plain data: {error}") from error
    fault = fault_of(plain, "params")
    if fault is not None:
        raise CheckpointError(place, "write", f"{fault}; keep plain data alone")
    return plain


def encoded_result(one: PlannedAction, result: Any, place: str) -> Any:
    """Return what an action returned as JSON data that ``decoded_result`` makes the same of.

    Raises:
        CheckpointError: It can't be kept; says where it is to be kept and why.
    """
    cause = f"the result of action '{one.name}'"
    try:
        plain = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
        fault = fault_of(plain)
        if fault is not None:
            remedy = "declare a result_model, or return plain data"
            raise CheckpointError(place, "write", f"{cause} can't be kept: {fault}; {remedy}")
        if decoded_result(one, plain) != result and isinstance(result, BaseModel) and _model_of(one) is not None:
            raise CheckpointError(place, "write", f"{cause} can't be kept: its model reads something else back")
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(place, "write", f"{cause} can't be kept: {error}") from error
    return plain


def decoded_result(one: PlannedAction, plain: Any) -> Any:
    """Return a kept result as the action returned it: an object of its result model, where it has one.

    Raises:
        ValidationError: The model does not take it.
    """
    model = _model_of(one)
    return plain if model is None else model.model_validate(plain, by_name=True, by_alias=False)


def _model_of(one: PlannedAction) -> type[BaseModel] | None:
    model = one.action_cls.result_model
    return model if issubclass(model, BaseModel) else None


def _described(one: PlannedAction) -> dict[str, Any]:
    model = _model_of(one)
    return {
        "action": _identity(one),
        "params": to_jsonable_python(one.params, fallback=repr, inf_nan_mode="strings"),
        "inputs": {key: str(reference) for key, reference in one.inputs.items()},
        "needs": list(one.needs),
        "when": None if one.when is None else str(one.when),
        "params_schema": _digest(one.model),
        "result_schema": None if model is None else _digest(model),
    }


def _identity(one: PlannedAction) -> str:
    """Return what the action is known by: what it is offered as, since a plugin's module has another name each time."""
    if "." in one.label:
        return one.label
    return f"{one.action_cls.__module__}.{one.action_cls.__qualname__}"


def _digest(model: type[BaseModel]) -> str:
    """Return a short mark of a model's fields and their types."""
    try:
        schema: Any = model.model_json_schema()
    except Exception:  # noqa: BLE001 - types that JSON Schema does not know; their names tell a change too
        schema = {name: [repr(one.annotation), one.is_required()] for name, one in model.model_fields.items()}
    return sha256(dumps(schema, sort_keys=True, default=repr).encode()).hexdigest()[:16]
