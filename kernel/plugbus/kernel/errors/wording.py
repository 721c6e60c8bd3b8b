"""How errors are worded: near names, and lists of names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def near_names(wanted: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return up to three of ``known`` that a person may have meant by ``wanted``, best first."""
    from difflib import get_close_matches  # imported when the first name is not found

    return tuple(get_close_matches(wanted, sorted(known), n=3, cutoff=0.6))


def offer(near: Sequence[str]) -> str:
    """Return the tail of a message that offers near names, or an empty string when there are none."""
    if not near:
        return ""
    return "; did you mean " + " or ".join(f"'{name}'" for name in near) + "?"


def quoted(names: Iterable[str]) -> str:
    """Return names for a sentence: each in quotation marks, with commas."""
    return ", ".join(f"'{name}'" for name in names)
