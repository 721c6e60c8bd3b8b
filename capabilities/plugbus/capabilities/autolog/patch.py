"""Changing a framework for as long as somebody needs it."""

from __future__ import annotations

from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any

from .errors import FrameworkMissingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from .contract import JobReport

_SHARED = "__plugbus_autolog__"


class SharedPatch:
    """One change of a framework, made with the first user and undone with the last.

    It is kept in the framework's own module: the change is the process's, whoever makes it, and so is its state.

    Args:
        apply: Makes the change, and returns what undoes it.
    """

    def __init__(self, apply: Callable[[SharedPatch], Callable[[], None]]) -> None:
        self._apply = apply
        self._lock = Lock()
        self._users: dict[object, Callable[[], JobReport | None]] = {}
        self._undo: Callable[[], None] | None = None

    @classmethod
    def of(cls, module: ModuleType, apply: Callable[[SharedPatch], Callable[[], None]]) -> SharedPatch:
        """Return the change of a framework, which all that log it share."""
        shared: SharedPatch = vars(module).setdefault(_SHARED, cls(apply))
        return shared

    def begin(self, find_report: Callable[[], JobReport | None]) -> Callable[[], None]:
        """Add a user, and return what takes it away; calling that again does nothing."""
        key = object()
        with self._lock:
            if self._undo is None:
                self._undo = self._apply(self)
            self._users[key] = find_report

        def end() -> None:
            with self._lock:
                if self._users.pop(key, None) is None or self._users or self._undo is None:
                    return
                undo, self._undo = self._undo, None
                undo()

        return end

    def report(self) -> JobReport | None:
        """Return where to report to from here; None where nobody here asked for it."""
        for find_report in tuple(self._users.values()):
            found = find_report()
            if found is not None:
                return found
        return None


def framework_module(name: str, module: str, requirement: str) -> Any:
    """Return a module of a framework.

    Args:
        name: The framework.
        module: What is imported.
        requirement: What pip installs it by.

    Raises:
        FrameworkMissingError: It is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        # A module that the framework itself lacks is the framework's own fault, and told as it is.
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise FrameworkMissingError(name, error.name, requirement) from error


def numbers_of(values: Any) -> dict[str, float]:
    """Return the numbers among named values, those of arrays and tensors with one element too."""
    found: dict[str, float] = {}
    for name, value in dict(values).items():
        if isinstance(value, str | bool):
            continue
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError, RuntimeError):
            continue  # a text, or an array of several numbers
    return found
