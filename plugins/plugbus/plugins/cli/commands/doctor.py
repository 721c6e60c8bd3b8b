"""``plugbus doctor``."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import rich_click as click

from plugbus.kernel import KernelError
from plugbus.loaders import LoaderError

from ..failures import describe
from ..main import FAILED, OK
from ..output import with_json, write_json, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plugbus.loaders import Host

    from ..session import Session


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Args:
        check: What was looked at.
        verdict: ``ok``, ``warn`` or ``fail``.
        detail: What was found, and what to do.
    """

    check: str
    verdict: str
    detail: str


@click.command("doctor")
@click.option("--load", is_flag=True, help="Load and unload every plugin too, which runs its code.")
@with_json
@click.pass_obj
def command(session: Session, *, load: bool, as_json: bool) -> int:
    """Check this environment, the host file and every plugin.

    Exits with 1 if a check failed.
    """
    try:
        host = session.open_host()
    except LoaderError as error:
        findings = [*_environment(), Finding("host", "fail", str(error))]
    else:
        with host:
            findings = [*_environment(), *_host(host, session.store(host).root), *_plugins(host)]
            if load:
                findings += _loaded(host)
    if as_json:
        write_json([asdict(one) for one in findings])
    else:
        write_table(("check", "verdict", "detail"), [(one.check, one.verdict, one.detail) for one in findings])
    return FAILED if any(one.verdict == "fail" for one in findings) else OK


def _environment() -> Iterator[Finding]:
    yield Finding("plugbus", "ok", version("plugbus"))
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()}")


def _host(host: Host, root: Path) -> Iterator[Finding]:
    yield Finding("host file", "ok", host.settings.document.source)
    place = root
    while not place.exists():
        place = place.parent
    writable = place.is_dir() and os.access(place, os.W_OK)
    detail = str(root) if writable else f"{place} can't be written; give --artifacts, or set PLUGBUS_ARTIFACT_ROOT"
    yield Finding("artifacts", "ok" if writable else "fail", detail)


def _plugins(host: Host) -> Iterator[Finding]:
    for source in host.sources:
        missing, needs = source.missing_modules, source.manifest.needs
        remedy = f'; pip install "{needs.install}"' if needs is not None and needs.install else ""
        detail = f"missing modules: {', '.join(missing)}{remedy}" if missing else source.origin
        yield Finding(f"plugin {source.metadata.id}", "warn" if missing else "ok", detail)
        try:
            host.kernel.resolve(source.metadata.id)
        except KernelError as error:
            yield Finding(f"needs of {source.metadata.id}", "fail", str(error))
    for source in host.disabled:
        yield Finding(f"plugin {source.metadata.id}", "ok", f"disabled by the host file; {source.origin}")
    for broken in host.broken:
        yield Finding(f"plugin {broken.path.name}", "fail", str(broken.error))


def _loaded(host: Host) -> Iterator[Finding]:
    wanted = [one.metadata.id for one in host.sources if not one.missing_modules]
    for plugin_id in wanted:
        try:
            loaded = host.kernel.load(plugin_id)
            for one in reversed(loaded):
                host.kernel.unload(one)
        except KernelError as error:
            known = describe(error)
            yield Finding(f"load {plugin_id}", "fail", str(error) if known is None else known.text)
        else:
            yield Finding(f"load {plugin_id}", "ok", "loaded and unloaded")
