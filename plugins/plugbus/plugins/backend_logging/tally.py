"""What became of the entries of one job."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Count what became of the entries of one job.

    Args:
        written: Stored.
        dropped: Not taken, because there was no room.
        unsent: Certainly not stored.
        unconfirmed: Sent, and nobody knows whether they were stored.
        pending: Still to be written.
    """

    written: int = 0
    dropped: int = 0
    unsent: int = 0
    unconfirmed: int = 0
    pending: int = 0
