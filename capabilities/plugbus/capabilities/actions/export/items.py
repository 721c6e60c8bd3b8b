"""What is exported, one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...storage import StoredFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportItem:
    """One task or ground truth, with the data unit that it is about.

    Args:
        id: Its id; items come in the order of their ids.
        name: Of its data unit, else made from its id.
        annotations: What was found, or what is true.
        files: Of its data unit, by what they are.
        metadata: Its own.
        data_unit: Id of its data unit; None where it has none.
        status: How far it is, where it is a task.
    """

    id: int
    name: str
    annotations: Mapping[str, Any] | None = None
    files: Mapping[str, StoredFile] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    data_unit: int | None = None
    status: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what hooks are given: a mapping of their own to change."""
        return {
            "id": self.id,
            "name": self.name,
            "annotations": None if self.annotations is None else dict(self.annotations),
            "files": {
                role: {"uri": one.uri, "size": one.size, "sha256": one.sha256} for role, one in self.files.items()
            },
            "metadata": dict(self.metadata),
            "data_unit": self.data_unit,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True)
class ConvertedItem:
    """What came of converting an item.

    Args:
        item: The item.
        data: What is saved as JSON; None where the conversion failed, or where the hooks left the item out.
        error: Why it failed.
    """

    item: ExportItem
    data: Any = None
    error: Exception | None = None
