"""Pipelines that are taken up after the end of their process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from plugbus.capabilities import (
    ActionNode,
    ActionPipeline,
    BaseAction,
    CancellationToken,
    Checkpoint,
    CheckpointError,
    JsonPipelineCheckpoints,
    PipelineChangedError,
    PipelineCheckpoint,
    PipelineFailedError,
    PipelineParamsError,
    PipelineStarted,
    PipelineStatus,
    RuntimeContext,
    WorkCancelledError,
)

PROGRAM = Path(__file__).with_name("killed_pipeline.py")
ran: list[str] = []
broken: set[str] = set()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    ran.clear()
    broken.clear()


class Params(BaseModel):
    label: str
    size: int = 1
    made: Path | None = None


class Made(BaseModel):
    made: Path
    sizes: dict[str, float] = Field(default={}, serialization_alias="sizesByName")


class Work(BaseAction[Params]):
    result_model = Made

    def execute(self) -> Made:
        ran.append(self.params.label)
        if self.params.label in broken:
            raise ValueError("broken")
        return Made(made=Path(f"{self.params.made}/{self.params.label}"), sizes={"size": self.params.size})


def node(name: str, action: type[BaseAction[Any]] = Work, **more: Any) -> ActionNode:
    return ActionNode(action, name=name, params={"label": name, **more.pop("params", {})}, **more)


def chain(*nodes: ActionNode) -> ActionPipeline:
    return ActionPipeline(nodes or [node("a"), node("b"), node("c")], name="demo")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "run" / "pipeline.json"


def stop_at(name: str, place: Path, pipeline: ActionPipeline | None = None, params: Any = None) -> None:
    broken.add(name)
    with pytest.raises(PipelineFailedError):
        (pipeline or chain()).execute(params, checkpoints=place)
    broken.clear()
    ran.clear()


def test_what_failed_is_taken_up_where_it_was(place: Path) -> None:
    stop_at("b", place)
    events: list[Any] = []
    done = chain().run(checkpoints=place, ctx=RuntimeContext(publish=events.append))
    assert ran == ["b", "c"]
    assert done.resumed == ("a",)
    assert done.result == Made(made=Path("None/a/b/c"), sizes={"size": 1})
    assert done.results["a"] == Made(made=Path("None/a"), sizes={"size": 1})
    assert done.progress.actions["a"].message == "done by an earlier process"
    assert next(one for one in events if isinstance(one, PipelineStarted)).resumed == ("a",)


def test_a_run_is_not_taken_up_while_it_goes_on(place: Path) -> None:
    seen: list[str] = []

    class Meddle(Work):
        def execute(self) -> Made:
            before = place.read_bytes()
            for begin in (pipeline.run, pipeline.check_checkpoint):
                with pytest.raises(CheckpointError) as caught:
                    begin(checkpoints=place)
                seen.append(str(caught.value))
            assert place.read_bytes() == before
            return super().execute()

    pipeline = chain(node("a"), node("b", Meddle))
    assert pipeline.run(checkpoints=place).status is PipelineStatus.COMPLETED
    assert ran == ["a", "b"]
    told = f"cannot use checkpoint '{place}': process {os.getpid()} has it; wait for its end, or stop it"
    assert seen == [told, told]
    assert list(place.parent.iterdir()) == []


def test_what_is_refused_leaves_no_folder(place: Path) -> None:
    with pytest.raises(PipelineParamsError):
        chain().run({"nothing": 1}, checkpoints=place)
    assert not place.parent.exists()


def test_a_run_that_is_taken_up_keeps_its_id(place: Path) -> None:
    broken.add("b")
    first = chain().run(checkpoints=place)
    broken.clear()
    assert chain().run(checkpoints=place).run_id == first.run_id


def test_a_completed_run_leaves_no_checkpoint(place: Path) -> None:
    chain().execute(checkpoints=JsonPipelineCheckpoints(place))
    assert not place.exists()
    ran.clear()
    chain().execute(checkpoints=place)
    assert ran == ["a", "b", "c"]


def test_a_cancelled_run_can_be_taken_up(place: Path) -> None:
    token = CancellationToken()

    class Cancels(Work):
        def execute(self) -> Made:
            token.cancel("later")
            return super().execute()

    pipeline = chain(node("a"), node("b", Cancels), node("c"))
    with pytest.raises(WorkCancelledError):
        pipeline.execute(checkpoints=place, cancellation=token)
    assert ran == ["a", "b"]
    ran.clear()
    assert pipeline.run(checkpoints=place).resumed == ("a", "b")
    assert ran == ["c"]


def test_skipped_actions_stay_skipped(place: Path) -> None:
    pipeline = chain(node("a"), node("b", when="params.wanted"), node("c"))
    stop_at("c", place, pipeline, {"wanted": False})
    done = pipeline.run(checkpoints=place)
    assert ran == ["c"]
    assert done.resumed == ("a", "b")
    assert str(done.progress.actions["b"].status) == "skipped"


def test_what_was_skipped_because_of_a_failure_is_done_when_it_is_taken_up(place: Path) -> None:
    nodes = [node("bad"), node("behind", after=["bad"]), node("good")]
    pipeline = ActionPipeline.graph(nodes, name="demo", continue_on_failure=True)
    stop_at("bad", place, pipeline)
    pipeline.execute(checkpoints=place)
    assert ran == ["bad", "behind"]


class TestChanges:
    @pytest.mark.parametrize(
        ("nodes", "told"),
        [
            ([node("a"), node("b")], "action 'c' is gone"),
            ([node("a"), node("b"), node("c"), node("d")], "action 'd' is new"),
            (
                [node("a"), node("b", params={"size": 2}), node("c")],
                "the parameters of action 'b' changed from {'label': 'b'} to {'label': 'b', 'size': 2}",
            ),
            (
                [node("a"), node("b"), node("c", inputs={"made": "a.made"})],
                "the inputs of action 'c' changed from {} to {'made': 'a.made'}",
            ),
            ([node("b"), node("a"), node("c")], "what has to be done before the begin of action 'a' changed"),
            (
                [node("a"), node("b", when="a.made"), node("c")],
                "the condition of action 'b' changed from None to 'a.made'",
            ),
        ],
    )
    def test_another_pipeline_is_refused_with_what_changed(
        self, place: Path, nodes: list[ActionNode], told: str
    ) -> None:
        stop_at("b", place)
        before = place.read_bytes()
        with pytest.raises(PipelineChangedError) as caught:
            chain(*nodes).execute(checkpoints=place)
        assert any(one.startswith(told) for one in caught.value.changes), caught.value.changes
        assert ran == []
        assert place.read_bytes() == before

    def test_another_model_or_class_is_refused(self, place: Path) -> None:
        class More(Params):
            extra: int = 0

        class Other(BaseAction[More]):
            result_model = Made

            def execute(self) -> Made:
                return Made(made=Path("x"))

        stop_at("b", place)
        with pytest.raises(PipelineChangedError) as caught:
            chain(node("a"), node("b", Other), node("c")).execute(checkpoints=place)
        changed = [one.partition(" of ")[0] for one in caught.value.changes]
        assert changed == ["the class", "the model"]

    def test_a_pipeline_of_another_name_is_refused(self, place: Path) -> None:
        stop_at("b", place)
        with pytest.raises(PipelineChangedError, match="it is of pipeline 'demo', not 'other'"):
            ActionPipeline([node("a"), node("b"), node("c")], name="other").execute(checkpoints=place)

    def test_other_parameters_are_refused_unless_they_are_allowed(self, place: Path) -> None:
        stop_at("b", place, params={"size": 3})
        chain_of = chain()
        with pytest.raises(PipelineChangedError) as caught:
            chain_of.execute({"size": 4}, checkpoints=place)
        assert caught.value.changes == ("parameter 'size' changed: 3 before, 4 now",)
        with pytest.raises(PipelineChangedError, match="parameter 'size' changed: 3 before, not given now"):
            chain_of.execute({}, checkpoints=place)
        assert ran == []
        broken.add("c")
        with pytest.raises(PipelineFailedError):
            chain_of.execute({"size": 3}, checkpoints=place)
        broken.clear()
        done = chain_of.run({"size": 5}, checkpoints=place, allow_new_params=True)
        assert [done.results[name].sizes["size"] for name in "abc"] == [3, 3, 5]

    def test_none_stands_for_what_it_began_with(self, place: Path) -> None:
        stop_at("b", place, params={"size": 3})
        assert chain().run(checkpoints=place).params == {"size": 3}


class TestFiles:
    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            (lambda text: text[: len(text) // 2], "it is no JSON"),
            (lambda text: "[]", "it is no checkpoint of a pipeline"),
            (lambda text: text.replace('"schema_version": 1', '"schema_version": 7'), "this version reads 1"),
            (lambda text: text.replace('"action": "a"', '"action": "z"'), "results of actions that it does not name"),
            (lambda text: text.replace('"skipped": false', '"skipped": 0'), "done.0.skipped: Input should be a valid"),
            (lambda text: text.replace('"made": "None/a"', '"made": 3'), "the result of action 'a' does not fit"),
            (lambda text: text.replace('"action": "a"', '"action": "b"'), "'a', which comes before it, is not"),
            (lambda text: "\udcff", "it is no UTF-8"),
            (lambda text: "null", "it holds nothing but null"),
        ],
    )
    def test_a_spoiled_checkpoint_is_named_and_nothing_of_it_applied(self, place: Path, spoil: Any, told: str) -> None:
        stop_at("b", place)
        place.write_bytes(spoil(place.read_text()).encode("utf-8", "surrogateescape"))
        spoiled = place.read_bytes()
        with pytest.raises(CheckpointError, match=told) as caught:
            chain().execute(checkpoints=place)
        assert str(place) in str(caught.value)
        assert ran == []
        assert place.read_bytes() == spoiled

    def test_a_result_that_is_no_plain_data_is_refused_with_the_remedy(self, place: Path) -> None:
        class Loose(BaseAction[Params]):
            def execute(self) -> Any:
                return {"path": Path("x")}

        with pytest.raises(PipelineFailedError) as caught:
            chain(node("a", Loose), node("b")).execute(checkpoints=place)
        assert isinstance(caught.value.__cause__, CheckpointError)
        assert "path is a PosixPath; declare a result_model, or return plain data" in str(caught.value)
        assert ran == []

    def test_a_result_that_would_come_back_as_another_is_refused(self, place: Path) -> None:
        class Halved(BaseModel):
            value: int

            def model_post_init(self, context: Any) -> None:
                object.__setattr__(self, "value", self.value // 2)

        class Halves(BaseAction[Params]):
            result_model = Halved

            def execute(self) -> Halved:
                return Halved(value=8)

        with pytest.raises(PipelineFailedError, match="its model reads something else back"):
            chain(node("a", Halves)).execute(checkpoints=place)

    def test_parameters_that_are_no_plain_data_are_refused_before_anything_is_run(self, place: Path) -> None:
        with pytest.raises(CheckpointError, match="the parameters are no plain data"):
            chain().execute({"size": object()}, checkpoints=place)
        assert ran == []

    def test_a_disk_that_is_full_fails_the_run_and_keeps_the_last_checkpoint(
        self, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stop_at("c", place)
        before = place.read_bytes()
        real = Path.replace

        def full(source: Path, target: Any) -> Path:
            if target == place:
                raise OSError(28, "No space left on device")
            return real(source, target)

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            chain().execute(checkpoints=place)
        monkeypatch.undo()
        assert place.read_bytes() == before
        assert [one.name for one in place.parent.iterdir()] == [place.name]
        chain().execute(checkpoints=place)
        assert ran == ["c"]

    @given(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers(-(2**63), 2**63)
                | st.floats(allow_nan=False, allow_infinity=False),
                lambda inner: st.lists(inner, max_size=3),
                max_leaves=5,
            ),
        )
    )
    @settings(deadline=None, max_examples=40)
    def test_what_is_saved_is_what_is_loaded(self, tmp_path_factory: pytest.TempPathFactory, params: Any) -> None:
        store = JsonPipelineCheckpoints(tmp_path_factory.mktemp("saved") / "p.json")
        found = PipelineCheckpoint(
            "p", "run", {"a": {"action": "x"}, "b": {}}, params, (Checkpoint("run", "a", params),)
        )
        store.save(found)
        assert store.load() == found
        store.clear()
        store.clear()
        assert store.load() is None


def run_program(folder: Path, place: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), str(folder), place]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own program


@pytest.mark.parametrize(
    ("place", "log"),
    [
        ("before:a", ["a", "b", "c"]),
        ("after:a", ["a", "a", "b", "c"]),
        ("before:b", ["a", "b", "c"]),
        ("after:b", ["a", "b", "b", "c"]),
        ("after:c", ["a", "b", "c", "c"]),
        ("write:1", ["a", "b", "c"]),
        ("write:2", ["a", "a", "b", "c"]),
        ("write:3", ["a", "b", "b", "c"]),
        ("write:4", ["a", "b", "c", "c"]),
    ],
)
def test_a_killed_process_is_taken_up_without_losing_or_repeating_what_was_kept(
    tmp_path: Path, place: str, log: list[str]
) -> None:
    killed = run_program(tmp_path, place)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = tmp_path / "pipeline.json"
    done = [one["action"] for one in json.loads(kept.read_text())["done"]] if kept.exists() else []
    again = run_program(tmp_path, "none")
    assert again.returncode == 0, again.stderr
    assert again.stdout.split(" ") == ["r", ",".join(done), "33", "c\n"]
    assert (tmp_path / "log").read_text().split() == log
    assert not kept.exists()
