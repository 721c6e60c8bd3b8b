"""``plugbus list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich_click as click

from ..output import say, with_json, write_json, write_table

if TYPE_CHECKING:
    from plugbus.kernel import Capability
    from plugbus.loaders import DirectorySource, Host

    from ..session import Session


@click.command("list")
@with_json
@click.pass_obj
def command(session: Session, *, as_json: bool) -> None:
    """List the plugins and their actions.

    Manifests are read; no plugin is imported. Broken plugins are listed with what is wrong with them.
    """
    with session.open_host() as host:
        rows = _rows(host)
        if as_json:
            write_json(rows)
            return
        columns = ("id", "version", "state", "offers", "description")
        for one in rows:
            one["offers"] = "\n".join((*one["actions"], *one["provides"]))
        write_table(columns, [tuple(one[name] for name in columns) for one in rows])
        for broken in host.broken:
            say(f"broken: {broken.error}")


def _rows(host: Host) -> list[dict[str, Any]]:
    rows = [_row(source, _state(source)) for source in host.sources]
    rows += [_row(source, "disabled") for source in host.disabled]
    rows += [
        {
            "id": one.path.name,
            "version": "",
            "state": "broken",
            "actions": [],
            "provides": [],
            "labels": [],
            "description": "",
            "origin": str(one.path),
            "error": str(one.error),
        }
        for one in host.broken
    ]
    return sorted(rows, key=lambda one: one["id"])


def _row(source: DirectorySource, state: str) -> dict[str, Any]:
    metadata = source.metadata
    return {
        "id": metadata.id,
        "version": metadata.version,
        "state": state,
        "actions": [one.qualifier for one in metadata.provides if _is_action(one)],
        "provides": [str(one) for one in metadata.provides if not one.is_label and not _is_action(one)],
        "labels": [str(one) for one in metadata.provides if one.is_label],
        "description": metadata.description,
        "origin": source.origin,
        "missing_modules": list(source.missing_modules),
    }


def _state(source: DirectorySource) -> str:
    return "needs modules" if source.missing_modules else "available"


def _is_action(capability: Capability[Any]) -> bool:
    return capability.name == "action" and capability.qualifier is not None
