"""Languages of messages: how they are written, and which of several is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FALLBACK: Final = "en"
"""The language that is taken where no other one fits."""


def language_tag(text: str) -> str:
    """Return a language as it is compared: ``pt_BR.UTF-8`` and ``pt-br`` are ``pt-br``."""
    return text.partition(".")[0].partition("@")[0].strip().replace("_", "-").lower()


def wanted_languages(preferred: Iterable[str | None]) -> Iterator[str]:
    """Yield what is to be looked for, in order: each language, then without its last parts, and English at the end.

    RFC 4647, section 3.4, looks things up in this way. One text may name several languages with colons between them,
    as the variable ``LANGUAGE`` does.
    """
    for text in preferred:
        for one in (text or "").split(":"):
            tag = language_tag(one)
            while tag:
                yield tag
                tag = tag.rpartition("-")[0]
    yield FALLBACK
