"""The command group. Commands are imported when they are asked for: ``--version`` and ``--help`` stay fast."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import rich_click as click

from .main import WRONG

COMMANDS: Final = {
    "backend": "Look at the records of the backend, import data, keep it sound.",
    "completion": "Print the completion script of a shell.",
    "config": "Show or check the configuration of a plugin of actions.",
    "doctor": "Check this environment, the host file and every plugin.",
    "events": "Show the events of a run, or follow them.",
    "graph": "Show who provides and who needs what.",
    "inspect": "Show all that is known of a plugin or an action.",
    "list": "List the plugins and their actions.",
    "new": "Begin a plugin with a template: a folder that works, with tests.",
    "pipeline": "Run, check and draw pipelines.",
    "report": "Show what a kernel holds: states, causes, failures, uses and times.",
    "run": "Run an action as a tracked run.",
    "runs": "List the runs.",
    "schema": "Show the JSON Schema or the form of an action's parameters.",
    "sync": "Bring a config.yaml up to date with the source of its plugin.",
    "validate": "Check a plugin folder: manifest, configuration, source and entry points.",
}


class HelpfulGroup(click.RichGroup):
    """A group that shows its help where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Show the help on stderr, as nothing was asked for, and exit with 2."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(WRONG)
        return super().parse_args(ctx, args)


class LazyGroup(HelpfulGroup):
    """A group whose commands are modules of ``commands``, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands, without importing any."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a stand-in with the line of help: lists of commands are written without importing any."""
        if cmd_name not in COMMANDS:
            return None
        return click.RichCommand(name=cmd_name, help=COMMANDS[cmd_name])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Import the command that is to be run; offer near names for one that is not there."""
        name = args[0]
        if name not in COMMANDS:
            if ctx.resilient_parsing:
                return None, None, args
            if name.startswith("-"):
                ctx.fail(f"there is no option {name!r}")
            near = get_close_matches(name, COMMANDS, n=2)
            tail = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            ctx.fail(f"there is no command {name!r}{tail}")
        module = import_module(f".commands.{name}", __package__)
        return name, module.command, args[1:]


def _print_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"plugbus {version('plugbus')}")
        ctx.exit(0)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--host",
    "host_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Host file; ./plugbus.yaml if there is one.",
)
@click.option(
    "--plugins",
    "folders",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="A further folder of plugin folders; may be given several times.",
)
@click.option(
    "--artifacts",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where runs are kept; else the host file's, $PLUGBUS_ARTIFACT_ROOT, or ./artifacts.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Show the version."
)
@click.pass_context
def application(ctx: click.Context, /, **options: Any) -> None:
    """Run and look at plugins: typed capabilities on an event bus.

    What a command finds goes to stdout, what it says to stderr. Exit codes: 0 done; 1 tried and failed, or cancelled;
    2 wrong usage or input, nothing was done.
    """
    from .session import Session

    ctx.obj = Session(**options)
