"""Files on their way: found, grouped, sent, lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...storage import StoredFile

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file that is to be uploaded.

    Args:
        path: Where it is.
        size: Bytes, from 0 on.
    """

    path: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizedFile:
    """Files that belong together: they become one data unit.

    Args:
        name: Of the data unit: the stem that the files share, with the folders above it.
        files: By what they are (``image``, ``mask`` ...).
        metadata: What is known of them.
    """

    name: str
    files: Mapping[str, LocalFile] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "name": self.name,
            "files": {role: [one.path, one.size] for role, one in self.files.items()},
            "metadata": dict(self.metadata),
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> OrganizedFile:
        """Return what ``to_dict`` returned as it was."""
        files = {role: LocalFile(path=path, size=size) for role, (path, size) in said["files"].items()}
        return cls(name=said["name"], files=files, metadata=said["metadata"])


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """A file that is in the storage.

    Args:
        name: Of the data unit that it belongs to.
        role: What it is of it.
        path: Where it came from.
        file: Where it is.
    """

    name: str
    role: str
    path: str
    file: StoredFile

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        file = self.file
        return {
            "name": self.name,
            "role": self.role,
            "path": self.path,
            "file": [file.uri, file.size, file.sha256, file.media_type],
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> UploadedFile:
        """Return what ``to_dict`` returned as it was."""
        uri, size, sha256, media_type = said["file"]
        file = StoredFile(uri=uri, size=size, sha256=sha256, media_type=media_type)
        return cls(name=said["name"], role=said["role"], path=said["path"], file=file)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostFile:
    """A file, or a whole data unit, that is not uploaded.

    Args:
        path: Of the file, or the name of the data unit where that is what is wrong.
        cause: Why.
        step: The step that could not go on with it.
    """

    path: str
    cause: str
    step: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"path": self.path, "cause": self.cause, "step": self.step}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> LostFile:
        """Return what ``to_dict`` returned as it was."""
        return cls(**said)
