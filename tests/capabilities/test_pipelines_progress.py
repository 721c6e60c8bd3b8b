"""Progress of pipelines as a value, and the folders of a run."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugbus.capabilities import (
    ActionProgress,
    ActionStatus,
    Checkpoint,
    LogLevel,
    PipelineContext,
    PipelineProgress,
    PipelineStatus,
)
from plugbus.capabilities.models.logger import ActionProgress as SeedActionProgress
from plugbus.capabilities.models.logger import Checkpoint as SeedCheckpoint
from plugbus.capabilities.models.logger import LogLevel as SeedLogLevel
from plugbus.capabilities.models.logger import PipelineProgress as SeedPipelineProgress
from plugbus.capabilities.models.pipeline import ActionStatus as SeedActionStatus
from plugbus.capabilities.models.pipeline import RunStatus

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MOMENTS = st.none() | st.datetimes(timezones=st.just(UTC))
ACTIONS = st.builds(
    ActionProgress,
    TEXTS,
    st.sampled_from(ActionStatus),
    st.floats(0, 100),
    st.none() | TEXTS,
    st.none() | TEXTS,
    st.dictionaries(TEXTS, NUMBERS, max_size=3),
    MOMENTS,
    MOMENTS,
    st.none() | TEXTS,
    st.floats(0, allow_infinity=False),
)
PIPELINES = st.builds(
    PipelineProgress,
    TEXTS,
    st.sampled_from(PipelineStatus),
    st.lists(ACTIONS, max_size=4).map(lambda found: {one.name: one for one in found}),
    TEXTS,
    st.none() | TEXTS,
    MOMENTS,
    MOMENTS,
    st.none() | TEXTS,
)


@given(ACTIONS)
@settings(deadline=None)
def test_progress_of_an_action_comes_back_from_json(progress: ActionProgress) -> None:
    assert ActionProgress.from_dict(json.loads(json.dumps(progress.to_dict(), allow_nan=False))) == progress


@given(PIPELINES)
@settings(deadline=None)
def test_progress_of_a_pipeline_comes_back_from_json(progress: PipelineProgress) -> None:
    told = json.loads(json.dumps(progress.to_dict(), allow_nan=False))
    assert PipelineProgress.from_dict(told) == progress
    assert list(told["actions"]) == list(progress.actions)
    assert told["overall_progress"] == progress.overall_progress


@given(PIPELINES)
@settings(deadline=None)
def test_the_whole_is_always_between_0_and_100_percent(progress: PipelineProgress) -> None:
    assert 0 <= progress.overall_progress <= 100
    assert 0 <= progress.completed_actions <= len(progress.actions)


def test_the_whole_is_the_weighted_mean() -> None:
    parts = [ActionProgress("a", progress=100, weight=3), ActionProgress("b", progress=50), ActionProgress("c")]
    progress = PipelineProgress("run", actions={one.name: one for one in parts})
    assert progress.overall_progress == 70
    alike = {one.name: ActionProgress(one.name, progress=one.progress, weight=0) for one in parts}
    assert PipelineProgress("run", actions=alike).overall_progress == 50
    assert PipelineProgress("run").overall_progress == 0
    assert PipelineProgress("run", PipelineStatus.COMPLETED).overall_progress == 100


def test_metrics_that_json_has_no_number_for_are_kept() -> None:
    progress = ActionProgress("a", metrics={"loss": float("inf")})
    assert ActionProgress.from_dict(json.loads(json.dumps(progress.to_dict(), allow_nan=False))) == progress


@pytest.mark.parametrize(
    "data", [{}, {"name": "a", "progress": 101}, {"name": "a", "progress": -1}, {"name": "a", "status": "lost"}, []]
)
def test_what_is_no_progress_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="validation error"):
        ActionProgress.from_dict(data)


def test_the_names_of_other_systems_are_the_same_classes() -> None:
    assert RunStatus is PipelineStatus
    assert [str(one) for one in RunStatus] == ["pending", "running", "completed", "failed", "cancelled"]
    assert SeedActionStatus is ActionStatus
    assert (SeedActionProgress, SeedPipelineProgress) == (ActionProgress, PipelineProgress)
    assert (SeedCheckpoint, SeedLogLevel) == (Checkpoint, LogLevel)


@pytest.mark.parametrize("kind", [ActionStatus, PipelineStatus])
def test_pending_and_running_are_not_the_end(kind: type[ActionStatus] | type[PipelineStatus]) -> None:
    assert [str(one) for one in kind if not one.is_final] == ["pending", "running"]


def test_a_duration_is_known_when_both_moments_are() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert ActionProgress("a", started_at=start).duration is None
    after = ActionProgress("a", started_at=start, completed_at=start + timedelta(seconds=3))
    assert after.duration == timedelta(seconds=3)


class TestFolders:
    def test_a_folder_is_made_when_it_is_asked_for(self, tmp_path: Path) -> None:
        context = PipelineContext("demo", "run-1", tmp_path)
        assert list(tmp_path.iterdir()) == []
        root = tmp_path / "demo" / "run-1"
        assert context.work_dir == root
        for name in ("datasets", "models", "artifacts", "logs", "checkpoints"):
            assert not (root / name).exists()
            assert getattr(context, f"{name}_dir") == root / name
            assert (root / name).is_dir()
        assert context.get_action_dir("train") == root / "actions" / "train"

    def test_cleanup_removes_the_run_alone_and_may_be_done_twice(self, tmp_path: Path) -> None:
        context, other = PipelineContext("demo", "run-1", tmp_path), PipelineContext("demo", "run-2", tmp_path)
        (context.models_dir / "model").write_text("x")
        kept = other.work_dir
        context.cleanup()
        context.cleanup()
        assert list((tmp_path / "demo").iterdir()) == [kept]

    def test_cleanup_does_not_follow_a_link(self, tmp_path: Path) -> None:
        precious = tmp_path / "precious"
        precious.mkdir()
        (precious / "file").write_text("x")
        (tmp_path / "demo").mkdir()
        (tmp_path / "demo" / "run-1").symlink_to(precious)
        PipelineContext("demo", "run-1", tmp_path).cleanup()
        assert (precious / "file").read_text() == "x"
        assert list((tmp_path / "demo").iterdir()) == []

    def test_runs_have_ids_of_their_own(self) -> None:
        first, second = PipelineContext("demo"), PipelineContext("demo")
        assert first.run_id != second.run_id
        assert len(first.run_id) == 12

    @pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a\\b", "a b", "-x"])
    def test_ids_that_lead_elsewhere_are_refused(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="cannot use run_id"):
            PipelineContext("demo", name)
        with pytest.raises(ValueError, match="cannot use pipeline_id"):
            PipelineContext(name)
        with pytest.raises(ValueError, match="cannot make folder of action"):
            PipelineContext("demo", base_path=tmp_path).get_action_dir(name)

    def test_it_is_the_same_in_another_process(self, tmp_path: Path) -> None:
        context = PipelineContext("demo", "run-1", tmp_path, {"who": "me"})
        assert pickle.loads(pickle.dumps(context)) == context  # noqa: S301 - made in the line itself
