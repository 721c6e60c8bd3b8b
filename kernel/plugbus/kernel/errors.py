"""Every error the kernel raises: one root, the built-in that fits beside it, facts as attributes.

Each class takes positional facts, keeps them as attributes and passes them to ``Exception.__init__``, so that errors
compare by their facts and survive pickling on their way through processes and Ray.
The text has one form: ``cannot <verb> <kind> '<id>': <cause>[; <what to do>]``.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def near_names(wanted: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return up to three of ``known`` that a person may have meant by ``wanted``, best first."""
    return tuple(get_close_matches(wanted, sorted(known), n=3, cutoff=0.6))


def offer(near: Sequence[str]) -> str:
    """Return the tail of a message that offers near names, or an empty string when there are none."""
    if not near:
        return ""
    return "; did you mean " + " or ".join(f"'{name}'" for name in near) + "?"


class KernelError(Exception):
    """Root of everything the kernel raises on purpose."""


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
