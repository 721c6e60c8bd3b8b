"""What can be known to be wrong with a pipeline before it is run: types of data, and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from .fault import PipelineFault
from .fields import allows_extra, fits, given_faults, result_fields
from .node import INITIAL
from .plan import offer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .node import Reference
    from .plan import PipelinePlan, PlannedAction


def plan_faults(plan: PipelinePlan) -> tuple[PipelineFault, ...]:
    """Return everything that is wrong between the actions of a plan."""
    faults: list[PipelineFault] = []
    for one in plan.actions.values():
        faults += node_faults(one, plan.actions)
        faults += _type_faults(one, plan)
        faults += _collisions(one, plan)
    return tuple(faults)


def node_faults(one: PlannedAction, actions: Mapping[str, PlannedAction]) -> Iterator[PipelineFault]:
    """Yield what is wrong with the parameters and the wiring of one action."""
    for section, kind, keys in (("params", "parameter", one.params), ("inputs", "input", one.inputs)):
        for key in keys:
            if one.field_of(key) is None and not one.takes_extra:
                why = f"it has no parameter '{key}', given as {kind}"
                yield PipelineFault(one.name, (section, key), why, offer(key, one.fields))
    given = {_name(one, key) for key in one.params}
    for key in one.inputs:
        if _name(one, key) in given:
            why = f"'{key}' is given as parameter and as input"
            yield PipelineFault(one.name, ("inputs", key), why, "keep one of them")
    known = {key: value for key, value in one.params.items() if one.field_of(key) is not None}
    written = {_key(one, key): key for key in known}
    for path, why in given_faults(one.model, keyed(one, known), is_whole=False):
        place = ("params", written.get(str(path[0]), path[0]), *path[1:])
        yield PipelineFault(one.name, place, f"parameter '{'.'.join(map(str, path))}': {why}")
    for key, reference in one.inputs.items():
        field = one.field_of(key)
        for why, remedy in _reference_faults(f"input '{key}'", reference, actions, field and field.annotation):
            yield PipelineFault(one.name, ("inputs", key), why, remedy)
    if one.when is not None:
        for why, remedy in _reference_faults("when", one.when, actions, None):
            yield PipelineFault(one.name, ("when",), why, remedy)


def keyed(one: PlannedAction, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values under the keys by which the action's model reads them."""
    return {_key(one, key): value for key, value in values.items()}


def sources_of(one: PlannedAction, field: str, producers: tuple[str, ...], plan: PipelinePlan) -> tuple[str, ...]:
    """Return which of the earlier actions that make something of a parameter's name it is taken from.

    An action whose product another one of them comes after is out; more than one is left where none of them comes
    after the other. In a strict pipeline all are left.
    """
    if plan.is_strict:
        return producers
    over = {before for name in producers for before in plan.actions[name].ancestors}
    return tuple(name for name in producers if name not in over)


def declared_producers(one: PlannedAction, field: str, plan: PipelinePlan) -> tuple[str, ...]:
    """Return the earlier actions whose results are declared to have a field of a parameter's name, in order."""
    keys = {field, *one.fields[field].keys}
    return tuple(name for name in one.ancestors if keys & (result_fields(plan.actions[name].action_cls) or {}).keys())


def ambiguity(field: str, sources: tuple[str, ...]) -> tuple[str, str]:
    """Say that a parameter could be taken from several actions, and what to write, as ``(why, remedy)``."""
    listed = " or ".join(f"'{name}'" for name in sources)
    remedy = f"say which: inputs={{'{field}': '{sources[-1]}.{field}'}}"
    return f"parameter '{field}' could be taken from {listed}", remedy


def _collisions(one: PlannedAction, plan: PipelinePlan) -> Iterator[PipelineFault]:
    """Yield which parameters could come from several earlier results, and which come as what they can't be."""
    settled = {_name(one, key) for key in (*one.params, *one.inputs)}
    for name, field in one.fields.items():
        if name in settled:
            continue
        sources = sources_of(one, name, declared_producers(one, name, plan), plan)
        if len(sources) > 1:
            yield PipelineFault(one.name, ("inputs", name), *ambiguity(name, sources))
        elif sources:
            made = result_fields(plan.actions[sources[0]].action_cls) or {}
            key = next(key for key in (name, *field.keys) if key in made)
            if not fits(made[key].annotation, field.annotation):
                found = f"'{sources[0]}.{key}' {_told(made[key].annotation)}"
                why = f"parameter '{name}' is {_told(field.annotation)}, and {found}"
                yield PipelineFault(one.name, ("inputs", name), why)


def _reference_faults(
    told: str, reference: Reference, actions: Mapping[str, PlannedAction], wanted: Any
) -> Iterator[tuple[str, str]]:
    """Yield why a reference leads nowhere, as far as that is declared, and what to do."""
    if reference.source == INITIAL:
        if not reference.path:
            yield f"{told}: say which of the initial parameters: 'params.NAME'", ""
        return
    source = actions.get(reference.source)
    if source is None or not reference.path:
        return
    fields = result_fields(source.action_cls)
    reached, made = reference.source, None
    for part in reference.path:
        if fields is None:
            return
        if part not in fields:
            yield f"{told}: '{reached}' has no field '{part}'", offer(part, fields)
            return
        made = fields[part].annotation
        reached = f"{reached}.{part}"
        fields = None
        if isinstance(made, type) and issubclass(made, BaseModel) and not allows_extra(made):
            fields = made.model_fields
    if wanted is not None and not fits(made, wanted):
        yield f"{told} is {_told(wanted)}, and '{reached}' {_told(made)}", ""


def _type_faults(one: PlannedAction, plan: PipelinePlan) -> Iterator[PipelineFault]:
    """Yield that no earlier action makes the kind of data that an action takes, where any says what it makes."""
    wanted = one.action_cls.input_type
    made = {name: plan.actions[name].action_cls.output_type for name in one.ancestors}
    typed = {name: kind for name, kind in made.items() if kind is not None}
    if wanted is None or not typed:
        return
    accepted = wanted.accepts if plan.is_strict else wanted.is_compatible_with
    if not any(accepted(kind) for kind in typed.values()):
        listed = ", ".join(f"'{name}' makes {_type_name(kind)}" for name, kind in typed.items())
        sure = " for sure" if any(wanted.is_compatible_with(kind) for kind in typed.values()) else ""
        why = f"it takes {_type_name(wanted)}, and no action before it makes that{sure}: {listed}"
        yield PipelineFault(one.name, (), why)


def _type_name(kind: type[Any]) -> str:
    name: str = getattr(kind, "name", kind.__name__)
    return name


def _key(one: PlannedAction, key: str) -> str:
    """Return the key by which the action's model reads what is given under a key."""
    field = one.field_of(key)
    return key if field is None or key in field.keys else field.keys[0]


def _name(one: PlannedAction, key: str) -> str:
    field = one.field_of(key)
    return key if field is None else field.name


def _told(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
