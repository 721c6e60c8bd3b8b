"""Health checks: how those who provide something say that they are."""

from __future__ import annotations

from enum import Enum
from time import perf_counter
from typing import TYPE_CHECKING

from .instances import described
from .providers import ScopedProvision
from .values import value

if TYPE_CHECKING:
    from .providers import Provision


class HealthStatus(Enum):
    """How a provider is."""

    WELL = "well"
    ILL = "ill"
    UNKNOWN = "unknown"


@value(frozen=True, slots=True)
class HealthReport:
    """How one provider of a capability or service is.

    Args:
        key: The capability or name, as text.
        owner: The plugin that provides it, or ``host``.
        status: ``UNKNOWN`` where there is no check, or nothing that could be checked.
        detail: Why it is ill or unknown; empty where it is well.
        seconds: How long the check took.
    """

    key: str
    owner: str
    status: HealthStatus
    detail: str = ""
    seconds: float = 0.0


def examine(provision: Provision) -> HealthReport | None:
    """Ask a provider how it is, in this thread; None where it has been withdrawn meanwhile."""
    key, owner = str(provision.key), provision.owner
    if isinstance(provision, ScopedProvision):
        return HealthReport(key, owner, HealthStatus.UNKNOWN, "one is made for each scope")
    if not provision.is_built:
        return HealthReport(key, owner, HealthStatus.UNKNOWN, "it is not built yet")
    if provision.health is None:
        return HealthReport(key, owner, HealthStatus.UNKNOWN, "it has no health check")
    if not provision.leases.acquire():
        return None
    start = perf_counter()
    try:
        status, detail = _verdict(provision.health())
    except Exception as error:  # noqa: BLE001 - a check that raises says that something is wrong
        status, detail = HealthStatus.ILL, described(error)
    finally:
        provision.leases.release()
    if provision.leases.is_ended:
        return None
    return HealthReport(key, owner, status, detail, perf_counter() - start)


def _verdict(said: object) -> tuple[HealthStatus, str]:
    if said is None or said is True:
        return HealthStatus.WELL, ""
    if said is False:
        return HealthStatus.ILL, "its check returned False"
    if isinstance(said, str):
        return HealthStatus.ILL, said
    kind = type(said).__qualname__
    return HealthStatus.ILL, f"its check returned a {kind}; a check returns None or True, False, or a text"
