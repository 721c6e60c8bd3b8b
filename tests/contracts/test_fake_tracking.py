"""The fake that tests use against what every tracking has to do: a fake that allows more hides faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugbus.capabilities.testing import FakeTracking, Tracked, TrackingContract

if TYPE_CHECKING:
    from pathlib import Path

    from plugbus.capabilities import TrackingBackend


class TestFakeTracking(TrackingContract):
    @pytest.fixture
    def backend(self) -> TrackingBackend:
        return FakeTracking()

    def read(self, backend: TrackingBackend, run_id: str, artifact_dir: Path) -> Tracked:
        assert isinstance(backend, FakeTracking)
        client = next(one for one in backend.clients if one.run_id == run_id)
        return Tracked(
            client.name,
            client.statuses[0] if client.statuses else None,
            dict(client.params),
            tuple(client.metrics),
            dict(client.tags),
            tuple((path.name, place) for path, place in client.artifacts),
        )


def test_a_client_raises_what_it_was_told_to(tmp_path: Path) -> None:
    tracking = FakeTracking({"log_params": OSError("disk full")})
    client = tracking.create_client()
    client.start_run("run-1", name="run", tags={}, artifact_dir=tmp_path)
    with pytest.raises(OSError, match="disk full"):
        client.log_params({"a": 1})
    assert client.params == {}
    assert client.calls == ["start_run", "log_params"]
    assert tracking.client is client


def test_a_run_that_did_not_begin_takes_nothing(tmp_path: Path) -> None:
    client = FakeTracking({"start_run": ConnectionError("no server")}).create_client()
    with pytest.raises(ConnectionError):
        client.start_run("run-1", name="run", tags={}, artifact_dir=tmp_path)
    with pytest.raises(RuntimeError, match="no run is open"):
        client.log_metrics({"a": 1.0})
    assert client.metrics == []


def test_one_client_is_asked_for_where_there_is_one() -> None:
    tracking = FakeTracking()
    with pytest.raises(ValueError, match="not enough values"):
        _ = tracking.client
    tracking.create_client()
    tracking.create_client()
    with pytest.raises(ValueError, match="too many values"):
        _ = tracking.client
