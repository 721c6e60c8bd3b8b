"""Running one action of a plugin of actions, from its folder, its ``config.yaml`` or a module."""
# This file imports capabilities: it hands actions to executors.

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plugbus.capabilities import (
    EXECUTOR,
    ActionCall,
    CancellationToken,
    ExecutionMode,
    Executor,
    PluginEnvironment,
    RunMethod,
)

from .config import CONFIG_NAME, ConfigNotFoundError, check_requirements, read_config
from .config.file import config_path
from .discovery import PluginDiscovery
from .documents import parse_document
from .errors import LoaderError
from .faults import DocumentError, Fault
from .host import Host, HostSettings
from .hostfile import HostFile
from .shipped import shipped_plugins
from .validation import validate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from pydantic import BaseModel

    from plugbus.capabilities import BaseAction, TypeRegistry

    from .directory import DirectorySource

_LOCAL: Final = "local_executor"
_MODES: Final = {RunMethod.TASK: ExecutionMode.TASK, RunMethod.JOB: ExecutionMode.JOB}
_PROCESS: Final = {"mode": "processes", "max_workers": 1}
_DEFAULTS: Final = {(_LOCAL, ExecutionMode.TASK): _PROCESS, (_LOCAL, ExecutionMode.JOB): _PROCESS}
_CALL: Final = frozenset(one.name for one in fields(ActionCall)) - {"action_cls", "params", "env"}


class UnknownModeError(LoaderError, ValueError):
    """Refuse a mode that there is not, and name those that there are."""

    def __init__(self, mode: str, known: tuple[str, ...]) -> None:
        super().__init__(mode, known)
        self.mode = mode
        self.known = known

    def __str__(self) -> str:
        return f"cannot run in mode '{self.mode}': there are {', '.join(map(repr, self.known))}"


class NoExecutorError(LoaderError, LookupError):
    """Tell that no executor runs actions in a mode.

    Args:
        mode: The mode.
        reasons: Why each executor that was looked at does not.
    """

    def __init__(self, mode: str, reasons: tuple[str, ...]) -> None:
        super().__init__(mode, reasons)
        self.mode = mode
        self.reasons = reasons

    def __str__(self) -> str:
        reasons = "".join(f"; {one}" for one in self.reasons)
        return (
            f"cannot run in mode '{self.mode}': no plugin provides an executor whose traits name it{reasons}"
            f"; install one, set 'mode: processes' for plugin '{_LOCAL}' in the host file, or run in mode "
            f"'{ExecutionMode.LOCAL}'"
        )


def run_plugin(
    plugin_code: str | Path | ModuleType,
    action: str,
    params: Mapping[str, Any] | BaseModel | None = None,
    *,
    mode: ExecutionMode | str | None = ExecutionMode.LOCAL,
    env: Mapping[str, Any] | None = None,
    host: Host | None = None,
    types: TypeRegistry | None = None,
    **executor_kwargs: Any,
) -> Any:
    """Run an action and return its result; afterwards nothing of the plugin is left in the process.

    In order: what the configuration requires and depends on is checked, before anything is imported; an executor for
    the mode is found among plugins and loaded; the action's class is imported under a private name; the action runs;
    everything is unloaded. A module that is given by its name is imported as any other, and stays.

    Without a host, ``task`` and ``job`` run in a process of their own on this machine. It is started afresh, so that a
    program guards its beginning with ``if __name__ == "__main__"``, and ends with the run.

    Args:
        plugin_code: The plugin's folder, its ``config.yaml``, or a module or the name of one.
        action: The action's name in the configuration.
        params: Its parameters.
        mode: ``local``, ``task`` or ``job``; None leaves it to the ``method`` of the configuration.
        env: Settings that the action finds in ``ctx.env``. They win over variables of the process that begin with
            ``PLUGIN_``, and those over ``env`` of the configuration.
        host: Whose executors are used; a host of the plugins that ship by default. It is not closed.
        types: Where data types are found by name.
        executor_kwargs: What else an ``ActionCall`` takes (``job_id``, ``cancellation`` ...). Anything else is the
            configuration of the executor's plugin, which validates it.

    Raises:
        UnknownModeError: There is no such mode.
        ConfigNotFoundError, DocumentError: The configuration is not there, or wrong.
        RequirementsError: The environment lacks what the configuration requires.
        NoExecutorError: No plugin's executor runs actions in that mode.
        ActionNotFoundError: There is no such action; offers near names.
        PluginImportError, NotAnActionError: Its class can't be brought in; says why.
        ParamsError, ResultError: The parameters, or the result, do not fit.
        Exception: Whatever the action raises, as it is.
    """
    wanted = _mode(mode)
    call = {name: value for name, value in executor_kwargs.items() if name in _CALL}
    config = {name: value for name, value in executor_kwargs.items() if name not in _CALL}
    with ExitStack() as stack:
        discovery = stack.enter_context(open_plugin(plugin_code, types=types))
        declared = discovery.get_action_config(action)
        if discovery.folder is not None:
            check_requirements(discovery.config, plugins_beside(discovery, host))
        if wanted is None:
            wanted = _MODES.get(declared.method)
            if wanted is None:
                raise NoExecutorError(declared.method.value, (f"'{action}' is to be served, which is no single run",))
        executor = _executor(stack, wanted, host, config)
        action_cls = discovery.get_action_class(action)
        settings = _environment(discovery, env)
        known = {"name": action, **call, "env": settings}
        return (
            _run_remotely(executor, action_cls, params, known)
            if executor.traits.is_remote
            else executor.execute(action_cls, params, **known)
        )


def _run_remotely(executor: Executor, action_cls: type[BaseAction[Any]], params: Any, known: dict[str, Any]) -> Any:
    """Run an action elsewhere; an interrupt here stops it there."""
    token = known.setdefault("cancellation", None) or CancellationToken()
    known["cancellation"] = token
    try:
        return executor.execute(action_cls, params, **known)
    except (KeyboardInterrupt, SystemExit) as error:
        token.cancel(f"interrupted by {type(error).__name__}")
        raise


def _mode(mode: ExecutionMode | str | None) -> ExecutionMode | None:
    if mode is None:
        return None
    try:
        return ExecutionMode(mode)
    except ValueError:
        raise UnknownModeError(str(mode), tuple(one.value for one in ExecutionMode)) from None


def open_plugin(plugin_code: str | Path | ModuleType, *, types: TypeRegistry | None = None) -> PluginDiscovery:
    """Return the plugin that a path or a module means; a text without a slash that is no path is a module's name.

    Raises:
        ConfigNotFoundError, DocumentError: The configuration is not there, or wrong.
        PluginImportError: The module can't be imported.
    """
    if not isinstance(plugin_code, str | Path):
        return PluginDiscovery.from_module(plugin_code, types=types)
    path = Path(plugin_code)
    is_path = isinstance(plugin_code, Path) or path.suffix in {".yaml", ".yml"} or len(path.parts) > 1
    if is_path or (path.is_dir() and (path / CONFIG_NAME).is_file()) or path.is_file():
        return PluginDiscovery.from_path(path, types=types)
    if not all(part.isidentifier() for part in str(plugin_code).split(".")):
        raise ConfigNotFoundError(str(plugin_code), "it is neither a path nor the name of a module")
    return PluginDiscovery.from_module(str(plugin_code), types=types)


def plugins_beside(discovery: PluginDiscovery, host: Host | None = None) -> dict[str, str]:
    """Return code and version of what a configuration may depend on: plugins beside its folder, and those of a host."""
    found: dict[str, str] = {}
    if not discovery.config.dependencies or discovery.folder is None:
        return found
    for place in sorted(discovery.folder.parent.glob(f"*/{CONFIG_NAME}")):
        try:
            other = read_config(config_path(place)).config
        except LoaderError:  # of another plugin, and told when that one is used
            continue
        found[other.code] = other.version
    sources = () if host is None else host.sources
    return {**found, **{one.metadata.id: one.metadata.version for one in sources}}


def _environment(discovery: PluginDiscovery, explicit: Mapping[str, Any] | None) -> PluginEnvironment:
    configured = PluginEnvironment(discovery.config.env, origin=f"env of plugin '{discovery.config.code}'")
    return configured.merge(PluginEnvironment.from_environ(), explicit or {})


def _executor(stack: ExitStack, mode: ExecutionMode, host: Host | None, config: dict[str, Any]) -> Executor:
    """Return an executor whose traits name the mode; what is loaded for it is unloaded when the stack closes."""
    own = host is None
    if host is None:
        host = stack.enter_context(Host(builtin=(shipped_plugins(),)))
    elif config:
        names = ", ".join(map(repr, config))
        raise TypeError(f"run_plugin() got {names}; with a host of your own the executor is configured by that host")
    reasons: list[str] = []
    for source in _candidates(host, mode):
        plugin_id = source.metadata.id
        if source.missing_modules:
            needs = source.manifest.needs
            install = f': pip install "{needs.install}"' if needs is not None and needs.install else ""
            reasons.append(f"'{plugin_id}' needs {', '.join(map(repr, source.missing_modules))}{install}")
            continue
        given = {**_DEFAULTS.get((plugin_id, mode), {}), **config} if own else {}
        if given:
            host = stack.enter_context(_configured(plugin_id, given))
        loaded = host.kernel.load(plugin_id)
        for one in host.kernel.services.providers(str(EXECUTOR)):
            if one.owner == plugin_id and mode in one.provided.traits.modes:
                stack.callback(_unload, host, loaded)
                found: Executor = one.provided
                return found
        _unload(host, loaded)
        reasons.append(f"'{plugin_id}' does not")
    raise NoExecutorError(mode.value, tuple(reasons))


def _candidates(host: Host, mode: ExecutionMode) -> Iterator[DirectorySource]:
    """Yield the plugins that provide an executor: the preferred one first, and not those whose manifest says others."""
    preferred = host.settings.file.preferences.get(str(EXECUTOR), _LOCAL)
    found = [one for one in host.sources if EXECUTOR in one.metadata.provides]
    for source in sorted(found, key=lambda one: (one.metadata.id != preferred, one.metadata.id)):
        told = source.metadata.metadata.get("modes", "")
        if not told or mode.value in told.split():
            yield source


def _configured(plugin_id: str, config: dict[str, Any]) -> Host:
    """Return another host of the plugins that ship, in which one has a configuration.

    Raises:
        DocumentError: It is not what JSON holds.
    """
    source = "arguments of run_plugin"
    try:
        text = json.dumps({"config": {plugin_id: config}})
    except (TypeError, ValueError) as error:
        fault = Fault(source=source, position=None, why=f"an executor is configured by plain data: {error}")
        raise DocumentError(source, (fault,)) from error
    document = parse_document(text, source)
    return Host(HostSettings(validate(HostFile, document), document), builtin=(shipped_plugins(),))


def _unload(host: Host, plugin_ids: tuple[str, ...]) -> None:
    for plugin_id in reversed(plugin_ids):
        host.kernel.unload(plugin_id)
