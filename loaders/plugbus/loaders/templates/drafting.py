"""Making a plugin of a template: planned whole, then written whole."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

from ..atomic import make_folder
from .catalogue import PluginTemplate, find_template
from .errors import PluginFolderExistsError, TemplateTextError
from .naming import check_name, class_name, title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

_PACKAGE: Final = __name__.rpartition(".")[0]
_SUFFIX: Final = ".tmpl"
"""The ending of every file of a template: no tool takes it for code of plugbus."""


@dataclass(frozen=True, slots=True)
class NewPlugin:
    """A plugin that is not written yet.

    Args:
        name: Its name, which is its id.
        template: What it is made of.
        folder: Where it is to be, absolute.
        files: Path below the folder, with slashes, to text; sorted.
    """

    name: str
    template: PluginTemplate
    folder: Path
    files: Mapping[str, str]

    def write(self) -> Path:
        """Write the folder, whole or not at all, and return it.

        Raises:
            PluginFolderExistsError: Something is there.
            OSError: It can't be written; nothing is left.
        """
        try:
            make_folder(self.folder, {name: text.encode() for name, text in self.files.items()})
        except FileExistsError:
            raise PluginFolderExistsError(self.name, str(self.folder)) from None
        return self.folder

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as JSON has them, without the texts."""
        return {
            "name": self.name,
            "template": self.template.name,
            "folder": str(self.folder),
            "files": list(self.files),
        }


def plan_plugin(
    name: str, template: str, *, path: str | Path = ".", description: str = "", author: str = ""
) -> NewPlugin:
    """Return a plugin made of a template; nothing is written.

    Args:
        name: Of the plugin, such as ``my_trainer``.
        template: Which of ``TEMPLATES``, by its name.
        path: The folder in which the plugin's folder is to be.
        description: One sentence on what it does; that of the template by default.
        author: Who makes it.

    Raises:
        TemplateNotFoundError: There is no such template.
        PluginNameError: The name will not do.
        TemplateTextError: A text has line breaks or other control characters.
        PluginFolderExistsError: There is something of this name.
    """
    found = find_template(template)
    check_name(name)
    _check_text("description", description)
    _check_text("author", author)
    folder = Path(path).absolute() / name
    if os.path.lexists(folder):
        raise PluginFolderExistsError(name, str(folder))
    told = description or found.summary
    values = {
        "id": name,
        "Class": class_name(name),
        "title": title(name),
        "template": found.name,
        "description": told,
        "author": author,
        # JSON texts are YAML and TOML texts, too.
        "quoted_title": _quoted(title(name)),
        "quoted_description": _quoted(told),
        "quoted_author": _quoted(author),
        "authors": f"{{ name = {_quoted(author)} }}" if author else "",
        "requirement": found.requirement,
        "version": version("plugbus"),
        "command": _command(name, found.name, description, author),
    }
    texts = {
        place: Template(file.read_text(encoding="utf-8")).substitute(values)
        for part in ("common", found.name)
        for place, file in _walk(files(_PACKAGE) / "files" / part)
    }
    return NewPlugin(name, found, folder, dict(sorted(texts.items())))


def create_plugin(
    name: str, template: str, *, path: str | Path = ".", description: str = "", author: str = ""
) -> NewPlugin:
    """Make a plugin of a template, and write it; takes and raises what ``plan_plugin`` and ``write`` do."""
    planned = plan_plugin(name, template, path=path, description=description, author=author)
    planned.write()
    return planned


def _walk(folder: Traversable, below: str = "") -> Iterator[tuple[str, Traversable]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _walk(one, f"{below}{one.name}/")
        elif one.name.endswith(_SUFFIX):
            yield f"{below}{one.name.removesuffix(_SUFFIX)}", one


def _check_text(what: str, text: str) -> None:
    if not text.isprintable():
        raise TemplateTextError(what, text, "it has line breaks or other characters that can't be seen; leave them out")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _command(name: str, template: str, description: str, author: str) -> str:
    given = (("--description", description), ("--author", author))
    words = ["plugbus", "new", name, "--template", template, *(word for pair in given if pair[1] for word in pair)]
    return shlex.join(words)
