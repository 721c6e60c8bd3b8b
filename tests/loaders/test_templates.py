"""New plugins: their names, what is planned, and that a folder is made whole or not at all."""

from __future__ import annotations

import json
import os
import pickle
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from plugbus.loaders import (
    TEMPLATES,
    LoaderError,
    PluginFolderExistsError,
    PluginNameError,
    TemplateNotFoundError,
    TemplateTextError,
    create_plugin,
    plan_plugin,
    validate_plugin,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = [one.name for one in TEMPLATES]


def entries(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.mark.parametrize("template", NAMES)
def test_every_template_has_what_a_plugin_folder_has(tmp_path: Path, template: str) -> None:
    planned = plan_plugin("sample", template, path=tmp_path)
    assert {"README.md", ".gitignore", ".plugbus-answers.yml", "pyproject.toml", "__init__.py"} <= set(planned.files)
    assert {"plugin.yaml", "config.yaml"} & set(planned.files)
    assert any(Path(one).match("tests/test_*.py") for one in planned.files)
    assert entries(tmp_path) == []
    assert planned.write() == tmp_path / "sample"
    assert {one: (tmp_path / "sample" / one).read_text() for one in planned.files} == planned.files


@pytest.mark.parametrize("template", NAMES)
def test_what_is_planned_names_no_other_plugin_and_leaves_nothing_to_fill_in(template: str) -> None:
    for text in plan_plugin("sample", template).files.values():
        assert "${" not in text
        assert "TODO" not in text
    assert any("sample" in text for text in plan_plugin("sample", template).files.values())


@pytest.mark.parametrize("template", NAMES)
def test_no_module_hides_one_of_python_from_what_is_run_in_the_folder(template: str) -> None:
    modules = {Path(one).stem for one in plan_plugin("sample", template).files if one.endswith(".py")}
    assert not modules & sys.stdlib_module_names


def test_texts_are_written_as_yaml_and_toml_have_them(tmp_path: Path) -> None:
    description, author = 'Says "hi": {a} #b \\n $x ${id} 日本', "O'Neil & Söhne"
    folder = create_plugin("sample", "action", path=tmp_path, description=description, author=author).folder
    manifest = yaml.safe_load((folder / "plugin.yaml").read_text())
    assert (manifest["description"], manifest["author"]) == (description, author)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert (project["description"], project["authors"]) == (description, [{"name": author}])
    answers = yaml.safe_load((folder / ".plugbus-answers.yml").read_text())
    assert answers["template"] == "action"
    assert answers["answers"] == {"name": "sample", "description": description, "author": author}
    assert validate_plugin(folder).is_valid


@settings(deadline=None, max_examples=60)
@given(text=st.text(max_size=30))
def test_any_description_is_written_as_it_is_or_refused(text: str) -> None:
    if not text.isprintable():
        with pytest.raises(TemplateTextError):
            plan_plugin("sample", "action", description=text)
        return
    planned = plan_plugin("sample", "action", description=text)
    found = yaml.safe_load(planned.files["plugin.yaml"])["description"]
    assert found == (text or TEMPLATES[0].summary)
    assert tomllib.loads(planned.files["pyproject.toml"])["project"]["description"] == found


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("My-Trainer", "my_trainer"),
        ("MyTrainer", "my_trainer"),
        ("my__trainer", "my_trainer"),
        ("_mine", "mine"),
        ("mine_", "mine"),
        ("3d model", "d_model"),
        ("Übung", "ubung"),
        ("../evil", "evil"),
        ("a" * 41, "a" * 40),
        ("json", "json_plugin"),
        ("class", "class_plugin"),
        ("tests", "tests_plugin"),
        ("plugbus", "plugbus_plugin"),
        ("digits", "digits_plugin"),
        ("pydantic", "pydantic_plugin"),
        ("日本", ""),
        ("", ""),
    ],
)
def test_a_name_that_will_not_do_is_refused_with_one_that_will(tmp_path: Path, name: str, near: str) -> None:
    with pytest.raises(PluginNameError) as caught:
        plan_plugin(name, "action", path=tmp_path)
    assert caught.value.near == near
    assert f"cannot name plugin '{name}': " in str(caught.value)
    assert ("did you mean" in str(caught.value)) == bool(near)
    if near:
        assert plan_plugin(near, "action", path=tmp_path).name == near


@settings(deadline=None, max_examples=200)
@given(name=st.text(alphabet="abAB019_-. /é", max_size=45))
def test_every_name_is_taken_or_refused_and_what_is_offered_is_taken(name: str) -> None:
    try:
        assert plan_plugin(name, "action").name == name
    except PluginNameError as error:
        if error.near:
            plan_plugin(error.near, "action")
    else:
        assert name.isidentifier()


def test_a_template_that_is_not_there_is_told_with_near_ones() -> None:
    with pytest.raises(TemplateNotFoundError, match="did you mean 'action'"):
        plan_plugin("sample", "actions")
    with pytest.raises(TemplateNotFoundError, match="there are action"):
        plan_plugin("sample", "zzz")


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_nothing_is_ever_overwritten(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "sample"
    planned = plan_plugin("sample", "action", path=tmp_path)
    make: dict[str, Callable[[], Any]] = {
        "folder": target.mkdir,
        "file": target.touch,
        "dangling link": lambda: target.symlink_to(tmp_path / "nowhere"),
    }
    make[kind]()
    for attempt in (planned.write, lambda: plan_plugin("sample", "action", path=tmp_path)):
        with pytest.raises(PluginFolderExistsError, match=r"'.*sample' is there already"):
            attempt()
    assert entries(tmp_path) == ["sample"]
    assert not target.is_dir() or entries(target) == []


@pytest.mark.parametrize("failing", ["fsync", "rename"])
@pytest.mark.parametrize("interrupt", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_half_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, interrupt: BaseException
) -> None:
    calls = 0

    def fail(*_: object) -> None:
        nonlocal calls
        calls += 1
        if failing == "rename" or calls == 5:
            raise interrupt

    monkeypatch.setattr(*((os, "fsync", fail) if failing == "fsync" else (Path, "rename", fail)))
    with pytest.raises(type(interrupt)):
        create_plugin("sample", "action", path=tmp_path / "new" / "deep")
    assert calls
    assert entries(tmp_path) == []


def test_folders_around_it_are_made(tmp_path: Path) -> None:
    made = create_plugin("sample", "action", path=tmp_path / "plugins" / "mine")
    assert made.folder == tmp_path / "plugins" / "mine" / "sample"
    assert made.as_dict() == json.loads(json.dumps(made.as_dict()))
    assert entries(tmp_path / "plugins" / "mine") == ["sample"]


@pytest.mark.parametrize(
    "error",
    [
        TemplateNotFoundError("a", "did you mean 'b'?", ("b",)),
        PluginNameError("A", ("why",), "a"),
        TemplateTextError("author", "\n", "why"),
        PluginFolderExistsError("a", "/a"),
    ],
)
def test_errors_can_be_sent_to_another_process(error: LoaderError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
