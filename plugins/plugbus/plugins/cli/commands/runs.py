"""``plugbus runs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich_click as click

from ..output import say, value_text, with_json, write_json, write_table

if TYPE_CHECKING:
    from plugbus.capabilities import RunDirectory

    from ..session import Session


@click.command("runs")
@with_json
@click.pass_obj
def command(session: Session, *, as_json: bool) -> None:
    """List the runs, the oldest first.

    A run without a summary is running, or was killed.
    """
    with session.open_host() as host:
        store = session.store(host)
    rows = [_row(one) for one in store]
    if as_json:
        write_json(rows)
        return
    if not rows:
        say(f"no runs under {store.root}")
        return
    columns = ("run", "action", "status", "seconds", "message")
    write_table(columns, [tuple(value_text(one[name]) for name in columns) for one in rows])


def _row(directory: RunDirectory) -> dict[str, Any]:
    summary = directory.read_summary() or {}
    spec = summary.get("spec", {})
    seconds = summary.get("duration_s")
    return {
        "run": directory.run_id,
        "action": f"{spec['plugin_key']}.{spec['pipeline']}" if spec else None,
        "status": summary.get("status", "unfinished"),
        "started_at_utc": summary.get("started_at_utc"),
        "seconds": None if seconds is None else round(seconds, 3),
        "message": summary.get("message"),
        "artifact_dir": str(directory.path),
    }
