"""Checkpoints: what is kept, what is refused, and workflows whose process is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.capabilities import (
    BaseStep,
    BaseStepContext,
    CheckpointError,
    CheckpointStateError,
    JsonCheckpointStore,
    Orchestrator,
    RecordedFailure,
    StepCheckpoint,
    StepFailedError,
    StepRegistry,
    StepResult,
    StepsChangedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Ctx(BaseStepContext):
    did: list[str] = field(default_factory=list)
    count: int = 0
    place: Path = Path()


class Do(BaseStep[Ctx]):
    def __init__(self, name: str, execute: Callable[[Ctx], Any] | None = None, **facts: Any) -> None:
        self._name = name
        self._execute = execute
        self._facts = facts

    @property
    def name(self) -> str:
        return self._name

    @property
    def progress_weight(self) -> float:
        return 1.0

    def can_skip(self, context: Ctx) -> bool:
        return "skip" in self._facts

    def execute(self, context: Ctx) -> StepResult:
        context.did.append(self._name)
        context.count += 1
        if self._execute is not None:
            self._execute(context)
        return StepResult(data=self._facts.get("data", {}), rollback_data={"of": self._name})

    def rollback(self, context: Ctx, result: StepResult) -> None:
        context.did.append(f"-{result.rollback_data['of']}")
        if "undo" in self._facts:
            self._facts["undo"](context)


class Died(BaseException):
    """Stand for the end of the process: nothing that comes after it is written."""


class MortalStore(JsonCheckpointStore):
    """Write until the process dies, which is when ``is_dead`` is set."""

    is_dead = False

    def save(self, checkpoint: StepCheckpoint) -> None:
        if not self.is_dead:
            super().save(checkpoint)

    def clear(self) -> None:
        if not self.is_dead:
            super().clear()


@pytest.fixture
def store(tmp_path: Path) -> MortalStore:
    return MortalStore(tmp_path / "new folder" / "upload.json")


def made(store: JsonCheckpointStore, *steps: Do, **options: Any) -> tuple[Orchestrator[Ctx], Ctx]:
    context = Ctx()
    return Orchestrator(StepRegistry[Ctx](steps), context, checkpoints=store, **options), context


def die(store: MortalStore, *steps: Do) -> None:
    """Execute the steps until one of them ends the process."""
    with pytest.raises(Died):
        made(store, *steps)[0].execute()
    store.is_dead = False


def dying(store: MortalStore) -> Callable[[Ctx], None]:
    def act(context: Ctx) -> None:
        store.is_dead = True
        raise Died

    return act


def fail(context: Ctx) -> None:
    raise ValueError("no disk")


class TestResume:
    def test_what_was_done_is_not_done_again(self, store: MortalStore) -> None:
        die(store, Do("a", data={"n": [1, {"x": None}]}), Do("b", skip=True), Do("c", dying(store)), Do("d"))
        seen: list[int] = []
        orchestrator, context = made(
            store, Do("a"), Do("b"), Do("c"), Do("d"), progress_callback=lambda one, _: seen.append(one)
        )
        assert orchestrator.execute() == {
            "success": True, "steps_executed": 2, "steps_total": 4, "steps_resumed": 2
        }  # fmt: skip
        assert context.did == ["a", "c", "d"], "a is told by the state that was kept"
        assert context.count == 3
        assert seen == [50, 75, 100]
        assert [one.skipped for one in context.step_results] == [False, True, False, False]
        assert context.step_results[0].data == {"n": [1, {"x": None}]}
        assert not store.path.exists()

    def test_a_failure_after_it_rolls_back_what_was_done_before_it(self, store: MortalStore) -> None:
        die(store, Do("a"), Do("b", skip=True), Do("c", dying(store)), Do("d"))
        orchestrator, context = made(store, Do("a"), Do("b"), Do("c"), Do("d", fail))
        with pytest.raises(StepFailedError):
            orchestrator.execute()
        assert context.did == ["a", "c", "d", "-c", "-a"]
        assert not store.path.exists()

    def test_another_one_is_refused_meanwhile(self, store: MortalStore) -> None:
        refused: list[str] = []

        def meddle(context: Ctx) -> None:
            other, touched = made(store, Do("a"))
            with pytest.raises(CheckpointError) as caught:
                other.execute()
            assert touched.did == []
            refused.append(str(caught.value))

        orchestrator, context = made(store, Do("a"), Do("b", meddle))
        assert orchestrator.execute()["steps_executed"] == 2
        assert context.did == ["a", "b"]
        told = f"cannot use checkpoint '{store}': process {os.getpid()} has it; wait for its end, or stop it"
        assert refused == [told]
        assert list(store.path.parent.iterdir()) == []

    def test_the_results_are_those_that_were_there(self, store: MortalStore) -> None:
        die(store, Do("a"), Do("b", dying(store)))
        kept = store.load()
        assert kept is not None
        _, context = found = made(store, Do("a"), Do("b"))
        found[0].execute()
        assert context.step_results[0] == kept.results[0]
        assert context.step_results[0].timestamp.tzinfo is not None

    def test_a_process_may_die_again_and_again(self, store: MortalStore) -> None:
        names = ("a", "b", "c", "d")
        for place in range(1, len(names)):
            die(store, *(Do(name, dying(store) if number == place else None) for number, name in enumerate(names)))
            kept = store.load()
            assert kept is not None
            assert len(kept.results) == place
        orchestrator, context = made(store, *map(Do, names))
        assert orchestrator.execute().get("steps_resumed") == 3
        assert context.did == ["a", "b", "c", "d"]

    def test_a_death_before_the_first_checkpoint_leaves_nothing(self, store: MortalStore) -> None:
        die(store, Do("a", dying(store)))
        assert store.load() is None
        orchestrator, _ = made(store, Do("a"))
        assert "steps_resumed" not in orchestrator.execute()

    def test_a_death_after_the_last_step_leaves_nothing_to_do(self, store: MortalStore) -> None:
        store.save(StepCheckpoint(("a",), (StepResult(),), {"did": ["a"]}))
        orchestrator, context = made(store, Do("a"))
        assert orchestrator.execute() == {
            "success": True, "steps_executed": 0, "steps_total": 1, "steps_resumed": 1
        }  # fmt: skip
        assert context.did == ["a"]
        assert not store.path.exists()

    @pytest.mark.parametrize("steps", [(Do("a"), Do("b", fail)), (Do("a"), Do("b"))])
    def test_an_execution_that_came_to_its_end_leaves_nothing(self, store: MortalStore, steps: tuple[Do, ...]) -> None:
        orchestrator, context = made(store, *steps)
        for _ in range(2):
            context.did.clear()
            try:
                assert "steps_resumed" not in orchestrator.execute()
            except StepFailedError:
                assert context.did == ["a", "b", "-a"]
            assert not store.path.exists()
        assert list(store.path.parent.iterdir()) == []

    def test_progress_that_can_not_be_told_rolls_back_what_was_done_before(self, store: MortalStore) -> None:
        die(store, Do("a"), Do("b", dying(store)))
        orchestrator, context = made(store, Do("a"), Do("b"), progress_callback=lambda *_: 1 / 0)
        with pytest.raises(StepFailedError, match="Step 'a' failed in progress_callback"):
            orchestrator.execute()
        assert context.did == ["a", "-a"]


class TestRollbackThatWasCutOff:
    def test_the_next_execution_finishes_it_and_fails_as_the_first_one_did(self, store: MortalStore) -> None:
        die(store, Do("a"), Do("b", undo=dying(store)), Do("c"), Do("d", fail))
        kept = store.load()
        assert kept is not None
        assert [one.rollback_data["of"] for one in kept.results] == ["a", "b"], "c is undone"
        assert kept.failure == RecordedFailure("d", "no disk", "execute")
        orchestrator, context = made(store, Do("a"), Do("b"), Do("c"), Do("d"))
        with pytest.raises(StepFailedError, match=r"^Step 'd' failed: no disk$") as caught:
            orchestrator.execute()
        assert context.did == ["a", "b", "c", "d", "-c", "-b", "-a"], "the state is that of after the rollback of c"
        assert caught.value.__cause__ is None
        assert not store.path.exists()
        context.did.clear()
        assert orchestrator.execute()["steps_executed"] == 4, "the one after it begins anew"

    def test_failures_and_interrupts_of_it_are_told(self, store: MortalStore) -> None:
        steps = (StepResult(rollback_data={"of": "a"}), StepResult(rollback_data={"of": "b"}))

        def interrupt(context: Ctx) -> None:
            raise KeyboardInterrupt

        store.save(StepCheckpoint(("a", "b"), steps, {}, RecordedFailure("b", "no disk", "progress_callback")))
        orchestrator, context = made(store, Do("a"), Do("b", undo=fail))
        with pytest.raises(StepFailedError, match="Step 'b' failed in progress_callback: no disk") as caught:
            orchestrator.execute()
        assert [str(one) for one in caught.value.rollback_failures] == ["cannot roll back step 'b': no disk"]
        store.save(StepCheckpoint(("a", "b"), steps, {}, RecordedFailure("b", "no disk", "execute")))
        orchestrator, context = made(store, Do("a"), Do("b", undo=interrupt))
        with pytest.raises(KeyboardInterrupt) as interrupted:
            orchestrator.execute()
        assert isinstance(interrupted.value.__cause__, StepFailedError)
        assert context.did == ["-b", "-a"]
        assert context.current_step is None


class TestRefusals:
    @pytest.mark.parametrize(
        ("now", "changes"),
        [
            ("a", ("step 'b' is gone",)),
            ("abc", ("step 'c' is new",)),
            ("ba", ("step 'b' comes where 'a' came",)),
            ("cd", ("steps 'a', 'b' are gone", "steps 'c', 'd' are new")),
            ("", ("steps 'a', 'b' are gone",)),
        ],
    )
    def test_other_steps_are_refused_with_what_changed(
        self, store: MortalStore, now: str, changes: tuple[str, ...]
    ) -> None:
        die(store, Do("a"), Do("b", dying(store)))
        before = store.path.read_bytes()
        orchestrator, context = made(store, *map(Do, now))
        with pytest.raises(StepsChangedError) as caught:
            orchestrator.execute()
        assert caught.value.changes == changes
        assert str(caught.value) == (
            f"cannot resume from checkpoint '{store.path}': {'; '.join(changes)}; "
            "restore the steps, or delete the checkpoint"
        )
        assert (context.did, context.count) == ([], 0)
        assert store.path.read_bytes() == before

    def test_state_that_does_not_fit_is_refused(self, store: MortalStore) -> None:
        store.save(StepCheckpoint(("a",), (), {"count": 3, "gone": 1}))
        orchestrator, context = made(store, Do("a"))
        with pytest.raises(CheckpointError, match="cannot restore context 'Ctx': it has no field 'gone'") as caught:
            orchestrator.execute()
        assert caught.value.verb == "resume from"
        assert isinstance(caught.value.__cause__, CheckpointStateError)
        assert context.count == 0, "nothing was changed"
        assert orchestrator.context.current_step is None

    @pytest.mark.parametrize("name", ["runtime_ctx", "step_results", "current_step", "cancellation"])
    def test_state_never_reaches_what_belongs_to_the_orchestrator(self, name: str) -> None:
        with pytest.raises(CheckpointStateError):
            Ctx().restore_state({name: None})

    @pytest.mark.parametrize(
        ("data", "fault"),
        [
            ({"p": Path()}, r"results\[0\].data.p is a PosixPath"),
            ({"x": [1, (2,)]}, r"results\[0\].data.x\[1\] is a tuple"),
            ({"x": float("nan")}, r"results\[0\].data.x is nan"),
            ({"x": {1: 2}}, r"results\[0\].data.x has the key 1, which is no text"),
            ({"x": 10**5000}, "digits"),
        ],
    )
    def test_a_result_that_is_no_plain_data_fails_the_step(self, store: MortalStore, data: Any, fault: str) -> None:
        if os.name != "posix" and "Path" in fault:
            pytest.skip("the name of the class differs")
        orchestrator, context = made(store, Do("a", data=data))
        with pytest.raises(StepFailedError, match=fault) as caught:
            orchestrator.execute()
        assert caught.value.phase == "checkpoint"
        assert isinstance(caught.value.__cause__, CheckpointError)
        assert context.did == ["a", "-a"]
        assert not store.path.exists()

    def test_data_that_contains_itself_is_refused(self, store: MortalStore) -> None:
        endless: dict[str, Any] = {}
        endless["x"] = endless
        with pytest.raises(StepFailedError, match="deeper than 64 levels"):
            made(store, Do("a", data=endless))[0].execute()

    def test_a_failed_write_leaves_the_last_checkpoint_and_no_draft(
        self, store: MortalStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.save(StepCheckpoint(("a",)))
        before = store.path.read_bytes()

        def full(descriptor: int) -> None:
            raise OSError(28, "no space left")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space left"):
            store.save(StepCheckpoint(("a", "b")))
        assert store.path.read_bytes() == before
        assert list(store.path.parent.iterdir()) == [store.path]

    def test_what_can_not_be_written_while_rolling_back_is_told_and_stops_nothing(self, store: MortalStore) -> None:
        class Full(MortalStore):
            def save(self, checkpoint: StepCheckpoint) -> None:
                if checkpoint.failure is not None:
                    raise OSError(28, "no space left")

        orchestrator, context = made(Full(store.path), Do("a"), Do("b"), Do("c", fail))
        with pytest.raises(StepFailedError, match="no disk") as caught:
            orchestrator.execute()
        assert context.did == ["a", "b", "c", "-b", "-a"]
        assert {one.cause for one in caught.value.rollback_failures} == {"[Errno 28] no space left"}


GOOD = {
    "schema": 1,
    "steps": ["a", "b"],
    "results": [
        {
            "success": True,
            "data": {},
            "error": None,
            "rollback_data": {},
            "skipped": False,
            "timestamp": "2026-01-02T03:04:05+00:00",
        }
    ],
    "state": {},
    "failure": None,
}


def broken(**changed: Any) -> str:
    return json.dumps({**GOOD, **changed})


def broken_result(**changed: Any) -> str:
    result: Any = GOOD["results"]
    return broken(results=[{**result[0], **changed}])


class TestCorruptFiles:
    def test_a_good_one_is_read(self, store: MortalStore) -> None:
        store.path.parent.mkdir()
        store.path.write_text(json.dumps(GOOD))
        found = store.load()
        assert found is not None
        assert found.results[0].timestamp.isoformat() == "2026-01-02T03:04:05+00:00"

    @pytest.mark.parametrize(
        ("text", "cause"),
        [
            ("", "it is no JSON"),
            (json.dumps(GOOD)[:-20], "it is no JSON"),
            ("[" * 100_000, "it is no JSON"),
            ("[]", "it is no checkpoint"),
            ("{}", "it is no checkpoint"),
            (broken(schema=2), "it has schema 2; this version reads 1"),
            (broken(steps="ab"), "'steps' is no list of texts"),
            (broken(steps=["a", 1]), "'steps' is no list of texts"),
            (broken(steps=[]), "'results' is no list, or a longer one than 'steps'"),
            (broken(results=None), "'results' is no list"),
            (broken(results=[1]), r"'results\[0\]' is no result of a step"),
            (broken(results=[{}]), r"'results\[0\]' is no result of a step"),
            (broken_result(success=1), r"'results\[0\].success' is a int"),
            (broken_result(data=None), r"'results\[0\].data' is a NoneType"),
            (broken_result(timestamp="yesterday"), r"'results\[0\].timestamp': Invalid isoformat"),
            (broken(state=[]), "'state' is no mapping"),
            ("null", "it holds nothing but null"),
            (broken(failure={"step": "a"}), "'failure' is no failure of a step"),
            (broken(failure=3), "'failure' is no failure of a step"),
        ],
    )
    def test_a_bad_one_is_refused_with_the_place(self, store: MortalStore, text: str, cause: str) -> None:
        store.path.parent.mkdir()
        store.path.write_text(text)
        orchestrator, context = made(store, Do("a"), Do("b"))
        with pytest.raises(CheckpointError, match=f"cannot read checkpoint '.*upload.json': {cause}"):
            orchestrator.execute()
        assert context.did == []
        assert store.path.read_text() == text, "it is left for a look at it"

    def test_bytes_that_are_no_text_are_refused(self, store: MortalStore) -> None:
        store.path.parent.mkdir()
        store.path.write_bytes(b"\xff\xfe")
        with pytest.raises(CheckpointError, match="it is no UTF-8"):
            store.load()

    @given(text=st.text(max_size=30) | st.recursive(st.none() | st.integers(), st.lists, max_leaves=5).map(json.dumps))
    def test_no_text_makes_it_raise_anything_else(self, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
        path = tmp_path_factory.mktemp("any") / "x.json"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CheckpointError):
            JsonCheckpointStore(path).load()

    def test_there_is_nothing_to_clear_where_there_is_nothing(self, store: MortalStore) -> None:
        store.clear()
        assert store.load() is None
        assert str(store) == str(store.path)


class TestState:
    def test_plain_fields_and_errors_are_kept_and_others_left_out(self) -> None:
        context = Ctx(did=["a"], count=3, place=Path("/x"), errors=["odd"], current_step="a")
        assert context.save_state() == {"did": ["a"], "count": 3, "errors": ["odd"]}
        again = Ctx(place=Path("/y"))
        again.restore_state(context.save_state())
        assert (again.did, again.count, again.errors, again.place) == (["a"], 3, ["odd"], Path("/y"))
        assert again.current_step is None

    def test_a_context_may_say_itself_what_is_kept(self, store: MortalStore) -> None:
        @dataclass
        class Own(Ctx):
            def save_state(self) -> dict[str, Any]:
                return {"place": str(self.place)}

            def restore_state(self, state: Any) -> None:
                self.place = Path(state["place"])

        steps = StepRegistry[Ctx]([Do("a"), Do("b", dying(store))])
        with pytest.raises(Died):
            Orchestrator(steps, Own(place=Path("/x")), checkpoints=store).execute()
        store.is_dead = False
        context = Own()
        Orchestrator(StepRegistry[Ctx]([Do("a"), Do("b")]), context, checkpoints=store).execute()
        assert (context.place, context.did) == (Path("/x"), ["b"])

    def test_a_context_that_can_not_save_fails_the_step(self, store: MortalStore) -> None:
        @dataclass
        class Broken(Ctx):
            def save_state(self) -> dict[str, Any]:
                raise LookupError("no state")

        context = Broken()
        with pytest.raises(StepFailedError, match="Step 'a' failed in checkpoint: no state"):
            Orchestrator(StepRegistry[Ctx]([Do("a")]), context, checkpoints=store).execute()
        assert context.did == ["a", "-a"]

    def test_a_context_that_can_not_save_any_more_is_rolled_back_with_the_state_of_before(
        self, store: MortalStore
    ) -> None:
        @dataclass
        class Failing(Ctx):
            def save_state(self) -> Any:
                if self.count == 2:
                    raise LookupError("no state")
                return super().save_state()

        steps = StepRegistry[Ctx]([Do("a", undo=dying(store)), Do("b")])
        with pytest.raises(Died):
            Orchestrator(steps, Failing(), checkpoints=store).execute()
        kept = store.load()
        assert kept is not None
        assert kept.failure == RecordedFailure("b", "no state", "checkpoint")
        assert kept.state["count"] == 1
        assert len(kept.results) == 1

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
            max_leaves=8,
        )
    )
    def test_what_is_kept_comes_back_as_it_was(self, value: Any) -> None:
        @dataclass
        class Any1(BaseStepContext):
            value: Any = None

        state = Any1(value=value).save_state()
        if "value" in state:
            again = json.loads(json.dumps(value))
            assert repr(again) == repr(value)
        else:
            assert repr(_through_json(value)) != repr(value)


def _through_json(value: Any) -> Any:
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return object()
    return json.loads(text)


SCRIPT = dedent(
    """
    import sys, time
    from dataclasses import dataclass, field
    from pathlib import Path
    from plugbus.capabilities import (
        BaseStep, BaseStepContext, JsonCheckpointStore, Orchestrator, StepFailedError, StepRegistry, StepResult
    )

    folder, mode = Path(sys.argv[1]), sys.argv[2]

    @dataclass
    class Ctx(BaseStepContext):
        seen: list[str] = field(default_factory=list)

    class Do(BaseStep[Ctx]):
        def __init__(self, name):
            self._name = name
        name = property(lambda self: self._name)
        progress_weight = 1.0
        def note(self, text):
            with (folder / "log").open("a") as file:
                file.write(text + "\\n")
        def execute(self, context):
            self.note(self.name)
            context.seen.append(self.name)
            if mode == "hang" and self.name == "c":
                self.hang()
            if mode == "fail then hang" and self.name == "d":
                raise ValueError("no disk")
            return StepResult(rollback_data={"of": self.name})
        def rollback(self, context, result):
            self.note("-" + result.rollback_data["of"])
            if mode == "fail then hang" and self.name == "b":
                self.hang()
        def hang(self):
            print("hanging", flush=True)
            sys.stdin.read()

    context = Ctx()
    store = JsonCheckpointStore(folder / "checkpoint.json")
    try:
        print(Orchestrator(StepRegistry([Do(name) for name in "abcd"]), context, checkpoints=store).execute())
    except StepFailedError as error:
        print(error)
    print(context.seen)
    """
)


class TestKilled:
    @pytest.fixture
    def script(self, tmp_path: Path) -> list[str]:
        (tmp_path / "work.py").write_text(SCRIPT)
        return [sys.executable, str(tmp_path / "work.py"), str(tmp_path)]

    @staticmethod
    def kill_when_it_hangs(command: list[str]) -> None:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this very interpreter
            assert process.stdout is not None
            assert process.stdout.readline() == "hanging\n"
            process.kill()
        if os.name == "posix":
            assert process.returncode == -signal.SIGKILL

    @staticmethod
    def run(command: list[str]) -> list[str]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - this very interpreter
        return done.stdout.splitlines()

    def test_a_workflow_goes_on_after_the_last_step_that_was_done(self, script: list[str], tmp_path: Path) -> None:
        self.kill_when_it_hangs([*script, "hang"])
        told, seen = self.run([*script, "go on"])
        assert told == str({"success": True, "steps_executed": 2, "steps_total": 4, "steps_resumed": 2})
        assert seen == str(["a", "b", "c", "d"])
        assert (tmp_path / "log").read_text().split() == ["a", "b", "c", "c", "d"]
        assert not (tmp_path / "checkpoint.json").exists()

    def test_a_rollback_goes_on_where_it_was(self, script: list[str], tmp_path: Path) -> None:
        self.kill_when_it_hangs([*script, "fail then hang"])
        told, _ = self.run([*script, "go on"])
        assert told == "Step 'd' failed: no disk"
        assert (tmp_path / "log").read_text().split() == ["a", "b", "c", "d", "-c", "-b", "-b", "-a"]
        told, _ = self.run([*script, "go on"])
        assert told == str({"success": True, "steps_executed": 4, "steps_total": 4})
