"""What parameter and result models say of their fields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_args, get_origin

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    PlainValidator,
    ValidationError,
    WrapValidator,
)

from ..errors import ActionDefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

    from ..actions import BaseAction

_SCALARS: Final = (bool, int, float, complex, str, bytes, PurePath)
_CONTAINERS: Final = (dict, list, tuple, set, frozenset)
# What is not so when a pipeline begins may be so when the action does: an earlier one makes the file.
_OF_THE_MOMENT: Final = frozenset({"path_not_file", "path_not_directory", "path_exists", "path_not_exists"})


@dataclass(frozen=True, slots=True)
class ParamField:
    """One parameter.

    Args:
        name: The attribute.
        keys: The names that the model reads it by, the first of which it is given under.
        is_required: Whether it has no default.
        annotation: Its type.
    """

    name: str
    keys: tuple[str, ...]
    is_required: bool
    annotation: Any


def model_of(action_cls: type[BaseAction[Any]]) -> type[BaseModel]:
    """Return the model of an action's parameters.

    Raises:
        ActionDefinitionError: It has none.
    """
    model: type[BaseModel] | None = getattr(action_cls, "params_model", None)
    if model is None:
        cause = "it has no parameter model; write BaseAction[YourParams], or set params_model"
        raise ActionDefinitionError(action_cls.action_name or action_cls.__name__, cause)
    return model


def param_fields(model: type[BaseModel]) -> dict[str, ParamField]:
    """Return the fields of a model that can be given by a name, in their order."""
    by_name = model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")
    found: dict[str, ParamField] = {}
    for name, one in model.model_fields.items():
        keys = tuple(_keys(name, one, by_name=bool(by_name)))
        if keys:
            found[name] = ParamField(
                name, keys, one.is_required(), Any if _converts(model, name, one) else one.annotation
            )
    return found


def _converts(model: type[BaseModel], name: str, field: FieldInfo) -> bool:
    """Tell whether code of the model sees a value before its type counts, and may turn anything into it."""
    own = model.__pydantic_decorators__
    return (
        any(isinstance(one, BeforeValidator | PlainValidator | WrapValidator) for one in field.metadata)
        or any({name, "*"} & set(one.info.fields) for one in own.field_validators.values())
        or any(one.info.mode != "after" for one in own.model_validators.values())
    )


def allows_extra(model: type[BaseModel]) -> bool:
    """Tell whether a model takes what it has no field for."""
    return model.model_config.get("extra") == "allow"


def result_fields(action_cls: type[BaseAction[Any]]) -> Mapping[str, FieldInfo] | None:
    """Return the fields of an action's result; None where nothing is declared, or more may come."""
    model = action_cls.result_model
    if not issubclass(model, BaseModel) or allows_extra(model):
        return None
    return model.model_fields


def given_faults(
    model: type[BaseModel], given: Mapping[str, Any], *, is_whole: bool
) -> list[tuple[tuple[str | int, ...], str]]:
    """Return what a model finds wrong with values for some of its fields, as ``(path, why)``.

    Args:
        model: The model.
        given: Key to value.
        is_whole: Whether nothing is added later: then what is missing counts too.
    """
    try:
        model.model_validate(dict(given))
    except ValidationError as error:
        return [
            (one["loc"], " ".join(one["msg"].split()))
            for one in error.errors(include_url=False, include_input=False)
            if one["type"] not in _OF_THE_MOMENT
            and (is_whole or (one["loc"] and one["loc"][0] in given and (one["type"] != "missing" or one["loc"][1:])))
        ]
    except Exception:
        # A validator that expects all fields may stumble over some of them; what it raises then says nothing.
        if is_whole:
            raise
    return []


def fits(produced: Any, wanted: Any) -> bool:
    """Tell whether a value of one type may be taken for another: no is said only where one is a single value and the
    other holds values, for pydantic turns much into much.
    """
    makes, takes = list(_plain(produced)), list(_plain(wanted))
    if not makes or not takes or None in makes or None in takes:
        return True
    return any(a == b for a in makes for b in takes)


def _plain(annotation: Any) -> Iterator[bool | None]:
    """Yield, for each alternative of a type, whether it holds values; None where that can't be told."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _plain(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for one in get_args(annotation):
            yield from _plain(one)
    elif annotation is NoneType:
        return
    else:
        kind = origin or annotation
        if isinstance(kind, type) and issubclass(kind, _CONTAINERS):
            yield True
        elif isinstance(kind, type) and issubclass(kind, _SCALARS):
            yield False
        else:
            yield None


def _keys(name: str, field: FieldInfo, *, by_name: bool) -> Iterator[str]:
    alias = field.validation_alias
    for one in alias.choices if isinstance(alias, AliasChoices) else [alias]:
        if isinstance(one, str):
            yield one
    if alias is None or by_name:
        yield name
