"""Making data units."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from ...backend import DataUnitDraft, RecordConflictError, RecordContentError
from ..batches import each_or_all, windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ...backend import BackendClient, DataUnit
    from ...storage import StoredFile
    from ..parallel import Outcome

REFUSALS: Final = (RecordConflictError, RecordContentError)
"""What a backend raises where a draft is to blame."""
UPLOAD_ID: Final = "upload_id"
"""The entry in the metadata of data units that says which upload has made them."""


class BatchDataUnitStrategy:
    """Make some data units in one transaction; where it is refused, each alone, so that only bad ones are lost.

    Args:
        size: How many in one transaction.
    """

    def __init__(self, size: int = 200) -> None:
        self._size = size

    def create(
        self, client: BackendClient, dataset: int, drafts: Sequence[DataUnitDraft]
    ) -> Iterator[Outcome[DataUnitDraft, DataUnit]]:
        """Make them."""
        for window in windows(drafts, self._size):
            yield from each_or_all(lambda part: client.create_data_units(dataset, part), window, REFUSALS)


class SingleDataUnitStrategy(BatchDataUnitStrategy):
    """Make each data unit in a transaction of its own."""

    def __init__(self) -> None:
        super().__init__(1)


def data_unit_draft(
    name: str, files: Mapping[str, StoredFile], metadata: Mapping[str, Any], upload_id: str
) -> DataUnitDraft:
    """Return a draft whose key is made from the name and the content of the files: the same is there once."""
    content: Iterable[tuple[str, str]] = sorted((role, one.sha256) for role, one in files.items())
    text = json.dumps([name, list(content)], separators=(",", ":"))
    key = f"upload:{hashlib.sha256(text.encode()).hexdigest()}"
    return DataUnitDraft(name=name, files=files, metadata={**metadata, UPLOAD_ID: upload_id}, key=key)
