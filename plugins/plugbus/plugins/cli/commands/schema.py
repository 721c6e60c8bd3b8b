"""``plugbus schema``."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import rich_click as click

from plugbus.capabilities import Action, DialectNotFoundError, UIDialect, find_action, find_dialect

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

    ACTION is a name such as digits.train; its plugin is loaded. --dialect json is the JSON Schema, which forms are made
    of; --dialect formkit is a schema for FormKit. Without --json a table is shown of what is asked for.

    \b
    plugbus schema digits.train
    plugbus schema digits.train --dialect formkit --json > form.json
    """
    with session.open_host() as host:
        _load(host, action)
        schema = find_action(host.kernel.services, action).params_schema()
        shown = schema if dialect == _JSON_SCHEMA else _form(host, dialect, schema)
    if as_json:
        write_json(shown)
    elif dialect == _JSON_SCHEMA:
        write_facts([("action", action), ("version", str(schema["x-schema-version"]))])
        write_table(("parameter", "type", "required", "description"), _parameters(schema))
    else:
        rows = list(_inputs(shown))
        if not rows:
            write_json(shown)  # another dialect: its words are its own
            return
        write_table(("input", "name", "label", "validation"), rows)


def _load(host: Host, action: str) -> None:
    offering = host.kernel.find_by_capability(Action(action))
    if not offering:
        known = [
            one.qualifier for source in host.sources for one in source.metadata.provides
            if one.name == "action" and one.qualifier
        ]  # fmt: skip
        near = get_close_matches(action, known, n=3)
        tail = f"; did you mean {' or '.join(map(repr, near))}?" if near else "; see plugbus list"
        raise click.UsageError(f"cannot find action {action!r}: no plugin offers it{tail}")
    host.kernel.load(offering[0].id)


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
