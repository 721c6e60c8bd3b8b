"""The automatic logging of one execution of an action."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from .errors import UnknownFrameworkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .contract import AutologFramework, JobReport

# What of the work that goes on here is reported to whom. Tasks, and threads that were given their maker's context
# (asyncio.to_thread does so), are part of the work; other threads are not.
_CURRENT: ContextVar[AutologSession | None] = ContextVar("plugbus_autolog", default=None)

BUILT_IN: Final[Mapping[str, tuple[str, str]]] = {
    "lightning": ("lightning", "LightningAutolog"),
    "pytorch_lightning": ("lightning", "LightningAutolog"),
    "sklearn": ("scikit_learn", "SklearnAutolog"),
    "ultralytics": ("ultralytics", "UltralyticsAutolog"),
}
"""Framework to the module of this package, and the class in it, that logs it."""


class AutologSession:
    """Log frameworks until it is closed.

    Args:
        report: Where to report to.
        offered: What plugins offer, by framework. It comes before what is built in.
    """

    def __init__(self, report: JobReport, offered: Mapping[str, AutologFramework]) -> None:
        self._report = report
        self._offered = offered
        self._begun: set[str] = set()
        self._ends = ExitStack()
        self._is_open = True
        token = _CURRENT.set(self)
        self._ends.callback(self._leave, token)

    def begin(self, framework: str) -> None:
        """Log a framework from now on; the second time does nothing.

        Raises:
            UnknownFrameworkError: Nobody offers that; near names are told.
            FrameworkMissingError: It is not installed.
        """
        if framework in self._begun:
            return
        found = self._offered.get(framework) or _built_in(framework, (*self._offered, *BUILT_IN))

        def find_report() -> JobReport | None:
            session = _CURRENT.get()
            return self._report if session is self and self._is_open else None

        self._ends.callback(found.begin(find_report))
        self._begun.add(framework)

    def close(self) -> None:
        """Log nothing more, and leave the frameworks as they were."""
        self._is_open = False
        self._ends.close()

    def _leave(self, token: Any) -> None:
        # An async action began in a context of its own, which ended with it.
        with suppress(ValueError):
            _CURRENT.reset(token)


def _built_in(framework: str, known: tuple[str, ...]) -> AutologFramework:
    if framework not in BUILT_IN:
        from difflib import get_close_matches

        names = tuple(sorted(set(known)))
        raise UnknownFrameworkError(framework, tuple(get_close_matches(framework, names, n=3)), names)
    from importlib import import_module

    module, name = BUILT_IN[framework]
    made: AutologFramework = getattr(import_module(f".{module}", __package__), name)(framework)
    return made
