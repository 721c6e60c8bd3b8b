"""``plugbus new``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from ..main import OK
from ..output import say, with_json, write_json, write_table

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class TemplateName(click.ParamType[str]):
    """The name of a template; a wrong one is told by what looks it up, with near names."""

    name = "template"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the names with what they are for."""
        from click.shell_completion import CompletionItem

        from plugbus.loaders import TEMPLATES

        return [CompletionItem(one.name, help=one.summary) for one in TEMPLATES if one.name.startswith(incomplete)]


@click.command("new")
@click.argument("name", required=False)
@click.option("-t", "--template", type=TemplateName(), help="What to begin with; --list shows all.")
@click.option(
    "--path",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="The folder in which the plugin's folder is made; this one by default.",
)
@click.option("--description", default="", help="One sentence on what the plugin does.")
@click.option("--author", default="", help="Who makes it.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show the files that would be written.")
@click.option("--list", "is_listing", is_flag=True, help="Show the templates.")
@with_json
def command(
    name: str | None,
    template: str | None,
    path: Path,
    description: str,
    author: str,
    *,
    dry_run: bool,
    is_listing: bool,
    as_json: bool,
) -> int:
    """Begin a plugin with a template: a folder that works as it is, with tests.

    NAME is the plugin's id and its folder's name: lower-case letters, digits and single _, such as my_trainer. What is
    left out is asked for on a terminal. Nothing is ever overwritten, and a folder is made whole or not at all.

    \b
    plugbus new --list
    plugbus new my_trainer --template train
    plugbus new my_tracker -t tracking --path plugins --dry-run
    """
    from plugbus.loaders import TEMPLATES, plan_plugin

    if is_listing:
        if as_json:
            write_json([{"name": one.name, "summary": one.summary, "extra": one.extra} for one in TEMPLATES])
        else:
            write_table(("template", "begins"), [(one.name, one.summary) for one in TEMPLATES])
        return OK
    names = [one.name for one in TEMPLATES]
    name = name or _asked("Name of the plugin", "argument NAME")
    template = template or _asked("Template", "option --template", names)
    planned = plan_plugin(name, template, path=path, description=description, author=author)
    if not dry_run:
        planned.write()
    if as_json:
        write_json({**planned.as_dict(), "written": not dry_run})
        return OK
    shown = path / name
    for one in planned.files:
        click.echo(str(shown / one))
    then = f"made; see {shown / 'README.md'}, or run its tests: pytest {shown}"
    say(f"{shown}: {'not written' if dry_run else then}")
    return OK


def _asked(question: str, what: str, choices: list[str] | None = None) -> str:
    """Ask a person; where there is none, what is missing is a wrong use."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        tail = f"; there are {', '.join(choices)}" if choices else ""
        raise click.UsageError(f"missing {what}{tail}", click.get_current_context())
    kind = click.Choice(choices) if choices else None
    found: str = click.prompt(question, type=kind, err=True)
    return found
