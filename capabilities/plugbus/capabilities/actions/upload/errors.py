"""What goes wrong with uploads."""

from __future__ import annotations

from ...errors import CapabilityError


class UploadPathError(CapabilityError, OSError):
    """Name folders whose files can't be uploaded, with every fault as ``(path, why)``."""

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        told = "; ".join(f"'{path}': {why}" for path, why in self.faults)
        return f"cannot upload files: {told}"


class UploadMetadataError(CapabilityError, ValueError):
    """Refuse a file with metadata, with every fault as ``(place, why)``."""

    def __init__(self, path: str, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(path, faults)
        self.path = path
        self.faults = faults

    def __str__(self) -> str:
        told = "; ".join(f"{place}: {why}" if place else why for place, why in self.faults)
        return f"cannot read metadata '{self.path}': {told}"


class NothingUploadedError(CapabilityError, RuntimeError):
    """Say that nothing could be uploaded.

    Args:
        failures: Why, one text a file, of the first ones.
        count: How many files or data units were refused or failed; 0 where there was none to begin with.
    """

    def __init__(self, failures: tuple[str, ...], count: int) -> None:
        super().__init__(failures, count)
        self.failures = failures
        self.count = count

    def __str__(self) -> str:
        if not self.count:
            return "cannot upload files: there are none; name a folder that has some, or set is_recursive"
        more = f"; and {self.count - len(self.failures)} more" if self.count > len(self.failures) else ""
        return f"cannot upload files: none of them could be uploaded: {'; '.join(self.failures)}{more}"


class UploadVerificationError(CapabilityError, RuntimeError):
    """Say which files are not in the storage as they were sent, each as ``(address, why)``."""

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        told = "; ".join(f"'{uri}': {why}" for uri, why in self.faults)
        return f"cannot confirm upload: {told}"


class FileChangedError(CapabilityError, RuntimeError):
    """Say that a file became another one while it was uploaded."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"cannot upload file '{self.path}': it changed meanwhile; upload it again once nobody writes to it"
