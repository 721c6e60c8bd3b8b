"""Dates and times as browsers show them: without an offset from UTC, and to the second."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import tzinfo

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_TIME: Final = re.compile(r"(\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d)?")
_DATETIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d)?")

AWARE: Final = "aware"


def is_date(text: object) -> bool:
    """Say whether a date's input shows a text."""
    return isinstance(text, str) and _DATE.fullmatch(text) is not None and text[:4] != "0000"


def split_time(text: object, *, with_date: bool) -> tuple[str, str | None] | None:
    """Return what an input shows of a time, and its offset; None where it would not show it whole."""
    pattern = _DATETIME if with_date else _TIME
    match = pattern.fullmatch(text) if isinstance(text, str) else None
    return None if match is None else (match[1], match[2])


def join_time(text: str, offset: str | None, zone: tzinfo = UTC) -> str:
    """Return a time with the offset that was not shown; a text that has one, or is no time, is left as it is.

    Args:
        text: What was sent.
        offset: The offset, or ``aware`` where it is that of ``zone``, at that time.
        zone: The zone of those who fill in the form.
    """
    has_date = "T" in text
    parts = split_time(text, with_date=has_date)
    if offset is None or parts is None or parts[1] is not None:
        return text
    if offset != AWARE:
        return text + offset
    moment = datetime.fromisoformat(text if has_date else f"{datetime.now(zone).date()}T{text}").replace(tzinfo=zone)
    return moment.isoformat() if has_date else moment.timetz().isoformat()
