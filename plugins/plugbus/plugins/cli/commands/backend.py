"""``plugbus backend``."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from ..application import HelpfulGroup
from ..output import say, value_text, with_json, write_facts, write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from plugbus.capabilities import BackendClient, BackendUpkeep
    from plugbus.kernel import Capability
    from plugbus.loaders import Host

    from ..session import Session

PREFERRED: Final = {"backend": "local_backend", "backend_upkeep": "local_backend", "storage": "fs_storage"}

_COLUMNS: Final = {
    "projects": ("id", "name"),
    "datasets": ("id", "name", "format"),
    "models": ("id", "name", "version", "metrics"),
    "jobs": ("id", "action", "status", "created", "ended", "error"),
    "data-units": ("id", "name", "files", "metadata"),
    "tasks": ("id", "data_unit", "status", "annotations"),
    "logs": ("id", "at", "level", "event", "data"),
}

limit_option = click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at most.")


@click.group("backend", cls=HelpfulGroup)
def command() -> None:
    """Look at the records of the backend, import data, and keep it sound."""


@command.command("list")
@click.argument("kind", type=click.Choice(tuple(_COLUMNS)))
@click.argument("of", required=False)
@limit_option
@with_json
@click.pass_obj
def list_records(session: Session, *, kind: str, of: str | None, limit: int, as_json: bool) -> None:
    """List records; data-units are OF a dataset, tasks OF a project, logs OF a job."""
    with _backend(session) as backend:
        rows = [_plain(one) for one, _ in zip(_records(backend, kind, of), range(limit), strict=False)]
    if as_json:
        write_json(rows)
    elif rows:
        columns = _COLUMNS[kind]
        write_table(columns, [tuple(value_text(row[name]) for name in columns) for row in rows])
    else:
        say(f"no {kind}")


@command.command("show")
@click.argument("kind", type=click.Choice(("project", "dataset", "data-unit", "task", "model", "job")))
@click.argument("record")
@with_json
@click.pass_obj
def show(session: Session, *, kind: str, record: str, as_json: bool) -> None:
    """Show all that is kept of one record."""
    with _backend(session) as backend:
        if kind == "job":
            found: object = backend.job(record)
        else:
            asked: dict[str, Callable[[int], object]] = {
                "project": backend.project,
                "dataset": backend.dataset,
                "data-unit": backend.data_unit,
                "task": backend.task,
                "model": backend.model,
            }
            found = asked[kind](_number(record, kind))
        told = _plain(found)
    if as_json:
        write_json(told)
    else:
        write_facts((name, value_text(value)) for name, value in told.items())


@command.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", required=True, help="Name of the dataset; where it is there, what is missing is added.")
@click.option("--format", "data_format", default="", help="Name of the data type of the files.")
@with_json
@click.pass_obj
def import_folder(session: Session, *, folder: Path, name: str, data_format: str, as_json: bool) -> None:
    """Import a folder as a dataset: files of one name but for their ending are one data unit.

    The files are copied into the storage first, then their records are created. Done again, after a failure or with
    more files, it adds what is missing.
    """
    from plugbus.capabilities import BACKEND, STORAGE

    from ..folders import import_dataset

    with session.open_host() as host:
        client, storage = _loaded(host, BACKEND), _loaded(host, STORAGE)
        done = import_dataset(client, storage, folder, name, data_format)
    if as_json:
        write_json({"dataset": done.dataset, "created": done.created, "found": done.found, "files": done.files})
    else:
        say(
            f"dataset {done.dataset}: {done.created} data units created, {done.found} there already, {done.files} files"
        )


@command.command("check")
@with_json
@click.pass_context
def check(ctx: click.Context, *, as_json: bool) -> None:
    """Look for damage in everything that is kept; exit with 1 where there is any."""
    with _upkeep(ctx.obj) as upkeep:
        faults = upkeep.check()
    if as_json:
        write_json({"faults": list(faults)})
    for fault in () if as_json else faults:
        click.echo(fault)
    say(f"{len(faults)} faults" if faults else "sound")
    ctx.exit(1 if faults else 0)


@command.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(session: Session, *, file: Path) -> None:
    """Write a copy of the backend to FILE, whole or not at all, also while it is in use."""
    with _upkeep(session) as upkeep:
        upkeep.backup(file)
    say(f"wrote {file}")


def _records(backend: BackendClient, kind: str, of: str | None) -> Iterable[object]:
    top: dict[str, Callable[[], Iterable[object]]] = {
        "projects": backend.projects,
        "datasets": backend.datasets,
        "models": backend.models,
        "jobs": backend.jobs,
    }
    if kind in top:
        if of is not None:
            raise click.UsageError(f"{kind} are of nothing: leave '{of}' out")
        return top[kind]()
    owner = {"data-units": "dataset", "tasks": "project", "logs": "job"}[kind]
    if of is None:
        raise click.UsageError(f"name the {owner}: plugbus backend list {kind} {owner.upper()}")
    if kind == "logs":
        return backend.logs(of)
    return (backend.data_units if kind == "data-units" else backend.tasks)(_number(of, owner))


def _number(text: str, kind: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise click.UsageError(f"'{text}' is no id of a {kind}: ids are whole numbers")
    return int(text)


def _plain(value: Any) -> Any:
    """Return a record as JSON data."""
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


@contextmanager
def _backend(session: Session) -> Iterator[BackendClient]:
    from plugbus.capabilities import BACKEND

    with session.open_host() as host:
        yield _loaded(host, BACKEND)


@contextmanager
def _upkeep(session: Session) -> Iterator[BackendUpkeep]:
    from plugbus.capabilities import BACKEND_UPKEEP

    with session.open_host() as host:
        yield _loaded(host, BACKEND_UPKEEP)


def _loaded(host: Host, capability: Capability[Any]) -> Any:
    """Load who is preferred for a capability, and return what they provide."""
    preferred = host.settings.file.preferences.get(capability.name, PREFERRED[capability.name])
    host.kernel.load(preferred)
    return host.kernel.services.get(capability)
