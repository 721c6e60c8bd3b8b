"""State files: what plugins save, as one JSON document each, that is there wholly or not at all."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plugbus.kernel import SavedState, VersionError, parse_version

from .atomic import replace_file
from .errors import StateFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT: Final = "1.0"
"""Version of the form of the documents; another major is refused."""

_TEXTS: Final = ("format", "plugin", "plugin_version", "state_version", "saved_at", "checksum")
_TEMPORARY: Final = ".tmp"


class JsonStateStore:
    """Keep the states of plugins in a folder: pass it to ``Kernel(state_store=...)``.

    A state is written to a temporary file beside the old one, which then takes its place; both are brought to the disk
    first. Whenever the process, or the machine, stops, the old or the new state is there. Temporary files that are left
    by such a stop are removed when the next store of the folder is made. A folder belongs to one process at a time.

    Args:
        folder: Where the files are; made with the first one.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder).absolute()
        for stray in self._folder.glob(f".*{_TEMPORARY}"):
            with suppress(OSError):
                stray.unlink()

    @property
    def folder(self) -> Path:
        """Return where the files are."""
        return self._folder

    def path(self, plugin_id: str) -> Path:
        """Return where the state of a plugin is, or would be."""
        return self._folder / f"{plugin_id}.json"

    def read(self, plugin_id: str) -> SavedState | None:
        """Return the state of a plugin, None where there is none.

        Raises:
            StateFileError: The file can't be read, or is not what was written.
        """
        path = self.path(plugin_id)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateFileError("read", plugin_id, str(path), error.strerror or str(error)) from error
        cause, document = _parsed(content, plugin_id)
        if cause:
            raise StateFileError("read", plugin_id, str(path), cause, "discard it, or put a good copy in its place")
        return SavedState(document["state"], document["state_version"], document["plugin_version"], str(path))

    def write(self, plugin_id: str, saved: SavedState) -> None:
        """Put a state in the place of the one before, wholly or not at all.

        Raises:
            StateFileError: The state is not what JSON can hold, or the file can't be written.
        """
        path = self.path(plugin_id)
        fault = next(_faults(dict(saved.state), "state"), "")
        if fault:
            raise StateFileError("write", plugin_id, str(path), fault, "save plain data")
        document: dict[str, Any] = {
            "format": FORMAT,
            "plugin": plugin_id,
            "plugin_version": saved.plugin_version,
            "state_version": saved.state_version,
            "saved_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "state": dict(saved.state),
        }
        document["checksum"] = _checksum(document)
        content = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, content, suffix=_TEMPORARY)
        except OSError as error:
            raise StateFileError("write", plugin_id, str(path), error.strerror or str(error)) from error

    def discard(self, plugin_id: str) -> None:
        """Forget the state of a plugin; does nothing where there is none.

        Raises:
            StateFileError: The file can't be removed.
        """
        path = self.path(plugin_id)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StateFileError("discard", plugin_id, str(path), error.strerror or str(error)) from error


def _parsed(content: bytes, plugin_id: str) -> tuple[str, dict[str, Any]]:
    """Return what is wrong with a document, and the document."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:  # of JSON, of UTF-8, and of too many brackets
        return f"it is no JSON: {error}", {}
    if not isinstance(document, dict):
        return f"it holds a {type(document).__name__}, not an object", {}
    wrong = [key for key in _TEXTS if not isinstance(document.get(key), str)]
    if wrong:
        return f"{', '.join(map(repr, wrong))} should be text", {}
    try:
        found = parse_version(document["format"])
        parse_version(document["state_version"])
    except VersionError as error:
        return str(error), {}
    if found.major != parse_version(FORMAT).major:
        return f"its format has version {found.text}, and version {FORMAT} is what this plugbus reads", {}
    if document["checksum"] != _checksum(document):
        return "its checksum is wrong: it was changed, or damaged", {}
    if document["plugin"] != plugin_id:
        return f"it is the state of plugin '{document['plugin']}'", {}
    if not isinstance(document.get("state"), dict):
        return "'state' should be an object", {}
    return "", document


def _checksum(document: dict[str, Any]) -> str:
    """Return the checksum of everything in a document but the checksum itself, whatever its order and spaces."""
    rest = {key: part for key, part in document.items() if key != "checksum"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def _faults(part: object, place: str) -> Iterator[str]:
    """Say what in a state would not come back from JSON as it went in."""
    if part is None or isinstance(part, bool) or type(part) in {str, int}:
        if isinstance(part, str) and not _is_encodable(part):
            yield f"'{place}' has a lone surrogate, which is no text"
    elif type(part) is float:
        if part != part or part in {float("inf"), float("-inf")}:
            yield f"'{place}' is {part}, which JSON has no form for"
    elif type(part) is list:
        for number, one in enumerate(part):
            yield from _faults(one, f"{place}[{number}]")
    elif type(part) is dict:
        for key, one in part.items():
            if type(key) is not str:
                yield f"'{place}' has the key {key!r}, which is no text"
            else:
                yield from _faults(key, f"{place} (a key)")
                yield from _faults(one, f"{place}.{key}")
    else:
        yield f"'{place}' is a {type(part).__qualname__}, which JSON has no form for"


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
