"""Looking up one provided object among many, beside a look-up in a dict."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from plugbus.kernel import Capability, ServiceLocator

from .contest import Contest, Peer, opened
from .pelix import pelix_framework
from .rows import Budget
from .timing import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .rows import Row
    from .timing import Effort, Subject

SIZES = (1, 100, 10_000)


class Service:
    """What is provided; each under a name of its own."""


@dataclass(frozen=True, slots=True)
class Offers:
    """What all registries share.

    Args:
        provided: Capability to object.
        asked: The one that is looked up, in the middle of the others.
    """

    provided: dict[Capability[Service], Service]
    asked: Capability[Service]


def measure(effort: Effort) -> Iterator[Row]:
    """Look up among 1, 100 and 10,000."""
    contest = Contest(
        suite="services",
        what="services.get(CAP)",
        work=offers,
        base=_bare_dict,
        base_name="dict[key]",
        ours=_ours,
        peers=PEERS,
        budgets={"": lambda size: Budget(limit=2.5)},
    )
    return contest.run(SIZES, effort)


def offers(size: int) -> Offers:
    """Make ``size`` capabilities with an object for each."""
    capabilities = [Capability(f"service{place}", contract=Service) for place in range(size)]
    return Offers({one: Service() for one in capabilities}, capabilities[size // 2])


def _bare_dict(work: Offers) -> Subject:
    # Plain text as keys: what a host would use that has no capabilities.
    table = {str(key): value for key, value in work.provided.items()}
    return Statement("table[key]", table=table, key=str(work.asked))


def _ours(work: Offers) -> Subject:
    services = ServiceLocator()
    for capability, provided in work.provided.items():
        services.provide(capability, provided)
    return Statement("services.get(key)", services=services, key=work.asked)


def _svcs_registry(work: Offers) -> tuple[Any, type]:
    registry = import_module("svcs").Registry()
    kinds = {key: type(str(key), (Service,), {}) for key in work.provided}
    for key, provided in work.provided.items():
        registry.register_value(kinds[key], provided)
    return registry, kinds[work.asked]


def _svcs_recipe(work: Offers) -> Subject:
    registry, kind = _svcs_registry(work)
    return Statement("registry.get_registered_service_for(kind)", registry=registry, kind=kind)


def _svcs_instance(work: Offers) -> Subject:
    registry, kind = _svcs_registry(work)
    container = import_module("svcs").Container(registry)
    return Statement("container.get(kind)", container=container, kind=kind)


@contextmanager
def _ipopo(work: Offers) -> Iterator[Subject]:
    with pelix_framework() as context:
        for key, provided in work.provided.items():
            context.register_service(str(key), provided, {})
        yield Statement(
            "reference = context.get_service_reference(key)\n"
            "context.get_service(reference)\n"
            "context.unget_service(reference)",
            context=context,
            key=str(work.asked),
        )


PEERS: tuple[Peer[Offers], ...] = (
    Peer("svcs registry, the recipe", opened(_svcs_recipe)),
    Peer("svcs container.get, cached", opened(_svcs_instance)),
    Peer("iPOPO reference, get and unget", _ipopo),
)
