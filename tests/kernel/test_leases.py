"""Counted uses, and the wait for their end."""

from __future__ import annotations

import threading

import pytest

from plugbus.kernel import Capability, Kernel, PluginState
from plugbus.kernel.leases import LeaseCount, drain
from plugbus.kernel.testing import FakePlugin

GIVEN: Capability[dict[str, str]] = Capability("given", contract=dict)


def test_a_retired_provider_takes_no_new_uses_and_calls_back_after_the_last_one() -> None:
    count = LeaseCount()
    assert count.acquire()
    assert count.acquire()
    count.retire()
    assert not count.acquire()
    calls: list[str] = []
    assert count.when_idle(lambda: calls.append("idle"))
    count.release()
    assert (calls, count.count) == ([], 1)
    count.release()
    assert (calls, count.count) == (["idle"], 0)
    assert not count.when_idle(lambda: calls.append("never"))
    assert calls == ["idle"]


def test_what_is_late_is_called_once_after_the_last_use_of_all() -> None:
    counts = (LeaseCount(), LeaseCount())
    assert all(one.acquire() for one in counts)
    calls: list[int] = []
    assert not drain(counts, 0.0, lambda: calls.append(threading.get_ident()))
    counts[1].release()
    assert calls == []
    counts[0].release()
    assert calls == [threading.get_ident()]


def test_what_nobody_uses_is_drained_at_once() -> None:
    calls: list[str] = []
    assert drain((LeaseCount(), LeaseCount()), 0.0, lambda: calls.append("late"))
    assert calls == []


@pytest.mark.parametrize("is_over", [False, True])
def test_an_interrupted_wait_still_calls_back_after_the_last_use(is_over: bool) -> None:
    class Interrupted(LeaseCount):
        __slots__ = ("is_first",)

        def when_idle(self, callback: object) -> bool:
            if not hasattr(self, "is_first"):
                self.is_first = True
                if is_over:
                    self.release()
                raise KeyboardInterrupt
            return super().when_idle(callback)  # type: ignore[arg-type] # what the kernel passes is a callable

    count = Interrupted()
    count.acquire()
    calls: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        drain((count,), 30.0, lambda: calls.append("late"))
    assert calls == (["late"] if is_over else [])
    if not is_over:
        count.release()
    assert calls == ["late"]


@pytest.mark.parametrize("new_id", ["old", "new"])
def test_the_end_of_the_last_lease_unloads_what_was_late(new_id: str) -> None:
    kernel = Kernel()
    old = FakePlugin("old", provides={GIVEN: {"of": "old"}})
    kernel.register(old)
    kernel.load("old")
    with kernel.services.lease(GIVEN) as leased:
        report = kernel.swap("old", FakePlugin(new_id, "2.0.0", provides={GIVEN: {"of": "new"}}), drain_s=0.0)
        assert not report.is_drained
        assert leased == {"of": "old"}
        assert old.calls == ["on_load"]
        with kernel.services.lease(GIVEN) as later:
            assert later == {"of": "new"}
        assert old.calls == ["on_load"]
    assert old.calls == ["on_load", "on_unload"]
    assert kernel.list(PluginState.ACTIVE) == (new_id,)
    kernel.shutdown()
