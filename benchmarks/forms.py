"""Making forms, beside pydantic's own JSON Schema of the same model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, create_model

from plugbus.capabilities import params_schema, ui_schema

from .contest import LINEAR, growth_row
from .rows import Budget, Measure, Row, judge
from .timing import Statement, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .timing import Effort, Series

SIZES = (10, 100, 1_000)


def measure(effort: Effort) -> Iterator[Row]:
    """Describe models of 10, 100 and 1,000 fields; each figure is what one field takes."""
    rows: list[Row] = []
    for size in SIZES:
        model = _model(size)
        schema = params_schema(model)
        ways = {
            "params_schema": Statement("params_schema(model)", params_schema=params_schema, model=model),
            "form of a schema": Statement("ui_schema(schema)", ui_schema=ui_schema, schema=schema),
        }
        found = compare(Statement("model.model_json_schema()", model=model), ways, effort)
        for what in ways:
            row = per_field(what, size, found.series[what][""])
            rows.append(row)
            yield row
    for what in dict.fromkeys(row.what for row in rows):
        grown = growth_row([row for row in rows if row.what == what], what, is_per_item=True)
        yield judge(replace(grown, suite="forms", budget=Budget(limit=LINEAR, of=Measure.FIGURE)))


def per_field(what: str, size: int, series: Series) -> Row:
    """Return the row of what each of ``size`` fields took."""
    samples = tuple(one / size for one in series.samples)
    bases = tuple(one / size for one in series.bases)
    return Row(
        suite="forms", what=what, size=size, unit="s/field", figure=sorted(samples)[len(samples) // 2],
        base=series.base / size, base_name="model_json_schema", ratio=series.ratio, samples=samples, bases=bases,
    )  # fmt: skip


class Part(BaseModel):
    """A model inside the others."""

    rate: float = Field(default=0.1, gt=0)
    steps: list[int] = [1, 2]


def _model(size: int) -> type[BaseModel]:
    """Return a model with fields of five kinds by turns."""
    kinds: list[tuple[Any, Any]] = [
        (int, Field(default=10, ge=1, le=1000)),
        (str | None, Field(default=None, max_length=20)),
        (Part, Field(default_factory=Part)),
        (list[str], Field(default=["a"])),
        (dict[str, int], Field(default={"a": 1})),
    ]
    fields: dict[str, Any] = {f"field{at}": kinds[at % len(kinds)] for at in range(size)}
    made: type[BaseModel] = create_model("Model", **fields)
    return made
