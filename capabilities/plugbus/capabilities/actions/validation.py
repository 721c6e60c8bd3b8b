"""Parameters and results against their models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from ..errors import ActionDefinitionError, ParamsError, ResultError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .action import BaseAction


def params_model_of(action_cls: type[BaseAction[Any]], *, name: str | None = None) -> type[BaseModel]:
    """Return the model of an action's parameters.

    Raises:
        ActionDefinitionError: The action names none.
    """
    model: type[BaseModel] | None = getattr(action_cls, "params_model", None)
    if model is None:
        raise _no_model(action_cls, name)
    return model


def validate_params(
    action_cls: type[BaseAction[Any]], params: Mapping[str, Any] | BaseModel | None, *, name: str | None = None
) -> BaseModel:
    """Return the parameters as an object of the action's model.

    Raises:
        ActionDefinitionError: The action names no parameter model.
        ParamsError: They do not fit; holds every fault.
    """
    action: Any = action_cls  # for checkers params_model depends on what the class was subscribed with
    try:
        model: type[BaseModel] = action.params_model
    except AttributeError:
        raise _no_model(action_cls, name) from None
    if type(params) is not dict:  # most are; asking whether something is a model takes long
        if isinstance(params, BaseModel):
            if isinstance(params, model):
                return params
            params = params.model_dump()
        # Not a mapping of just any kind: a model may look at what it is given before it is validated.
        params = dict(params or ())
    try:
        return model.model_validate(params)
    except ValidationError as error:
        raise ParamsError(_label(action_cls, name), _faults(error)) from error


def validate_result(action_cls: type[BaseAction[Any]], result: Any, *, name: str | None = None) -> Any:
    """Return the result; a mapping becomes an object of the action's result model, if it has one.

    Raises:
        ResultError: It does not fit; holds every fault, and the result.
    """
    model = action_cls.result_model
    if not issubclass(model, BaseModel):
        return result
    try:
        if not isinstance(result, model):
            return model.model_validate(result)
        # It may have been made or changed without validation: its fields are looked at again.
        type(result).__pydantic_validator__.validate_python(result.__dict__, by_alias=False, by_name=True)
    except ValidationError as error:
        raise ResultError(_label(action_cls, name), model.__qualname__, _faults(error), result) from error
    return result


def _label(action_cls: type[BaseAction[Any]], name: str | None) -> str:
    return name or action_cls.action_name or action_cls.__qualname__


def _faults(error: ValidationError) -> tuple[tuple[str, str], ...]:
    return tuple((".".join(str(part) for part in fault["loc"]), fault["msg"]) for fault in error.errors())


def _no_model(action_cls: type[BaseAction[Any]], name: str | None) -> ActionDefinitionError:
    cause = "it has no parameter model; write BaseAction[YourParams], or set params_model"
    return ActionDefinitionError(_label(action_cls, name), cause)
