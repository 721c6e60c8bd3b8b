"""Cancellation tokens: who hears of it, how often, and from where."""

from __future__ import annotations

import pickle
import threading

import pytest

from plugbus.capabilities import CancellationToken, WorkCancelledError

WAIT_S = 30


def test_the_first_reason_counts() -> None:
    token = CancellationToken()
    assert (token.is_cancelled, token.reason) == (False, None)
    token.raise_if_cancelled()
    token.cancel("first")
    token.cancel("second")
    assert (token.is_cancelled, token.reason) == (True, "first")
    with pytest.raises(WorkCancelledError, match=r"^cannot go on with this: first$"):
        token.raise_if_cancelled("this")


def test_who_asked_is_called_once_with_the_reason() -> None:
    token, heard = CancellationToken(), list[str]()
    token.on_cancel(heard.append)
    token.cancel("first")
    token.cancel("second")
    assert heard == ["first"]


def test_who_asks_too_late_is_called_at_once() -> None:
    token, heard = CancellationToken(), list[str]()
    token.cancel("first")
    forget = token.on_cancel(heard.append)
    assert heard == ["first"]
    forget()


def test_who_took_it_back_is_not_called() -> None:
    token, heard = CancellationToken(), list[str]()
    forget = token.on_cancel(heard.append)
    forget()
    forget()
    token.cancel()
    assert heard == []


def test_everybody_is_called_though_one_raises() -> None:
    token, heard = CancellationToken(), list[str]()

    def fail(reason: str) -> None:
        raise OSError(reason)

    token.on_cancel(heard.append)
    token.on_cancel(fail)
    token.on_cancel(heard.append)
    with pytest.raises(OSError, match="first"):
        token.cancel("first")
    assert heard == ["first", "first"]


def test_each_is_called_once_though_several_threads_cancel() -> None:
    for _ in range(50):
        token, heard = CancellationToken(), list[str]()
        for _ in range(20):
            token.on_cancel(heard.append)
        threads = [threading.Thread(target=token.cancel) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(WAIT_S)
        assert len(heard) == 20


def test_waiting_ends_when_it_is_cancelled_in_another_thread() -> None:
    token = CancellationToken()
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(token.wait(WAIT_S)))
    thread.start()
    token.cancel()
    thread.join(WAIT_S)
    assert found == [True]


@pytest.mark.parametrize("timeout_s", [0, -1, 0.001])
def test_waiting_ends_when_the_time_is_over(timeout_s: float) -> None:
    token = CancellationToken()
    assert not token.wait(timeout_s)
    token.cancel()
    assert token.wait(timeout_s)


def test_waiting_for_longer_than_there_is_time_is_allowed() -> None:
    token = CancellationToken()
    token.cancel()
    assert token.wait(1e300)


def test_its_state_is_pickled_and_nothing_else() -> None:
    token = CancellationToken()
    token.on_cancel(lambda reason: None)
    for reason in (None, "gone"):
        if reason is not None:
            token.cancel(reason)
        copied = pickle.loads(pickle.dumps(token))  # noqa: S301 - made in the line itself
        assert copied.reason == reason
        copied.on_cancel(lambda reason: None)
