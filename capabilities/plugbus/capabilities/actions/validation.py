"""Parameters and results against their models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import AliasChoices, BaseModel, ValidationError

from ..errors import ActionDefinitionError, ParamsError, ResultError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .action import BaseAction


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
    if not issubclass(model, BaseModel):
        return result
    label = name or action_cls.action_name or action_cls.__qualname__
    try:
        if not isinstance(result, model):
            return model.model_validate(result)
        # It may have been made or changed without validation: its fields are looked at again.
        again = _fields_of(result)
        if again is not None:
            type(result).model_validate(again)
    except ValidationError as error:
        raise ResultError(label, model.__qualname__, _faults(error), result) from error
    return result


def _fields_of(result: BaseModel) -> dict[str, Any] | None:
    """Return an object's fields under the names by which its model reads them; None where one is read by a path."""
    found: dict[str, Any] = {}
    for name, field in type(result).model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
        key = next((one for one in choices if isinstance(one, str)), None)
        if key is None:
            return None
        if hasattr(result, name):
            found[key] = getattr(result, name)
    return found


def _faults(error: ValidationError) -> tuple[tuple[str, str], ...]:
    return tuple((".".join(str(part) for part in fault["loc"]), fault["msg"]) for fault in error.errors())
