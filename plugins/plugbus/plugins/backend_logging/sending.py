"""One write to the backend, and what became of it."""

from __future__ import annotations

from enum import Enum
from logging import getLogger
from typing import TYPE_CHECKING

from plugbus.capabilities import (
    BackendFailedError,
    JobDraft,
    RecordConflictError,
    RecordContentError,
    RecordNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plugbus.capabilities import BackendClient, JobLogEntry, JobUpdate

_log = getLogger(__name__)


class Outcome(Enum):
    """What became of a write."""

    STORED = "stored"
    REFUSED = "refused"
    """The backend is well and does not take it: it will not take it later either."""
    FAILED = "failed"
    """The backend is not well, and certainly has not stored it: it may be tried again."""
    UNSURE = "unsure"
    """The backend is not well, and may have stored it: it is not tried again, or it might be there twice."""


def attempted(write: Callable[[], object], job: str) -> Outcome:
    """Write, and tell what became of it. Never raises an ``Exception``."""
    try:
        write()
    except (RecordNotFoundError, RecordConflictError, RecordContentError) as error:
        _log.debug("the backend refuses what is logged of job '%s': %s", job, error, extra={"job_id": job})
        return Outcome.REFUSED
    except BackendFailedError as error:
        _log.warning("cannot log to the backend for job '%s': %s", job, error, extra={"job_id": job})
        return Outcome.UNSURE if error.is_unsure else Outcome.FAILED
    except Exception as error:  # noqa: BLE001 - whatever the backend raises, the work goes on
        _log.warning("cannot log to the backend for job '%s': %r", job, error, extra={"job_id": job})
        return Outcome.UNSURE
    return Outcome.STORED


def send_entries(client: BackendClient, job: str, entries: Sequence[JobLogEntry]) -> tuple[Outcome, int]:
    """Append entries to a job's log; return what became of them, and how many were refused.

    A batch is stored whole or not at all. One that is refused is taken apart, so that a single entry that can't be kept
    does not take the others with it.
    """
    outcome = attempted(lambda: client.append_logs(job, entries), job)
    if outcome is not Outcome.REFUSED:
        return outcome, 0
    if len(entries) == 1 or attempted(lambda: client.job(job), job) is not Outcome.STORED:
        return Outcome.STORED, len(entries)
    middle = len(entries) // 2
    refused = 0
    for place, half in enumerate((entries[:middle], entries[middle:])):
        outcome, lost = send_entries(client, job, half)
        if outcome is not Outcome.STORED:
            # The first half is there: what is left of the batch may not be sent again as a whole.
            return (outcome, refused) if place == 0 else (Outcome.UNSURE, refused)
        refused += lost
    return Outcome.STORED, refused


def send_change(client: BackendClient, job: str, change: JobDraft | JobUpdate) -> Outcome:
    """Create or update a job; one that is there, or over, stays as it is."""
    if isinstance(change, JobDraft):
        return attempted(lambda: client.create_job(change), job)
    return attempted(lambda: client.update_job(job, change), job)
