"""Which errors are a person's to read, and what exit code they mean."""

from __future__ import annotations

from dataclasses import dataclass

from .main import FAILED, WRONG


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """An error in words, without a traceback.

    Args:
        text: What, where, why, and what to do.
        exit_code: 1 where something was tried, 2 where what was asked for is wrong.
    """

    text: str
    exit_code: int


def describe(error: BaseException) -> KnownFailure | None:
    """Return what to say of an error, or None where it is a fault of ours and its traceback is wanted."""
    from plugbus.capabilities import CapabilityError
    from plugbus.kernel import KernelError, PluginLoadError, PluginUnloadError
    from plugbus.loaders import LoaderError

    if isinstance(error, PluginUnloadError):
        return KnownFailure("\n".join((error.message, *(f"  {_told(one)}" for one in error.exceptions))), FAILED)
    if isinstance(error, PluginLoadError):
        cause = error.__cause__
        is_told_by_cause = isinstance(cause, LoaderError | KernelError | CapabilityError)
        return KnownFailure(str(cause) if is_told_by_cause else str(error), FAILED)
    if isinstance(error, KernelError | LoaderError | CapabilityError):
        return KnownFailure(str(error), WRONG)
    if isinstance(error, OSError):
        return KnownFailure(str(error), FAILED)
    return None


def _told(error: BaseException) -> str:
    return f"{type(error).__qualname__}: {error}" if str(error) else type(error).__qualname__
