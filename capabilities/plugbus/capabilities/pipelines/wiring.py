"""What each action gets: its own parameters, what it is wired to, earlier results, and what the pipeline began with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from .checking import ambiguity, declared_producers, keyed, sources_of
from .errors import PipelineParamsError, WiringError
from .fields import given_faults, result_fields
from .node import INITIAL
from .plan import near

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .node import Reference
    from .plan import PipelinePlan, PlannedAction


def missing_params(plan: PipelinePlan, params: Mapping[str, Any]) -> list[str]:
    """Return the parameters that no action can get from anywhere, as ``action.parameter``."""
    return [
        f"{one.name}.{name}"
        for one in plan.actions.values()
        for name in one.fields
        if _is_missing(one, name, plan, params)
    ]


def check_params(plan: PipelinePlan, params: Mapping[str, Any]) -> None:
    """Look at what a pipeline is to begin with, as far as that can be done before anything is run.

    Raises:
        PipelineParamsError: Something is missing, unknown, or what it must not be; has every fault.
    """
    faults = [(place, "it is missing, and no earlier action returns it") for place in missing_params(plan, params)]
    fields = (field for one in plan.actions.values() for field in one.fields.values())
    known = dict.fromkeys(name for field in fields for name in (field.name, *field.keys))
    referred = {one.path[0] for one in _initial_references(plan)}
    takes_all = any(one.takes_extra for one in plan.actions.values())
    for key in params:
        if key not in known and key not in referred and not takes_all:
            faults.append((key, f"no action has this parameter{near(key, known)}"))
    for name in sorted(referred - params.keys()):
        users = [one.name for one in plan.actions.values() if any(ref.path[0] == name for ref in _initial_of(one))]
        faults.append((name, f"it is missing, and {' and '.join(map(repr, users))} refers to it"))
    if plan.is_strict:
        faults += _shadowed(plan, params)
    for one in plan.actions.values():
        own = _own_faults(one, plan, params)
        told = [(f"{one.name}.{'.'.join(map(str, path))}", why) for path, why in own]
        faults += [fault for fault in told if fault[0] not in {place for place, _ in faults}]
    if faults:
        raise PipelineParamsError(plan.name, tuple(faults))


def gathered(
    one: PlannedAction, plan: PipelinePlan, params: Mapping[str, Any], results: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters of an action, under the keys by which its model reads them.

    For each, the first of these that there is: its own; what it is wired to; the nearest earlier result with a field
    of its name; the initial parameter of its name.

    Args:
        one: The action.
        plan: What it is part of.
        params: What the pipeline began with.
        results: Action to result, of those that were run.

    Raises:
        WiringError: A reference leads nowhere, or it is open which result is meant; has every fault.
    """
    values: dict[str, Any] = {}
    if one.takes_extra:
        values |= {key: value for key, value in params.items() if one.field_of(key) is None}
    values |= {**one.params}
    faults: list[tuple[str, str]] = []
    for key, reference in one.inputs.items():
        try:
            values[key] = resolved(reference, params, results)
        except LookupError as error:
            faults.append((key, str(error.args[0])))
    settled = {found.name for key in (*values, *one.inputs) if (found := one.field_of(key)) is not None}
    for name, field in one.fields.items():
        if name in settled:
            continue
        names = (*field.keys, name)
        made = tuple(each for each in one.ancestors if each in results and _has_any(results[each], names))
        sources = sources_of(one, name, made, plan)
        if len(sources) > 1:
            faults.append((name, "; ".join(ambiguity(name, sources))))
        elif sources:
            values[name] = next(_part(results[sources[0]], key) for key in names if _has(results[sources[0]], key))
        else:
            given = [key for key in names if key in params]
            if given:
                values[name] = params[given[0]]
    if faults:
        raise WiringError(one.name, tuple(faults))
    return {key: _handed(value) for key, value in keyed(one, values).items()}


def resolved(reference: Reference, params: Mapping[str, Any], results: Mapping[str, Any]) -> Any:
    """Return what a reference leads to.

    Raises:
        LookupError: It leads nowhere; says where it ends.
    """
    value: Any = params if reference.source == INITIAL else results[reference.source]
    reached = reference.source
    for part in reference.path:
        if not _has(value, part):
            what = "there is no initial parameter" if reached == INITIAL else f"'{reached}' has no field"
            raise LookupError(f"{what} '{part}'{near(part, _names(value))}")
        value = _part(value, part)
        reached = f"{reached}.{part}"
    return value


def _is_missing(one: PlannedAction, name: str, plan: PipelinePlan, params: Mapping[str, Any]) -> bool:
    field = one.fields[name]
    names = {*field.keys, name}
    if not field.is_required or names & (params.keys() | one.params.keys() | one.inputs.keys()):
        return False
    if declared_producers(one, name, plan):
        return False
    # An action that does not say what it returns may return anything; strictly taken that is nothing.
    is_open = any(result_fields(plan.actions[each].action_cls) is None for each in one.ancestors)
    return plan.is_strict or not is_open


def _shadowed(plan: PipelinePlan, params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield which parameters could be taken from what the pipeline begins with as well as from an earlier result."""
    for one in plan.actions.values():
        for name, field in one.fields.items():
            names = {*field.keys, name}
            producers = declared_producers(one, name, plan)
            if producers and names & params.keys() and not names & (one.params.keys() | one.inputs.keys()):
                remedy = f"say which: inputs={{'{name}': 'params.{name}'}} or '{producers[-1]}.{name}'"
                yield f"{one.name}.{name}", f"it is given, and action '{producers[-1]}' returns it too; {remedy}"


def _own_faults(
    one: PlannedAction, plan: PipelinePlan, params: Mapping[str, Any]
) -> list[tuple[tuple[str | int, ...], str]]:
    """Return what an action's model finds wrong with what is known before anything is run."""
    is_open = any(result_fields(plan.actions[each].action_cls) is None for each in one.ancestors)
    values = {key: value for key, value in params.items() if one.takes_extra and one.field_of(key) is None}
    for name, field in one.fields.items():
        given = [key for key in (*field.keys, name) if key in params]
        if given and not is_open and not declared_producers(one, name, plan):
            values[name] = params[given[0]]
    values |= one.params
    values |= {
        key: params[reference.path[0]]
        for key, reference in one.inputs.items()
        if reference.source == INITIAL and len(reference.path) == 1 and reference.path[0] in params
    }
    settled = {found.name for key in values if (found := one.field_of(key)) is not None}
    is_whole = not one.ancestors and all(name in settled or not one.fields[name].is_required for name in one.fields)
    return given_faults(one.model, keyed(one, values), is_whole=is_whole)


def _initial_of(one: PlannedAction) -> Iterator[Reference]:
    references = (*one.inputs.values(), *(() if one.when is None else (one.when,)))
    return (reference for reference in references if reference.source == INITIAL)


def _initial_references(plan: PipelinePlan) -> Iterator[Reference]:
    return (reference for one in plan.actions.values() for reference in _initial_of(one))


def _names(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [str(key) for key in value]
    return list(type(value).model_fields) if isinstance(value, BaseModel) else []


def _has(value: Any, key: str) -> bool:
    if isinstance(value, Mapping):
        return key in value
    return isinstance(value, BaseModel) and (key in type(value).model_fields or key in (value.model_extra or {}))


def _has_any(value: Any, keys: tuple[str, ...]) -> bool:
    return any(_has(value, key) for key in keys)


def _part(value: Any, key: str) -> Any:
    return value[key] if isinstance(value, Mapping) else getattr(value, key)


def _handed(value: Any) -> Any:
    """Return a value as another model takes it: an object of one model is no object of another."""
    return value.model_dump() if isinstance(value, BaseModel) else value
