"""Jobs and their logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from plugbus.capabilities import (
    JobLogEntry,
    JobRecord,
    JobStatus,
    LogLevel,
    RecordConflictError,
    RecordNotFoundError,
)

from .content import Content, read_time, write_time
from .table import Table

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from plugbus.capabilities import JobDraft, JobUpdate

    from .database import Database

_COLUMNS = (
    "id", "job", "action", "plugin", "status", "params", "progress", "metrics", "result", "error",
    "created", "started", "ended",
)  # fmt: skip


class Jobs:
    """Keep jobs and what they log."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = Table(database, "job", "jobs", _COLUMNS, _job)
        columns = ("id", "event", "data", "level", "at", "step", "key")
        self._logs = Table(database, "log entry", "job_logs", columns, _entry, scope="job")

    def create_job(self, draft: JobDraft) -> JobRecord:
        """Create a job that is pending."""
        content = Content("create", "job")
        job = uuid4().hex if draft.id is None else content.name("id", draft.id)
        row = {
            "job": job,
            "action": content.name("action", draft.action),
            "plugin": content.text("plugin", draft.plugin),
            "status": JobStatus.PENDING.value,
            "params": content.mapping("params", draft.params),
            "progress": "{}",
            "metrics": "{}",
            "error": "",
            "created": write_time(datetime.now(UTC)),
        }
        content.refuse()
        with self._database.writing(f"create job '{job}'") as connection:
            if self._jobs.find(connection, job=job) is not None:
                raise RecordConflictError("create", "job", job, "there is one of this id")
            done = connection.execute(
                """INSERT INTO jobs (job, action, plugin, status, params, progress, metrics, error, created)
                VALUES (:job, :action, :plugin, :status, :params, :progress, :metrics, :error, :created)""",
                row,
            )
            return self._jobs.read(connection, (done.lastrowid or 0,))[0]

    def job(self, job: str) -> JobRecord:
        """Return a job."""
        with self._database.reading(f"read job '{job}'") as connection:
            return self._jobs.read(connection, (self._place(connection, job),))[0]

    def jobs(self, *, status: JobStatus | None = None, after: str = "", page_size: int = 200) -> Iterator[JobRecord]:
        """Yield jobs in the order of their creation."""
        place = 0
        if after:
            with self._database.reading("list jobs") as connection:
                place = self._place(connection, after)
        return self._jobs.list(page_size, place, status=None if status is None else str(status))

    def update_job(self, job: str, update: JobUpdate) -> JobRecord:
        """Change a job, and return it as it is now."""
        content = Content("update", "job")
        changes: dict[str, object] = {}
        if update.progress is not None:
            changes["progress"] = content.mapping("progress", update.progress)
        if update.metrics is not None:
            changes["metrics"] = content.mapping("metrics", update.metrics)
        if update.result is not None:
            changes["result"] = content.json("result", update.result)
        if update.error is not None:
            changes["error"] = content.text("error", update.error)
        if update.status is not None:
            content.choice("status", update.status, JobStatus)
        content.refuse()
        with self._database.writing(f"update job '{job}'") as connection:
            place = self._place(connection, job)
            if update.status is not None:
                changes.update(_moved(self._jobs.read(connection, (place,))[0], JobStatus(update.status)))
            if changes:
                self._jobs.update(connection, place, changes)
            return self._jobs.read(connection, (place,))[0]

    def append_logs(self, job: str, entries: Sequence[JobLogEntry]) -> None:
        """Add entries to a job's log."""
        content = Content("append", "log entry")
        rows = [
            {
                "event": content.name(f"{at}.event", one.event),
                "data": content.mapping(f"{at}.data", one.data),
                "level": content.choice(f"{at}.level", one.level, LogLevel),
                "at": content.time(f"{at}.at", one.at),
                "step": content.optional_text(f"{at}.step", one.step),
                "key": content.optional_text(f"{at}.key", one.key),
            }
            for at, one in enumerate(entries)
        ]
        content.refuse()
        with self._database.writing(f"append to the log of job '{job}'") as connection:
            place = self._place(connection, job)
            asked = "SELECT coalesce(max(id), 0) FROM job_logs WHERE job = ?"
            (last,) = connection.execute(asked, (place,)).fetchone()
            for row in rows:
                if self._logs.find_key(connection, {"job": place, **row}) is None:
                    last += 1
                    self._logs.insert(connection, {"job": place, "id": last, **row})

    def logs(self, job: str, *, after: int = 0, page_size: int = 200) -> Iterator[JobLogEntry]:
        """Yield entries of a job's log."""
        with self._database.reading(f"list the log of job '{job}'") as connection:
            place = self._place(connection, job)
        return self._logs.list(page_size, after, job=place)

    def _place(self, connection: sqlite3.Connection, job: str) -> int:
        found = self._jobs.find(connection, job=job)
        if found is None:
            raise RecordNotFoundError("job", (job,))
        return found


def _moved(job: JobRecord, status: JobStatus) -> dict[str, object]:
    """Return the columns that change with the status."""
    if job.status.is_over and status is not job.status:
        raise RecordConflictError("update", "job", job.id, f"it is over as {job.status}, and can't be {status} too")
    now = write_time(datetime.now(UTC))
    changes: dict[str, object] = {"status": status.value}
    if job.started is None and status is not JobStatus.PENDING:
        changes["started"] = now
    if job.ended is None and status.is_over:
        changes["ended"] = now
    return changes


def _job(
    place: int,
    job: str,
    action: str,
    plugin: str,
    status: str,
    params: str,
    progress: str,
    metrics: str,
    result: str | None,
    error: str,
    created: str,
    started: str | None,
    ended: str | None,
) -> JobRecord:
    return JobRecord(
        id=job,
        action=action,
        plugin=plugin,
        status=JobStatus(status),
        params=json.loads(params),
        progress=json.loads(progress),
        metrics=json.loads(metrics),
        result=None if result is None else json.loads(result),
        error=error,
        created=read_time(created),
        started=None if started is None else read_time(started),
        ended=None if ended is None else read_time(ended),
    )


def _entry(place: int, event: str, data: str, level: str, at: str, step: str | None, key: str | None) -> JobLogEntry:
    # What was written before levels were checked is read all the same, where it is seen.
    known = LogLevel(level) if level in set(LogLevel) else LogLevel.WARNING
    return JobLogEntry(id=place, event=event, data=json.loads(data), level=known, at=read_time(at), step=step, key=key)
