"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class DraftFolder:
    """A folder beside its place, put there in one step when it is whole.

    Lifecycle: made, filled, then ``commit`` or ``discard``. What a crash leaves behind is hidden and ends in
    ``.draft``; it can be deleted at any time.

    Args:
        target: Where the folder is to appear. Nothing may be there.

    Raises:
        FileExistsError: Something is there.
    """

    def __init__(self, target: Path) -> None:
        self.target = target.absolute()
        if os.path.lexists(self.target):
            raise FileExistsError(f"'{target}' is there already; name a folder that is not, or delete it")
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.path = self.target.with_name(f".{self.target.name}.{secrets.token_hex(4)}.draft")
        self.path.mkdir()

    def commit(self) -> Path:
        """Put the folder at its place and return that."""
        # Renaming would replace an empty folder that appeared meanwhile, and nothing else.
        self.path.rename(self.target)
        return self.target

    def discard(self) -> None:
        """Delete the draft. Idempotent; links in it are deleted, never what they lead to."""
        shutil.rmtree(self.path, ignore_errors=True)
