"""The entry point: parses, dispatches, and turns errors into one text and an exit code.

Exit codes: 0 done; 1 it was tried and failed, or was cancelled; 2 what was asked for is wrong, and nothing was done.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

OK, FAILED, WRONG = 0, 1, 2
COMPLETE_VARIABLE: Final = "_PLUGBUS_COMPLETE"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: The arguments without the program's name; those of the process by default.
    """
    try:
        import click
        import rich_click  # noqa: F401 - looked for here, so that a missing extra has one message
    except ModuleNotFoundError as error:
        print(f"error: the plugbus command needs '{error.name}'; pip install \"plugbus[cli]\"", file=sys.stderr)  # noqa: T201 - the only way to say it
        return WRONG
    if COMPLETE_VARIABLE in os.environ:
        return _complete(os.environ[COMPLETE_VARIABLE])
    try:
        return _dispatch(sys.argv[1:] if argv is None else list(argv))
    except click.ClickException as error:
        click.echo(f"error: {_told(error)}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("cancelled", err=True)
        return FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain once more when it flushes at the end.
        sys.stdout = None
        return OK
    except Exception as error:
        from .failures import describe

        known = describe(error)
        if known is None:
            raise
        click.echo(f"error: {known.text}", err=True)
        return known.exit_code


def _dispatch(arguments: list[str]) -> int:
    from click.exceptions import Exit

    from .application import application

    try:
        with application.make_context("plugbus", arguments) as ctx:
            code = application.invoke(ctx)
    except Exit as request:
        return request.exit_code
    return code if isinstance(code, int) else OK


def _complete(instruction: str) -> int:
    """Answer a shell that asks how the line could go on; whatever is wrong, a Tab key gets no error message."""
    from click.shell_completion import shell_complete

    from .application import application

    try:
        return shell_complete(application, {}, "plugbus", COMPLETE_VARIABLE, instruction)
    except Exception:  # noqa: BLE001 - the command itself will say it
        return FAILED


def _told(error: click.ClickException) -> str:
    """Return what a wrong use is, and where the right one is described."""
    text = error.format_message().removesuffix(".")
    if text[1:2].islower():
        text = text[:1].lower() + text[1:]
    ctx = getattr(error, "ctx", None)
    return text if ctx is None else f"{text}\nsee: {ctx.command_path} --help"


if __name__ == "__main__":
    sys.exit(main())
