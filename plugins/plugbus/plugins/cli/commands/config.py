"""``plugbus config``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from ..application import HelpfulGroup
from ..main import FAILED, OK
from ..output import fault_facts, say, value_text, with_json, write_facts, write_json, write_table


@click.group("config", cls=HelpfulGroup)
def command() -> None:
    """Show or check the configuration of a plugin of actions, its config.yaml."""


@command.command("show")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@with_json
def show(path: Path, *, as_json: bool) -> None:
    """Show what a config.yaml says, with the defaults; nothing is imported.

    PATH is the file or the plugin's folder; this folder by default. Values of secrets are masked.

    \b
    plugbus config show plugins/yolo
    """
    from plugbus.capabilities import PluginEnvironment
    from plugbus.loaders import PluginDiscovery

    found = PluginDiscovery.from_path(path).to_config_dict()
    found["env"] = PluginEnvironment(found["env"]).masked()
    if as_json:
        write_json(found)
        return
    actions = found.pop("actions")
    write_facts((name, value_text(value)) for name, value in found.items())
    if actions:
        click.echo()
        columns = ("action", "name", "method", "entrypoint", "input_type", "output_type")
        rows = ([name, *(value_text(one.get(column)) for column in columns[1:])] for name, one in actions.items())
        write_table(columns, rows)


@command.command("validate")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@with_json
def validate(path: Path, *, as_json: bool) -> int:
    """Check a config.yaml alone, without the source of its plugin; see also plugbus validate.

    PATH is the file or the plugin's folder; this folder by default. Every fault is told with its file, line and column;
    the exit code is 1 where there is one.

    \b
    plugbus config validate plugins/yolo
    """
    from plugbus.loaders import DocumentError, Fault, read_config

    faults: tuple[Fault, ...] = ()
    source = str(path)
    try:
        source = str(read_config(path).path)
    except DocumentError as error:
        source, faults = error.source, error.faults
    if as_json:
        write_json({"file": source, "valid": not faults, "faults": [fault_facts(one) for one in faults]})
    else:
        for one in faults:
            click.echo(str(one))
        say(f"{source}: {f'{len(faults)} faults' if faults else 'valid'}")
    return FAILED if faults else OK
