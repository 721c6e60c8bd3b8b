"""What is wanted of a run."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from ..errors import RunSpecError


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """Who does the work of a run.

    Args:
        key: Stable across versions.
        name: For people.
        version: The plugin's version.
        description: For people.
    """

    key: str
    name: str = ""
    version: str = "0.1.0"
    description: str = ""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """Say what a run is to do: intent alone, no places and no addresses. Deeply immutable.

    Args:
        plugin_key: The plugin that does the work.
        pipeline: Which of its workflows: the action's name, or ``train`` and ``score`` by convention.
        run_mode: ``once``, ``backfill`` or ``scheduled``.
        dataset_id: The dataset, where it has an id.
        data_spec: What to work on and how, as plain data: the parameters of an action.
        seed: Seed of everything random, from 0 on; None leaves it to the plugin.
        tags: Coarse classification, such as ``purpose=smoke``.
        notes: For people.
        request_id: Whose wish this is.

    Raises:
        RunSpecError: Names every fault.
    """

    plugin_key: str
    pipeline: str = "train"
    run_mode: str = "once"
    dataset_id: str | None = None
    data_spec: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    notes: str | None = None
    request_id: str | None = None

    def __post_init__(self) -> None:
        faults: list[str] = []
        for name in ("plugin_key", "pipeline", "run_mode"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name).strip():
                faults.append(f"{name} is blank")
        if self.seed is not None and (isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0):
            faults.append(f"seed is {self.seed!r}; give a whole number from 0 on, or none")
        for name in ("data_spec", "tags"):
            if not isinstance(getattr(self, name), Mapping):
                faults.append(f"{name} is a {type(getattr(self, name)).__qualname__}; give a mapping")
        if faults:
            raise RunSpecError(tuple(faults))
        object.__setattr__(self, "data_spec", _frozen(self.data_spec))
        object.__setattr__(self, "tags", _frozen(self.tags))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as plain data: what keeps it from being changed can't be pickled."""
        return type(self), tuple(_thawed(getattr(self, one.name)) for one in fields(self))

    @property
    def short_name(self) -> str:
        """Return ``plugin:pipeline:mode``."""
        return f"{self.plugin_key}:{self.pipeline}:{self.run_mode}"


def _frozen(value: Any) -> Any:
    """Copy plain data so that nobody can change it under the run."""
    if isinstance(value, Mapping):
        return MappingProxyType({str(key): _frozen(one) for key, one in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, Set):
        return frozenset(value)
    return value


def _thawed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _thawed(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return tuple(_thawed(one) for one in value)
    return value
