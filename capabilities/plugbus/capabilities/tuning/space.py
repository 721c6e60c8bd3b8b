"""What is searched: hyperparameters and the values that they may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any, Final

from .errors import SearchSpaceError


class ParameterKind(StrEnum):
    """How a hyperparameter's values are spread."""

    UNIFORM = "uniform"
    """Any number from ``low`` to ``high``."""
    QUNIFORM = "quniform"
    """Numbers from ``low`` to ``high`` in steps of ``q``."""
    LOGUNIFORM = "loguniform"
    """Any number from ``low`` to ``high``, each order of magnitude as likely as the others."""
    RANDN = "randn"
    """Numbers around ``mean`` with the standard deviation ``sd``."""
    RANDINT = "randint"
    """Whole numbers from ``low`` to ``high``, both included."""
    QRANDINT = "qrandint"
    """Whole numbers from ``low`` to ``high`` in steps of ``q``."""
    LOGRANDINT = "lograndint"
    """Whole numbers from ``low`` to ``high``, each order of magnitude as likely as the others."""
    CHOICE = "choice"
    """One of ``options``."""
    GRID_SEARCH = "grid_search"
    """Each of ``options``; the same as ``choice`` where the search is no grid."""


_ALIASES: Final = {
    "min": "low", "lower": "low", "max": "high", "upper": "high",
    "values": "options", "choices": "options", "step": "q", "kind": "type",
}  # fmt: skip
_INTEGERS: Final = frozenset({ParameterKind.RANDINT, ParameterKind.QRANDINT, ParameterKind.LOGRANDINT})
_LOGARITHMIC: Final = frozenset({ParameterKind.LOGUNIFORM, ParameterKind.LOGRANDINT})
_STEPPED: Final = frozenset({ParameterKind.QUNIFORM, ParameterKind.QRANDINT})
_LISTED: Final = frozenset({ParameterKind.CHOICE, ParameterKind.GRID_SEARCH})


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchParameter:
    """One hyperparameter.

    Args:
        name: The parameter of the action.
        kind: How its values are spread.
        low: The least value, of ranges.
        high: The greatest value, of ranges.
        q: The distance of values, where they are stepped.
        mean: The middle of ``randn``.
        sd: The standard deviation of ``randn``.
        options: The values of ``choice`` and ``grid_search``.
    """

    name: str
    kind: ParameterKind
    low: float = 0.0
    high: float = 1.0
    q: float | None = None
    mean: float = 0.0
    sd: float = 1.0
    options: tuple[Any, ...] = ()

    @property
    def is_integer(self) -> bool:
        """Tell whether its values are whole numbers."""
        return self.kind in _INTEGERS

    @property
    def is_logarithmic(self) -> bool:
        """Tell whether orders of magnitude are equally likely."""
        return self.kind in _LOGARITHMIC

    @property
    def is_listed(self) -> bool:
        """Tell whether its values are listed."""
        return self.kind in _LISTED


def read_space(said: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> tuple[SearchParameter, ...]:
    """Return the hyperparameters that parameters declare.

    Args:
        said: ``{"lr": {"type": "loguniform", "low": 1e-4, "high": 0.1}}``, or a list of such mappings with a ``name``.
            ``min``/``max`` and ``lower``/``upper`` are other words for ``low``/``high``, ``values`` and ``choices`` for
            ``options``.

    Raises:
        SearchSpaceError: Something is wrong; holds every fault.
    """
    faults: list[tuple[str, str]] = []
    entries = list(said.items()) if isinstance(said, Mapping) else [_named(one, faults) for one in said]
    found = [_parameter(str(name), one, faults) for name, one in entries]
    names = [str(name) for name, _ in entries]
    faults.extend((name, "it is there twice") for name in dict.fromkeys(names) if names.count(name) > 1)
    if not entries:
        faults.append(
            ("", "there are none; declare some, such as {'lr': {'type': 'loguniform', 'low': 1e-4, 'high': 0.1}}")
        )
    if faults:
        raise SearchSpaceError(tuple(faults))
    return tuple(one for one in found if one is not None)


def _named(one: Any, faults: list[tuple[str, str]]) -> tuple[str, Any]:
    if isinstance(one, Mapping) and isinstance(one.get("name"), str):
        return one["name"], {key: value for key, value in one.items() if key != "name"}
    faults.append(("", f"{one!r} has no name"))
    return "", {"type": "choice", "options": [0]}


def _parameter(name: str, said: Any, faults: list[tuple[str, str]]) -> SearchParameter | None:
    before = len(faults)
    if not isinstance(said, Mapping):
        faults.append((name, f"it is {said!r}; write a mapping with 'type'"))
        return None
    known = {_ALIASES.get(str(key), str(key)): value for key, value in said.items()}
    kinds = [one.value for one in ParameterKind]
    if known.get("type") not in kinds:
        faults.append((name, f"its type is {known.get('type')!r}; there are {', '.join(kinds)}"))
        return None
    kind = ParameterKind(known.pop("type"))
    if kind in _LISTED:
        needed, allowed = {"options"}, {"options"}
    elif kind is ParameterKind.RANDN:
        needed, allowed = set[str](), {"mean", "sd"}
    else:
        needed = {"low", "high"} | ({"q"} if kind in _STEPPED else set())
        allowed = needed
    faults.extend((name, f"'{key}' is missing") for key in sorted(needed - known.keys()))
    faults.extend((name, f"'{key}' is nothing that a {kind} has") for key in sorted(known.keys() - allowed))
    for key in sorted(known.keys() & {"low", "high", "q", "mean", "sd"}):
        value = known[key]
        if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
            faults.append((name, f"'{key}' is {value!r}, no number"))
        elif kind in _INTEGERS and int(value) != value:
            faults.append((name, f"'{key}' is {value!r}, no whole number"))
    if kind in _LISTED and "options" in known:
        options = known["options"]
        if isinstance(options, str) or not isinstance(options, Iterable) or not list(options):
            faults.append((name, f"'options' is {options!r}; list at least one value"))
    if len(faults) > before:
        return None
    if kind in _LISTED:
        return SearchParameter(name=name, kind=kind, options=tuple(known["options"]))
    found = SearchParameter(name=name, kind=kind, **known)
    if found.low > found.high:
        faults.append((name, f"'low' is {found.low:g}, above 'high', {found.high:g}"))
    if found.is_logarithmic and found.low <= 0:
        faults.append((name, f"'low' is {found.low:g}; orders of magnitude begin above 0"))
    if found.q is not None and found.q <= 0:
        faults.append((name, f"'q' is {found.q:g}; steps are above 0"))
    if found.sd <= 0:
        faults.append((name, f"'sd' is {found.sd:g}; it has to be above 0"))
    return found
