"""What an upload can do in more than one way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from ...backend import BackendClient, DataUnit, DataUnitDraft
    from ..parallel import Outcome
    from .files import LocalFile, OrganizedFile


class FileDiscoveryStrategy(Protocol):
    """Find files in a folder."""

    def discover(self, folder: Path) -> Iterator[Path]:
        """Yield the files, in the same order each time.

        Raises:
            OSError: The folder, or one in it, can't be read.
        """
        ...


class MetadataStrategy(Protocol):
    """Read what is known of files, besides the files."""

    def read(self) -> Mapping[str, Mapping[str, Any]]:
        """Return it, by the name of the data unit or of one of its files.

        Raises:
            UploadMetadataError: It can't be read; holds every fault.
        """
        ...


class ValidationStrategy(Protocol):
    """Say which files are not to be uploaded."""

    def faults(self, role: str, file: LocalFile) -> Iterable[str]:
        """Return what is wrong with a file; nothing where it is good."""
        ...

    def group_faults(self, group: OrganizedFile) -> Iterable[str]:
        """Return what is wrong with the files of a data unit taken together."""
        ...


class DataUnitStrategy(Protocol):
    """Make data units."""

    def create(
        self, client: BackendClient, dataset: int, drafts: Sequence[DataUnitDraft]
    ) -> Iterable[Outcome[DataUnitDraft, DataUnit]]:
        """Return what came of each draft, in order.

        Raises:
            BackendFailedError: The backend itself failed; it is called again with the same drafts, whose keys keep
                anything from being made twice.
        """
        ...
