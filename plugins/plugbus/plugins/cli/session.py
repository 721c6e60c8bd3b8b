"""What the options before the command add up to: a host, and where runs are kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from plugbus.capabilities import RunStore
    from plugbus.loaders import Host

_CONSOLE: Final = "console"
DEFAULT_PREFERENCES: Final = {"executor": "local_executor", "tracking": "jsonl_tracking"}


@dataclass(frozen=True, slots=True)
class Session:
    """One call of the command.

    Args:
        host_file: The host file; None for ``./plugbus.yaml``, or none.
        folders: Further folders of plugin folders.
        artifacts: Where runs are kept; None leaves it to the host file and the environment.
    """

    host_file: Path | None = None
    folders: tuple[Path, ...] = ()
    artifacts: Path | None = None

    def open_host(self, *, is_quiet: bool = False) -> Host:
        """Make the host of this call: the plugins that ship with plugbus, and those that it names.

        Args:
            is_quiet: Whether nothing but warnings and worse is shown of what goes on, unless the host file says so.

        Raises:
            DocumentError: The host file is wrong.
            PluginFolderError: A folder can't be read.
        """
        from plugbus.loaders import HOST_FILE_NAME, Host, HostSettings

        path = self.host_file or (Path(HOST_FILE_NAME) if Path(HOST_FILE_NAME).is_file() else None)
        settings = HostSettings.default() if path is None else HostSettings.read(path)
        file = settings.file
        preferences = {**DEFAULT_PREFERENCES, **file.preferences}
        settings = replace(
            settings,
            file=file.model_copy(update={"preferences": preferences}),
            artifacts=self.artifacts or settings.artifacts,
        )
        if is_quiet:
            # Plugins read their configuration from the document.
            document = settings.document
            data = document.data if isinstance(document.data, dict) else {}
            config: dict[str, Any] = {**file.config, _CONSOLE: {"show": "never", **file.config.get(_CONSOLE, {})}}
            settings = replace(settings, document=replace(document, data={**data, "config": config}))
        return Host(settings, builtin=(*shipped_folders(), *self.folders))

    def store(self, host: Host) -> RunStore:
        """Return where runs are kept."""
        from plugbus.capabilities import RunStore, artifact_root

        return RunStore(host.settings.artifacts or artifact_root())


def shipped_folders() -> tuple[Path, ...]:
    """Return the folders in which the plugins that ship with plugbus lie."""
    import plugbus.plugins

    return tuple(Path(path) for path in plugbus.plugins.__path__)
