"""The shipped plugins, used and unloaded, leave nothing behind."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import plugbus.plugins
from plugbus.capabilities import (
    EXECUTOR,
    TRACKING,
    ActionRunner,
    LogLevel,
    MessageLogged,
    ProgressReported,
    RunStatus,
    RunStore,
)
from plugbus.kernel import PluginState
from plugbus.loaders import DirectoryLoader, Host

if TYPE_CHECKING:
    from plugbus.kernel import Kernel

pytest_plugins = ["plugbus.loaders.testing.fixtures"]

FOLDER = Path(next(iter(plugbus.plugins.__path__)))
SHIPPED = {source.metadata.id: source for source in DirectoryLoader().discover(FOLDER).sources}
USABLE = [one for one, source in SHIPPED.items() if not source.missing_modules]
CONFIG = {"console": {"show": "always"}}


def use(kernel: Kernel, artifacts: Path) -> None:
    """Make every shipped plugin do its work, as far as it is loaded."""
    kernel.bus.publish(ProgressReported("job", 1, 2))
    kernel.bus.publish(MessageLogged("job", LogLevel.WARNING, "half of it"))
    active = kernel.list(PluginState.ACTIVE)
    if "digits" not in active or kernel.services.find(EXECUTOR) is None or kernel.services.find(TRACKING) is None:
        return
    runner = ActionRunner(kernel, RunStore(artifacts))
    trained = runner.run("digits.train", {"epochs": 1, "hidden_units": 8})
    assert trained.status is RunStatus.OK
    for action in ("evaluate", "export"):
        assert runner.run(f"digits.{action}", {"run": trained.run_id}).status is RunStatus.OK


@pytest.mark.parametrize("plugin", USABLE)
def test_a_shipped_plugin_goes_without_a_trace(prove_folder_unload: Any, tmp_path: Path, plugin: str) -> None:
    others = [FOLDER / one for one in USABLE if one != plugin]
    with prove_folder_unload(
        FOLDER / plugin,
        config=CONFIG.get(plugin),
        with_=others,
        allow=["mpl-data"],  # fonts that matplotlib keeps open
    ) as loaded:
        use(loaded.kernel, tmp_path)
    assert loaded.unload().is_clean


def test_what_the_command_loads_goes_without_a_trace(tmp_path: Path) -> None:
    if find_spec("rich_click") is None:
        pytest.skip('needs rich-click: pip install "plugbus[cli]"')
    from plugbus.plugins.cli.session import Session

    with Session().open_host() as host:
        assert isinstance(host, Host)
        host.kernel.load_all()
        use(host.kernel, tmp_path)
        for plugin in host.kernel.list(PluginState.ACTIVE):
            proof = host.kernel.unload(plugin, prove=True)
            assert proof.is_clean, str(proof)
