"""Values of hyperparameters, as Optuna suggests them."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

from plugbus.capabilities import ParameterKind, SearchParameter, SearchSpaceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna

_EDGE: Final = 1e-9
"""How near quantiles come to 0 and 1, where the normal distribution is infinite."""


def suggest(trial: optuna.Trial, one: SearchParameter) -> Any:
    """Return the value that a trial is to try.

    Normally distributed values are quantiles of the distribution, so that the sampler sees an even range.
    """
    if one.is_listed:
        # By place: Optuna stores texts, numbers and truth values alone, and options may be lists.
        return one.options[trial.suggest_categorical(one.name, range(len(one.options)))]
    if one.kind is ParameterKind.RANDN:
        return NormalDist(one.mean, one.sd).inv_cdf(trial.suggest_float(one.name, _EDGE, 1 - _EDGE))
    if one.is_integer:
        step = 1 if one.q is None else int(one.q)
        return trial.suggest_int(one.name, int(one.low), int(one.high), step=step, log=one.is_logarithmic)
    return trial.suggest_float(one.name, one.low, one.high, step=one.q, log=one.is_logarithmic)


def grid_of(space: Sequence[SearchParameter]) -> dict[str, list[Any]]:
    """Return all values of each hyperparameter, as ``suggest`` asks Optuna for them.

    Raises:
        SearchSpaceError: Some have too many to list them.
    """
    faults: list[tuple[str, str]] = []
    grid: dict[str, list[Any]] = {}
    for one in space:
        if one.is_listed:
            grid[one.name] = list(range(len(one.options)))
        elif one.is_integer and not one.is_logarithmic:
            grid[one.name] = list(range(int(one.low), int(one.high) + 1, 1 if one.q is None else int(one.q)))
        elif one.q is not None:
            count = int((one.high - one.low) / one.q + 1e-9) + 1
            grid[one.name] = [one.low + number * one.q for number in range(count)]
        else:
            faults.append((one.name, f"a grid can't have all values of a {one.kind}; list options, or choose 'tpe'"))
    if faults:
        raise SearchSpaceError(tuple(faults))
    return grid
