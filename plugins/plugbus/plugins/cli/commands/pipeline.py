"""``plugbus pipeline``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from plugbus.capabilities import Action, PipelineRunner, RunNotFoundError, unfinished_runs

from ..application import HelpfulGroup
from ..main import FAILED, OK
from ..output import say, with_json, write_json
from ..pipelines import WrittenPipeline, read_pipeline
from ..unfinished_run import LAST, UnfinishedRun
from .run import load_surroundings, parsed_tags, show_result, terminated_as_interrupted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugbus.capabilities import RunStore
    from plugbus.loaders import Host

    from ..session import Session

_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_SET = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter in place of the file's: NAME=VALUE, or ACTION.NAME=VALUE; the value is read as JSON if it is.",
)


@click.group("pipeline", cls=HelpfulGroup)
def command() -> None:
    """Run, check and draw pipelines that are written in a YAML or JSON file."""


@command.command("run")
@_FILE
@_SET
@click.option(
    "--resume",
    type=UnfinishedRun(),
    metavar="RUN",
    help="Take up a run that did not get to its end; 'last' for the one that got on last.",
)
@click.option("--allow-new-params", is_flag=True, help="Take it up with other parameters than it began with.")
@click.option("--executor", metavar="PLUGIN", help="The plugin whose executor is to run the actions.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag of the run.")
@click.option("--notes", help="A note on the run, for people.")
@with_json
@click.pass_obj
def run(
    session: Session,
    *,
    file: Path,
    changes: tuple[str, ...],
    resume: str | None,
    allow_new_params: bool,
    executor: str | None,
    tags: tuple[str, ...],
    notes: str | None,
    as_json: bool,
) -> int:
    """Run a pipeline as a tracked run.

    The result goes to stdout, progress to stderr: a table where that is a terminal, else a line for each change; with
    --json, warnings alone. A run that failed, was cancelled or killed is taken up with --resume, by one at a time.
    """
    with session.open_host(is_quiet=as_json) as host:
        found = _read(host, file, changes)
        load_surroundings(host, executor)
        found.check(found.params)
        store = session.store(host)
        if resume == LAST:
            resume = _last(store, found.pipeline.name)
        with terminated_as_interrupted():
            result = PipelineRunner(host.kernel, store).run(
                found.pipeline,
                found.params,
                resume=resume,
                allow_new_params=allow_new_params,
                executor=executor,
                tags=parsed_tags(tags),
                notes=notes,
            )
        show_result(result, as_json=as_json)
        if not result.is_ok:
            say(f"take it up: plugbus pipeline run {file} --resume {resume or result.run_id}")
        return OK if result.is_ok else FAILED


@command.command("validate")
@_FILE
@_SET
@with_json
@click.pass_obj
def validate(session: Session, *, file: Path, changes: tuple[str, ...], as_json: bool) -> int:
    """Check a pipeline: names, order, wires, types and parameters. Its plugins are loaded; nothing is run."""
    with session.open_host() as host:
        found = _read(host, file, changes)
        found.check(found.params)
    names = list(found.pipeline.action_names)
    if as_json:
        write_json(
            {"pipeline": found.pipeline.name, "actions": names, "edges": [list(one) for one in found.pipeline.edges]}
        )
    else:
        click.echo(f"{found.pipeline.name}: {' -> '.join(names)}")
    return OK


@command.command("graph")
@_FILE
@_SET
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "dot", "json"]),
    default="mermaid",
    show_default=True,
    help="Mermaid for Markdown, DOT for Graphviz, or JSON.",
)
@click.pass_obj
def graph(session: Session, *, file: Path, changes: tuple[str, ...], form: str) -> int:
    """Draw a pipeline."""
    with session.open_host() as host:
        click.echo(_read(host, file, changes).pipeline.draw(form))
    return OK


def _read(host: Host, file: Path, changes: tuple[str, ...]) -> WrittenPipeline:
    offers = {
        capability.qualifier: source.metadata.id
        for source in host.sources
        for capability in source.metadata.provides
        if capability.qualifier is not None and capability == Action(capability.qualifier)
    }

    def load(names: Iterable[str]) -> None:
        wanted = dict.fromkeys(offers[name] for name in names if name in offers)
        if wanted:
            host.kernel.load(*wanted)

    return read_pipeline(file, host.kernel.services, load, dict(_change(one) for one in changes))


def _last(store: RunStore, pipeline: str) -> str:
    found = unfinished_runs(store, pipeline)
    if not found:
        advice = f"pipeline '{pipeline}' has none that could be taken up; run it without --resume"
        raise RunNotFoundError(LAST, str(store.root), advice)
    say(f"taking up {found[0]}")
    return found[0]


def _change(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise click.UsageError(f"--set {text!r}: write KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
