"""Where the plugins that ship with plugbus lie."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from .errors import PluginFolderError


def shipped_plugins() -> Path:
    """Return the folder of the plugins that ship with plugbus; nothing of them is imported.

    Raises:
        PluginFolderError: This plugbus came without.
    """
    spec = find_spec("plugbus.plugins")
    for path in (spec.submodule_search_locations or ()) if spec is not None else ():
        return Path(path)
    raise PluginFolderError("plugbus.plugins", "this installation of plugbus has none")
