"""``plugbus run``."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from plugbus.capabilities import Action, ActionRunner, RunStatus, encode_value

from ..actions import is_configured, load_action, offered_actions
from ..application import HelpfulGroup
from ..main import FAILED, OK
from ..options import param_options, param_sections
from ..output import say, value_text, write_facts, write_json
from ..parameters import described, gather
from ..session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plugbus.capabilities import BaseAction, RunResult
    from plugbus.loaders import Host

_CONSOLE = "console"


class ActionGroup(HelpfulGroup):
    """A group whose commands are the actions of all plugins; one is loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the actions, from the manifests alone."""
        return sorted(offered_actions(_host(ctx)))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a stand-in with a line of help: lists of actions are written without loading any plugin."""
        host = _host(ctx)
        offers = offered_actions(host)
        if cmd_name not in offers:
            return None
        return click.RichCommand(name=cmd_name, help=_description(host, cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Load the plugin of the action and make options of its parameters; offer near names where there is none."""
        # The host is there before the options are read, which the action says; a value that is --json is only quiet.
        name, host = args[0], _host(ctx, is_quiet="--json" in args)
        offers = offered_actions(host)
        if name not in offers and not is_configured(name, offers):
            if ctx.resilient_parsing:
                return None, None, args
            if name.startswith("-"):
                ctx.fail(f"there is no option {name!r}; the options of an action come after it")
        found = load_action(host, name)
        return found.name, _command(found.name, found.action_cls, found.env), args[1:]


@click.group("run", cls=ActionGroup, subcommand_metavar="ACTION [OPTIONS]")
def command() -> None:
    """Run an action as a tracked run.

    ACTION is the name of an action, or FOLDER:NAME for one of a plugin with a config.yaml, or MODULE:NAME. The options
    of an action are made of its parameters: plugbus run ACTION --help shows them. The result goes to
    stdout, progress to stderr; with --json, warnings alone. Ctrl-C ends the run cleanly; its summary then says
    cancelled.
    """


_COMMON = (
    click.RichOption(
        ["--params", "params_file"],
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A YAML or JSON file with parameters; options win over it.",
    ),
    click.RichOption(["--executor"], metavar="PLUGIN", help="The plugin whose executor is to run the action."),
    click.RichOption(["--tag", "tags"], multiple=True, metavar="KEY=VALUE", help="A tag of the run."),
    click.RichOption(["--notes"], help="A note on the run, for people."),
    click.RichOption(["--json", "as_json"], is_flag=True, help="Write JSON."),
)


def _command(name: str, action_cls: type[BaseAction[Any]], env: Mapping[str, Any] | None = None) -> click.Command:
    model, schema = described(action_cls, name)
    options, sections = param_options(schema), param_sections(schema)

    @click.pass_context
    def run(
        ctx: click.Context,
        /,
        *,
        params_file: Path | None,
        executor: str | None,
        tags: tuple[str, ...],
        notes: str | None,
        as_json: bool,
        **values: Any,
    ) -> int:
        given = {one.path: one.read(values[one.name]) for one in options if values[one.name] is not None}
        flags = {one.path: one.flag for one in options}
        params = gather(model, params_file, given, flags, sections)
        session, host = _session(ctx), _host(ctx)
        load_surroundings(host, executor)
        runner = ActionRunner(host.kernel, session.store(host))
        with terminated_as_interrupted():
            result = runner.run(name, params, executor=executor, tags=parsed_tags(tags), notes=notes, env=env)
        show_result(result, as_json=as_json)
        return OK if result.is_ok else FAILED

    help_text = (action_cls.__doc__ or "").strip()
    parameters: list[click.Parameter] = [*(one.option() for one in options), *_COMMON]
    return click.RichCommand(name=name, callback=run, params=parameters, help=help_text)


def _host(ctx: click.Context, *, is_quiet: bool = False) -> Host:
    """Return the host of this call; made when it is first asked for, closed with the outermost context.

    Args:
        ctx: The context of any part of the command.
        is_quiet: What it is made with, if it is made now: whether only warnings and worse are shown of a run.
    """
    root = ctx.find_root()
    host: Host | None = root.meta.get(__name__)
    if host is None:
        host = root.meta[__name__] = root.with_resource(_session(ctx).open_host(is_quiet=is_quiet))
    return host


def _session(ctx: click.Context) -> Session:
    """Return what the options before the command say; while a shell completes a line, nobody has made it yet."""
    return ctx.find_object(Session) or Session(**ctx.find_root().params)


def _description(host: Host, name: str) -> str:
    """Return what a manifest says of an action, or else of its plugin."""
    for source in host.sources:
        for one in source.manifest.provides:
            if not isinstance(one, str) and one.capability == str(Action(name)) and one.description:
                return one.description
    return host.kernel.registry.record(offered_actions(host)[name]).metadata.description


def load_surroundings(host: Host, executor: str | None) -> None:
    """Load what carries, tracks and shows a run: the preferred plugins, and the console where it can be."""
    kernel = host.kernel
    preferences = host.settings.file.preferences
    wanted = [executor or preferences["executor"], preferences["tracking"]]
    console = next((one for one in host.sources if one.metadata.id == _CONSOLE), None)
    if console is not None and not console.missing_modules:
        wanted.append(_CONSOLE)
    kernel.load(*wanted)


def parsed_tags(tags: tuple[str, ...]) -> dict[str, str]:
    """Read tags from options."""
    wrong = [one for one in tags if "=" not in one]
    if wrong:
        raise click.UsageError(f"--tag {wrong[0]!r}: write KEY=VALUE")
    return dict(one.split("=", 1) for one in tags)


def show_result(result: RunResult, *, as_json: bool) -> None:
    """Write what came of a run."""
    if as_json:
        shown: dict[str, Any] = {"run_id": result.run_id, "status": result.status.value, "message": result.message}
        shown |= {"duration_s": result.duration_s, "artifact_dir": result.artifact_dir}
        write_json({**shown, "outputs": encode_value(result.outputs)})
    elif result.is_ok:
        facts = [(name, value_text(value)) for name, value in encode_value(result.outputs).items()]
        write_facts([*facts, ("run", result.run_id), ("artifacts", result.artifact_dir)])
    if result.status is RunStatus.FAILED:
        say(f"error: run '{result.run_id}' failed: {result.message}; see {result.artifact_dir}/errors/exception.txt")


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let a polite request to end (SIGTERM) end the run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
