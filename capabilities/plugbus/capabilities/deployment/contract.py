"""The contract of what serves models."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from plugbus.kernel import Capability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSpec:
    """What is to be served.

    Args:
        name: What it is called.
        version: Of what is served.
        load: Returns the model in memory; called where it is served.
        infer: Called with the model and inputs, from several threads at once; returns one prediction for each input.
        close: Called with the model when it is not served any more and nobody uses it.
        options: For the deployer.
    """

    name: str
    version: str
    load: Callable[[], Any]
    infer: Callable[[Any, Sequence[Any]], Sequence[Any]]
    close: Callable[[Any], object] = lambda model: None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What is served: its name and version, and its address for people."""

    name: str
    version: str
    address: str


class Deployer(Protocol):
    """Serve models by their names. Safe from several threads."""

    def deploy(self, spec: DeploymentSpec) -> Deployment:
        """Serve a model. One of that name serves until this one is loaded, and is kept until ``confirm``.

        One that was kept before is given back.

        Raises:
            Exception: What ``load`` raises, or ``close`` of the one that is given back; what was served still is.
        """
        ...

    def confirm(self, name: str) -> None:
        """Give back what a deployment has replaced; does nothing where there is nothing."""
        ...

    def revert(self, name: str) -> None:
        """Serve again what the last deployment has replaced, or nothing where it has replaced nothing."""
        ...

    def undeploy(self, name: str) -> None:
        """Stop serving a model; does nothing where it is not served. Calls that are under way come to their end.

        Raises:
            ExceptionGroup: What ``close`` of it, or of the one that is kept, raises; neither is served all the same.
        """
        ...

    def deployments(self) -> tuple[Deployment, ...]:
        """Return what is served, sorted by name."""
        ...

    def infer(self, name: str, inputs: Sequence[Any]) -> Sequence[Any]:
        """Return one prediction for each input, from the model of a name.

        Raises:
            DeploymentNotFoundError: Nothing of this name is served; offers near names.
            Exception: What the model raises.
        """
        ...


DEPLOYER: Final[Capability[Deployer]] = Capability("deployer", version="1.0.0", contract=Deployer)
"""What serves models for the host."""
