"""The entry point: parses, dispatches, and turns errors into one text and an exit code.

Exit codes: 0 done; 1 it was tried and failed, or was cancelled; 2 what was asked for is wrong, and nothing was done.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

OK, FAILED, WRONG = 0, 1, 2


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
    from .application import application

    try:
        code = application.main(args=None if argv is None else list(argv), prog_name="plugbus", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return WRONG
    except click.ClickException as error:
        error.show()
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
    return code if isinstance(code, int) else OK


if __name__ == "__main__":
    sys.exit(main())
