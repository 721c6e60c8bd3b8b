"""Which files of a plugin's folder are searched for actions."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import Final

IGNORE_FILES: Final = (".gitignore", ".plugbusignore")

_NEVER: Final = frozenset({"__pycache__", "node_modules", "site-packages"})
# At the top of a folder these are made by tools; deeper, or as packages, somebody named them so.
_MADE_BY_TOOLS: Final = frozenset({"build", "dist", "env", "venv", "virtualenv"})
_TESTS: Final = re.compile(r"(?:test_.*|.*_test|conftest|setup)\.py")


@dataclass(frozen=True, slots=True)
class Excludes:
    """What is left out of a search, by the rules that ship and the ignore files at the top of the folder.

    Of ignore files these forms are understood: ``name``, ``name/``, ``/anchored``, ``a/b``, ``*``, ``?``, ``[..]``,
    ``**``, ``!again`` and comments; the last line that matches wins. Ignore files deeper in the folder are not read.

    Args:
        rules: A pattern of paths, whether it is for folders alone, and whether it takes back what others excluded.
    """

    rules: tuple[tuple[re.Pattern[str], bool, bool], ...] = ()

    @classmethod
    def read(cls, root: Path) -> Excludes:
        """Read the ignore files of a folder; one that can't be read says nothing."""
        rules: list[tuple[re.Pattern[str], bool, bool]] = []
        for name in IGNORE_FILES:
            path = f"{root}/{name}"
            if not os.path.exists(path):  # noqa: PTH110 - asked for each folder, and mostly in vain
                continue
            try:
                text = Path(path).read_text("utf-8", "replace")
            except OSError:
                continue
            rules += [rule for line in text.splitlines() if (rule := _rule(line)) is not None]
        return cls(tuple(rules))

    def has_folder(self, relative: str, name: str) -> bool:
        """Tell whether a folder is left out; ``relative`` is its path with slashes."""
        if name.startswith(".") or name in _NEVER or name.endswith(".egg-info"):
            return True
        return self._is_ignored(relative, is_folder=True)

    def has_file(self, relative: str, name: str) -> bool:
        """Tell whether a source file is left out."""
        return name.startswith(".") or _TESTS.fullmatch(name) is not None or self._is_ignored(relative, is_folder=False)

    def _is_ignored(self, relative: str, *, is_folder: bool) -> bool:
        found = False
        for pattern, is_for_folders, is_taken_back in self.rules:
            if (is_folder or not is_for_folders) and found is is_taken_back and pattern.fullmatch(relative):
                found = not is_taken_back
        return found


def is_made_by_tools(name: str, *, is_top: bool, names: set[str]) -> bool:
    """Tell whether a folder holds what was built or installed: by its name at the top, or by what is in it.

    Args:
        name: The folder's name.
        is_top: It lies at the top of the search.
        names: The names of what is in it.
    """
    return "pyvenv.cfg" in names or (is_top and name in _MADE_BY_TOOLS and "__init__.py" not in names)


def _rule(line: str) -> tuple[re.Pattern[str], bool, bool] | None:
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    is_taken_back = text.startswith("!")
    text = text.removeprefix("!")
    is_for_folders = text.endswith("/")
    text = text.rstrip("/")
    is_anchored = "/" in text
    text = text.lstrip("/")
    if not text:
        return None
    parts = [".*" if part == "**" else _translated(part) for part in text.split("/")]
    body = "/".join(parts).replace(".*/", "(?:.*/)?")
    try:
        return re.compile(body if is_anchored else f"(?:.*/)?{body}", re.DOTALL), is_for_folders, is_taken_back
    except re.error:
        return None


def _translated(part: str) -> str:
    r"""Return the pattern of one name: what ``fnmatch`` makes of it, without its ``\Z``, and staying in one folder."""
    body = translate(part).removeprefix("(?s:").removesuffix(r")\Z").removesuffix(r")\z")
    return body.replace(".*", "[^/]*").replace("(?>", "(?:")
