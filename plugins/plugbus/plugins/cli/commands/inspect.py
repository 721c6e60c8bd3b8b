"""``plugbus inspect``."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import rich_click as click

from ..actions import is_configured, load_action, offered_actions
from ..options import param_options
from ..output import with_json, write_facts, write_json, write_table
from ..parameters import described

if TYPE_CHECKING:
    from plugbus.loaders import DirectorySource, Host

    from ..session import Session


@click.command("inspect")
@click.argument("identifier", metavar="ID")
@with_json
@click.pass_obj
def command(session: Session, identifier: str, *, as_json: bool) -> None:
    """Show all that is known of a plugin or an action.

    ID is a plugin's id, of which the manifest is shown without importing it; or an action such as digits.train, or
    FOLDER:NAME, or MODULE:NAME, whose plugin is loaded to show the parameters.

    \b
    plugbus inspect digits
    plugbus inspect digits.train --json
    plugbus inspect ./my_trainer:train
    """
    with session.open_host() as host:
        plugins = {one.metadata.id: one for one in (*host.sources, *host.disabled)}
        offered = offered_actions(host)
        if identifier in plugins:
            _show_plugin(plugins[identifier], as_json=as_json)
        elif identifier in offered or is_configured(identifier, offered):
            _show_action(host, identifier, as_json=as_json)
        else:
            known = [*plugins, *(name for one in plugins.values() for name in _actions(one))]
            near = get_close_matches(identifier, known, n=3)
            tail = f"; did you mean {' or '.join(repr(one) for one in near)}?" if near else "; see plugbus list"
            broken = "".join(f"\nbroken: {one.error}" for one in host.broken if one.path.name == identifier)
            raise click.UsageError(f"cannot inspect {identifier!r}: there is no such plugin or action{tail}{broken}")


def _actions(source: DirectorySource) -> list[str]:
    return [one.qualifier for one in source.metadata.provides if one.name == "action" and one.qualifier]


def _show_plugin(source: DirectorySource, *, as_json: bool) -> None:
    manifest = source.manifest
    if as_json:
        facts: dict[str, Any] = manifest.model_dump(mode="json")
        write_json({**facts, "origin": source.origin, "missing_modules": list(source.missing_modules)})
        return
    metadata = source.metadata
    needs = manifest.needs
    rows = [
        ("id", metadata.id),
        ("version", metadata.version),
        ("name", metadata.name),
        ("description", metadata.description),
        ("author", metadata.author),
        ("folder", source.origin),
        ("entry point", manifest.entrypoint),
        ("provides", "\n".join(str(one) for one in metadata.provides if not one.is_label)),
        ("labels", ", ".join(str(one) for one in metadata.provides if one.is_label)),
        ("requires", "\n".join(str(one) for one in metadata.requirements)),
        ("needs modules", "" if needs is None else ", ".join(needs.modules)),
        ("missing modules", ", ".join(source.missing_modules)),
        ("install", f'pip install "{needs.install}"' if needs is not None and needs.install else ""),
        *metadata.metadata.items(),
    ]
    write_facts([(name, value) for name, value in rows if value])


def _show_action(host: Host, identifier: str, *, as_json: bool) -> None:
    found = load_action(host, identifier)
    name, action_cls = found.name, found.action_cls
    _, schema = described(action_cls, name)
    if as_json:
        result_schema = action_cls.result_schema()
        write_json({"action": name, "plugin": found.plugin, "params_schema": schema, "result_schema": result_schema})
        return
    write_facts([("action", name), ("plugin", found.plugin), ("description", (action_cls.__doc__ or "").strip())])
    rows = [
        (one.flag, one.kind, "required" if one.is_required else one.default_text, one.description)
        for one in param_options(schema)
    ]
    if rows:
        click.echo()
        write_table(("parameter", "type", "default", "description"), rows)
