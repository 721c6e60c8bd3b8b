"""Where runs keep their files: ids, directories, and what is written in one step."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugbus.capabilities import RunDirectory, RunNotFoundError, RunStore, artifact_root

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def write(store: RunStore, plugin_key: str, pipeline: str, **facts: Any) -> RunDirectory:
    """Make a run that ended, with a summary that says so."""
    directory = store.create(plugin_key, pipeline)
    directory.write_summary({"status": "ok", "spec": {"plugin_key": plugin_key, "pipeline": pipeline}, **facts})
    return directory


class TestRoot:
    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            ({}, "artifacts"),
            ({"CORE_ARTIFACT_ROOT": "core"}, "core"),
            ({"PLUGBUS_ARTIFACT_ROOT": "own", "CORE_ARTIFACT_ROOT": "core"}, "own"),
            ({"PLUGBUS_ARTIFACT_ROOT": "", "CORE_ARTIFACT_ROOT": "core"}, "core"),
        ],
    )
    def test_comes_from_the_environment(self, environ: dict[str, str], expected: str) -> None:
        assert artifact_root(environ) == Path.cwd() / expected

    def test_is_that_of_the_process_by_default(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PLUGBUS_ARTIFACT_ROOT", str(tmp_path))
        assert artifact_root() == tmp_path

    def test_of_a_store_is_absolute_and_found_from_a_run(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        store = RunStore("here")
        assert store.root == tmp_path / "here"
        assert RunStore.around(store.create("p", "train").path).root == store.root


class TestCreate:
    def test_makes_the_directory_of_one_run(self, store: RunStore) -> None:
        directory = store.create("digits", "train")
        assert directory.path == store.root / "runs" / directory.run_id
        assert list(directory.path.iterdir()) == []

    @given(key=st.text(st.characters()), pipeline=st.text(st.characters()))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    def test_makes_an_id_that_is_safe_as_a_part_of_a_path(self, store: RunStore, key: str, pipeline: str) -> None:
        directory = store.create(key, pipeline)
        assert re.fullmatch(r"\d{8}T\d{6}-[A-Za-z0-9-]*-[0-9a-f]{6}", directory.run_id)
        assert len(directory.run_id) <= 15 + 1 + 60 + 1 + 6
        assert directory.path.parent == store.root / "runs"
        assert directory.path.is_dir()

    @pytest.mark.parametrize("key", ["../../outside", "/absolute", "a/b", "..", "C:\\x", "nul\0", "größe"])
    def test_never_leads_outside(self, store: RunStore, key: str, tmp_path: Path) -> None:
        store.create(key, key)
        assert [one.name for one in tmp_path.iterdir()] == ["runs"]
        assert len(list((tmp_path / "runs").iterdir())) == 1

    def test_makes_no_directory_twice(self, store: RunStore) -> None:
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda _: store.create("digits", "train").path, range(40)))
        assert len(set(made)) == 40

    def test_tries_again_where_an_id_is_taken(self, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
        drawn = iter(["aaaaaa", "aaaaaa", "aaaaaa", "bbbbbb"])
        monkeypatch.setattr("secrets.token_hex", lambda count: next(drawn))
        monkeypatch.setattr("plugbus.capabilities.runs.store.datetime", _Noon)
        first, second = store.create("p", "t"), store.create("p", "t")
        assert first.run_id == "20260102T120000-p-t-aaaaaa"
        assert second.run_id == "20260102T120000-p-t-bbbbbb"

    @pytest.mark.parametrize("block", [Path.touch, lambda path: path.symlink_to("nowhere")])
    def test_says_so_where_there_can_be_no_directory(
        self, store: RunStore, tmp_path: Path, block: Callable[[Path], None]
    ) -> None:
        block(tmp_path / "runs")
        with pytest.raises(OSError, match="runs"):
            store.create("p", "t")


class _Noon:
    """A clock that stands still."""

    @staticmethod
    def now(zone: object) -> Any:
        from datetime import UTC, datetime

        return datetime(2026, 1, 2, 12, tzinfo=UTC)


class TestWrite:
    def test_leaves_the_summary_alone_in_its_folder(self, store: RunStore) -> None:
        directory = store.create("p", "t")
        path = directory.write_summary({"b": 1, "a": {"d": None, "c": [1]}})
        assert path == directory.path / "summary" / "run_summary.json"
        assert path.read_text("utf-8") == json.dumps({"a": {"c": [1], "d": None}, "b": 1}, indent=2) + "\n"
        assert [one.name for one in path.parent.iterdir()] == ["run_summary.json"]
        assert directory.read_summary() == {"a": {"c": [1], "d": None}, "b": 1}

    def test_replaces_the_whole_file(self, store: RunStore) -> None:
        directory = store.create("p", "t")
        directory.write_summary({"text": "x" * 10_000})
        directory.write_summary({"a": 1})
        assert directory.read_summary() == {"a": 1}

    def test_that_fails_leaves_what_was_there(self, store: RunStore) -> None:
        directory = store.create("p", "t")
        directory.write_summary({"a": 1})
        with pytest.raises(TypeError):
            directory.write_summary({"a": object()})
        assert directory.read_summary() == {"a": 1}

    def test_keeps_an_exception_as_it_is(self, store: RunStore) -> None:
        directory = store.create("p", "t")
        path = directory.write_exception("Traceback …\nOSError: größe\n")
        assert path == directory.path / "errors" / "exception.txt"
        assert path.read_text("utf-8") == "Traceback …\nOSError: größe\n"

    def test_escapes_a_file_name_that_is_no_text(self, store: RunStore) -> None:
        path = store.create("p", "t").write_exception("no such file: a\udcffb")
        assert path.read_text("utf-8") == "no such file: a\\udcffb"

    @pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"text"'])
    def test_of_something_else_is_no_summary(self, store: RunStore, text: str) -> None:
        directory = store.create("p", "t")
        assert directory.read_summary() is None
        directory.write_summary({}).write_text(text)
        assert directory.read_summary() is None
        with pytest.raises(RunNotFoundError):
            store.latest("p", "t")

    def test_in_bytes_that_are_no_text_is_no_summary(self, store: RunStore) -> None:
        directory = store.create("p", "t")
        directory.write_summary({}).write_bytes(b"\xff\xfe")
        assert directory.read_summary() is None


class TestFind:
    def test_returns_a_run_by_its_id(self, store: RunStore) -> None:
        directory = store.create("p", "t")
        assert store.get(directory.run_id) == directory

    def test_offers_a_near_id(self, store: RunStore) -> None:
        directory = store.create("digits", "train")
        with pytest.raises(RunNotFoundError) as caught:
            store.get(directory.run_id[:-1])
        assert caught.value.remedy == f"did you mean '{directory.run_id}'?"
        assert str(caught.value) == (
            f"cannot find run '{directory.run_id[:-1]}': it is not under {store.root}; "
            f"did you mean '{directory.run_id}'?"
        )

    @pytest.mark.parametrize("run_id", ["", ".", "..", "../runs", "a/..", "/", "nul\0", "absent"])
    def test_looks_at_nothing_but_runs(self, store: RunStore, run_id: str) -> None:
        store.create("p", "t")
        with pytest.raises(RunNotFoundError, match="list its runs"):
            store.get(run_id)

    def test_of_one_path_does_not_find_another(self, store: RunStore, tmp_path: Path) -> None:
        directory = store.create("p", "t")
        for run_id in (str(directory.path), f"../runs/{directory.run_id}", f"{directory.run_id}/"):
            with pytest.raises(RunNotFoundError):
                store.get(run_id)

    def test_is_not_misled_by_a_file(self, store: RunStore) -> None:
        store.create("p", "t")
        (store.root / "runs" / "note").touch()
        with pytest.raises(RunNotFoundError):
            store.get("note")

    def test_lists_runs_in_the_order_of_their_ids(self, store: RunStore) -> None:
        made = {store.create("p", str(number)).run_id for number in range(5)}
        (store.root / "runs" / "note").touch()
        assert [one.run_id for one in store] == sorted(made)

    def test_lists_nothing_where_nothing_ran(self, store: RunStore) -> None:
        assert list(store) == []
        assert list(store.root.iterdir()) == []

    def test_returns_the_latest_that_ended_well(self, store: RunStore) -> None:
        # Within one second the order of ids is not that of beginnings: the latest is in the middle of them.
        made = sorted((store.create("p", "train") for _ in range(3)), key=lambda one: one.run_id)
        for directory, moment in zip(made, ("000001", "000003", "000002"), strict=True):
            spec = {"plugin_key": "p", "pipeline": "train"}
            started = f"2026-01-01T00:00:00.{moment}+00:00"
            directory.write_summary({"status": "ok", "spec": spec, "started_at_utc": started})
        latest = made[1]
        failed = write(store, "p", "train", started_at_utc="2026-01-02T00:00:00+00:00", status="failed")
        write(store, "p", "score", started_at_utc="2026-01-03T00:00:00+00:00")
        write(store, "q", "train", started_at_utc="2026-01-03T00:00:00+00:00")
        store.create("p", "train")
        assert store.latest("p", "train") == latest
        assert store.latest("p", "train", status="failed") == failed

    def test_says_what_to_run_where_there_is_no_latest(self, store: RunStore) -> None:
        write(store, "p", "train", status="failed")
        with pytest.raises(RunNotFoundError) as caught:
            store.latest("p", "train")
        assert str(caught.value) == (
            f"cannot find run 'latest p.train': it is not under {store.root}; run 'p.train' first"
        )
