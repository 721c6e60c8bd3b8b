"""Names of files that are made from names of records."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNSAFE: Final = re.compile(r'[\x00-\x1f<>:"|?*\\]')


def safe_path(name: str) -> str:
    """Return a name as a path that stays below its folder, on any file system; ``/`` parts folders."""
    parts = [_UNSAFE.sub("_", part).strip(" ") for part in name.split("/")]
    return "/".join(f"_{part}" if part.startswith(".") else part for part in parts if part) or "_"


def suffix_of(uri: str) -> str:
    """Return the suffix of the file at an address, with its dot; empty where it has none."""
    return PurePosixPath(unquote(urlsplit(uri).path)).suffix


class TakenNames:
    """Names that are taken, so that no two records get one file.

    Capitals and small letters are not told apart, as on some file systems. Records that ask in the same order get the
    same names.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._taken = {one.casefold() for one in names}

    def take(self, folder: str, name: str, record: int) -> str:
        """Return a name that is free in a folder: the one that is wanted, else one with the record's id behind it."""
        chosen = name
        while f"{folder}{chosen}".casefold() in self._taken:
            chosen = f"{chosen}__{record}"
        self._taken.add(f"{folder}{chosen}".casefold())
        return chosen
