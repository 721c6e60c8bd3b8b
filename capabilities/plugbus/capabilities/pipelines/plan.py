"""The plan of a pipeline: its actions with their names, what each waits for, and an order."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from heapq import heapify, heappop, heappush
from inspect import isabstract
from math import isfinite
from typing import TYPE_CHECKING, Any

from ..actions import BaseAction, find_action
from ..errors import ActionDefinitionError, ActionNotFoundError
from .errors import PipelineDefinitionError
from .fault import PipelineFault
from .fields import ParamField, allows_extra, model_of, param_fields
from .node import INITIAL, NODE_NAME, REFERENCE_FORM, ActionNode, Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic import BaseModel

    from plugbus.kernel import ServiceLocator


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """One action of a plan.

    Args:
        name: Its name in the pipeline.
        label: What events call it: the name that it is offered under, or its class's.
        action_cls: The action.
        params: Parameters of its own, by attribute or alias.
        inputs: Parameter to what it gets.
        when: What has to be true for it to be run.
        needs: The actions that it waits for, in their order.
        wired: Those of them that it gets something from; it is skipped where one of them was.
        ancestors: All that are done before it begins, in their order.
        fields: Its parameters.
        takes_extra: Whether it takes what it has no field for.
        weight: Its share of the whole.
    """

    name: str
    label: str
    action_cls: type[BaseAction[Any]]
    params: Mapping[str, Any]
    inputs: Mapping[str, Reference]
    when: Reference | None
    needs: tuple[str, ...]
    wired: frozenset[str]
    ancestors: tuple[str, ...]
    fields: Mapping[str, ParamField]
    takes_extra: bool
    weight: float

    @property
    def model(self) -> type[BaseModel]:
        """Return the model of its parameters."""
        return model_of(self.action_cls)

    def field_of(self, key: str) -> ParamField | None:
        """Return the parameter that is given under a key; None where there is none."""
        return next((one for one in self.fields.values() if key in one.keys or key == one.name), None)


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """What is run, in an order in which it can be: that of the declaration, as far as the needs allow.

    Args:
        name: The pipeline's name.
        actions: The actions by name, in order.
        is_strict: Whether what is not sure to fit is refused.
    """

    name: str
    actions: Mapping[str, PlannedAction]
    is_strict: bool

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """Return who waits for whom, as ``(before, after)``."""
        return tuple((need, one.name) for one in self.actions.values() for need in one.needs)


@dataclass(slots=True)
class _Draft:
    """A node while it is looked at."""

    node: ActionNode
    name: str
    label: str
    action_cls: type[BaseAction[Any]] | None
    inputs: dict[str, Reference]
    when: Reference | None
    needs: list[str]


def make_plan(
    name: str,
    nodes: Iterable[ActionNode | type[BaseAction[Any]] | str],
    services: ServiceLocator | None,
    *,
    is_graph: bool,
    is_strict: bool,
) -> PipelinePlan:
    """Look at the nodes of a pipeline, each alone and how they hang together, and order them.

    Raises:
        PipelineDefinitionError: Something is wrong; has every fault.
    """
    faults: list[PipelineFault] = []
    if not NODE_NAME.fullmatch(name):
        faults.append(PipelineFault(None, ("name",), f"its name is {name!r}", "write letters, digits, '_' and '-'"))
    drafts = [_draft(one if isinstance(one, ActionNode) else ActionNode(one), services, faults) for one in nodes]
    if not drafts:
        faults.append(PipelineFault(None, ("actions",), "it has no action"))
    _refuse_doubles(drafts, faults)
    _connect(drafts, faults, is_graph=is_graph)
    order, circle = _ordered(drafts)
    if circle:
        faults.append(PipelineFault(None, ("actions",), f"actions wait for each other: {' -> '.join(circle)}"))
    if faults:
        # What the models say is looked at all the same, as far as it can be: every fault at once.
        from .checking import node_faults

        sound = [one for one in drafts if one.action_cls is not None]
        known = {one.name: one for one in sound}
        planned = {key: _planned(one, (), known) for key, one in known.items()}
        faults += [fault for one in planned.values() for fault in node_faults(one, planned)]
        raise PipelineDefinitionError(name, tuple(dict.fromkeys(faults)))
    known = {one.name: one for one in drafts}
    before: dict[str, set[str]] = {}
    planned = {}
    for one in order:
        before[one.name] = {each for need in one.needs for each in (need, *before[need])}
        planned[one.name] = _planned(one, tuple(each for each in planned if each in before[one.name]), known)
    return PipelinePlan(name, planned, is_strict)


def _planned(draft: _Draft, ancestors: tuple[str, ...], known: Mapping[str, _Draft]) -> PlannedAction:
    node, action_cls = draft.node, draft.action_cls
    assert action_cls is not None  # noqa: S101 - a draft without one is a fault
    wired = {one.source for one in (*draft.inputs.values(), draft.when) if one is not None} - {INITIAL}
    return PlannedAction(
        draft.name,
        draft.label,
        action_cls,
        dict(node.params),
        draft.inputs,
        draft.when,
        tuple(each for each in known if each in draft.needs),
        frozenset(wired),
        ancestors,
        param_fields(model_of(action_cls)),
        allows_extra(model_of(action_cls)),
        float(node.weight),
    )


def _draft(node: ActionNode, services: ServiceLocator | None, faults: list[PipelineFault]) -> _Draft:
    """Find a node's class and name, and read its references."""
    given, action_cls = node.action, None
    label = given if isinstance(given, str) else getattr(given, "action_name", None) or _class_name(given)
    name = node.name or label.rpartition(".")[2]
    if not NODE_NAME.fullmatch(name) or name == INITIAL:
        what = "is what references call the initial parameters" if name == INITIAL else "is no name in a pipeline"
        faults.append(PipelineFault(name, ("name",), f"{name!r} {what}", "give it another: ActionNode(..., name=...)"))
    if isinstance(given, str):
        try:
            if services is None:
                remedy = "say where it is found: services=kernel.services"
                faults.append(PipelineFault(name, ("action",), f"{given!r} is a name", remedy))
            else:
                action_cls = find_action(services, given)
        except ActionNotFoundError as error:
            faults.append(PipelineFault(name, ("action",), str(error)))
    elif not (isinstance(given, type) and issubclass(given, BaseAction)):  # pyright: ignore[reportUnnecessaryIsInstance] # an author may give anything
        why = f"it is a {type(given).__qualname__}"
        faults.append(PipelineFault(name, ("action",), why, "give a subclass of BaseAction, or a name"))
    else:
        action_cls = given
    if action_cls is not None:
        action_cls = _sound(action_cls, name, faults)
    if not isinstance(node.weight, int | float) or not isfinite(node.weight) or node.weight < 0:  # pyright: ignore[reportUnnecessaryIsInstance] # an author may give anything
        faults.append(PipelineFault(name, ("weight",), f"its weight is {node.weight!r}", "give a number from 0 on"))
        node = ActionNode(given, node.params, node.inputs, node.name, node.after, node.when)
    inputs: dict[str, Reference] = {}
    for key, text in node.inputs.items():
        found = _reference(text, f"input '{key}'", name, ("inputs", key), faults)
        if found is not None:
            inputs[key] = found
    when = None if node.when is None else _reference(node.when, "when", name, ("when",), faults)
    return _Draft(node, name, label, action_cls, inputs, when, [])


def _sound(action_cls: type[BaseAction[Any]], name: str, faults: list[PipelineFault]) -> type[BaseAction[Any]] | None:
    found: list[PipelineFault] = []
    if isabstract(action_cls):
        missing = ", ".join(sorted(action_cls.__abstractmethods__))
        why = f"its class {action_cls.__name__} is abstract"
        found.append(PipelineFault(name, ("action",), why, f"implement {missing}"))
    try:
        model_of(action_cls)
    except ActionDefinitionError as error:
        found.append(PipelineFault(name, ("action",), error.cause))
    faults += found
    return None if found else action_cls


def _reference(text: str, told: str, name: str, path: tuple[str, ...], faults: list[PipelineFault]) -> Reference | None:
    try:
        return Reference.parse(text)
    except ValueError:
        faults.append(PipelineFault(name, path, f"{told}: {text!r} is no reference", REFERENCE_FORM))
        return None


def _refuse_doubles(drafts: Sequence[_Draft], faults: list[PipelineFault]) -> None:
    names = [one.name for one in drafts]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            remedy = f"name all but one of them: ActionNode(..., name='{name}_2')"
            faults.append(PipelineFault(name, ("name",), f"{names.count(name)} actions have this name", remedy))


def _connect(drafts: Sequence[_Draft], faults: list[PipelineFault], *, is_graph: bool) -> None:
    """Note what each action waits for: what it names, and in a chain the action before it."""
    names = list(dict.fromkeys(one.name for one in drafts))
    for place, one in enumerate(drafts):
        after = one.node.after
        named: list[tuple[tuple[str | int, ...], str, str]] = [
            (("inputs", key), f"input '{key}'", found.source)
            for key, found in one.inputs.items()
            if found.source != INITIAL
        ]
        if one.when is not None and one.when.source != INITIAL:
            named.append((("when",), "when", one.when.source))
        if isinstance(after, str):
            faults.append(PipelineFault(one.name, ("after",), f"after is the text {after!r}", "give a list of names"))
        elif after and not is_graph:
            why, remedy = "after is for graphs, this is a chain", "use ActionPipeline.graph([...])"
            faults.append(PipelineFault(one.name, ("after",), why, remedy))
        else:
            named += [(("after", index), "after", need) for index, need in enumerate(after)]
        for path, told, need in named:
            if need not in names:
                why = f"{told}: there is no action '{need}'"
                faults.append(PipelineFault(one.name, path, why, offer(need, names)))
            elif need not in one.needs:
                one.needs.append(need)
        if not is_graph and place:
            previous = drafts[place - 1].name
            if previous not in one.needs and previous != one.name:
                one.needs.append(previous)


def _ordered(drafts: Sequence[_Draft]) -> tuple[list[_Draft], tuple[str, ...]]:
    """Return the nodes in an order in which they can be run; or, where there is none, a circle."""
    places = {one.name: place for place, one in reversed(list(enumerate(drafts)))}
    open_needs = [{places[need] for need in one.needs} for one in drafts]
    dependents: list[list[int]] = [[] for _ in drafts]
    for place, needs in enumerate(open_needs):
        for need in needs:
            dependents[need].append(place)
    ready = [place for place, needs in enumerate(open_needs) if not needs]
    heapify(ready)
    order: list[_Draft] = []
    while ready:
        place = heappop(ready)
        order.append(drafts[place])
        for other in dependents[place]:
            open_needs[other].discard(place)
            if not open_needs[other]:
                heappush(ready, other)
    if len(order) == len(drafts):
        return order, ()
    # Each of those left waits for another of them: following the first one comes round.
    place = next(place for place, needs in enumerate(open_needs) if needs)
    path: list[int] = []
    while place not in path:
        path.append(place)
        place = min(open_needs[place])
    circle = [*path[path.index(place) :], place]
    return order, tuple(drafts[one].name for one in circle)


def _class_name(given: object) -> str:
    return getattr(given, "__name__", type(given).__name__)


def offer(wanted: str, known: Iterable[str]) -> str:
    """Return an offer of near names, empty where none is near."""
    found = get_close_matches(wanted, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(repr(one) for one in found)}?" if found else ""


def near(wanted: str, known: Iterable[str]) -> str:
    """Return an offer of near names for the end of a message, empty where none is near."""
    found = offer(wanted, known)
    return f"; {found}" if found else ""
