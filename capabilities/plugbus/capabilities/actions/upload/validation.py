"""Which files are uploaded."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from .files import LocalFile, OrganizedFile


class DefaultValidation:
    """Refuse files that are empty, too large or of another suffix, and data units without what they need.

    Args:
        max_size: Bytes that a file may have; None for any number.
        extensions: Suffixes by what a file is, such as ``{"image": {".png"}}``; None for all, and all where a file is
            something else.
        required: What each data unit needs a file of.
    """

    def __init__(
        self,
        max_size: int | None = None,
        extensions: Mapping[str, Collection[str]] | None = None,
        required: Collection[str] = (),
    ) -> None:
        self._max_size = max_size
        self._extensions = {
            role: {one.lower() if one.startswith(".") else f".{one.lower()}" for one in suffixes}
            for role, suffixes in (extensions or {}).items()
        }
        self._required = tuple(required)

    def faults(self, role: str, file: LocalFile) -> Iterator[str]:
        """Return what is wrong with a file."""
        if file.size == 0:
            yield "it is empty"
        if self._max_size is not None and file.size > self._max_size:
            yield f"it has {file.size} bytes; {self._max_size} are allowed"
        allowed = self._extensions.get(role)
        suffix = PurePath(file.path).suffix.lower()
        if allowed is not None and suffix not in allowed:
            yield f"its suffix '{suffix}' is none of {', '.join(sorted(allowed)) or 'none'}"

    def group_faults(self, group: OrganizedFile) -> Iterator[str]:
        """Return what a data unit lacks."""
        missing = [f"'{role}'" for role in self._required if role not in group.files]
        if missing:
            yield f"it has no file of {', '.join(missing)}"
