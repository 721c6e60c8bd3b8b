"""``plugbus completion``."""

from __future__ import annotations

import rich_click as click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    For example: eval "$(plugbus completion bash)"
    """
    from ..application import application
    from ..main import COMPLETE_VARIABLE

    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(script(application, {}, "plugbus", COMPLETE_VARIABLE).source())
