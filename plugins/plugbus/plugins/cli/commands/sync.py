"""``plugbus sync``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from ..main import FAILED, OK
from ..output import say, with_json, write_json


@click.command("sync")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where it is not up to date.")
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would change.")
@click.option("--prune", is_flag=True, help="Remove entries whose code is not there.")
@with_json
def command(path: Path, *, check: bool, dry_run: bool, prune: bool, as_json: bool) -> int:
    """Bring a config.yaml up to date with the source of its plugin.

    PATH is the file or the plugin's folder; this folder by default. Actions that it lacks are added, entry points,
    types and methods are updated. Comments and order stay. Nothing is imported. Entries without code are told, and
    removed only with --prune.

    \b
    plugbus sync plugins/yolo --dry-run
    plugbus sync plugins/yolo --check     # in a check of every change
    """
    from plugbus.loaders import sync_config_file

    report = sync_config_file(path, dry_run=check or dry_run, prune=prune)
    if as_json:
        write_json(report.to_dict())
    else:
        for change in report.changes:
            click.echo(str(change))
        for one in (*report.stale, *report.faults):
            say(str(one))
        if report.is_in_sync:
            say(f"{report.path}: up to date")
        elif not report.is_written:
            say(f"{report.path}: {'not up to date' if check else 'not written'}")
    return FAILED if check and not report.is_in_sync else OK
