"""What is given, as what is stored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from plugbus.capabilities import RecordContentError, StoredFile

if TYPE_CHECKING:
    from enum import StrEnum

DEPTH: Final = 200
"""How deep content may be nested: readers of JSON have limits between 500 and 2,000."""

_HEX: Final = frozenset("0123456789abcdef")
_LARGEST: Final = 2**63 - 1


class Content:
    """Check and write the content of one call; every fault is collected.

    Args:
        verb: What is tried, for the error: ``create``, ``list`` ...
        kind: What with: ``data unit`` ...
    """

    def __init__(self, verb: str, kind: str) -> None:
        self._verb = verb
        self._kind = kind
        self._faults: list[tuple[str, str]] = []

    def refuse(self) -> None:
        """Raise if there was a fault.

        Raises:
            RecordContentError: There was; holds all.
        """
        if self._faults:
            raise RecordContentError(self._verb, self._kind, tuple(self._faults))

    def fault(self, path: str, why: str) -> None:
        """Note a fault."""
        self._faults.append((path, why))

    def name(self, path: str, value: object) -> str:
        """Return a text that is not blank."""
        text = self.text(path, value)
        if isinstance(value, str) and not value.strip():
            self.fault(path, "it is blank")
        return text

    def text(self, path: str, value: object) -> str:
        """Return a text."""
        if not isinstance(value, str):
            self.fault(path, f"{type(value).__name__} is no text")
            return ""
        why = _unwritable(value)
        if why is not None:
            self.fault(path, why)
        return str(value)

    def optional_text(self, path: str, value: object) -> str | None:
        """Return a text, or None."""
        return None if value is None else self.text(path, value)

    def choice(self, path: str, value: object, kind: type[StrEnum]) -> str:
        """Return one of the texts that there are."""
        known = [one.value for one in kind]
        if value not in known:
            self.fault(path, f"{value!r} is none of {', '.join(known)}")
        return str(value)

    def mapping(self, path: str, value: object) -> str:
        """Return a mapping as JSON."""
        if not isinstance(value, Mapping):
            self.fault(path, f"{type(value).__name__} is no mapping")
            return "{}"
        return self.json(path, value)

    def json(self, path: str, value: object) -> str:
        """Return any content as JSON."""
        plain = self._plain(path, value, DEPTH)
        # What has faults is not written.
        return "null" if self._faults else json.dumps(plain, ensure_ascii=False, separators=(",", ":"))

    def files(self, path: str, files: object) -> str:
        """Return files by what they are as JSON."""
        if not isinstance(files, Mapping):
            self.fault(path, f"{type(files).__name__} is no mapping")
            return "{}"
        return self.json(path, {name: self._file(f"{path}.{name}", one) for name, one in files.items()})

    def file(self, path: str, file: object) -> str | None:
        """Return a file as JSON, or None."""
        return None if file is None else self.json(path, self._file(path, file))

    def time(self, path: str, value: object) -> str:
        """Return a time as text that sorts as time does: UTC, to the microsecond."""
        if not isinstance(value, datetime) or value.utcoffset() is None:
            self.fault(path, f"{value!r} is no time with a zone")
            return ""
        return write_time(value)

    def page_size(self, value: int) -> int:
        """Return how many records a page has."""
        if not 1 <= value <= 1_000:
            self.fault("page_size", f"{value} is not in 1..1000")
        return value

    def _file(self, path: str, file: object) -> dict[str, object]:
        if not isinstance(file, StoredFile):
            self.fault(path, f"{type(file).__name__} is no StoredFile")
            return {}
        if not file.uri.strip():
            self.fault(f"{path}.uri", "it is blank")
        if file.size < 0:
            self.fault(f"{path}.size", f"{file.size} is below 0")
        if len(file.sha256) != 64 or not _HEX.issuperset(file.sha256):
            self.fault(f"{path}.sha256", "it is not 64 lower-case hexadecimal digits")
        found: dict[str, object] = {"uri": file.uri, "size": file.size, "sha256": file.sha256}
        return found if file.media_type is None else {**found, "media_type": file.media_type}

    def _plain(self, path: str, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            why = _unwritable(value)
            if why is not None:
                self.fault(path, why)
            return value
        if isinstance(value, int):
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                self.fault(path, f"{value} is no finite number")
            return value
        if not depth:
            self.fault(path, f"it is nested more than {DEPTH} deep")
            return None
        if isinstance(value, list | tuple):
            return [self._plain(f"{path}.{at}", one, depth - 1) for at, one in enumerate(value)]
        if isinstance(value, Mapping):
            return {self._key(path, key): self._plain(f"{path}.{key}", one, depth - 1) for key, one in value.items()}
        self.fault(path, f"{type(value).__name__} can't be written as JSON")
        return None

    def _key(self, path: str, key: object) -> str:
        if not isinstance(key, str):
            self.fault(path, f"its key {key!r} is no text")
            return ""
        why = _unwritable(key)
        if why is not None:
            self.fault(path, f"its key {key!r}: {why}")
        return str(key)


def write_time(value: datetime) -> str:
    """Return a time with a zone as text that sorts as time does."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def read_time(text: str) -> datetime:
    """Return what ``write_time`` wrote."""
    return datetime.fromisoformat(text)


def as_id(value: object) -> int | None:
    """Return an id that a record may have; None where no record can have it."""
    return value if isinstance(value, int) and 0 < value <= _LARGEST else None


def _unwritable(text: str) -> str | None:
    if "\0" in text:
        return "it holds U+0000"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "it holds half of a surrogate pair"
    return None
