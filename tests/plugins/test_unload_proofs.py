"""The shipped plugins, used and unloaded, leave nothing behind.

Each is looked at in a process of its own: the snippets of the docs use them too, and what those keep is found as well.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

import plugbus.plugins
from plugbus.capabilities import (
    BACKEND,
    EXECUTOR,
    PIPELINE_EXECUTOR,
    STORAGE,
    TRACKING,
    ActionPipeline,
    ActionRunner,
    BaseAction,
    DatasetDraft,
    DataUnitDraft,
    LogLevel,
    MessageLogged,
    ProgressReported,
    RunStatus,
    RunStore,
)
from plugbus.kernel import PluginState
from plugbus.kernel.testing import UnloadCheck
from plugbus.loaders import DirectoryLoader, Host

if TYPE_CHECKING:
    from plugbus.kernel import Kernel

FOLDER = Path(next(iter(plugbus.plugins.__path__)))
SHIPPED = {source.metadata.id: source for source in DirectoryLoader().discover(FOLDER).sources}
USABLE = [one for one, source in SHIPPED.items() if not source.missing_modules]
CONFIG = {"console": {"show": "always"}}


class Nothing(BaseModel):
    pass


class Look(BaseAction[Nothing]):
    def execute(self) -> int:
        return 1


def use(kernel: Kernel, artifacts: Path) -> None:
    """Make every shipped plugin do its work, as far as it is loaded."""
    kernel.bus.publish(ProgressReported("job", 1, 2))
    kernel.bus.publish(MessageLogged("job", LogLevel.WARNING, "half of it"))
    backend = kernel.services.find(BACKEND)
    if backend is not None:
        dataset = backend.create_dataset(DatasetDraft(name="cats", key="cats"))
        backend.create_data_units(dataset.id, [DataUnitDraft(name="one")])
        assert next(backend.data_units(dataset.id)).name == "one"
    storage = kernel.services.find(STORAGE)
    if storage is not None:
        with storage.open("some.bin", "wb") as file:
            file.write(b"1")
        assert list(storage.list()) == ["some.bin"]
    pipelines = kernel.services.find(PIPELINE_EXECUTOR)
    if pipelines is not None:
        assert pipelines.wait(pipelines.submit(ActionPipeline([Look])), 60) == 1
    active = kernel.list(PluginState.ACTIVE)
    if "digits" not in active or kernel.services.find(EXECUTOR) is None or kernel.services.find(TRACKING) is None:
        return
    runner = ActionRunner(kernel, RunStore(artifacts))
    trained = runner.run("digits.train", {"epochs": 1, "hidden_units": 8})
    assert trained.status is RunStatus.OK
    for action in ("evaluate", "export"):
        assert runner.run(f"digits.{action}", {"run": trained.run_id}).status is RunStatus.OK


def prove_one(plugin: str, artifacts: Path) -> None:
    """Use a plugin together with the others, and prove that it goes."""
    loader = DirectoryLoader()
    # Fonts that matplotlib keeps open; connections to the backend, which stays, opened for threads that work at once.
    allowed = ["mpl-data", *([] if plugin == "local_backend" else ["backend.db"])]
    with UnloadCheck(
        loader.read(FOLDER / plugin),
        config=CONFIG.get(plugin),
        with_=[loader.read(FOLDER / one) for one in USABLE if one != plugin],
        allow=allowed,
    ) as loaded:
        use(loaded.kernel, artifacts)
    assert loaded.unload().is_clean


def prove_all(artifacts: Path) -> None:
    """Use what the command loads, and prove that each plugin of it goes."""
    from plugbus.plugins.cli.session import Session

    with Session().open_host() as host:
        assert isinstance(host, Host)
        host.kernel.load_all()
        use(host.kernel, artifacts)
        for plugin in host.kernel.list(PluginState.ACTIVE):
            proof = host.kernel.unload(plugin, prove=True)
            assert proof.is_clean, str(proof)


def run(plugin: str, artifacts: Path) -> None:
    command = [sys.executable, __file__, plugin, str(artifacts)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, cwd=artifacts)  # noqa: S603 - this file
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("plugin", USABLE)
def test_a_shipped_plugin_goes_without_a_trace(tmp_path: Path, plugin: str) -> None:
    run(plugin, tmp_path)


def test_what_the_command_loads_goes_without_a_trace(tmp_path: Path) -> None:
    if find_spec("rich_click") is None:
        pytest.skip('needs rich-click: pip install "plugbus[cli]"')
    run("", tmp_path)


if __name__ == "__main__":
    if sys.argv[1]:
        prove_one(sys.argv[1], Path(sys.argv[2]))
    else:
        prove_all(Path(sys.argv[2]))
