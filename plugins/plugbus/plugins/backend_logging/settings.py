"""How the log writer writes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSettings:
    """How the log writer writes.

    Args:
        batch_size: How many entries are written at once, at most; so many make a batch at once.
        interval_s: How many seconds an entry waits for others to make a batch.
        snapshot_s: How many seconds there are at least between two writes of one job's progress and metrics.
        capacity: How many entries wait at most; whoever logs more waits for room.
        longest_wait_s: How many seconds whoever logs waits for room; in vain, the entry is dropped.
        failures: After so many failures in a row the backend is left alone for a while, and nobody waits.
        rest_s: How many seconds it is left alone.
        attempts: How often a batch is written that was certainly not stored.
        flush_s: How many seconds the end of a job, or of the plugin, waits for what is still to be written.
        is_creating: Whether jobs that the backend does not know are created in it.
    """

    batch_size: int = 200
    interval_s: float = 2.0
    snapshot_s: float = 1.0
    capacity: int = 2000
    longest_wait_s: float = 5.0
    failures: int = 3
    rest_s: float = 30.0
    attempts: int = 5
    flush_s: float = 10.0
    is_creating: bool = True
