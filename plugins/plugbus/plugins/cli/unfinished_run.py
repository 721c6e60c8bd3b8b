"""Naming a run that is to be taken up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import rich_click as click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

LAST: Final = "last"
"""What stands for the run that got on last."""


class UnfinishedRun(click.ParamType[str]):
    """The id of a run; a wrong one is told by what looks it up, with near ids."""

    name = "run"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the runs that can be taken up."""
        from click.shell_completion import CompletionItem

        from plugbus.capabilities import unfinished_runs

        from .session import Session

        given = ctx.find_root().params
        session = Session(given.get("host_file"), tuple(given.get("folders") or ()), given.get("artifacts"))
        with session.open_host(is_quiet=True) as host:
            runs = unfinished_runs(session.store(host))
        return [CompletionItem(one) for one in ((LAST, *runs) if runs else ()) if one.startswith(incomplete)]
