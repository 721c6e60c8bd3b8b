"""Bringing configurations up to date: what people wrote around the data stays, and a stop leaves a whole file."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plugbus.loaders.discovery.syncing as syncing
from plugbus.loaders import (
    ActionConflictError,
    ConfigChangedError,
    ConfigNotFoundError,
    DocumentError,
    MissingModulesError,
    OutOfSyncError,
    PluginDiscovery,
    SyncReport,
    parse_document,
    read_config,
    scan_actions,
    sync_config_file,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

pytest.importorskip("ruamel.yaml", reason='needs ruamel.yaml: pip install "plugbus[config]"')

HEAD = "name: YOLO\ncode: yolo\ncategory: neural_net\n"
TRAIN = """
from plugbus.capabilities import BaseAction, ModelWeights, YOLODataset

class TrainAction(BaseAction):
    '''Train: on data.'''
    input_type = YOLODataset
    output_type = ModelWeights
    def execute(self): ...
"""
TEST = """
from plugbus.capabilities import BaseAction
class CheckAction(BaseAction):
    method = "task"
    def execute(self): ...
"""
ENTRY = "    entrypoint: plugin.train:TrainAction\n    input_type: YOLODataset\n    output_type: ModelWeights\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(config: str | bytes, files: Mapping[str, str] | None = None) -> Path:
        for name, text in {**({"plugin/train.py": TRAIN} if files is None else files), "config.yaml": config}.items():
            place = tmp_path / "yolo" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / "yolo" / "config.yaml"

    return write


Write = Any


def told(report: SyncReport) -> list[str]:
    return [str(one) for one in report.changes]


def test_actions_are_added_with_what_their_source_says(write: Write) -> None:
    path = write(HEAD, {"plugin/train.py": TRAIN, "plugin/check.py": TEST})
    report = PluginDiscovery.sync_config_file(path)
    assert told(report) == [
        "actions.check: added (plugin.check:CheckAction)",
        "actions.train: added (plugin.train:TrainAction)",
    ]
    assert report.is_written
    assert path.read_text() == HEAD + dedent("""\
        actions:
          check:
            name: Check
            entrypoint: plugin.check:CheckAction
            method: task
          train:
            name: Train
            description: 'Train: on data.'
            entrypoint: plugin.train:TrainAction
            method: job
            input_type: YOLODataset
            output_type: ModelWeights
    """)
    again = sync_config_file(path.parent)
    assert (again.is_in_sync, again.is_written, again.stale) == (True, False, ())
    assert PluginDiscovery.from_path(path).list_actions() == ["check", "train"]


def test_the_object_syncs_as_the_class_does(write: Write) -> None:
    path = write(HEAD)
    assert PluginDiscovery.from_path(path).sync_config_file(path).is_written


def test_what_people_wrote_around_the_data_stays(write: Write) -> None:
    before = """\
        # The head.
        name:   "YOLO"     # quoted
        code: 'yolo'
        category: neural_net

        env: &defaults {A: 1,  B:   "x"}
        other_env: *defaults
        tags:
        - one
        -   two # loose

        # About the actions.
        actions:
          # About training.
          train:   # by hand
            name: "Train it"
            entrypoint: plugin.old:OldAction   # moved
            # method: job

          # About exporting.
          export: {name: Export, entrypoint: "nowhere:X"}   # flow

        # About what follows.
        runtime_env:
            pip:   [torch]
        # The end.
        """
    after = """\
        # The head.
        name:   "YOLO"     # quoted
        code: 'yolo'
        category: neural_net

        env: &defaults {A: 1,  B:   "x"}
        other_env: *defaults
        tags:
        - one
        -   two # loose

        # About the actions.
        actions:
          # About training.
          train:   # by hand
            name: "Train it"
            entrypoint: plugin.train:TrainAction # moved
            # method: job

            input_type: YOLODataset
            output_type: ModelWeights
          # About exporting.
          export: {name: Export, entrypoint: "nowhere:X"}   # flow

        # About what follows.
        runtime_env:
            pip:   [torch]
        # The end.
        """
    path = write(dedent(before))
    report = sync_config_file(path)
    assert told(report) == [
        "actions.train.entrypoint: plugin.old:OldAction -> plugin.train:TrainAction",
        "actions.train.input_type: updated (YOLODataset)",
        "actions.train.output_type: updated (ModelWeights)",
    ]
    assert [str(one) for one in report.stale] == ["actions.export: stale, there is no action at 'nowhere:X'"]
    found = [re.sub(r" +#", " #", line) for line in path.read_text().splitlines() if line.strip()]
    wanted = [re.sub(r" +#", " #", line) for line in dedent(after).splitlines() if line.strip()]
    assert found == wanted
    start = dedent(before).index("actions:")
    assert path.read_text().startswith(dedent(before)[:start]), "to the letter, before the actions"
    assert path.read_text().endswith(dedent(before)[dedent(before).index("\n# About what follows.") :])


def test_a_new_action_comes_before_the_comments_of_what_follows(write: Write) -> None:
    path = write(HEAD + f"actions:\n  train:\n{ENTRY}# Next.\nenv:\n  A: 1\n", {"plugin/a.py": TRAIN + TEST})
    sync_config_file(path)
    text = path.read_text()
    assert text.index("  check:") < text.index("# Next.") < text.index("env:")
    assert text.endswith("# Next.\nenv:\n  A: 1\n")


def test_an_entry_that_is_only_text_becomes_a_mapping_and_keeps_its_form(write: Write) -> None:
    path = write(HEAD + "actions:\n  train: plugin.train.TrainAction  # mine\n# End.\n")
    report = sync_config_file(path)
    assert told(report)[0] == "actions.train: upgraded from text to a mapping"
    assert "entrypoint: plugin.train.TrainAction # mine\n" in path.read_text()
    assert path.read_text().endswith("output_type: ModelWeights\n# End.\n")
    assert read_config(path).config.actions["train"].target == "plugin.train:TrainAction"


def test_an_empty_entry_is_filled(write: Write) -> None:
    path = write(HEAD + "actions:\n  train:\n")
    assert "actions.train.entrypoint: updated (plugin.train:TrainAction)" in told(sync_config_file(path))
    assert read_config(path).config.actions["train"].input_type == "YOLODataset"


@pytest.mark.parametrize("spelled", ["YOLODataset", "yolo_dataset", "yolo"])
def test_one_type_has_several_spellings(write: Write, spelled: str) -> None:
    path = write(HEAD + f"actions:\n  train:\n{ENTRY}".replace("input_type: YOLODataset", f"input_type: {spelled}"))
    assert sync_config_file(path).is_in_sync


def test_what_the_source_does_not_say_is_left_alone(write: Write) -> None:
    text = HEAD + "actions:\n  check: {entrypoint: plugin.a:CheckAction, input_type: Dataset, method: task, name: X}\n"
    assert sync_config_file(write(text, {"plugin/a.py": TEST})).is_in_sync


def test_an_entry_of_another_name_that_names_the_class_is_its_entry(write: Write) -> None:
    path = write(HEAD + f"actions:\n  learn:\n{ENTRY}")
    assert sync_config_file(path).is_in_sync


def test_stale_entries_are_told_and_go_only_when_asked_to(write: Write) -> None:
    text = (
        HEAD
        + f"actions:\n  # One.\n  train:\n{ENTRY}  # Two.\n  old: a.b:C\n  # Three.\n  older:\n    name: Old\n# End.\n"
    )
    path = write(text)
    report = sync_config_file(path)
    assert [one.action for one in report.stale] == ["old", "older"]
    assert told(report) == ["actions.old: upgraded from text to a mapping"]
    report = sync_config_file(path, prune=True)
    assert told(report) == ["actions.old: removed", "actions.older: removed"]
    assert list(read_config(path).config.actions) == ["train"]
    assert path.read_text().endswith("# End.\n")


def test_what_a_broken_file_holds_is_not_stale(write: Write) -> None:
    path = write(HEAD + f"actions:\n  train:\n{ENTRY}", {"plugin/train.py": "class (", "plugin/__init__.py": ""})
    report = sync_config_file(path, prune=True)
    assert (report.changes, report.stale) == ((), ())
    assert [one.why for one in report.faults] == ["invalid syntax"]


def test_nothing_is_pruned_while_a_file_is_broken(write: Write) -> None:
    path = write(HEAD + f"actions:\n  train:\n{ENTRY}  old: {{entrypoint: 'a.b:C'}}\n")
    (path.parent / "broken.py").write_text("class (")
    report = sync_config_file(path, prune=True)
    assert report.is_in_sync
    assert [one.action for one in report.stale] == ["old"]


def test_the_comments_of_what_follows_a_pruned_entry_stay(write: Write) -> None:
    text = (
        HEAD
        + f"actions:\n  train:\n{ENTRY}  old:\n    entrypoint: a.b:C\n    # inner\n"
        + "  # About it.\n  check: plugin.a:CheckAction\n"
    )
    path = write(text, {"plugin/train.py": TRAIN, "plugin/a.py": TEST})
    sync_config_file(path, prune=True)
    found = path.read_text()
    assert "old" not in found
    assert "  # About it.\n  check:\n    entrypoint: plugin.a:CheckAction\n" in found


def test_the_file_is_replaced_as_a_whole(write: Write, tmp_path: Path) -> None:
    path = write(HEAD)
    os.link(path, tmp_path / "other name of the old file")
    sync_config_file(path)
    assert (tmp_path / "other name of the old file").read_text() == HEAD


def test_a_dry_run_and_a_check_write_nothing(write: Write) -> None:
    path = write(HEAD)
    report = sync_config_file(path, dry_run=True)
    assert (len(report.changes), report.is_written) == (1, False)
    with pytest.raises(OutOfSyncError, match=r"not up to date.*\n  actions\.train: added") as caught:
        sync_config_file(path, check=True)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own
    assert path.read_text() == HEAD
    sync_config_file(path)
    assert sync_config_file(path, check=True).is_in_sync


def test_a_report_is_plain_data(write: Write) -> None:
    report = sync_config_file(write(HEAD + "actions: {old: 'a:B'}\n"), dry_run=True)
    found = json.loads(json.dumps(report.to_dict()))
    assert [one["kind"] for one in found["changes"]] == ["upgraded", "added"]
    assert found["stale"] == [{"action": "old", "entrypoint": "a:B", "why": "there is no action at 'a:B'"}]


def test_names_that_several_classes_have_are_refused_unless_the_file_decides(write: Write) -> None:
    files = {"plugin/train.py": TRAIN, "plugin/other.py": TRAIN}
    with pytest.raises(ActionConflictError, match=r"plugin\.other:TrainAction .* plugin\.train:TrainAction"):
        sync_config_file(write(HEAD, files))
    assert sync_config_file(write(HEAD + f"actions:\n  train:\n{ENTRY}", files)).is_in_sync


@pytest.mark.parametrize(
    "text", ["a: [", "[]", "- a", "a: 1\na: 2\n", "actions: []\n", "actions: {a: 1}\n", "\tx: 1", b"\xff"]
)
def test_texts_that_cannot_be_edited_are_told_and_stay(write: Write, text: str | bytes) -> None:
    path = write(text)
    before = path.read_bytes()
    with pytest.raises(DocumentError):
        sync_config_file(path)
    assert path.read_bytes() == before


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigNotFoundError):
        sync_config_file(tmp_path)


def test_the_missing_extra_is_named_with_what_installs_it(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    with pytest.raises(MissingModulesError, match=r'pip install "plugbus\[config\]"'):
        sync_config_file(write(HEAD))


def test_a_file_that_somebody_changes_meanwhile_is_not_overwritten(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(HEAD)
    real = scan_actions

    def scan(*arguments: Any, **named: Any) -> Any:
        path.write_text(HEAD + "tags: [new]\n")
        return real(*arguments, **named)

    monkeypatch.setattr(syncing, "scan_actions", scan)
    with pytest.raises(ConfigChangedError, match="it was changed meanwhile; sync it again"):
        sync_config_file(path)
    assert path.read_text() == HEAD + "tags: [new]\n"


def test_permissions_and_links_stay(write: Write, tmp_path: Path) -> None:
    path = write(HEAD)
    path.rename(tmp_path / "real.yaml")
    (tmp_path / "real.yaml").chmod(0o640)
    path.symlink_to(tmp_path / "real.yaml")
    sync_config_file(path)
    assert path.is_symlink()
    assert "actions:" in (tmp_path / "real.yaml").read_text()
    assert (tmp_path / "real.yaml").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_line_ends_marks_and_the_last_line_stay(write: Write, line_end: str, mark: str, end: str) -> None:
    head = f"{mark}# Grüße 🎉\n{HEAD}env: {{A: 1}}{end}".replace("\n", line_end)
    path = write(head.encode())
    sync_config_file(path)
    found = path.read_bytes().decode()
    assert found.startswith(head.rstrip())
    assert found.count("\n") == found.count(line_end)
    assert found.endswith(line_end) is bool(end)
    assert sync_config_file(path).is_in_sync


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
COMMENT = st.sampled_from(["", "\n", "# plain\n", "# with: colon\n", "# Ünï 🎉\n", "\n# after a gap\n\n"])
VALUE = st.sampled_from(
    ["1", "1.10", "no",
     '"quoted"', "'single'", "{a: 1, b: [x,  y]}", "[a,   b]", "~", "2024-01-01", "&mark text", "0x1F",
     "|\n  block\n  lines\n", ">-\n  folded\n  lines\n", "\n- a\n-  b # item\n", "\n  deep:\n      deeper: 1\n"]
)  # fmt: skip
OTHER = st.lists(st.tuples(COMMENT, VALUE, st.sampled_from(["", "  # end of line"])), max_size=4)
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["", "  # about it\n", "\n"]),
        st.sampled_from(
            [
                "  {0}: gone.{0}:X\n",
                "  {0}: 'gone.{0}.X' # text\n",
                '  {0}:\n    name: "{0}" # name\n    entrypoint: gone:X\n    # inner\n',
                "  {0}: {{entrypoint: gone:X, name: x}}\n",
                "  {0}:\n    entrypoint: gone:X\n    serve_options:\n      list:\n      - a # item\n",
            ]
        ),
    ),
    max_size=3,
)


def build(
    head: list[tuple[str, str, str]], actions: list[tuple[str, str]] | None, tail: list[tuple[str, str, str]]
) -> str:
    def others(prefix: str, parts: list[tuple[str, str, str]]) -> str:
        lines = ""
        for number, (comment, value, end) in enumerate(parts):
            is_block = "\n" in value
            lines += f"{comment}{prefix}{number}: {value}{'' if is_block else end}"
            lines += "" if lines.endswith("\n") else "\n"
        return lines

    middle = ""
    if actions:
        middle = "actions:  # all of them\n" + "".join(
            comment + text.format(f"old{number}") for number, (comment, text) in enumerate(actions)
        )
    return others("head", head) + middle + others("tail", tail)


@settings(deadline=None, max_examples=200)
@given(OTHER, st.none() | ACTIONS, OTHER, st.booleans())
def test_any_file_keeps_all_but_its_actions(
    tmp_path_factory: pytest.TempPathFactory,
    head: list[tuple[str, str, str]],
    actions: list[tuple[str, str]] | None,
    tail: list[tuple[str, str, str]],
    prune: bool,
) -> None:
    from ruamel.yaml import YAML

    text = build(head, actions, tail) or "name: x\n"
    root = tmp_path_factory.mktemp("any")
    path = root / "config.yaml"
    path.write_text(text, encoding="utf-8")
    (root / "train.py").write_text(TRAIN, encoding="utf-8")
    sync_config_file(path, prune=prune)
    after = path.read_text(encoding="utf-8")
    reader = YAML(typ="safe", pure=True)
    reader.composer.warn_double_anchors = False
    before_data, after_data = reader.load(text), reader.load(after)
    assert {key: one for key, one in after_data.items() if key != "actions"} == {
        key: one for key, one in before_data.items() if key != "actions"
    }
    assert after_data["actions"]["train"]["entrypoint"] == "train:TrainAction"
    assert set(after_data["actions"]) == {"train", *([] if prune else before_data.get("actions") or {})}
    for part in (build(head, None, []), build([], None, tail)):
        assert part.rstrip("\n") in after, "to the letter"
    if not prune:
        assert sorted(re.findall(r"#.*", after)) == sorted(re.findall(r"#.*", text)), "every comment is there once"
    assert sync_config_file(path, prune=prune).is_in_sync


CRASH = """
import json, os, signal, sys
from pathlib import Path
import plugbus.loaders.atomic as atomic
import plugbus.loaders.discovery.syncing as module
import ruamel.yaml

path = Path(sys.argv[1])
old = path.read_bytes()
outcomes = []

def killed_at(place):
    lines = 0
    def on_line(frame, event, argument):
        global _
        nonlocal lines
        if frame.f_code.co_filename not in (module.__file__, atomic.__file__):
            return None
        if event == "line":
            lines += 1
            if lines == place:
                os.kill(os.getpid(), signal.SIGKILL)
        return on_line
    sys.settrace(on_line)
    module.sync_config_file(path)
    sys.settrace(None)
    os._exit(0)

place = 0
while True:
    place += 1
    path.write_bytes(old)
    child = os.fork()
    if child == 0:
        killed_at(place)
    _, status = os.waitpid(child, 0)
    found = path.read_bytes()
    outcomes.append("old" if found == old else "new" if found.endswith(b"output_type: ModelWeights\\n") else "torn")
    for stray in path.parent.glob(".*.tmp"):
        stray.unlink()
    if os.WIFEXITED(status):
        break
print(json.dumps(outcomes))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_kill_at_any_step_leaves_the_old_file_or_the_new_one(write: Write) -> None:
    path = write(HEAD)
    done = subprocess.run(  # noqa: S603 - this interpreter, code of a test
        [sys.executable, "-c", CRASH, str(path)], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    assert len(outcomes) > 40, "every line was tried"
    assert set(outcomes) == {"old", "new"}
    assert outcomes == sorted(outcomes, reverse=True), "once the new file is there, it stays"


def test_strict_reading_and_syncing_agree_on_what_there_is(write: Write) -> None:
    path = write(HEAD + f"actions:\n  train:\n{ENTRY}  more: 'a.b.C'\n")
    sync_config_file(path)
    assert parse_document(path.read_text(), "x").data["actions"]["more"] == {"entrypoint": "a.b.C"}  # type: ignore[index, call-overload] # it is a mapping
