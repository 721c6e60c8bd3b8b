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
        if isinstance(cause, LoaderError | KernelError | CapabilityError):
            return KnownFailure(str(cause), FAILED)
        place = "" if cause is None else _place(cause)
        return KnownFailure(f"{error}{place}", FAILED)
    if isinstance(error, KernelError | LoaderError | CapabilityError):
        return KnownFailure(str(error), WRONG)
    if isinstance(error, OSError):
        return KnownFailure(_of_system(error), FAILED)
    return None


def _of_system(error: OSError) -> str:
    if error.filename is None or error.strerror is None:
        return str(error)
    return f"cannot use '{error.filename}': {error.strerror[:1].lower()}{error.strerror[1:]}"


def _place(error: BaseException) -> str:
    """Say where in a plugin's own code an error was raised."""
    found = ""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if trace.tb_frame.f_globals.get("__name__", "").startswith("plugbus_plugin_"):
            found = f"\n  at {code.co_filename}:{trace.tb_lineno}, in {code.co_qualname}"
        trace = trace.tb_next
    return found


def _told(error: BaseException) -> str:
    return f"{type(error).__qualname__}: {error}" if str(error) else type(error).__qualname__
