"""What logs a framework, and how plugins offer it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Protocol

from plugbus.kernel import Capability

from ..context.services import find_later

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugbus.kernel import ServiceLocator

AUTOLOG: Final = "autolog"
"""The name of the capability; its qualifier is the framework's name."""


class JobReport(Protocol):
    """Where an integration reports to: the action that asked for it, whatever thread or task it is in."""

    def log(self, event: str, data: Mapping[str, object] | None = None) -> None:
        """Log that something happened, with its facts."""
        ...

    def set_progress(self, current: float, total: float | None, category: str | None = None) -> None:
        """Report that ``current`` of ``total`` is done."""
        ...

    def set_metrics(self, value: Mapping[str, float], category: str | None = None, *, step: int | None = None) -> None:
        """Record measured values."""
        ...


class AutologFramework(ABC):
    """Report what a framework does, to the actions that asked for it and to no others.

    Lifecycle:

    1. ``begin`` changes the framework, if nobody else did before, so that it tells what it does.
    2. The framework works. Which action it works for is what ``find_report`` says where it is asked.
    3. What ``begin`` returned is called when the action ends: the framework is as it was when the last one has ended.

    It is thread-safe: several actions begin and end at the same time, in any order.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the framework's name."""

    @abstractmethod
    def begin(self, find_report: Callable[[], JobReport | None]) -> Callable[[], None]:
        """Have the framework told, and return what ends it.

        Args:
            find_report: Returns where to report to from the context that it is called in; None where the work of
                that context did not ask for it.

        Raises:
            FrameworkMissingError: The framework is not installed.
        """


def autologs_of(services: ServiceLocator) -> dict[str, AutologFramework]:
    """Return what loaded plugins offer, by framework."""
    names = [Capability.parse(key).qualifier for key in services.keys if key.startswith(f"{AUTOLOG}(")]
    found = {name: find_later(services, Autolog(name)) for name in names if name is not None}
    return {name: one for name, one in found.items() if one is not None}


def Autolog(framework: str) -> Capability[AutologFramework]:  # noqa: N802 - a kind of capability, spelled as one
    """Return the capability under which the logging of a framework is offered: ``Autolog("xgboost")``."""
    return Capability(AUTOLOG, contract=AutologFramework, qualifier=framework)
