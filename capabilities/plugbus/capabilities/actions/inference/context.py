"""What the steps of inference and of deployment share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..model_use import ModelContext

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(kw_only=True)
class InferenceContext(ModelContext):
    """What the steps of an inference share.

    Args:
        requests: What is inferred from: ``inputs`` of the parameters, unless a step of the author puts something here.
        results: The predictions, in the order of the requests; None for those that failed.
        batch_size: How many requests ``infer`` is given at a time.
        processed_count: How many requests were inferred from.
        failed_count: How many failed.
        failures: What went wrong, of the first 100: ``index`` and ``error``.
    """

    requests: Iterable[Any] | None = None
    results: list[Any] = field(default_factory=list)
    batch_size: int = 1
    processed_count: int = 0
    failed_count: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)


@dataclass(kw_only=True)
class DeploymentContext(ModelContext):
    """What the steps of a deployment share.

    Args:
        app_name: What the model is called where it is served.
        version: Of what is served.
        address: Where it is served, as the deployer says.
        is_deployed: Whether it is served by now.
        serve_app_id: Id of its record in the backend.
    """

    app_name: str = ""
    version: str = ""
    address: str = ""
    is_deployed: bool = False
    serve_app_id: int | None = None
