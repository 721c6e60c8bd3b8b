"""Plugins of actions by their configuration: classes, models and types, side by side, and gone afterwards."""

from __future__ import annotations

import importlib
import sys
import threading
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from plugbus.capabilities import (
    Action,
    ActionDefinitionError,
    ActionNotFoundError,
    BaseAction,
    ModelWeights,
    PluginCategory,
    RunMethod,
    TypeNotFoundError,
    YOLODataset,
    action_names,
)
from plugbus.kernel import Kernel
from plugbus.loaders import (
    ActionConfig,
    ActionConflictError,
    ActionViewError,
    ConfigNotFoundError,
    ConfigSource,
    DocumentError,
    EntrypointMissingError,
    NamespaceClosedError,
    NotAnActionError,
    PluginConfig,
    PluginDiscovery,
    PluginImportError,
    parse_document,
    validate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

CODE = """
from pydantic import BaseModel, Field
from plugbus.capabilities import BaseAction, YOLODataset

class Params(BaseModel):
    epochs: int = Field(default=10, ge=1)

class Weights(BaseModel):
    path: str

class TrainAction(BaseAction[Params]):
    '''Train it.'''
    input_type = YOLODataset
    result_model = Weights
    def execute(self):
        return Weights(path="{path}")
"""


@pytest.fixture(autouse=True)
def process_is_left_as_it_was() -> Iterator[None]:
    before = _process_state()
    yield
    assert _process_state() == before


def _process_state() -> tuple[object, ...]:
    plugins = {name for name in sys.modules if name.startswith("plugbus_plugin_")}
    return plugins, list(sys.path), list(sys.meta_path), {one.name for one in threading.enumerate()}


Write = Any


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(
        actions: str = "{train: {entrypoint: plugin.train:TrainAction, output_type: ModelWeights}}",
        files: Mapping[str, str] | None = None,
        *,
        folder: str = "yolo",
        more: str = "",
    ) -> Path:
        root = tmp_path / folder
        text = f"name: YOLO\ncode: {folder}\ncategory: neural_net\n{dedent(more)}actions: {actions}\n"
        for name, content in {"config.yaml": text, **({"plugin/train.py": CODE} if files is None else files)}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(dedent(content) if name.endswith(".py") else content)
        return root

    return write


@pytest.fixture
def discover(write: Write) -> Iterator[Callable[..., PluginDiscovery]]:
    opened: list[PluginDiscovery] = []

    def discover(*arguments: Any, **named: Any) -> PluginDiscovery:
        opened.append(PluginDiscovery.from_path(write(*arguments, **named)))
        return opened[-1]

    yield discover
    for one in opened:
        one.close()


Discover = Any


def test_reading_imports_nothing(write: Write) -> None:
    root = write(files={"plugin/train.py": "raise SystemExit('imported')"})
    discovery = PluginDiscovery.from_path(root)
    assert discovery.list_actions() == ["train"]
    assert discovery.has_action("train")
    assert discovery.folder == root
    assert discovery.get_action_method("train") is RunMethod.TASK
    assert discovery.config.category is PluginCategory.NEURAL_NET
    assert PluginDiscovery.from_path(str(root / "config.yaml")).config == discovery.config


def test_a_class_is_told_its_name_and_category_and_is_not_changed(discover: Discover) -> None:
    discovery = discover()
    found = discovery.get_action_class("train")
    assert (found.action_name, found.category) == ("train", PluginCategory.NEURAL_NET)
    (own,) = found.__bases__
    assert own.__dict__.get("action_name") is None
    assert own.__dict__.get("category") is None
    assert (found.__name__, found.__module__, found.__doc__) == (own.__name__, own.__module__, own.__doc__)
    assert discovery.get_action_class("train") is found
    assert issubclass(found, BaseAction)


def test_a_class_that_says_the_same_itself_is_returned_as_it_is(discover: Discover) -> None:
    code = CODE.replace(
        "    '''Train it.'''",
        "    action_name = 'train'\n    category = PluginCategory.NEURAL_NET\n    output_type = ModelWeights",
    )
    header = "from plugbus.capabilities import ModelWeights, PluginCategory\n"
    found = discover(files={"plugin/train.py": header + code}).get_action_class("train")
    assert "action_name" in found.__dict__


def test_two_entries_may_name_one_class(discover: Discover) -> None:
    discovery = discover("{a: plugin.train:TrainAction, b: plugin.train.TrainAction}")
    assert [discovery.get_action_class(name).action_name for name in ("a", "b")] == ["a", "b"]


def test_models_and_types_are_classes(discover: Discover) -> None:
    discovery = discover()
    params = discovery.get_action_params_model("train")
    assert params is not None
    assert params().model_dump() == {"epochs": 10}
    assert discovery.get_action_params_schema("train")["properties"]["epochs"]["minimum"] == 1
    result = discovery.get_action_result_model("train")
    assert result is not None
    assert result.__name__ == "Weights"
    assert discovery.get_action_input_type("train") is YOLODataset
    assert discovery.get_action_output_type("train") is ModelWeights


def test_an_action_without_a_model_has_no_form(discover: Discover) -> None:
    code = "from plugbus.capabilities import BaseAction\nclass A(BaseAction):\n    def execute(self): ...\n"
    discovery = discover("{a: 'm:A'}", {"m.py": code})
    with pytest.raises(ActionDefinitionError, match="no parameter model"):
        discovery.get_action_ui_schema("a")


def test_types_of_the_plugin_itself_are_found_by_name(discover: Discover) -> None:
    code = CODE + "\nfrom plugbus.capabilities import DataType\nclass Own(DataType):\n    name = 'own'\n"
    for spelled in ("Own", "own"):
        discovery = discover(
            f"{{train: {{entrypoint: 'plugin.train:TrainAction', output_type: {spelled}}}}}",
            {"plugin/train.py": code},
            folder=f"p_{spelled}",
        )
        assert discovery.get_action_output_type("train").__name__ == "Own"


def test_an_unknown_type_is_told_with_near_names(discover: Discover) -> None:
    discovery = discover("{train: {entrypoint: 'plugin.train:TrainAction', output_type: ModelWeight}}")
    with pytest.raises(TypeNotFoundError, match="did you mean 'model_weights'"):
        discovery.get_action_class("train")


def test_no_models_are_none(discover: Discover) -> None:
    code = "from plugbus.capabilities import BaseAction\nclass A(BaseAction):\n    def execute(self): ...\n"
    discovery = discover("{a: 'm:A'}", {"m.py": code})
    assert discovery.get_action_params_model("a") is None
    assert discovery.get_action_params_schema("a") == {}
    assert discovery.get_action_result_model("a") is None
    assert discovery.get_action_input_type("a") is None


def test_a_schema_set_by_a_program_is_the_model(discover: Discover) -> None:
    from pydantic import BaseModel

    class Other(BaseModel):
        pass

    discovery = discover()
    config = discovery.config.model_copy(
        update={"actions": {"t": ActionConfig(name="t", entrypoint="plugin.train:TrainAction", params_schema=Other)}}
    )
    with PluginDiscovery(config, discovery._code) as changed:
        assert changed.get_action_params_model("t") is Other


def test_plugins_that_call_their_package_alike_work_side_by_side(discover: Discover) -> None:
    one = discover(files={"plugin/train.py": CODE.replace("{path}", "one")}, folder="one")
    two = discover(files={"plugin/train.py": CODE.replace("{path}", "two")}, folder="two")
    made = [each.get_action_class("train")(None, None).execute().path for each in (one, two)]
    assert made == ["one", "two"]
    assert "plugin" not in sys.modules
    one.close()
    assert two.get_action_class("train")(None, None).execute().path == "two"


def test_the_folder_may_be_the_package_that_entry_points_name(discover: Discover) -> None:
    discovery = discover("{train: yolo.train:TrainAction}", {"train.py": CODE, "__init__.py": ""})
    assert discovery.get_action_class("train").action_name == "train"


def test_an_entry_without_entrypoint_is_found_by_its_name(discover: Discover) -> None:
    discovery = discover("{train: {}}")
    assert discovery.get_action_entrypoint("train") == "plugin.train:TrainAction"
    assert discovery.get_action_class("train").action_name == "train"


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a.py": "x = ("}, "the folder has no actions; .*a.py:1:5"),
        ({"a.py": CODE, "b.py": CODE}, "a:TrainAction and b:TrainAction have its name"),
        ({"a.py": CODE.replace("TrainAction", "Other")}, "the folder has 'other'"),
    ],
)
def test_an_entry_without_entrypoint_that_cannot_be_found_says_what_is_there(
    discover: Discover, files: dict[str, str], why: str
) -> None:
    with pytest.raises(EntrypointMissingError, match=why):
        discover("{train: {}}", files).get_action_class("train")


def test_a_decorated_function_is_brought_in_as_a_class(discover: Discover) -> None:
    code = "from plugbus.capabilities import action\n@action\ndef train(params, ctx):\n    return 3\n"
    discovery = discover("{train: 'm:train', again: 'm:train'}", {"m.py": code})
    with pytest.warns(DeprecationWarning, match="write a subclass of BaseAction"):
        found = discovery.get_action_class("train")
    assert (found.action_name, found.category) == ("train", PluginCategory.NEURAL_NET)
    assert discovery.get_action_class("again").action_name == "again"


def test_an_unknown_action_is_told_with_near_names(discover: Discover) -> None:
    with pytest.raises(ActionNotFoundError, match="did you mean 'train'"):
        discover().get_action_class("trian")


@pytest.mark.parametrize(
    ("entrypoint", "code", "error", "text"),
    [
        ("m:A", "import no_such_package_at_all", PluginImportError, "No module named 'no_such_package_at_all'"),
        ("m:A", "1 / 0", PluginImportError, "ZeroDivisionError: division by zero"),
        ("m:A", "class (", PluginImportError, "SyntaxError"),
        ("m:Trian", "class Train: ...", PluginImportError, "did you mean 'Train'"),
        ("n:A", "", PluginImportError, "No module named '.n'"),
        ("m:A", "class A: ...", NotAnActionError, "is a class, and no action; name a subclass of BaseAction"),
        ("m:A", "def A(params, ctx): ...", NotAnActionError, "is a function without @action"),
        ("m:A", "A = 1", NotAnActionError, "is a int"),
        (
            "m:A",
            "from plugbus.capabilities import BaseAction as A",
            NotAnActionError,
            "is not finished: it does not define execute",
        ),
        (
            "m:A",
            "import plugbus.capabilities as p\n"  # noqa: ISC004 - one text
            "class A(p.BaseAction):\n    def __init_subclass__(cls, *, key): ...\n    def execute(self): ...",
            ActionViewError,
            "no subclass of it can be made: TypeError",
        ),
    ],
)
def test_what_is_wrong_with_the_code_is_told_as_what_it_is(
    discover: Discover, entrypoint: str, code: str, error: type[Exception], text: str
) -> None:
    discovery = discover(f"{{train: '{entrypoint}'}}", {"m.py": code})
    for ask in (
        discovery.get_action_class,
        discovery.get_action_params_model,
        discovery.get_action_input_type,
        discovery.get_action_params_schema,
        discovery.get_action_ui_schema,
    ):
        with pytest.raises(error, match=text.replace("(", r"\(")):
            ask("train")


def test_a_closed_plugin_is_gone_and_says_so(discover: Discover) -> None:
    discovery = discover()
    discovery.get_action_class("train")
    assert any(name.startswith("plugbus_plugin_yolo") for name in sys.modules)
    discovery.close()
    discovery.close()
    assert not any(name.startswith("plugbus_plugin_yolo") for name in sys.modules)
    with pytest.raises(NamespaceClosedError):
        discovery.get_action_class("train")


def test_threads_get_one_class(discover: Discover) -> None:
    discovery = discover()
    barrier, found = threading.Barrier(8), set()

    def ask() -> None:
        barrier.wait()
        found.add(discovery.get_action_class("train"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 1
    assert len({name.partition(".")[0] for name in sys.modules if name.startswith("plugbus_plugin_yolo")}) == 1


def test_wrong_configurations_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigNotFoundError):
        PluginDiscovery.from_path(tmp_path)
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(DocumentError, match="missing key 'name'"):
        PluginDiscovery.from_path(tmp_path)
    (tmp_path / "config.yaml").write_text("a: [")
    with pytest.raises(DocumentError, match=r"config\.yaml:1:5: "):
        PluginDiscovery.from_path(tmp_path)


def test_a_configuration_goes_out_and_comes_back(discover: Discover) -> None:
    discovery = discover(more="env: {MAX: 300}\nruntime_env: {pip: [torch]}\nrequires: {python: '>=3.11'}\n")
    assert validate(PluginConfig, parse_document(discovery.to_yaml(), "again")) == discovery.config
    found = discovery.to_config_dict(include_schemas=True)
    assert found["env"] == {"MAX": 300}
    assert found["actions"]["train"]["params_schema"]["properties"]["epochs"]["default"] == 10
    assert found["actions"]["train"]["result_schema"]["required"] == ["path"]
    assert yaml.safe_load(yaml.safe_dump(found)) == found


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    monkeypatch.syspath_prepend(tmp_path / "site")
    made: list[str] = []

    def module(name: str, files: Mapping[str, str]) -> str:
        for file, text in files.items():
            (tmp_path / "site" / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "site" / file).write_text(dedent(text))
        importlib.invalidate_caches()
        made.append(name)
        return name

    yield module
    for name in made:
        for one in [one for one in sys.modules if one.partition(".")[0] == name]:
            del sys.modules[one]


def test_a_module_is_taken_by_its_name_or_itself(module: Callable[..., str]) -> None:
    name = module("own_actions_one", {"own_actions_one.py": f'"""Do things."""\n{CODE}'})
    discovery = PluginDiscovery.from_module(name)
    assert discovery.list_actions() == ["train"]
    assert discovery.config.description == "Do things."
    assert discovery.get_action_method("train") is RunMethod.JOB
    found = discovery.get_action_class("train")
    assert (found.action_name, found.category) == ("train", PluginCategory.CUSTOM)
    assert PluginDiscovery.from_module(sys.modules[name]).config == discovery.config
    discovery.close()
    assert name in sys.modules


def test_a_package_is_taken_with_its_modules_and_without_what_it_imports(module: Callable[..., str]) -> None:
    bare = "from plugbus.capabilities import BaseAction\n"
    name = module(
        "own_actions_two",
        {
            "own_actions_two/__init__.py": f"{bare}from .shown import ShownAction\n",
            "own_actions_two/shown.py": f"{bare}class ShownAction(BaseAction):\n    def execute(self): ...\n",
            "own_actions_two/deep/hidden.py": f"{bare}class HiddenAction(BaseAction):\n    def execute(self): ...\n",
        },
    )
    discovery = PluginDiscovery.from_module(name)
    assert discovery.list_actions() == ["shown", "hidden"]
    assert f"{name}.deep.hidden" not in sys.modules
    assert discovery.get_action_class("hidden").__module__ == f"{name}.deep.hidden"


def test_a_module_that_cannot_be_imported_says_why(module: Callable[..., str]) -> None:
    with pytest.raises(PluginImportError, match="No module named 'own_actions_nowhere'"):
        PluginDiscovery.from_module("own_actions_nowhere")
    name = module("own_actions_three", {"own_actions_three.py": "raise RuntimeError('not today')"})
    with pytest.raises(PluginImportError, match="RuntimeError: not today"):
        PluginDiscovery.from_module(name)


def test_two_actions_of_one_name_in_a_module_are_refused(module: Callable[..., str]) -> None:
    body = "(BaseAction):\n    def execute(self): ...\n"
    text = f"from plugbus.capabilities import BaseAction\nclass Train{body}class TrainAction{body}"
    name = module("own_actions_four", {"own_actions_four.py": text})
    with pytest.raises(ActionConflictError, match="'train' is own_actions_four:Train and own_actions_four:TrainAction"):
        PluginDiscovery.from_module(name)


def test_actions_are_listed_as_plain_data_without_importing(write: Write) -> None:
    root = write(files={"plugin/train.py": CODE, "plugin/broken.py": "class ("})
    (found,) = PluginDiscovery.discover_actions(root)
    assert found["name"] == "train"
    assert found["entrypoint"] == "plugin.train:TrainAction"
    assert (found["input_type"], found["output_type"]) == ("YOLODataset", None)


TWO = "{train: {entrypoint: plugin.train:TrainAction}, tune: {entrypoint: plugin.train:TrainAction}}"


def test_a_source_offers_the_actions_that_are_named(discover: Discover) -> None:
    source = ConfigSource(discover(TWO), ["tune"])
    assert source.metadata.provides == (Action("yolo.tune"),)
    with Kernel() as kernel:
        kernel.register(source)
        kernel.load("yolo")
        assert action_names(kernel.services) == ("yolo.tune",)
        assert kernel.services.get(Action("yolo.tune")).action_name == "tune"


def test_a_source_offers_all_actions_if_none_are_named(discover: Discover) -> None:
    assert ConfigSource(discover(TWO)).metadata.provides == (Action("yolo.train"), Action("yolo.tune"))
    assert ConfigSource(discover(TWO), []).metadata.provides == ()


def test_a_source_of_an_action_that_is_not_there_is_refused(discover: Discover) -> None:
    with pytest.raises(ActionNotFoundError, match="tune"):
        ConfigSource(discover(TWO), ["train", "tun"])
