"""A plugin of actions, known by its configuration; its code is imported when an action is asked for."""
# This file imports capabilities: it turns configurations into classes of actions.

from __future__ import annotations

import inspect
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel

from plugbus.capabilities import (
    ActionNotFoundError,
    BaseAction,
    DataType,
    PluginCategory,
    RunMethod,
    TypeNotFoundError,
    TypeRegistry,
)

from ..config import ActionConfig, ConfigFile, PluginConfig, default_method, read_config
from .classes import snake_case
from .code import FolderCode, ModuleCode, import_plainly
from .errors import ActionConflictError, EntrypointMissingError
from .scan import scan_actions
from .syncing import sync_config_file
from .views import action_view, checked

if TYPE_CHECKING:
    from types import ModuleType, TracebackType

    from .code import PluginCode
    from .syncing import SyncReport


class PluginDiscovery:
    """Look at the actions of a plugin, and bring in the classes of those that are asked for.

    Lifecycle:

    1. ``from_path`` reads the configuration and imports nothing; ``from_module`` imports the module that it is given.
    2. What is asked of an action's class imports the plugin's code: a folder's under a private name, so that several
       plugins may call their package alike. A failed import is told as what it is.
    3. ``close``, or the end of the ``with`` block, takes a folder's code out of the process again.

    All calls are safe from several threads.

    Args:
        config: What is known of the plugin.
        code: Where its code comes from.
        types: Where data types are found by name; those that ship by default. The plugin's own are found as well.
        file: The file that the configuration was read from.
    """

    def __init__(
        self,
        config: PluginConfig,
        code: PluginCode,
        *,
        types: TypeRegistry | None = None,
        file: ConfigFile | None = None,
    ) -> None:
        self._config = config
        self._code = code
        self._types = types or TypeRegistry()
        self._file = file
        self._lock = threading.Lock()
        self._classes: dict[str, type[BaseAction[Any]]] = {}

    @classmethod
    def from_path(cls, path: str | Path, *, types: TypeRegistry | None = None) -> PluginDiscovery:
        """Read a plugin's ``config.yaml``, or the one in its folder; nothing is imported.

        Raises:
            ConfigNotFoundError: There is none.
            DocumentError: It is wrong; holds every fault with its line and column.
        """
        file = read_config(path)
        return cls(file.config, FolderCode(file.config.code, file.folder), types=types, file=file)

    @classmethod
    def from_module(cls, module: ModuleType | str, *, types: TypeRegistry | None = None) -> PluginDiscovery:
        """Take the actions that a module, or a package with its modules, defines.

        Args:
            module: The module, or its name.
            types: As for the class.

        Raises:
            PluginImportError: It can't be imported; says why.
            ActionConflictError: Two of its actions have one name.
        """
        if isinstance(module, str):
            module = import_plainly(module, module)
        name = module.__name__
        config = PluginConfig(
            name=name,
            code=name.lstrip("_") or "plugin",
            category=PluginCategory.CUSTOM,
            description=(module.__doc__ or "").strip().partition("\n")[0],
            actions=_actions_of(module),
        )
        return cls(config, ModuleCode(config.code, name), types=types)

    @staticmethod
    def discover_actions(path: str | Path, *, cache: str | Path | None = None) -> list[dict[str, Any]]:
        """Find the actions of a folder by its source alone, and return what it says of each, sorted by name.

        ``scan_actions`` returns the same as values, with the files that are broken and the names that several have.

        Raises:
            PluginFolderError: The folder can't be read.
        """
        return [one.to_dict() for one in scan_actions(path, cache=cache).actions]

    @staticmethod
    def sync_config_file(
        path: str | Path,
        *,
        check: bool = False,
        dry_run: bool = False,
        prune: bool = False,
        cache: str | Path | None = None,
    ) -> SyncReport:
        """Bring a ``config.yaml`` up to date with its source, as ``sync_config_file`` does."""
        return sync_config_file(path, check=check, dry_run=dry_run, prune=prune, cache=cache)

    @property
    def config(self) -> PluginConfig:
        """Return what is known of the plugin."""
        return self._config

    @property
    def folder(self) -> Path | None:
        """Return the plugin's folder; None for a module."""
        return None if self._file is None else self._file.folder

    def list_actions(self) -> list[str]:
        """Return the names of the actions, in the order of the configuration."""
        return list(self._config.actions)

    def has_action(self, action: str) -> bool:
        """Tell whether there is an action of this name."""
        return action in self._config.actions

    def get_action_config(self, action: str) -> ActionConfig:
        """Return what the configuration says of an action.

        Raises:
            ActionNotFoundError: There is none of this name; offers near ones.
        """
        try:
            return self._config.actions[action]
        except KeyError:
            from difflib import get_close_matches

            known = tuple(self._config.actions)
            raise ActionNotFoundError(action, tuple(get_close_matches(action, known, n=3, cutoff=0.6)), known) from None

    def get_action_method(self, action: str) -> RunMethod:
        """Return how an action is run where nobody says otherwise."""
        return self.get_action_config(action).method

    def get_action_entrypoint(self, action: str) -> str:
        """Return the entry point of an action as ``module:Class``; found by its name where none is given.

        Raises:
            ActionNotFoundError: There is no such action.
            EntrypointMissingError: None is given, and no single class of the folder has the action's name.
        """
        target = self.get_action_config(action).target
        return target or self._found_by_name(action)

    def get_action_class(self, action: str) -> type[BaseAction[Any]]:
        """Import an action's class and return it with its ``action_name`` and ``category``.

        The class of the plugin is not changed: what it does not say itself is said by a subclass of it.

        Raises:
            ActionNotFoundError: There is no such action.
            PluginImportError: The code can't be imported; says why.
            NotAnActionError: The entry point leads to something else.
        """
        with self._lock:
            known = self._classes.get(action)
        if known is not None:
            return known
        config, entrypoint = self.get_action_config(action), self.get_action_entrypoint(action)
        code = self._config.code
        action_cls = checked(code, action, entrypoint, self._code.resolve(entrypoint))
        said: dict[str, Any] = {"action_name": action, "category": self._config.category}
        if config.params_schema is not None:
            said["params_model"] = config.params_schema
        for side in ("input_type", "output_type"):
            name: str | None = getattr(config, side)
            if name is not None and getattr(action_cls, side, None) is None:
                said[side] = self._type(name)
        found = action_view(code, action, action_cls, said)
        with self._lock:
            return self._classes.setdefault(action, found)

    def get_action_params_model(self, action: str) -> type[BaseModel] | None:
        """Return the model of an action's parameters; None where its class names none."""
        found: type[BaseModel] | None = getattr(self.get_action_class(action), "params_model", None)
        return found

    def get_action_result_model(self, action: str) -> type[BaseModel] | None:
        """Return the model of an action's result; None where that is left free."""
        model = self.get_action_class(action).result_model
        return model if issubclass(model, BaseModel) else None

    def get_action_input_type(self, action: str) -> type[DataType] | None:
        """Return the type of data that an action takes: what its class says, else its configuration.

        Raises:
            TypeNotFoundError: The configuration names one that nobody registered and the plugin does not define.
        """
        return self.get_action_class(action).input_type

    def get_action_output_type(self, action: str) -> type[DataType] | None:
        """Return the type of data that an action makes; as for ``get_action_input_type``."""
        return self.get_action_class(action).output_type

    def get_action_params_schema(self, action: str) -> dict[str, Any]:
        """Return the JSON Schema of an action's parameters; an empty one where its class names no model."""
        action_cls = self.get_action_class(action)
        return {} if getattr(action_cls, "params_model", None) is None else action_cls.params_schema()

    def get_action_ui_schema(self, action: str, dialect: str = "formkit") -> Any:
        """Return the form of an action's parameters, in a dialect; ``formkit`` is one group of inputs.

        A dialect that a plugin offers is handed to ``get_action_class(action).ui_schema``.

        Raises:
            ActionDefinitionError: The action's class names no model of its parameters.
            DialectNotFoundError, SchemaError: There is no such dialect, or it can't show these parameters.
        """
        return self.get_action_class(action).ui_schema(dialect)

    def to_config_dict(self, *, include_schemas: bool = False) -> dict[str, Any]:
        """Return the configuration as JSON has it, without what is not set.

        Args:
            include_schemas: Import the actions, and add the JSON Schemas of their parameters and results.
        """
        found = self._config.model_dump(
            mode="json", exclude_none=True, exclude={"actions": {"__all__": {"params_schema"}}}
        )
        for action, entry in found["actions"].items():
            entry["entrypoint"] = entry["entrypoint"] and self.get_action_config(action).target
            if include_schemas:
                entry["params_schema"] = self.get_action_params_schema(action)
                entry["result_schema"] = self.get_action_class(action).result_schema()
        return found

    def to_yaml(self) -> str:
        """Return the configuration as a ``config.yaml`` that reads back the same."""
        return yaml.safe_dump(self.to_config_dict(), sort_keys=False, allow_unicode=True, width=120)

    def close(self) -> None:
        """Take a folder's code out of the process. Idempotent; a module that was imported by its name stays."""
        with self._lock:
            self._classes.clear()
        self._code.close()

    def __enter__(self) -> PluginDiscovery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _found_by_name(self, action: str) -> str:
        code = self._config.code
        if self._file is None:
            raise EntrypointMissingError(code, action, "there is no folder to search")
        scan = scan_actions(self._file.folder)
        found = [one for one in scan.actions if one.name == action]
        if len(found) == 1:
            return found[0].entrypoint
        if found:
            raise EntrypointMissingError(code, action, f"{' and '.join(one.entrypoint for one in found)} have its name")
        names = ", ".join(f"'{one.name}'" for one in scan.actions)
        broken = "".join(f"; {one}" for one in scan.faults)
        raise EntrypointMissingError(code, action, f"the folder has {names or 'no actions'}{broken}")

    def _type(self, name: str) -> type[DataType]:
        try:
            return self._types.get(name)
        except TypeNotFoundError:
            for one in self._code.types():
                if name in {one.__name__, one.name}:
                    return one
            raise


def _actions_of(module: ModuleType) -> dict[str, ActionConfig]:
    """Return the actions that a module defines, and those that the source of a package's modules does.

    Raises:
        ActionConflictError: Two of them have one name.
    """
    name = module.__name__
    places: dict[str, dict[str, str]] = {}  # by action, entry point to what is said of it
    for key, value in vars(module).items():
        found: Any = value
        if (
            isinstance(found, type)
            and issubclass(found, BaseAction)
            and not inspect.isabstract(found)
            and not key.startswith("_")
            and (found.__module__ == name or found.__module__.startswith(f"{name}."))
        ):
            entrypoint = f"{found.__module__}:{found.__qualname__}"
            described = (found.__doc__ or "").strip().partition("\n")[0]
            places.setdefault(found.action_name or snake_case(found.__name__), {}).setdefault(entrypoint, described)
    for folder in getattr(module, "__path__", ()):
        for one in scan_actions(Path(folder)).actions:
            own, _, path = one.entrypoint.partition(":")
            home = name if one.file == "__init__.py" else f"{name}.{own}"
            places.setdefault(one.name, {}).setdefault(f"{home}:{path}", one.description)
    conflicts = tuple(f"'{one}' is {' and '.join(sorted(found))}" for one, found in places.items() if len(found) > 1)
    if conflicts:
        raise ActionConflictError(name, conflicts)
    return {
        one: ActionConfig(name=one, description=described, entrypoint=entrypoint, method=default_method(one))
        for one, found in places.items()
        for entrypoint, described in found.items()
    }
