"""``plugbus schema``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich_click as click

from plugbus.capabilities import DialectNotFoundError, UIDialect, find_dialect

from ..actions import load_action
from ..output import with_json, write_facts, write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.loaders import Host

    from ..session import Session

_JSON_SCHEMA = "json"


@click.command("schema")
@click.argument("action")
@click.option("--dialect", default=_JSON_SCHEMA, show_default=True, help="json, formkit, or what a plugin offers.")
@with_json
@click.pass_obj
def command(session: Session, action: str, dialect: str, *, as_json: bool) -> None:
    """Show the JSON Schema or the form of an action's parameters.

    ACTION is a name such as digits.train, or FOLDER:NAME for one of a plugin with a config.yaml, or MODULE:NAME; its
    plugin is loaded. --dialect json is the JSON Schema, which forms are made
    of; --dialect formkit is a schema for FormKit. Without --json a table is shown of what is asked for.

    \b
    plugbus schema digits.train
    plugbus schema digits.train --dialect formkit --json > form.json
    plugbus schema ./my_trainer:train
    """
    with session.open_host() as host:
        found = load_action(host, action)
        schema = found.action_cls.params_schema()
        shown = schema if dialect == _JSON_SCHEMA else _form(host, dialect, schema)
    if as_json:
        write_json(shown)
    elif dialect == _JSON_SCHEMA:
        write_facts([("action", found.name), ("version", str(schema["x-schema-version"]))])
        write_table(("parameter", "type", "required", "description"), _parameters(schema))
    else:
        rows = list(_inputs(shown))
        if not rows:
            write_json(shown)  # another dialect: its words are its own
            return
        write_table(("input", "name", "label", "validation"), rows)


def _form(host: Host, dialect: str, schema: dict[str, Any]) -> Any:
    offering = host.kernel.find_by_capability(UIDialect(dialect))
    if offering:
        host.kernel.load(offering[0].id)
    try:
        return find_dialect(dialect, host.kernel.services).render(schema)
    except DialectNotFoundError as error:
        raise click.UsageError(f"{error}, and '{_JSON_SCHEMA}'") from error


def _parameters(schema: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", [])
    for name, one in schema.get("properties", {}).items():
        kind = one.get("type") or one.get("$ref", "").rpartition("/")[2] or ("choice" if "enum" in one else "several")
        yield name, str(kind), "required" if name in required else "", str(one.get("description", ""))


def _inputs(node: Any) -> Iterator[tuple[str, str, str, str]]:
    if isinstance(node, list):
        for one in node:
            yield from _inputs(one)
    elif isinstance(node, dict):
        if "$formkit" in node:
            label = node.get("label", node.get("__raw__label", ""))
            name = node.get("name", node.get("__raw__name", ""))
            yield str(node["$formkit"]), str(name), str(label), str(node.get("validation", ""))
        yield from _inputs(node.get("children"))
