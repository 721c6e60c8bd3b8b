"""Tracking in files against what every tracking has to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import TRACKING
from plugbus.capabilities.testing import Tracked, TrackingContract
from plugbus.kernel import Kernel, PluginMetadata
from plugbus.plugins.jsonl_tracking import JsonlTrackingPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.capabilities import TrackingBackend


class _Tracking(JsonlTrackingPlugin):
    metadata = PluginMetadata("jsonl_tracking", "1.0.0", provides=(TRACKING,))


@pytest.mark.parametrize("events", [True, False])
class TestJsonlTracking(TrackingContract):
    @pytest.fixture
    def backend(self, events: bool) -> Iterator[TrackingBackend]:
        with Kernel(config={"jsonl_tracking": {"events": events}}) as kernel:
            kernel.register(_Tracking())
            kernel.load("jsonl_tracking")
            yield kernel.services.get(TRACKING)

    def read(self, backend: TrackingBackend, run_id: str, artifact_dir: Path) -> Tracked:
        lines = (artifact_dir / "tracking.jsonl").read_text("utf-8").splitlines()
        records: list[dict[str, Any]] = [json.loads(line) for line in lines]
        begun = records.pop(0)
        assert (begun["kind"], begun["run_id"]) == ("run_started", run_id)
        params: dict[str, Any] = {}
        tags: dict[str, str] = dict(begun["tags"])
        metrics: list[tuple[str, float, int | None]] = []
        artifacts: list[tuple[str, str | None]] = []
        status: str | None = None
        for record in records:
            assert status is None, "nothing follows the end of a run"
            match record["kind"]:
                case "params":
                    params.update(record["params"])
                case "metrics":
                    metrics.extend((key, float(value), record["step"]) for key, value in record["metrics"].items())
                case "tags":
                    tags.update(record["tags"])
                case "artifact":
                    artifacts.append((Path(record["path"]).name, record["artifact_path"]))
                case "run_ended":
                    status = record["status"]
        return Tracked(begun["name"], status, params, tuple(metrics), tags, tuple(artifacts))
