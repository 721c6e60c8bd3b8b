"""Pipelines as graphs for people and programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plan import PipelinePlan


def drawn(plan: PipelinePlan, form: str) -> str:
    """Return a plan as ``mermaid``, ``dot`` or ``json``.

    Raises:
        ValueError: There is no such form.
    """
    forms = {"mermaid": _mermaid, "dot": _dot, "json": _json}
    if form not in forms:
        raise ValueError(f"cannot draw pipeline '{plan.name}' as {form!r}: there are {', '.join(forms)}")
    return forms[form](plan)


def _facts(plan: PipelinePlan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "actions": [
            {
                "name": one.name,
                "action": one.label,
                "needs": list(one.needs),
                "inputs": {key: str(reference) for key, reference in one.inputs.items()},
                "when": None if one.when is None else str(one.when),
                "input_type": _type_name(one.action_cls.input_type),
                "output_type": _type_name(one.action_cls.output_type),
            }
            for one in plan.actions.values()
        ],
    }


def _type_name(kind: type[Any] | None) -> str | None:
    return None if kind is None else getattr(kind, "name", kind.__name__)


def _labels(plan: PipelinePlan) -> dict[tuple[str, str], str]:
    """Return what goes along each edge: the parameters that are wired."""
    found: dict[tuple[str, str], list[str]] = {edge: [] for edge in plan.edges}
    for one in plan.actions.values():
        for key, reference in one.inputs.items():
            if (reference.source, one.name) in found:
                found[reference.source, one.name].append(key)
    return {edge: ", ".join(keys) for edge, keys in found.items()}


def _mermaid(plan: PipelinePlan) -> str:
    numbers = {name: f"n{place}" for place, name in enumerate(plan.actions)}
    lines = ["flowchart LR"]
    for one in plan.actions.values():
        ends = ("{{", "}}") if one.when is not None else ("[", "]")
        text = one.name if one.label == one.name else f"{one.name}<br/>{one.label}"
        lines.append(f'    {numbers[one.name]}{ends[0]}"{_escaped(text)}"{ends[1]}')
    for (before, after), label in _labels(plan).items():
        arrow = f'-->|"{_escaped(label)}"|' if label else "-->"
        lines.append(f"    {numbers[before]} {arrow} {numbers[after]}")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace('"', "#quot;")


def _dot(plan: PipelinePlan) -> str:
    quote = json.dumps
    lines = [f"digraph {quote(plan.name)} {{", "  rankdir=LR;", "  node [shape=box, fontname=sans];"]
    for one in plan.actions.values():
        text = one.name if one.label == one.name else f"{one.name}\n{one.label}"
        lines.append(f"  {quote(one.name)} [label={quote(text)}{', style=dashed' if one.when is not None else ''}];")
    for (before, after), label in _labels(plan).items():
        lines.append(f"  {quote(before)} -> {quote(after)}{f' [label={quote(label)}]' if label else ''};")
    return "\n".join((*lines, "}"))


def _json(plan: PipelinePlan) -> str:
    return json.dumps(_facts(plan), indent=2, ensure_ascii=False)
