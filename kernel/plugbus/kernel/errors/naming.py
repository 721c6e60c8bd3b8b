"""Texts and objects that can't be what they are given as: versions, ranges, capabilities, metadata."""

from __future__ import annotations

from .root import KernelError


class VersionError(KernelError, ValueError):
    """Refuse a text that is no version, or a range that nothing could be compared with.

    Args:
        text: The text as it was given.
        cause: Why it was refused.
        remedy: What to write instead, empty when there is nothing to offer.
    """

    kind = "version"

    def __init__(self, text: str, cause: str, remedy: str = "") -> None:
        super().__init__(text, cause, remedy)
        self.text = text
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        tail = f"; {self.remedy}" if self.remedy else ""
        return f"cannot read {self.kind} '{self.text}': {self.cause}{tail}"


class VersionRangeError(VersionError):
    """Refuse a text that is no version range."""

    kind = "version range"


class CapabilityNameError(KernelError, ValueError):
    """Refuse a capability whose text form could not be read back."""

    def __init__(self, text: str, cause: str) -> None:
        super().__init__(text, cause)
        self.text = text
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot name capability '{self.text}': {self.cause}"


class ContractError(KernelError, TypeError):
    """Refuse an object that does not satisfy the contract of the capability it is provided for."""

    def __init__(self, capability: str, contract: str, provided: str, faults: tuple[str, ...]) -> None:
        super().__init__(capability, contract, provided, faults)
        self.capability = capability
        self.contract = contract
        self.provided = provided
        self.faults = faults

    def __str__(self) -> str:
        return (
            f"cannot provide capability '{self.capability}': {self.provided} does not satisfy "
            f"{self.contract}: {', '.join(self.faults)}"
        )


class MetadataError(KernelError, ValueError):
    """Refuse metadata, with every fault."""

    def __init__(self, plugin_id: str, faults: tuple[str, ...]) -> None:
        super().__init__(plugin_id, faults)
        self.plugin_id = plugin_id
        self.faults = faults

    def __str__(self) -> str:
        return f"cannot describe plugin '{self.plugin_id}': {'; '.join(self.faults)}"
