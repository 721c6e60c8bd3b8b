"""``plugbus validate``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from ..main import FAILED, OK
from ..output import fault_facts, say, with_json, write_json


@click.command("validate")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@with_json
def command(path: Path, *, as_json: bool) -> int:
    """Check a plugin folder: its manifest, its configuration, its source, and the entry points into it.

    PATH is the folder, its plugin.yaml or its config.yaml; this folder by default. Nothing is imported. Every fault is
    told with its file, line and column; the exit code is 1 where there is one.

    \b
    plugbus validate plugins/stats
    plugbus validate --json | jq '.faults[].text'
    """
    from plugbus.loaders import validate_plugin

    report = validate_plugin(path)
    if as_json:
        write_json(
            {
                "folder": str(report.folder),
                "files": [str(one) for one in report.files],
                "valid": report.is_valid,
                "actions": list(report.actions),
                "faults": [fault_facts(one) for one in report.faults],
            }
        )
    else:
        for one in report.faults:
            click.echo(str(one))
        say(f"{report.folder}: {'valid' if report.is_valid else f'{len(report.faults)} faults'}")
    return OK if report.is_valid else FAILED
