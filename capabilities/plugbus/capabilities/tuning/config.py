"""How hyperparameters are searched."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TuneConfig(BaseModel):
    """How hyperparameters are searched.

    Args:
        metric: What is to become better: the name of a metric that the training reports or returns.
        mode: Whether better is higher or lower.
        trials: How many trials are made at most; those of a search that is taken up again count.
        search: How values are chosen: ``tpe`` learns from the trials before, ``random`` does not, ``grid`` tries all.
        pruner: When a trial is left early: it did worse than the ``median`` at its step, by successive halving
            (``asha``), by ``hyperband``, or never (``none``). It needs metrics that are reported with an epoch.
        timeout_s: After how many seconds no further trial is begun; None for no limit.
        seed: What random choices begin from; None for another one each time.
        study: Name of the search; two with one name in one store are one search.
        store: File that keeps the search, so that it can be taken up again; by default one of the job, if it has one.
    """

    model_config = ConfigDict(extra="forbid")

    metric: str = Field(default="loss", min_length=1)
    mode: Literal["min", "max"] = "min"
    trials: int = Field(default=20, ge=1)
    search: Literal["tpe", "random", "grid"] = "tpe"
    pruner: Literal["none", "median", "asha", "hyperband"] = "none"
    timeout_s: float | None = Field(default=None, gt=0)
    seed: int | None = None
    study: str = Field(default="tune", min_length=1)
    store: str | None = None
