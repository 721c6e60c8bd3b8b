"""``plugbus pipeline``: files of pipelines, run, resumed, checked and drawn."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.plugins.cli import main

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

MANIFEST = """
    id: flow
    version: "1.0.0"
    name: Flow
    description: Actions that fit together.
    author: Somebody
    entrypoint: plugin:Flow
    provides: [action(flow.start), action(flow.add), action(flow.hold)]
"""
CODE = """
    from pathlib import Path

    from pydantic import BaseModel, ConfigDict

    from plugbus.capabilities import Action, BaseAction
    from plugbus.kernel import Plugin


    class StartParams(BaseModel):
        model_config = ConfigDict(extra="forbid")
        number: int


    class Number(BaseModel):
        total: int


    class Start(BaseAction[StartParams]):
        result_model = Number

        def execute(self):
            with Path("log").open("a") as file:
                file.write("start\\n")
            return Number(total=self.params.number)


    class AddParams(BaseModel):
        model_config = ConfigDict(extra="forbid")
        total: int
        more: int = 1


    class Add(BaseAction[AddParams]):
        result_model = Number

        def execute(self):
            if Path("broken").exists():
                raise ConnectionError("no luck today")
            (self.ctx.pipeline.checkpoints_dir / "add").write_text("x")
            return Number(total=self.params.total + self.params.more)


    class Hold(BaseAction[AddParams]):
        result_model = Number

        def execute(self):
            self.set_progress(1, 2, "hold")
            Path("held").write_text("held")
            Path("release").read_text()
            return Number(total=self.params.total)


    class Flow(Plugin):
        def on_load(self, ctx):
            for name, action in {"start": Start, "add": Add, "hold": Hold}.items():
                ctx.provide(Action(f"flow.{name}"), action)
"""
PIPELINE = """\
name: sums
params: {number: 4}
actions:
  - action: flow.start
  - action: flow.add
    params: {more: 2}
  - action: flow.add
    name: again
    inputs: {total: add.total}
"""


@pytest.fixture
def flow(place: Path, add_plugin: Callable[[str, str, str], Path]) -> Path:
    add_plugin("flow", MANIFEST, CODE)
    (place / "sums.yaml").write_text(PIPELINE)
    return place


def test_run_writes_the_result_and_a_tracked_run(flow: Path, plugbus: Any) -> None:
    code, out, _ = plugbus("pipeline", "run", "sums.yaml", "--json", "--set", "again.more=10", "--tag", "who=me")
    assert code == 0
    told = json.loads(out)
    assert told["outputs"] == {
        "result": {"total": 16},
        "actions": {"start": "completed", "add": "completed", "again": "completed"},
        "resumed": [],
    }
    run = flow / "artifacts" / "runs" / told["run_id"]
    summary = json.loads((run / "summary" / "run_summary.json").read_text())
    assert summary["spec"]["pipeline"] == "sums"
    assert summary["spec"]["data_spec"] == {"number": 4}
    assert summary["spec"]["tags"] == {"who": "me"}
    assert (run / "pipelines" / "sums" / told["run_id"] / "checkpoints" / "add").read_text() == "x"
    assert not (run / "pipelines" / "sums.json").exists()
    code, out, _ = plugbus("runs", "--json")
    assert [one["action"] for one in json.loads(out)] == ["pipelines.sums"]


def test_a_run_that_failed_is_taken_up(flow: Path, plugbus: Any) -> None:
    (flow / "broken").touch()
    code, out, err = plugbus("pipeline", "run", "sums.yaml", "--json")
    assert code == 1
    first = json.loads(out)["run_id"]
    assert "action 'add' failed: no luck today" in err
    assert f"--resume {first}" in err
    code, out, err = plugbus("pipeline", "run", "sums.yaml", "--json", "--resume", first)
    second = json.loads(out)["run_id"]
    assert (code, second != first) == (1, True)
    (flow / "broken").unlink()
    code, out, err = plugbus("pipeline", "run", "sums.yaml", "--resume", first, "--set", "number=5")
    assert code == 2
    assert "parameter 'number' changed: 4 before, 5 now" in err
    # A run that took up another one stands for it.
    code, out, _ = plugbus("pipeline", "run", "sums.yaml", "--json", "--resume", second)
    assert code == 0
    assert json.loads(out)["outputs"]["resumed"] == ["start"]
    assert (flow / "log").read_text() == "start\n"
    code, _, err = plugbus("pipeline", "run", "sums.yaml", "--resume", first)
    assert code == 2
    assert "there is none; the run was completed" in err


def test_the_last_one_is_taken_up_by_that_word(flow: Path, plugbus: Any) -> None:
    code, _, err = plugbus("pipeline", "run", "sums.yaml", "--resume", "last")
    assert code == 2
    assert "pipeline 'sums' has none that could be taken up; run it without --resume" in err
    (flow / "broken").touch()
    runs = [json.loads(plugbus("pipeline", "run", "sums.yaml", "--json")[1])["run_id"] for _ in range(2)]
    (flow / "broken").unlink()
    code, out, err = plugbus("pipeline", "run", "sums.yaml", "--json", "--resume", "last")
    assert (code, json.loads(out)["outputs"]["resumed"]) == (0, ["start"])
    assert f"taking up {runs[1]}\n" in err
    code, _, err = plugbus("pipeline", "run", "sums.yaml", "--resume", "last")
    assert (code, f"taking up {runs[0]}\n" in err) == (0, True)
    assert plugbus("pipeline", "run", "sums.yaml", "--resume", "last")[0] == 2


def test_runs_that_can_be_taken_up_are_offered_by_the_shell(
    flow: Path, plugbus: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def offered(begun: str) -> list[str]:
        with monkeypatch.context() as patch:
            patch.setenv("_PLUGBUS_COMPLETE", "bash_complete")
            patch.setenv("COMP_WORDS", f"plugbus --plugins plugs pipeline run sums.yaml --resume {begun}")
            patch.setenv("COMP_CWORD", "7")
            assert main([]) == 0
        shown = capsys.readouterr()
        assert shown.err == ""
        return [one.partition(",")[2] for one in shown.out.split()]

    assert offered("") == []
    (flow / "broken").touch()
    run = json.loads(plugbus("pipeline", "run", "sums.yaml", "--json")[1])["run_id"]
    assert offered("") == ["last", run]
    assert offered("la") == ["last"]
    assert offered(run[:9]) == [run]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_was_ended_is_taken_up(
    flow: Path,
    plugbus: Any,
    spawn: Callable[..., subprocess.Popen[str]],
    fifo: Callable[[str], Path],
    number: signal.Signals,
) -> None:
    held, release = fifo("held"), fifo("release")
    (flow / "hold.yaml").write_text(
        PIPELINE.replace("- action: flow.add\n    params: {more: 2}", "- action: flow.hold")
    )
    text = (flow / "hold.yaml").read_text().replace("{total: add.total}", "{total: hold.total}")
    (flow / "hold.yaml").write_text(text)
    process = spawn("pipeline", "run", "hold.yaml")
    assert held.read_text() == "held"
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == (-number if number is signal.SIGKILL else 1)
    (run,) = (flow / "artifacts" / "runs").iterdir()
    held.unlink()
    release.unlink()
    release.write_text("go")
    code, out, err = plugbus("pipeline", "run", "hold.yaml", "--json", "--resume", run.name)
    assert code == 0, err
    told = json.loads(out)["outputs"]
    assert told["resumed"] == ["start"]
    assert told["result"] == {"total": 5}
    assert (flow / "log").read_text() == "start\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("flow.start", "flow.strat"), "sums.yaml:4:5: action 'strat': cannot find action 'flow.strat'"),
        (("{more: 2}", "{mroe: 2}"), "sums.yaml:6:14: action 'add': it has no parameter 'mroe', given as parameter"),
        (("{more: 2}", "{more: x}"), "sums.yaml:6:14: action 'add': parameter 'more': Input should be a valid integer"),
        (("add.total", "add.totl"), "sums.yaml:9:14: action 'again': input 'total': 'add' has no field 'totl'"),
        (("{more: 2}", "{}\n    inputs: {more: ad.total}"), "sums.yaml:7:14: action 'add': input 'more': there is no"),
        (("{more: 2}", "{}\n    after: [start]"), "sums.yaml:7:5: action 'add': after is for graphs"),
        (("{more: 2}", "{}\n    when: a b"), "sums.yaml:7:5: action 'add': when: 'a b' is no reference"),
        (("name: sums", "name: s u m"), "sums.yaml:1:1: its name is 's u m'; write letters"),
        (("number: 4", "nubmer: 4"), "sums.yaml:2:10: nubmer: no action has this parameter; did you mean 'number'"),
        (("  - action: flow.start", "  - actoin: flow.start"), "unknown key 'actoin'; did you mean 'action'?"),
        (("name: again", "name: add"), "action 'add': 2 actions have this name"),
    ],
)
def test_faults_are_told_at_their_place(flow: Path, plugbus: Any, change: tuple[str, str], told: str) -> None:
    (flow / "sums.yaml").write_text(PIPELINE.replace(*change))
    for command in ("validate", "run"):
        code, out, err = plugbus("pipeline", command, "sums.yaml")
        assert (code, out) == (2, "")
        assert told in err
    assert not (flow / "artifacts").exists()


def test_validate_and_graph_run_nothing(flow: Path, plugbus: Any) -> None:
    assert plugbus("pipeline", "validate", "sums.yaml")[:2] == (0, "sums: start -> add -> again\n")
    code, out, _ = plugbus("pipeline", "validate", "sums.yaml", "--json")
    edges = [["start", "add"], ["add", "again"]]
    assert (code, json.loads(out)) == (0, {"pipeline": "sums", "actions": ["start", "add", "again"], "edges": edges})
    code, out, _ = plugbus("pipeline", "graph", "sums.yaml")
    assert out.startswith("flowchart LR\n")
    assert '-->|"total"|' in out
    assert json.loads(plugbus("pipeline", "graph", "sums.yaml", "--format", "json")[1])["name"] == "sums"
    assert plugbus("pipeline", "graph", "sums.yaml", "--format", "dot")[1].startswith('digraph "sums" {')
    assert not (flow / "log").exists()
    assert not (flow / "artifacts").exists()


@pytest.mark.parametrize("wrong", ["number", "=4"])
def test_a_change_without_a_value_is_refused(flow: Path, plugbus: Any, wrong: str) -> None:
    code, _, err = plugbus("pipeline", "validate", "sums.yaml", "--set", wrong)
    assert code == 2
    assert "write KEY=VALUE" in err
