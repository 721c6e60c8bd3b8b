"""What a plugin sees of its run's tracking: values are checked once for every client, and the run is not its own."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import RunLifecycleError, RunTracking, TrackingError
from plugbus.capabilities.testing import FakeTracking, FakeTrackingClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def tracking() -> FakeTracking:
    return FakeTracking()


@pytest.fixture
def client(tracking: FakeTracking, tmp_path: Path) -> FakeTrackingClient:
    client = tracking.create_client()
    client.start_run("run-1", name="run", tags={}, artifact_dir=tmp_path)
    return client


@pytest.fixture
def run(client: FakeTrackingClient) -> RunTracking:
    return RunTracking(client, "run-1")


class TestParams:
    def test_are_recorded_one_by_one_or_together(self, run: RunTracking, client: FakeTrackingClient) -> None:
        run.log_param("model.depth", 3)
        run.log_params({"seed": None, "sizes": [1, 2]})
        assert client.params == {"model.depth": 3, "seed": None, "sizes": [1, 2]}

    def test_may_be_recorded_again_with_the_same_value(self, run: RunTracking, client: FakeTrackingClient) -> None:
        run.log_param("depth", 3)
        run.log_param("depth", 3)
        assert client.params == {"depth": 3}

    def test_keep_their_value(self, run: RunTracking, client: FakeTrackingClient) -> None:
        run.log_param("depth", 3)
        with pytest.raises(TrackingError) as caught:
            run.log_params({"width": 4, "depth": 5})
        assert (caught.value.kind, caught.value.key) == ("parameter", "depth")
        assert str(caught.value) == "cannot track parameter 'depth': it is 3 already, and can't be 5 too"
        assert client.params == {"depth": 3}

    def test_that_could_not_be_recorded_have_no_value_yet(self, tracking: FakeTracking, tmp_path: Path) -> None:
        failing: dict[str, BaseException] = {"log_params": OSError("disk full")}
        client = FakeTracking(failing).create_client()
        client.start_run("run-1", name="run", tags={}, artifact_dir=tmp_path)
        run = RunTracking(client, "run-1")
        with pytest.raises(OSError, match="disk full"):
            run.log_param("depth", 3)
        failing.clear()
        run.log_param("depth", 5)
        assert client.params == {"depth": 5}

    @pytest.mark.parametrize("key", ["", "  ", 3, None])
    def test_have_keys_that_are_text(self, run: RunTracking, client: FakeTrackingClient, key: Any) -> None:
        with pytest.raises(TrackingError, match="a key is text that is not blank"):
            run.log_params({"fine": 1, key: 2})
        assert client.params == {}


class TestMetrics:
    @pytest.mark.parametrize(
        ("value", "recorded"), [(1, 1.0), (0.5, 0.5), (Fraction(1, 4), 0.25), (math.inf, math.inf), (-0.0, -0.0)]
    )
    def test_are_recorded_as_floats(
        self, run: RunTracking, client: FakeTrackingClient, value: Any, recorded: float
    ) -> None:
        run.log_metric("loss", value, 3)
        assert client.metrics == [("loss", recorded, 3)]
        assert type(client.metrics[0][1]) is float

    def test_that_are_not_a_number_by_ieee_754_are_recorded(self, run: RunTracking, client: FakeTrackingClient) -> None:
        run.log_metric("loss", math.nan)
        assert math.isnan(client.metrics[0][1])

    def test_of_numpy_are_recorded(self, run: RunTracking, client: FakeTrackingClient) -> None:
        numpy = pytest.importorskip("numpy")
        run.log_metrics({"loss": numpy.float32(0.5), "n": numpy.int64(3)}, step=numpy.int64(7))
        assert client.metrics == [("loss", 0.5, 7), ("n", 3.0, 7)]
        assert [type(one) for one in client.metrics[0]] == [str, float, int]

    @pytest.mark.parametrize("value", [True, "0.5", b"1", None, [1.0], 1j, 10**400])
    def test_that_are_no_numbers_are_refused(self, run: RunTracking, client: FakeTrackingClient, value: Any) -> None:
        with pytest.raises(TrackingError, match="is no number") as caught:
            run.log_metrics({"fine": 1.0, "loss": value})
        assert (caught.value.kind, caught.value.key) == ("metric", "loss")
        assert client.metrics == []

    @pytest.mark.parametrize("step", [-1, True, 0.5, "1"])
    def test_of_a_step_that_is_none_are_refused(self, run: RunTracking, client: FakeTrackingClient, step: Any) -> None:
        with pytest.raises(TrackingError, match="no whole number from 0 on") as caught:
            run.log_metrics({"a": 1.0, "b": 2.0}, step)
        assert caught.value.key == "a, b"
        assert client.metrics == []

    def test_have_keys_that_are_text(self, run: RunTracking) -> None:
        with pytest.raises(TrackingError, match="a key is text"):
            run.log_metric(" ", 1.0)


class TestTags:
    def test_take_the_new_value(self, run: RunTracking, client: FakeTrackingClient) -> None:
        run.set_tag("stage", "draft")
        run.set_tags({"stage": "final", "purpose": "smoke"})
        assert client.tags == {"stage": "final", "purpose": "smoke"}

    def test_are_recorded_as_text(self, run: RunTracking, client: FakeTrackingClient) -> None:
        run.set_tags({"fold": 3})  # type: ignore[dict-item] # what calling code has at hand
        assert client.tags == {"fold": "3"}

    def test_have_keys_that_are_text(self, run: RunTracking, client: FakeTrackingClient) -> None:
        with pytest.raises(TrackingError, match="cannot track tag ''"):
            run.set_tags({"fine": "1", "": "2"})
        assert client.tags == {}


class TestArtifacts:
    def test_arrive_under_the_folder_that_was_named(
        self, run: RunTracking, client: FakeTrackingClient, tmp_path: Path
    ) -> None:
        file = tmp_path / "model.bin"
        file.touch()
        run.log_artifact(file, "models")
        run.log_artifact(str(file))
        assert client.artifacts == [(file, "models"), (file, None)]

    def test_that_are_not_there_are_refused(self, run: RunTracking, client: FakeTrackingClient, tmp_path: Path) -> None:
        for wrong in (tmp_path / "absent.bin", tmp_path):
            with pytest.raises(TrackingError, match="there is no such file") as caught:
                run.log_artifact(wrong)
            assert caught.value.key == str(wrong)
        assert "log_artifact" not in client.calls

    @pytest.mark.parametrize("under", [None, "results"])
    def test_of_a_folder_keep_their_places(
        self, run: RunTracking, client: FakeTrackingClient, tmp_path: Path, under: str | None
    ) -> None:
        for name in ("b.txt", "a/one.txt", "a/deep/two.txt"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        (tmp_path / "empty").mkdir()
        run.log_artifacts(tmp_path, under)
        places = [place for _, place in client.artifacts]
        names = [path.relative_to(tmp_path).as_posix() for path, _ in client.artifacts]
        assert names == ["a/deep/two.txt", "a/one.txt", "b.txt"]
        assert places == (["a/deep", "a", None] if under is None else ["results/a/deep", "results/a", "results"])

    def test_of_a_folder_that_is_not_there_are_refused(self, run: RunTracking, tmp_path: Path) -> None:
        with pytest.raises(TrackingError, match="there is no such folder"):
            run.log_artifacts(tmp_path / "absent")

    def test_have_the_address_that_the_client_gives(self, run: RunTracking) -> None:
        assert run.get_artifact_uri() == "fake://run-1"
        assert run.get_artifact_uri("models") == "fake://run-1/models"


class TestLifecycle:
    def test_is_not_the_plugins(self, run: RunTracking, client: FakeTrackingClient) -> None:
        with pytest.raises(RunLifecycleError) as caught:
            run.start_run("other", tags={})
        assert (caught.value.run_id, caught.value.verb) == ("run-1", "start")
        with pytest.raises(RunLifecycleError) as caught:
            run.end_run("ok")
        assert str(caught.value) == "cannot end run 'run-1': runs are started and ended by the host; return, or raise"
        assert client.calls == ["start_run"]

    def test_names_the_run_until_it_is_over(self, run: RunTracking) -> None:
        assert run.active_run_id == "run-1"
        run.close()
        assert run.active_run_id is None

    def test_takes_nothing_more_when_it_is_over(
        self, run: RunTracking, client: FakeTrackingClient, tmp_path: Path
    ) -> None:
        (tmp_path / "late.txt").touch()
        run.close()
        calls: tuple[Callable[[], None], ...] = (
            lambda: run.log_param("a", 1),
            lambda: run.log_metric("a", 1.0),
            lambda: run.set_tag("a", "1"),
            lambda: run.log_artifact(tmp_path / "late.txt"),
            lambda: run.log_artifacts(tmp_path),
        )
        for late in calls:
            with pytest.raises(RunLifecycleError, match="cannot track run 'run-1': it is over"):
                late()
        assert client.calls == ["start_run"]

    def test_reaches_the_client_from_one_thread_at_a_time(self, tmp_path: Path) -> None:
        class Narrow(FakeTrackingClient):
            inside = 0

            def log_metrics(self, metrics: Any, step: int | None = None) -> None:
                type(self).inside += 1
                assert type(self).inside == 1
                super().log_metrics(metrics, step)
                type(self).inside -= 1

        client = Narrow()
        client.start_run("run-1", name="run", tags={}, artifact_dir=tmp_path)
        run = RunTracking(client, "run-1")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda step: run.log_metric("loss", 1.0, step), range(400)))
        assert sorted(step for _, _, step in client.metrics if step is not None) == list(range(400))
