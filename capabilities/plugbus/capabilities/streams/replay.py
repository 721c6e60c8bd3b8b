"""Read recordings and publish them again."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plugbus.kernel import ForgedEventError

from .errors import RecordingError
from .lines import read_line
from .rebuilding import EVENT_KINDS, EventRebuilder
from .recorder import RecordedEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from plugbus.kernel import Event, EventPort


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What became of the events of a replay.

    Args:
        published: How many were published.
        skipped: How many were the kernel's own, which nobody else may publish.
    """

    published: int
    skipped: int


def read_events(
    path: str | os.PathLike[str],
    *,
    kinds: Mapping[str, type[Event]] = EVENT_KINDS,
    on_fault: Callable[[RecordingError], object] | None = None,
) -> Iterator[RecordedEvent]:
    """Yield the events of a file that ``JsonlRecorder`` wrote, in the order of its lines.

    Events whose topic is in ``kinds`` are made again of that class; all others, also the kernel's own, become a
    ``CustomEvent`` with the recorded data. Custom events come back as custom events whatever their topic. Empty lines
    are passed over. One line is held in memory at a time; the file is opened when the first event is asked for.

    Args:
        path: The file.
        kinds: Event classes by topic, such as ``{**EVENT_KINDS, "MyEvent": MyEvent}``.
        on_fault: Called with what is wrong with a line, which is then passed over, as after a crash that cut the last
            line off; without it, the first such line ends the reading.

    Raises:
        RecordingError: A line is no event; names the line and everything that is wrong with it.
        OSError: The file can't be read.
    """
    rebuilder = EventRebuilder(kinds)
    with Path(path).open("rb") as file:
        for number, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                recorded = _read(text, rebuilder)
            except ValueError as error:
                fault = RecordingError(os.fspath(path), number, str(error))
                if on_fault is None:
                    raise fault from error
                on_fault(fault)
            else:
                yield recorded


def replay(
    bus: EventPort,
    events: Iterable[RecordedEvent],
    *,
    speed: float | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> ReplayReport:
    """Publish recorded events again, in their order, in this thread.

    Where causes are traced, they get ids and causes of their own.

    Args:
        bus: Where to.
        events: From ``read_events``, or a recorder's ``snapshot``.
        speed: How fast: 1 with the pauses of the recording, 2 in half the time; None without pauses. A subscriber that
            takes longer than the pause after its event delays the rest no more than needed: pauses are shortened until
            the lost time is made up for. Where a file holds several recordings, each begins when the one before ended.
        sleep: Waits for so many seconds; an event's ``wait`` makes a pause that can be ended early.

    Raises:
        ValueError: The speed is no number above 0.
    """
    if speed is not None and not 0 < speed < math.inf:
        raise ValueError(f"cannot replay events: speed is {speed}; give a number above 0, or None for no pauses")
    published = skipped = 0
    begun, last_ms = 0.0, math.inf
    for recorded in events:
        if speed is not None:
            now, due = time.monotonic(), recorded.elapsed_ms / 1000 / speed
            if recorded.elapsed_ms < last_ms:
                # The first event, or the first of another recording: it comes at once, the others are counted from it.
                begun = now - due
            elif begun + due > now:
                sleep(begun + due - now)
            last_ms = recorded.elapsed_ms
        try:
            bus.publish(recorded.event)
            published += 1
        except ForgedEventError:
            # Not raised by subscribers: the bus keeps what they raise.
            skipped += 1
    return ReplayReport(published=published, skipped=skipped)


def _read(text: bytes, rebuilder: EventRebuilder) -> RecordedEvent:
    line = read_line(text)
    return RecordedEvent(
        index=line.index,
        at_ns=line.at_ns,
        elapsed_ms=line.elapsed_ms,
        topic=line.topic,
        event=rebuilder.rebuild(line.topic, line.data, is_custom=line.is_custom),
        **line.ids,
    )
