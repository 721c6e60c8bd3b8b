"""``plugbus report``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rich_click as click

from ..output import say, with_json, write_json, write_table

if TYPE_CHECKING:
    from plugbus.kernel import PluginReport

    from ..session import Session


@click.command("report")
@click.option("--load", "is_loading", is_flag=True, help="Load every plugin first.")
@with_json
@click.pass_obj
def command(session: Session, *, is_loading: bool, as_json: bool) -> None:
    """Show what the kernel holds: states, causes of loads, failures, uses and times.

    No plugin is imported, unless --load is given.
    """
    with session.open_host() as host:
        if is_loading:
            host.kernel.load_all()
        report = host.kernel.report()
    if as_json:
        write_json(report.as_dict())
        return
    columns = ("id", "version", "state", "why", "took", "uses", "used by", "services")
    write_table(columns, [_cells(one) for one in report.plugins])
    for one in report.plugins:
        if one.failure is not None:
            say(f"failed: {one.id}: {one.failure.step}: {one.failure.message}")
        if one.exclusion is not None:
            say(f"kept out: {one.id}: {one.exclusion}")


def _cells(one: PluginReport) -> tuple[str, ...]:
    uses = dict.fromkeys(one.uses.values())
    return (
        one.id,
        one.version,
        str(one.state),
        str(one.cause or "-"),
        f"{one.load_s * 1000:.1f} ms" if one.cause else "-",
        "\n".join(uses) or "-",
        "\n".join(one.used_by) or "-",
        "\n".join(one.services) or "-",
    )
