"""The progress of one trial, as a part of the search that it belongs to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...events import ProgressReported
from ...progress.track import fraction_of

if TYPE_CHECKING:
    from plugbus.kernel import Event

    from ...context import RuntimeContext


def share_of_progress(ctx: RuntimeContext, number: int, count: int) -> RuntimeContext:
    """Return what a job offers to one of several trials: what is all of a trial is a part of the job.

    Every trial reports the same categories, from nothing to all. Of the job, the first of four trials is the first
    quarter of each, and so on. A report whose total is not known stays as it is.

    Args:
        ctx: What the job offers.
        number: Which trial it is, from 0 on; those above ``count`` change nothing any more.
        count: How many there are to be, at least 1.
    """
    if not ctx.is_heard:
        return ctx

    def publish(event: Event) -> None:
        if isinstance(event, ProgressReported):
            fraction = fraction_of(event.current, event.total)
            if fraction is not None:
                event = replace(event, current=min(number + fraction, count), total=count)
        ctx.publish(event)

    return replace(ctx, publish=publish)
