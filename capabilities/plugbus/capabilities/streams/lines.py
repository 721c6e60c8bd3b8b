"""The line of a recording: one event as one JSON object.

======================  ===========================================================================================
key                     value
======================  ===========================================================================================
``v``                   The version of this schema: 1.
``index``               The event's place in its recording, from 0 on, in the order of delivery.
``ts``                  When it was delivered: UTC, RFC 3339 with nanoseconds, ``2025-01-31T12:00:00.000000001Z``.
``elapsed_ms``          Milliseconds since the recording began, by a clock that is never set back.
``type``                The topic.
``custom``              ``true`` for a ``CustomEvent``; left out for an event of a class.
``event_id``            The event's id; left out when causes were not traced.
``parent_id``           The id of the event in whose delivery it was published; left out where there was none.
``correlation_id``      What it has in common with all that has the same cause; left out when causes were not traced.
``data``                The fields of the event by name, in their order; of a custom event its payload, whatever it is.
======================  ===========================================================================================

Values are written as ``encode_value`` has them: what JSON can say is kept as it is, the rest is told as text. All of
it is ASCII, other characters are escaped, so that no text can break a line or a reader.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

from plugbus.kernel import CustomEvent, Event

from ..events import encode_value
from .rebuilding import RecordedError

if TYPE_CHECKING:
    from plugbus.kernel import Cause

VERSION: Final = 1

_NEEDED: Final = ("v", "index", "ts", "elapsed_ms", "type", "data")
_IDS: Final[tuple[Literal["event_id", "parent_id", "correlation_id"], ...]] = (
    "event_id",
    "parent_id",
    "correlation_id",
)
_STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS: Final = 10**9


class CauseIds(TypedDict, total=False):
    """Where an event comes from, as far as it is known."""

    event_id: str
    parent_id: str
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a line says."""

    index: int
    at_ns: int
    elapsed_ms: float
    topic: str
    is_custom: bool
    data: Any
    ids: CauseIds


def write_data(event: Event) -> str:
    """Return the ``data`` of an event as JSON text.

    The costly part of a line, and the one that may run code of the payload: no lock should be held meanwhile.
    """
    if type(event) is CustomEvent:
        return _dump(encode_value(event.data))
    return _dump({one.name: _encode_field(getattr(event, one.name)) for one in fields(event)})


def cause_ids(cause: Cause | None) -> CauseIds:
    """Return what is recorded of a cause: nothing where there is none."""
    if cause is None:
        return {}
    ids: CauseIds = {"event_id": cause.event_id}
    if cause.parent_id is not None:
        ids["parent_id"] = cause.parent_id
    ids["correlation_id"] = cause.correlation_id
    return ids


def write_line(event: Event, data: str, index: int, at_ns: int, elapsed_ms: float, ids: CauseIds) -> bytes:
    """Return the line of an event whose data was written before."""
    seconds, rest = divmod(at_ns, _NS)
    stamp = f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
    custom = '"custom":true,' if type(event) is CustomEvent else ""
    known = "".join(f'"{key}":{_dump(said)},' for key, said in ids.items())
    return (
        f'{{"v":{VERSION},"index":{index},"ts":"{stamp}","elapsed_ms":{elapsed_ms!r},'
        f'"type":{_dump(event.topic)},{custom}{known}"data":{data}}}\n'
    ).encode("ascii")


def read_line(text: bytes) -> Line:
    """Return what a line says.

    Raises:
        ValueError: It says something else; names everything that is wrong.
    """
    try:
        said = json.loads(text.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no UTF-8: {error.reason} at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        end = "" if text.endswith(b"\n") else "it is cut off, or "
        raise ValueError(f"{end}it is no JSON: {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(said, dict):
        raise ValueError(f"it is {_short(said)}; give an object")  # noqa: TRY004 - the text is wrong, not a type
    at_ns = _read_stamp(said.get("ts"))
    faults = [f"'{key}' is missing" for key in _NEEDED if key not in said]
    faults += [f"'{key}' is unknown" for key in said if key not in (*_NEEDED, "custom", *_IDS)]
    for key, is_right, expected in (
        ("v", said.get("v") == VERSION and type(said["v"]) is int, f"{VERSION}, the only one that is known"),
        ("index", _is_count(said.get("index")), "a whole number from 0 on"),
        ("ts", at_ns is not None, "a time in UTC such as '2025-01-31T12:00:00.000000001Z'"),
        ("elapsed_ms", _is_span(said.get("elapsed_ms")), "milliseconds from 0 on"),
        ("type", _is_topic(said.get("type")), "a topic, not blank and not '*'"),
        ("custom", said.get("custom", True) is True, "true, or leave it out"),
        *((key, _is_id(said.get(key)), "an id that is not blank, or leave it out") for key in _IDS),
    ):
        if not is_right and key in said:
            faults.append(f"'{key}' is {_short(said[key])}; give {expected}")
    if at_ns is None or faults:
        raise ValueError("; ".join(faults))
    ids: CauseIds = {}
    for key in _IDS:
        if key in said:
            ids[key] = said[key]
    return Line(
        index=said["index"],
        at_ns=at_ns,
        elapsed_ms=float(said["elapsed_ms"]),
        topic=said["type"],
        is_custom="custom" in said,
        data=said["data"],
        ids=ids,
    )


def _encode_field(value: object) -> Any:
    # What was recorded of an exception is written as it was read: a copy of a recording says the same.
    if isinstance(value, RecordedError):
        return {"error": value.kind, "message": value.message}
    return encode_value(value)


def _dump(data: object) -> str:
    return json.dumps(data, allow_nan=False, separators=(",", ":"))


def _refuse_constant(name: str) -> object:
    raise ValueError(f"it is no JSON: {name} is no number there; write it as a text")


def _read_stamp(stamp: object) -> int | None:
    match = _STAMP.fullmatch(stamp) if isinstance(stamp, str) else None
    if match is None:
        return None
    try:
        seconds = (datetime.fromisoformat(f"{match[1]}+00:00") - _EPOCH) // timedelta(seconds=1)
    except ValueError:
        return None
    return seconds * _NS + int((match[2] or "").ljust(9, "0"))


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_span(value: object) -> bool:
    # Whole numbers can be too large for a float.
    return (type(value) is int and 0 <= value < _NS**2) or (type(value) is float and 0 <= value < math.inf)


def _is_topic(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value != "*"


def _is_id(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."
