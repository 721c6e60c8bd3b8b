"""Where jobs keep what they have brought here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..context import RuntimeContext

CACHE_FOLDER: Final = "PLUGBUS_CACHE_FOLDER"
"""The setting that says where downloads are kept; ``~/.cache/plugbus`` without it."""


def cache_folder(ctx: RuntimeContext) -> Path:
    """Return where a job keeps what it has brought here."""
    folder = ctx.env.get(CACHE_FOLDER)
    return Path(str(folder)) if folder else Path.home() / ".cache" / "plugbus"
