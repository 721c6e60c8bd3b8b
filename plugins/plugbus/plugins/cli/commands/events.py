"""``plugbus events``."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from plugbus.capabilities import RunNotFoundError

from ..output import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plugbus.capabilities import RunDirectory, RunStore

    from ..session import Session

_FILE: Final = "events.jsonl"
_LAST: Final = "RunEnded"
_PAUSE_S: Final = 0.1


@click.command("events")
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--follow", "-f", is_flag=True, help="Wait for more, until the run ends or Ctrl-C.")
@click.option("--topic", "topics", multiple=True, help="Show events of this topic alone; may be given several times.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, one event a line.")
@click.pass_obj
def command(session: Session, run_id: str | None, *, follow: bool, topics: tuple[str, ...], as_json: bool) -> None:
    """Show the events of a run, or follow them.

    RUN is the latest run if left out; with --follow the next one is waited for if there is none yet.
    """
    with session.open_host() as host:
        store = session.store(host)
    directory = _directory(store, run_id, wait=follow)
    for event in _read(directory.path / _FILE, follow=follow):
        if not topics or event.get("type") in topics:
            click.echo(json.dumps(event, ensure_ascii=False) if as_json else _line(event))


def _directory(store: RunStore, run_id: str | None, *, wait: bool) -> RunDirectory:
    if run_id is not None:
        return store.get(run_id)
    while True:
        latest = max(store, key=lambda one: one.path.stat().st_mtime_ns, default=None)
        if latest is not None:
            return latest
        if not wait:
            raise RunNotFoundError("latest", str(store.root), "run an action first")
        time.sleep(_PAUSE_S)


def _read(path: Path, *, follow: bool) -> Iterator[dict[str, Any]]:
    """Yield whole lines as events; a line that is being written is waited for."""
    while follow and not path.exists():
        time.sleep(_PAUSE_S)
    if not path.exists():
        say(f"no events were recorded in {path.parent}")
        return
    with path.open(encoding="utf-8") as file:
        rest = ""
        while True:
            rest += file.readline()
            if rest.endswith("\n"):
                event: dict[str, Any] = json.loads(rest)
                rest = ""
                yield event
                if event.get("type") == _LAST:
                    return
            elif follow:
                time.sleep(_PAUSE_S)
            else:
                return


def _line(event: dict[str, Any]) -> str:
    facts = " ".join(f"{key}={_short(value)}" for key, value in event.items() if key not in {"ts", "type", "job_id"})
    return f"{event.get('ts', '')} {event.get('type', '')} {facts}".rstrip()


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_short(one)}" for key, one in value.items()) + "}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
