"""Health checks: what providers say of themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    HealthReport,
    HealthStatus,
    Kernel,
    ServiceLocator,
    ServiceNotFoundError,
)
from plugbus.kernel.testing import FakePlugin

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext

STORE = Capability[Any]("store")
WELL, ILL, UNKNOWN = HealthStatus.WELL, HealthStatus.ILL, HealthStatus.UNKNOWN


@pytest.fixture
def locator() -> ServiceLocator:
    return ServiceLocator()


def fail() -> None:
    raise OSError("no disk")


@pytest.mark.parametrize(
    ("check", "status", "detail"),
    [
        (lambda: None, WELL, ""),
        (lambda: True, WELL, ""),
        (lambda: False, ILL, "its check returned False"),
        (lambda: "the disk is full", ILL, "the disk is full"),
        (lambda: "", ILL, ""),
        (lambda: 1, ILL, "its check returned a int; a check returns None or True, False, or a text"),
        (fail, ILL, "OSError: no disk"),
        (None, UNKNOWN, "it has no health check"),
    ],
)
def test_a_check_says_how_a_provider_is(locator: ServiceLocator, check: Any, status: HealthStatus, detail: str) -> None:
    locator.provide(STORE, 1, owner="disk", health=check)
    [report] = locator.check_health(STORE)
    assert (report.key, report.owner, report.status, report.detail) == ("store", "disk", status, detail)
    assert report.seconds >= 0.0
    assert (check is None) == (report.seconds == 0.0)


def test_everyone_is_asked_in_order_and_one_that_raises_stops_nobody(locator: ServiceLocator) -> None:
    locator.provide("name", 1, owner="b", health=fail)
    locator.provide(STORE, 1, owner="b", health=lambda: None)
    locator.provide(STORE, 1, owner="a", health=lambda: False)
    found = [(one.key, one.owner, one.status) for one in locator.check_health()]
    assert found == [("name", "b", ILL), ("store", "b", WELL), ("store", "a", ILL)]
    assert len(locator.check_health("store")) == 2
    assert ServiceLocator().check_health() == ()


def test_nothing_provided_names_what_is_near(locator: ServiceLocator) -> None:
    locator.provide("stores", 1)
    with pytest.raises(ServiceNotFoundError) as caught:
        locator.check_health(STORE)
    assert caught.value.near == ("stores",)


def test_what_is_not_built_is_unknown_and_is_not_built_for_it(locator: ServiceLocator) -> None:
    made: list[object] = []
    asked: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    locator.provide_lazy(STORE, make, health=asked.append)
    locator.provide_scoped("session", make)
    assert [(one.status, one.detail) for one in locator.check_health()] == [
        (UNKNOWN, "one is made for each scope"),
        (UNKNOWN, "it is not built yet"),
    ]
    assert (made, asked) == ([], [])
    store = locator.get(STORE)
    [report] = locator.check_health(STORE)
    assert (report.status, asked) == (WELL, [store])


def test_no_lock_is_held_while_a_check_runs_and_a_use_is_counted(locator: ServiceLocator) -> None:
    counts: list[int] = []

    def check() -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: locator.provide("x", 1).withdraw()).result()
        counts.append(entry.leases.count)

    [entry] = locator.provide(STORE, 1, health=check).provisions
    locator.check_health()
    assert (counts, entry.leases.count) == ([1], 0)


def test_what_goes_while_others_are_asked_is_left_out(locator: ServiceLocator) -> None:
    def end() -> None:
        for one in locator.providers(STORE):
            locator.exchange((one,), ())
            one.leases.retire()
            one.leases.end()

    locator.provide(STORE, 1, owner="a", health=end)
    locator.provide(STORE, 2, owner="b", health=fail)
    assert locator.check_health() == ()


def test_an_interrupt_ends_the_check(locator: ServiceLocator) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    [entry] = locator.provide(STORE, 1, health=interrupt).provisions
    with pytest.raises(KeyboardInterrupt):
        locator.check_health()
    assert entry.leases.count == 0


def test_an_async_check_is_refused(locator: ServiceLocator) -> None:
    async def later() -> None: ...

    with pytest.raises(TypeError, match="cannot provide service 'store': its health is 'async def'"):
        locator.provide(STORE, 1, health=later)
    assert locator.keys == ()


def test_plugins_say_how_they_are() -> None:
    def on_load(ctx: PluginContext) -> None:
        ctx.provide(STORE, 1, health=lambda: "full")
        ctx.register_service("name", 2, health=lambda: None)

    with Kernel() as kernel:
        kernel.register(FakePlugin("disk", on_load=on_load))
        kernel.load("disk")
        found = kernel.services.check_health()
        assert [(one.key, one.owner, one.status, one.detail) for one in found] == [
            ("name", "disk", WELL, ""),
            ("store", "disk", ILL, "full"),
        ]
    assert isinstance(found[0], HealthReport)


def test_what_takes_no_new_uses_is_not_asked(locator: ServiceLocator) -> None:
    [entry] = locator.provide(STORE, 1, health=fail).provisions
    entry.leases.retire()
    assert locator.check_health() == ()
