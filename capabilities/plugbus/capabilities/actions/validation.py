"""Parameters and results against their models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from ..errors import ActionDefinitionError, ParamsError, ResultError
from .action import BaseAction, NoResult

if TYPE_CHECKING:
    from collections.abc import Mapping


def validate_params(
    action_cls: type[BaseAction[Any]], params: Mapping[str, Any] | BaseModel | None, *, name: str | None = None
) -> BaseModel:
    """Return the parameters as an object of the action's model.

    Raises:
        ActionDefinitionError: The action names no parameter model.
        ParamsError: They do not fit; holds every fault.
    """
    label = name or action_cls.action_name or action_cls.__qualname__
    model = getattr(action_cls, "params_model", None)
    if model is None:
        cause = "it has no parameter model; write BaseAction[YourParams], or set params_model"
        raise ActionDefinitionError(label, cause)
    if isinstance(params, BaseModel) and isinstance(params, model):
        return params
    if isinstance(params, BaseModel):
        params = params.model_dump()
    try:
        validated: BaseModel = model.model_validate(dict(params or {}))
    except ValidationError as error:
        raise ParamsError(label, _faults(error)) from error
    return validated


def validate_result(action_cls: type[BaseAction[Any]], result: Any, *, name: str | None = None) -> Any:
    """Return the result; a mapping becomes an object of the action's result model, if it has one.

    Raises:
        ResultError: It does not fit; holds every fault, and the result.
    """
    model = action_cls.result_model
    if model is NoResult or not issubclass(model, BaseModel):
        return result
    label = name or action_cls.action_name or action_cls.__qualname__
    if isinstance(result, model):
        # It may have been made or changed without validation: its fields are looked at again.
        result_data: Any = {key: getattr(result, key) for key in type(result).model_fields if hasattr(result, key)}
    else:
        result_data = result
    try:
        validated = model.model_validate(result_data)
    except ValidationError as error:
        raise ResultError(label, model.__qualname__, _faults(error), result) from error
    return result if isinstance(result, model) else validated


def _faults(error: ValidationError) -> tuple[tuple[str, str], ...]:
    return tuple((".".join(str(part) for part in fault["loc"]), fault["msg"]) for fault in error.errors())
